//! Actor-critics: one network chooses what an agent does by what it sees, what it remembers and what others tell it;
//! another, or the same one, says what its state is worth. What agents say to each other is a [`Talk`]. Those of IPPO
//! and MAPPO are [`Silent`].

#[cfg(feature = "torch")]
mod alone;
#[cfg(feature = "torch")]
mod checks;
mod decides;
#[cfg(feature = "torch")]
mod footprint;
#[cfg(feature = "torch")]
mod gate;
#[cfg(feature = "torch")]
mod inputs;
#[cfg(feature = "torch")]
mod learning;
mod member;
mod method;
#[cfg(feature = "torch")]
mod native;
mod network;
#[cfg(feature = "torch")]
mod policy;
mod running;
#[cfg(feature = "torch")]
mod seen;
mod talk;
#[cfg(feature = "torch")]
mod team;
#[cfg(feature = "torch")]
mod teams;

pub use commformer_model::Recurrence;
pub use decides::Decides;
pub(crate) use member::Member;
pub use method::ActorCriticMethod;
pub(crate) use running::{Running, running};
pub use talk::{Heard, Mind, Silent, Talk};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

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
    /// The features that actions are made of.
    Trunk,
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

/// Sizes of the networks of agents that talk, which a method takes into its settings with `#[serde(flatten)]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default)]
pub struct TalkConfig {
    /// Width of the hidden layers, and of what the recurrent layer remembers (H).
    #[default = 64]
    #[schemars(range(min = 1, max = 65536))]
    pub hidden: usize,
    /// Hidden layers before the recurrent one.
    #[default = 1]
    #[schemars(range(min = 1, max = 64))]
    pub layers: usize,
    /// What follows each of them.
    #[default(Activation::Relu)]
    pub activation: Activation,
    /// Steps through which the gradient flows.
    #[default = 10]
    #[schemars(range(min = 1, max = 1048576))]
    pub sequence: usize,
    /// Whether agents, who share their networks, see which of them they are.
    #[default = true]
    pub agent_id: bool,
}

impl TalkConfig {
    /// The same for an actor-critic. What agents remember is their talk's own matter.
    pub fn sizes(&self) -> ActorCriticConfig {
        ActorCriticConfig {
            hidden: self.hidden,
            layers: self.layers,
            activation: self.activation,
            recurrence: Recurrence::None,
            sequence: self.sequence,
            agent_id: self.agent_id,
        }
    }
}

/// What values of agents that talk are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TalkCritic {
    /// The features that actions are made of: what the agent sees, remembers and hears.
    Trunk,
    /// The global state, or, where a task has none, what all agents see, as of MAPPO.
    Team,
}

impl From<TalkCritic> for Critic {
    fn from(critic: TalkCritic) -> Self {
        match critic {
            TalkCritic::Trunk => Self::Trunk,
            TalkCritic::Team => Self::Team,
        }
    }
}
