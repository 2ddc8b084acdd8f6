//! MAGIC: a scheduler decides on each edge of a step's graph, along which messages are processed twice.
//!
//! Niu, Paleja, Gombolay, "Multi-Agent Graph-Attention Communication and Teaming" (AAMAS 2021), with one graph for both
//! rounds of processing, as the authors run it on the hard Predator-Prey. With f a GELU, and
//!
//! ```text
//! GAT(g, x)_i = sum over all j of g_ij softmax_j(g_ij leaky(a . x_i + b . x_j)) W x_j
//! ```
//!
//! a step is
//!
//! ```text
//! h_i, s_i = LSTM(e(o_i), h_i, s_i)
//! e_i  = GAT(1, h)_i                                  1. everybody says h
//! g_ij = 1 if i = j or w . relu(U e_i + V e_j) + b > 0, else 0; its gradient is that of the sigmoid
//! z_i  = f(GAT(g, h)_i)                               2. everybody says e, by which graphs are made
//! c_i  = GAT(g, z)_i                                  3. everybody says z
//! ```
//!
//! Actions and values are linear in h_i and c_i. What an agent was sent before, it keeps for the rest of the step.
//!
//! An agent always attends to itself, as in the authors' scripts for Traffic Junction. In those for Predator-Prey that edge
//! is decided on, too, by logits with Gumbel noise. Without noise, z and c would be zeros where all edges are closed, whatever
//! anybody says, and no gradient would ever open one.

use crate::actor_critic::{ActorCriticConfig, ActorCriticMethod, Critic, Heard, Mind, Talk};
use crate::gacomm::{GaCommConfig, after_lstm, decision};
use commformer_nn::Ops;
use commformer_nn::layers::{Activation as F, Linear, Lstm, PairAttention, Score};
use commformer_nn::layout::{Init, Layout};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The slope of scores below 0.
const SLOPE: f64 = 0.2;

/// The method; its settings are GA-Comm's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Magic(pub GaCommConfig);

impl ActorCriticMethod for Magic {
    const ABOUT: &str = "a scheduler makes a graph for each step, over which agents attend twice (Niu et al., 2021)";
    type Talk = Scheduled;

    fn sizes(&self) -> ActorCriticConfig {
        self.0.network.sizes()
    }

    fn critic(&self) -> Critic {
        self.0.critic.into()
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Scheduled {
        Scheduled::new(layout, name, self.0.network.hidden)
    }
}

/// How its agents talk.
#[derive(Clone, Debug)]
pub struct Scheduled {
    cell: Lstm,
    /// Over everybody.
    encoder: GraphAttention,
    /// U and V.
    pair: [Linear; 2],
    /// Along the graph.
    processors: [GraphAttention; 2],
}

/// GAT
#[derive(Clone, Debug)]
struct GraphAttention {
    name: String,
    /// a
    query: Linear,
    /// b and W.
    sent: Linear,
    attention: PairAttention,
}

impl GraphAttention {
    fn new(layout: &mut Layout, name: String, width: usize, decision: Option<Linear>) -> Self {
        let mut layer = |part, outputs| {
            let size = [width, outputs];
            Linear::new(
                layout,
                &format!("{name}.{part}"),
                size,
                Init::Orthogonal(1.0),
            )
        };
        Self {
            query: layer("query", 1),
            sent: layer("sent", 1 + width),
            attention: PairAttention {
                decision,
                key: 1,
                value: width,
                score: Score::Sum(SLOPE),
                itself: true,
            },
            name,
        }
    }

    /// Of x of receivers and of senders, with what each adds to the decisions.
    fn of<O: Ops>(
        &self,
        ops: &mut O,
        [receivers, senders]: [&O::Value; 2],
        pair: Option<[&O::Value; 2]>,
        heard: &Heard<O>,
    ) -> O::Value {
        let mut both = [
            ops.linear(&self.query, receivers),
            ops.linear(&self.sent, senders),
        ];
        if let Some([u, v]) = pair {
            both = [ops.concat(u, &both[0]), ops.concat(v, &both[1])];
        }
        ops.attend_pairs(&self.attention, &both[0], &both[1], &heard.links)
    }
}

impl Scheduled {
    fn new(layout: &mut Layout, name: &str, hidden: usize) -> Self {
        let (size, init) = ([hidden, hidden], Init::Orthogonal(1.0));
        let pair = ["receiver", "sender"]
            .map(|end| Linear::new(layout, &format!("{name}.pair.{end}"), size, init));
        let decision = Some(decision(layout, name, hidden));
        let mut attention = |part: &str, decision| {
            GraphAttention::new(layout, format!("{name}.{part}"), hidden, decision)
        };
        Self {
            encoder: attention("encoder", None),
            processors: ["processors.0", "processors.1"].map(|part| attention(part, decision)),
            pair,
            cell: Lstm::new(layout, &format!("{name}.lstm"), size, init),
        }
    }
}

impl Talk for Scheduled {
    /// h and the cell's s.
    fn memory(&self) -> usize {
        2 * self.message()
    }

    /// h and c.
    fn width(&self) -> usize {
        2 * self.message()
    }

    fn rounds(&self) -> usize {
        3
    }

    fn message(&self) -> usize {
        self.cell.width()
    }

    fn attentions(&self) -> Vec<String> {
        let all = [&self.encoder].into_iter().chain(&self.processors);
        all.map(|attention| attention.name.clone()).collect()
    }

    fn prepared(&self) -> usize {
        4 * self.message()
    }

    fn prepare<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        ops.linear(&self.cell.input, x)
    }

    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        after_lstm(ops, &self.cell, x, &memory)
    }

    fn say<O: Ops>(&self, ops: &mut O, _: usize, mind: &Mind<O::Value>) -> O::Value {
        ops.columns(&mind.h, 0..self.message())
    }

    /// The LSTM has read what was seen; what is kept of messages takes its place.
    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        round: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let width = self.message();
        let h = ops.columns(&mind.memory, 0..width);
        match round {
            0 => {
                mind.h = self.encoder.of(ops, [&h, said], None, heard);
                mind.x = ops.same(said);
            }
            1 => {
                let u = ops.linear(&self.pair[0], &mind.h);
                let v = ops.linear(&self.pair[1], said);
                let z = self.processors[0].of(ops, [&h, &mind.x], Some([&u, &v]), heard);
                let z = ops.activate(F::Gelu, &z);
                mind.h = ops.concat(&z, &u);
                mind.x = v;
            }
            _ => {
                let z = ops.columns(&mind.h, 0..width);
                let u = ops.columns(&mind.h, width..2 * width);
                let c = self.processors[1].of(ops, [&z, said], Some([&u, &mind.x]), heard);
                mind.h = ops.concat(&h, &c);
            }
        }
    }
}
