//! Agents that send each other nothing: one network chooses what an agent does by what it sees, another says what its
//! state is worth. IPPO and MAPPO are this; they differ in what the second one sees.

mod footprint;
mod inputs;
mod native;
mod network;
mod policy;
mod team;

pub use commformer_model::Recurrence;
pub use policy::ActorCritic;

use crate::config::TeamConfig;
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::Spec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use tch::Device;

/// What follows a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// tanh x
    Tanh,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct ActorCriticConfig {
    /// Width of the hidden layers, and of what a recurrent network remembers (H).
    #[default = 64]
    #[schemars(range(min = 1, max = 65536))]
    pub hidden: usize,
    /// Hidden layers before the recurrent one.
    #[default = 2]
    #[schemars(range(min = 1, max = 64))]
    pub layers: usize,
    /// What follows each of them.
    #[default(Activation::Relu)]
    pub activation: Activation,
    /// What agents remember.
    #[default(Recurrence::None)]
    pub recurrence: Recurrence,
    /// Steps through which a recurrent network's gradient flows.
    #[default = 10]
    #[schemars(range(min = 1, max = 1048576))]
    pub sequence: usize,
    /// Whether agents, who share their networks, see which of them they are.
    #[default = true]
    pub agent_id: bool,
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
