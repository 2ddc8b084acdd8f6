//! Agents that send each other nothing: one network chooses what an agent does by what it sees, another says what its
//! situation is worth. IPPO and MAPPO are this; they differ in what the second one sees.

mod footprint;
mod inputs;
mod native;
mod network;
mod policy;
mod team;

pub use policy::ActorCritic;

use crate::config::TeamConfig;
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::Spec;
use serde::{Deserialize, Serialize};
use tch::Device;

/// What follows a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// tanh x
    Tanh,
}

/// What agents remember from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recurrence {
    /// Nothing.
    None,
    /// The state of a gated recurrent unit.
    Gru,
}

/// What values are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Critic {
    /// What the agent itself sees: IPPO.
    Own,
    /// That and the global state, or, where a task has none, what all agents see: MAPPO.
    Team,
}

/// Sizes of the networks. The defaults are MAPPO's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActorCriticConfig {
    /// Width of the hidden layers, and of what a recurrent network remembers (H).
    pub hidden: usize,
    /// Hidden layers before the recurrent one.
    pub layers: usize,
    /// What follows each of them.
    pub activation: Activation,
    /// What agents remember.
    pub recurrence: Recurrence,
    /// Steps through which a recurrent network's gradient flows.
    pub sequence: usize,
    /// Whether agents, who share their networks, are told which of them they are.
    pub agent_id: bool,
}

impl Default for ActorCriticConfig {
    fn default() -> Self {
        Self {
            hidden: 64,
            layers: 2,
            activation: Activation::Relu,
            recurrence: Recurrence::None,
            sequence: 10,
            agent_id: true,
        }
    }
}

impl ActorCriticConfig {
    /// Refuses sizes of which no network can be made.
    ///
    /// # Errors
    ///
    /// [`MethodError::Setting`].
    pub fn check(&self) -> Result<(), MethodError> {
        // More is no network that is trained by this program.
        let sizes = [
            ("hidden", self.hidden, 1 << 16),
            ("layers", self.layers, 64),
            ("sequence", self.sequence, 1 << 20),
        ];
        for (setting, found, most) in sizes {
            if !(1..=most).contains(&found) {
                return Err(MethodError::Setting {
                    setting,
                    found: found.to_string(),
                    expected: format!("from 1 to {most}"),
                });
            }
        }
        Ok(())
    }
}

/// A method whose teams are [`ActorCritic`]s.
pub(crate) trait ActorCriticMethod {
    /// What it is, in a line.
    const ABOUT: &str;
    /// What its values are made of.
    const CRITIC: Critic;

    /// The sizes of its networks.
    fn sizes(&self) -> &ActorCriticConfig;
}

impl<M: ActorCriticMethod> Method for M {
    fn about(&self) -> &'static str {
        M::ABOUT
    }

    fn check(&self) -> Result<(), MethodError> {
        self.sizes().check()
    }

    fn footprint(&self, _: &TeamConfig, spec: &Spec) -> Box<dyn Footprint> {
        ActorCritic::footprint(self.sizes(), M::CRITIC, spec)
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        let of_run = (config.seed, config.precision, device);
        let team = ActorCritic::new(self.sizes(), M::CRITIC, spec, of_run)?;
        Ok(Box::new(team))
    }
}
