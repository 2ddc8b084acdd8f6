//! SLIM: messages apart from the policy, so that a small message does not make the policy small.
//!
//! Canesse et al., "Decoupling Communication from Policy: Robust MARL under Bandwidth Constraints" (arXiv 2605.21085,
//! 2026). An agent encodes what it sees and remembers into a message of few numbers. Receivers make keys and values of
//! full width of it, and what they hear joins their own features. With H the width of those:
//!
//! ```text
//! z_i = [e(o_i), h_i]
//! m_i = tanh(M z_i)                                 few numbers: what is sent
//! c_i = sum over all j of softmax_j(Q z_i . K m_j / sqrt(H)) V m_j
//! h_i = GRU([e(o_i), c_i], h_i)
//! ```
//!
//! An agent attends to itself, too. Actions and values are linear in h_i.

use crate::actor_critic::{
    ActorCriticConfig, ActorCriticMethod, Critic, Heard, Mind, Talk, TalkConfig, TalkCritic,
};
use commformer_nn::Ops;
use commformer_nn::layers::{Attention, Gru, Linear};
use commformer_nn::layout::{Init, Layout};
use commformer_nn::levels::Levels;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// The method's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Slim {
    /// The sizes of its networks.
    #[serde(flatten)]
    pub network: TalkConfig,
    /// Numbers of a message.
    #[default = 8]
    #[schemars(range(min = 1, max = 65536))]
    pub message: usize,
    /// Bits of each of them: it is rounded to one of 2 to the power of so many. Left out: a float's 32, as in the paper.
    #[schemars(range(min = 1, max = 8))]
    pub message_bits: Option<usize>,
    /// What values are made of.
    #[default(TalkCritic::Team)]
    pub critic: TalkCritic,
}

impl ActorCriticMethod for Slim {
    const ABOUT: &str = "everybody attends to messages of few numbers, apart from the policy (Canesse et al., 2026)";
    type Talk = Apart;

    fn sizes(&self) -> ActorCriticConfig {
        self.network.sizes()
    }

    fn critic(&self) -> Critic {
        self.critic.into()
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Apart {
        let levels = self.message_bits.map(Levels::of_bits);
        Apart::new(layout, name, [self.network.hidden, self.message], levels)
    }
}

/// How its agents talk: they say few numbers, of which receivers make keys and values.
#[derive(Clone, Debug)]
pub struct Apart {
    name: String,
    cell: Gru,
    /// M
    message: Linear,
    /// What m is rounded to.
    levels: Option<Levels>,
    /// Q; its output is the part of the GRU's input layer that reads c.
    attention: Attention,
    /// K and V.
    received: Linear,
}

impl Apart {
    fn new(
        layout: &mut Layout,
        name: &str,
        [hidden, message]: [usize; 2],
        levels: Option<Levels>,
    ) -> Self {
        let init = Init::Orthogonal(1.0);
        let attention = format!("{name}.attention");
        let query = format!("{attention}.query");
        let query = Linear::new(layout, &query, [2 * hidden, hidden], init);
        let (parts, size) = (["key", "value"], [message, hidden]);
        let received = Linear::packed(layout, &attention, "received", &parts, size, init);
        let heard = format!("{name}.gru.heard");
        let heard = Linear::without_bias(layout, &heard, [hidden, 3 * hidden], init);
        let size = [2 * hidden, message];
        Self {
            message: Linear::new(layout, &format!("{name}.message"), size, init),
            levels,
            cell: Gru::new(layout, &format!("{name}.gru"), [hidden, hidden], init),
            attention: Attention::of(query, heard, 1),
            received,
            name: attention,
        }
    }
}

impl Talk for Apart {
    fn memory(&self) -> usize {
        self.width()
    }

    fn width(&self) -> usize {
        self.cell.width()
    }

    fn rounds(&self) -> usize {
        1
    }

    fn message(&self) -> usize {
        self.message.outputs
    }

    fn levels(&self) -> Option<Levels> {
        self.levels
    }

    fn attentions(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    /// Messages and queries read what is seen as it is: nothing of it is prepared.
    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        let h = ops.concat(&x, &memory);
        Mind { x, memory, h }
    }

    fn say<O: Ops>(&self, ops: &mut O, _: usize, mind: &Mind<O::Value>) -> O::Value {
        ops.message(&self.message, self.levels, &mind.h)
    }

    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        _: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let attention = &self.attention;
        let queries = ops.linear(&attention.projection, &mind.h);
        let received = ops.linear(&self.received, said);
        let c = ops.attend(attention, None, &queries, &received, &heard.links, false);
        let (seen, of_heard) = (
            ops.linear(&self.cell.input, &mind.x),
            ops.linear(&attention.output, &c),
        );
        let input = ops.add(&seen, &of_heard);
        let hidden = ops.linear(&self.cell.hidden, &mind.memory);
        mind.memory = ops.gru_cell(&input, &hidden, &mind.memory);
        mind.h = ops.same(&mind.memory);
    }
}
