//! A graph for each step, made where it is used: each agent chooses whom it hears.
//!
//! In each step agent i scores all others by what it remembers and sees, and hears k of them; it learns to by the rewards
//! of its actions. What it hears it attends to as in TarMAC:
//!
//! ```text
//! S_i = k draws without replacement from softmax(f(h_i, e(o_i)));   in execution the k largest
//! c_i = sum over j in S_i and i of softmax_j(q_i . k_j / sqrt(d)) v_j
//! h_i = GRU([e(o_i), c_i], h_i)
//! ```
//!
//! Unlike a graph that both ends decide on, this one needs no message before it is made: an agent asks k others to send.
//! It is TGCNet's idea of a graph for each step, not its network.

use crate::actor_critic::{
    ActorCriticConfig, ActorCriticMethod, Critic, Decides, TalkConfig, TalkCritic,
};
use crate::tarmac::Targeted;
use commformer_nn::layout::Layout;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// The method's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Choose {
    /// Share of the N agents that each one hears in a step: k = max(1, floor(sparsity x N)) senders.
    #[default = 0.4]
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub sparsity: f64,
    /// The sizes of its networks.
    #[serde(flatten)]
    pub network: TalkConfig,
    /// Width of a message's signature, and of its value (d).
    #[default = 32]
    #[schemars(range(min = 1, max = 65536))]
    pub message: usize,
    /// Rounds of messages in a step.
    #[default = 1]
    #[schemars(range(min = 1, max = 16))]
    pub rounds: usize,
    /// What values are made of.
    #[default(TalkCritic::Team)]
    pub critic: TalkCritic,
}

impl ActorCriticMethod for Choose {
    const ABOUT: &str = "each agent chooses in each step whom it hears, and attends to them";
    type Talk = Targeted;

    fn sizes(&self) -> ActorCriticConfig {
        self.network.sizes()
    }

    fn critic(&self) -> Critic {
        self.critic.into()
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Targeted {
        Targeted::new(
            layout,
            name,
            [self.network.hidden, self.message],
            self.rounds,
        )
    }

    fn decides(&self, agents: usize) -> Option<Decides> {
        let senders = commformer_model::senders(self.sparsity, agents);
        Some(Decides::Hear(senders))
    }
}
