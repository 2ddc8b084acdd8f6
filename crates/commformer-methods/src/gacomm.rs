//! GA-Comm: for each pair of agents a hard attention decides whether one hears the other, and a soft one how much.
//!
//! Liu et al., "Multi-Agent Game Abstraction via Graph Attention Neural Network" (AAAI 2020), the communicative network. An
//! agent says what it has in mind, h, after it has seen. With J the others, and H the width of h:
//!
//! ```text
//! h_i, s_i = LSTM(e(o_i), h_i, s_i)
//! g_ij = 1 if w . relu(U h_i + V h_j) + b > 0, else 0; its gradient is that of the sigmoid
//! c_i  = sum over j != i of g_ij softmax_j(g_ij (Q h_i . K h_j) / sqrt(H)) h_j
//! ```
//!
//! Actions and values are linear in h_i and c_i. Every agent is sent all messages: it decides by them.

use crate::actor_critic::{
    ActorCriticConfig, ActorCriticMethod, Critic, Heard, Mind, Talk, TalkConfig, TalkCritic,
};
use commformer_nn::Ops;
use commformer_nn::layers::{Linear, Lstm, PairAttention, Score};
use commformer_nn::layout::{Init, Layout};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// The method's settings, and MAGIC's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct GaCommConfig {
    /// The sizes of its networks.
    #[serde(flatten)]
    pub network: TalkConfig,
    /// What values are made of.
    #[default(TalkCritic::Trunk)]
    pub critic: TalkCritic,
}

/// The method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct GaComm(pub GaCommConfig);

impl ActorCriticMethod for GaComm {
    const ABOUT: &str =
        "both ends decide on a graph for each step, over which agents attend (Liu et al., 2020)";
    type Talk = HardAttention;

    fn sizes(&self) -> ActorCriticConfig {
        self.0.network.sizes()
    }

    fn critic(&self) -> Critic {
        self.0.critic.into()
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> HardAttention {
        HardAttention::new(layout, name, self.0.network.hidden)
    }
}

/// How its agents talk: they say h, and hear whom they decide on.
#[derive(Clone, Debug)]
pub struct HardAttention {
    name: String,
    cell: Lstm,
    /// U and Q.
    receiver: Linear,
    /// V and K.
    sender: Linear,
    attention: PairAttention,
}

impl HardAttention {
    fn new(layout: &mut Layout, name: &str, hidden: usize) -> Self {
        let (size, init) = ([hidden, hidden], Init::Orthogonal(1.0));
        let attention = format!("{name}.attention");
        let mut both =
            |leaf, parts: [&str; 2]| Linear::packed(layout, &attention, leaf, &parts, size, init);
        Self {
            receiver: both("receiver", ["pair.receiver", "query"]),
            sender: both("sender", ["pair.sender", "key"]),
            cell: Lstm::new(layout, &format!("{name}.lstm"), size, init),
            attention: PairAttention {
                decision: Some(decision(layout, name, hidden)),
                key: hidden,
                value: hidden,
                score: Score::Product((hidden as f64).sqrt().recip()),
                itself: false,
            },
            name: attention,
        }
    }
}

/// w and b. Logits begin near 1, so that agents hear each other until they have learned whom not to hear: no gradient of what
/// is heard comes through edges that are all closed, and none would open them again.
pub(crate) fn decision(layout: &mut Layout, name: &str, hidden: usize) -> Linear {
    let name = format!("{name}.decision");
    let weight = Linear::without_bias(layout, &name, [hidden, 1], Init::Orthogonal(1.0));
    let bias = layout.whole(&format!("{name}.bias"), &[1], Init::Ones);
    Linear {
        bias: Some(bias),
        ..weight
    }
}

/// A mind whose LSTM has taken the step, from `x`, the part of its input layer that reads what is seen.
pub(crate) fn after_lstm<O: Ops>(
    ops: &mut O,
    cell: &Lstm,
    x: O::Value,
    memory: &O::Value,
) -> Mind<O::Value> {
    let before = ops.columns(memory, 0..cell.width());
    let hidden = ops.linear(&cell.hidden, &before);
    let memory = ops.lstm_cell(&x, &hidden, memory);
    let h = ops.columns(&memory, 0..cell.width());
    Mind { x, memory, h }
}

impl Talk for HardAttention {
    /// h and the cell's s.
    fn memory(&self) -> usize {
        2 * self.cell.width()
    }

    /// h and c.
    fn width(&self) -> usize {
        2 * self.cell.width()
    }

    fn rounds(&self) -> usize {
        1
    }

    fn message(&self) -> usize {
        self.cell.width()
    }

    fn attentions(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn prepared(&self) -> usize {
        4 * self.cell.width()
    }

    fn prepare<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        ops.linear(&self.cell.input, x)
    }

    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        after_lstm(ops, &self.cell, x, &memory)
    }

    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        _: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let receivers = ops.linear(&self.receiver, &mind.h);
        let senders = ops.linear(&self.sender, said);
        let senders = ops.concat(&senders, said);
        let c = ops.attend_pairs(&self.attention, &receivers, &senders, &heard.links);
        mind.h = ops.concat(&mind.h, &c);
    }
}
