//! CommNet: every agent hears the mean of what all others have in mind.
//!
//! Sukhbaatar, Szlam, Fergus, "Learning Multiagent Communication with Backpropagation" (NeurIPS 2016), equations 1 and 2,
//! with the module of an agent an LSTM, as Singh et al. (ICLR 2019, section 3) write it. With o what agent i sees, e an
//! encoder, and J the agents that are there, in each of R rounds of a step
//!
//! ```text
//! c_i = C_r sum over j != i of h_j / (J - 1)
//! h_i, s_i = LSTM(e(o_i) + c_i, h_i, s_i)
//! ```
//!
//! Actions and values are linear in h_i.

use crate::actor_critic::{
    ActorCriticConfig, ActorCriticMethod, Critic, Heard, Mind, Talk, TalkConfig, TalkCritic,
};
use commformer_nn::Ops;
use commformer_nn::layers::{Linear, Lstm};
use commformer_nn::layout::{Init, Layout};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// The method's settings, and IC3Net's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct CommNetConfig {
    /// The sizes of its networks.
    #[serde(flatten)]
    pub network: TalkConfig,
    /// Rounds of messages in a step.
    #[default = 1]
    #[schemars(range(min = 1, max = 16))]
    pub rounds: usize,
    /// What values are made of.
    #[default(TalkCritic::Trunk)]
    pub critic: TalkCritic,
}

/// The method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CommNet(pub CommNetConfig);

impl ActorCriticMethod for CommNet {
    const ABOUT: &str =
        "everybody hears the mean of what all others have in mind (Sukhbaatar et al., 2016)";
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
}

/// How its agents talk: they say h, and hear a mean.
#[derive(Clone, Debug)]
pub struct Mean {
    cell: Lstm,
    /// C of each round.
    comm: Vec<Linear>,
}

impl Mean {
    pub(crate) fn new(layout: &mut Layout, name: &str, config: &CommNetConfig) -> Self {
        let size = [config.network.hidden; 2];
        let init = Init::Orthogonal(1.0);
        let comm =
            |round| Linear::without_bias(layout, &format!("{name}.comm.{round}"), size, init);
        Self {
            comm: (0..config.rounds).map(comm).collect(),
            cell: Lstm::new(layout, &format!("{name}.lstm"), size, init),
        }
    }
}

impl Talk for Mean {
    /// h and the cell's s.
    fn memory(&self) -> usize {
        2 * self.width()
    }

    fn width(&self) -> usize {
        self.cell.width()
    }

    fn rounds(&self) -> usize {
        self.comm.len()
    }

    fn message(&self) -> usize {
        self.width()
    }

    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        let h = ops.columns(&memory, 0..self.width());
        Mind { x, memory, h }
    }

    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        round: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let mut mean = ops.mean_of_senders(said, &heard.links);
        if let Some(share) = &heard.share {
            // Those who were silent count as zeros.
            mean = ops.scale_rows(&mean, share);
        }
        let c = ops.linear(&self.comm[round], &mean);
        let input = ops.add(&mind.x, &c);
        mind.memory = ops.lstm(&self.cell, &input, &mind.memory);
        mind.h = ops.columns(&mind.memory, 0..self.width());
    }
}
