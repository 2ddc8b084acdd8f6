//! IC3Net: CommNet whose agents decide when to send.
//!
//! Singh, Jain, Sukhbaatar, "Learning when to Communicate at Scale in Multiagent Cooperative and Competitive Tasks" (ICLR
//! 2019), section 3. Before a step each agent decides, on what it has in mind, whether it sends:
//!
//! ```text
//! g_j ~ Bernoulli(sigmoid(f(h_j)))
//! c_i = C_r sum over j != i of g_j h_j / (J - 1)
//! h_i, s_i = LSTM(e(o_i) + c_i, h_i, s_i)
//! ```
//!
//! The decision is part of the joint action, and learns from the same rewards.

use crate::actor_critic::{ActorCriticConfig, ActorCriticMethod, Critic, Decides};
use crate::commnet::{CommNetConfig, Mean};
use commformer_nn::layout::Layout;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The method; its settings are CommNet's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Ic3Net(pub CommNetConfig);

impl ActorCriticMethod for Ic3Net {
    const ABOUT: &str =
        "CommNet whose agents decide when to send to all others (Singh et al., 2019)";
    type Talk = Mean;

    fn sizes(&self) -> ActorCriticConfig {
        self.0.network.sizes()
    }

    fn critic(&self) -> Critic {
        self.0.critic.into()
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Mean {
        Mean::new(layout, name, &self.0)
    }

    fn decides(&self, _: usize) -> Option<Decides> {
        Some(Decides::Send)
    }
}
