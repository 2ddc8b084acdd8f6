//! TarMAC: an agent says who should listen, and every agent attends to what it finds relevant.
//!
//! Das et al., "TarMAC: Targeted Multi-Agent Communication" (ICML 2019), section 4. A message is a signature k and
//! a value v, both linear in what the sender has in mind. With d the width of either, in each of R rounds of a step
//!
//! ```text
//! c_i = sum over all j of softmax_j(q_i . k_j / sqrt(d)) v_j,   q_i = Q h'_i
//! h'_i = tanh(W [c_i, h'_i])        between rounds; h' is h before the first
//! h_i = GRU([e(o_i), c_i], h_i)     after the last
//! ```
//!
//! An agent attends to itself, too. Actions and values are linear in h_i.

use crate::actor_critic::{
    ActorCriticConfig, ActorCriticMethod, Critic, Heard, Mind, Talk, TalkConfig, TalkCritic,
};
use commformer_nn::Ops;
use commformer_nn::layers::{Activation as F, Attention, Gru, Linear};
use commformer_nn::layout::{Init, Layout};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// The method's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct TarMac {
    /// The sizes of its networks.
    #[serde(flatten)]
    pub network: TalkConfig,
    /// Width of a signature, and of a value (d).
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

impl ActorCriticMethod for TarMac {
    const ABOUT: &str =
        "everybody attends to messages that say who should listen (Das et al., 2019)";
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
}

/// How its agents talk: they say signatures and values, and attend.
#[derive(Clone, Debug)]
pub struct Targeted {
    name: String,
    cell: Gru,
    /// Queries, signatures and values; its output is the part of the GRU's input layer that reads c.
    attention: Attention,
    /// W, with more than one round.
    between: Option<Linear>,
    rounds: usize,
}

impl Targeted {
    pub(crate) fn new(
        layout: &mut Layout,
        name: &str,
        [hidden, message]: [usize; 2],
        rounds: usize,
    ) -> Self {
        let init = Init::Orthogonal(1.0);
        let parts = ["query", "signature", "value"];
        let attention = format!("{name}.attention");
        let size = [hidden, message];
        let projection = Linear::packed(layout, &attention, "projection", &parts, size, init);
        let heard = format!("{name}.gru.heard");
        let output = Linear::without_bias(layout, &heard, [message, 3 * hidden], init);
        Self {
            cell: Gru::new(layout, &format!("{name}.gru"), [hidden, hidden], init),
            attention: Attention::of(projection, output, 1),
            between: (rounds > 1).then(|| {
                let size = [message + hidden, hidden];
                Linear::new(layout, &format!("{name}.between"), size, init)
            }),
            rounds,
            name: attention,
        }
    }
}

impl Talk for Targeted {
    fn memory(&self) -> usize {
        self.width()
    }

    fn width(&self) -> usize {
        self.cell.width()
    }

    fn rounds(&self) -> usize {
        self.rounds
    }

    fn message(&self) -> usize {
        2 * self.attention.width()
    }

    fn attentions(&self) -> Vec<String> {
        let round = |round| format!("{}.{round}", self.name);
        (0..self.rounds).map(round).collect()
    }

    fn prepared(&self) -> usize {
        3 * self.width()
    }

    /// The part of the GRU's input layer that reads what is seen.
    fn prepare<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        ops.linear(&self.cell.input, x)
    }

    fn say<O: Ops>(&self, ops: &mut O, _: usize, mind: &Mind<O::Value>) -> O::Value {
        let width = self.attention.width();
        ops.linear_part(
            &self.attention.projection,
            width..3 * width,
            F::Identity,
            &mind.h,
        )
    }

    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        round: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let (attention, width) = (&self.attention, self.attention.width());
        let queries = ops.linear_part(&attention.projection, 0..width, F::Identity, &mind.h);
        let c = ops.attend(attention, None, &queries, said, &heard.links, false);
        match &self.between {
            Some(between) if round + 1 < self.rounds => {
                let both = ops.concat(&c, &mind.h);
                mind.h = ops.activated(between, F::Tanh, &both);
            }
            _ => {
                let of_heard = ops.linear(&attention.output, &c);
                let input = ops.add(&mind.x, &of_heard);
                let hidden = ops.linear(&self.cell.hidden, &mind.memory);
                mind.memory = ops.gru_cell(&input, &hidden, &mind.memory);
                mind.h = ops.same(&mind.memory);
            }
        }
    }
}
