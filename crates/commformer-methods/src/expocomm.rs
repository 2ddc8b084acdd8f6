//! ExpoComm: each agent hears few others, and news reaches everybody within log2 N steps.
//!
//! Li et al., "Exponential Topology-enabled Scalable Communication in Multi-agent Reinforcement Learning" (ICLR 2025), the
//! static graph: agent i hears agents i - 2^k modulo N, for k = 0, 1, .. below log2 N, and itself. An agent says what it
//! made of its own state and of what it heard in the step before, m:
//!
//! ```text
//! h_i = GRU(e(o_i), h_i)
//! r_i = sum over its senders j of softmax_j(Q h_i . K m_j / sqrt(H)) V m_j
//! m_i = GRU(relu(P [h_i, r_i]), m_i)
//! u_i = relu(W [h_i, m_i])
//! ```
//!
//! Actions and values are linear in u_i. An agent carries h and m from step to step.
//!
//! In the authors' released code for the static graph m is r itself. Then messages tell nothing of what agents see: all
//! begin alike, and a weighted mean of equal vectors is that vector again. So m is made as their code for one sender a step
//! makes it, by a GRU of both.

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
pub struct ExpoComm {
    /// The sizes of its networks.
    #[serde(flatten)]
    pub network: TalkConfig,
    /// What values are made of.
    #[default(TalkCritic::Team)]
    pub critic: TalkCritic,
}

impl ActorCriticMethod for ExpoComm {
    const ABOUT: &str =
        "each hears those 1, 2, 4, .. places before it: news spreads fast (Li et al., 2025)";
    type Talk = Relay;

    fn sizes(&self) -> ActorCriticConfig {
        self.network.sizes()
    }

    fn critic(&self) -> Critic {
        self.critic.into()
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Relay {
        Relay::new(layout, name, self.network.hidden)
    }

    fn edges(&self, agents: usize) -> Vec<f32> {
        exponential(agents)
    }
}

/// The static exponential graph, (N, N) row by row.
fn exponential(agents: usize) -> Vec<f32> {
    let mut edges = vec![0.0; agents * agents];
    for (receiver, row) in edges.chunks_exact_mut(agents.max(1)).enumerate() {
        row[receiver] = 1.0;
        let distances = std::iter::successors(Some(1), |distance| Some(distance * 2));
        for distance in distances.take_while(|distance| *distance < agents) {
            row[(receiver + agents - distance) % agents] = 1.0;
        }
    }
    edges
}

/// How its agents talk: they pass on what they were told, with what they know themselves.
#[derive(Clone, Debug)]
pub struct Relay {
    name: String,
    cell: Gru,
    /// Queries of h, keys and values of messages; its output is the part of P that reads r.
    attention: Attention,
    /// Keys and values.
    received: Linear,
    /// The part of P that reads h.
    own: Linear,
    /// That of messages.
    relay: Gru,
    /// W
    last: Linear,
}

impl Relay {
    fn new(layout: &mut Layout, name: &str, hidden: usize) -> Self {
        let (size, init) = ([hidden, hidden], Init::Orthogonal(1.0));
        let attention = format!("{name}.attention");
        let query = Linear::new(layout, &format!("{attention}.query"), size, init);
        let parts = ["key", "value"];
        let received = Linear::packed(layout, &attention, "received", &parts, size, init);
        let processor = format!("{name}.processor");
        let heard = format!("{processor}.heard");
        let output = Linear::without_bias(layout, &heard, size, Init::ACTIVATED);
        let both = [2 * hidden, hidden];
        Self {
            cell: Gru::new(layout, &format!("{name}.gru"), size, init),
            attention: Attention::of(query, output, 1),
            received,
            own: Linear::new(layout, &format!("{processor}.own"), size, Init::ACTIVATED),
            relay: Gru::new(layout, &format!("{name}.relay"), size, init),
            last: Linear::new(layout, &format!("{name}.last"), both, Init::ACTIVATED),
            name: attention,
        }
    }
}

impl Talk for Relay {
    /// h and m.
    fn memory(&self) -> usize {
        2 * self.width()
    }

    fn width(&self) -> usize {
        self.cell.width()
    }

    fn rounds(&self) -> usize {
        1
    }

    fn message(&self) -> usize {
        self.width()
    }

    fn attentions(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn prepared(&self) -> usize {
        3 * self.width()
    }

    fn prepare<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        ops.linear(&self.cell.input, x)
    }

    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        let before = ops.columns(&memory, 0..self.width());
        let hidden = ops.linear(&self.cell.hidden, &before);
        let h = ops.gru_cell(&x, &hidden, &before);
        Mind { x, memory, h }
    }

    fn say<O: Ops>(&self, ops: &mut O, _: usize, mind: &Mind<O::Value>) -> O::Value {
        ops.columns(&mind.memory, self.width()..2 * self.width())
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
        let r = ops.attend(attention, None, &queries, &received, &heard.links, false);
        let (own, of_heard) = (
            ops.linear(&self.own, &mind.h),
            ops.linear(&attention.output, &r),
        );
        let both = ops.add(&own, &of_heard);
        let both = ops.activate(F::Relu, &both);
        let before = ops.columns(&mind.memory, self.width()..2 * self.width());
        let inputs = ops.linear(&self.relay.input, &both);
        let hidden = ops.linear(&self.relay.hidden, &before);
        let m = ops.gru_cell(&inputs, &hidden, &before);
        mind.memory = ops.concat(&mind.h, &m);
        let u = ops.linear(&self.last, &mind.memory);
        mind.h = ops.activate(F::Relu, &u);
    }
}

#[cfg(test)]
mod tests {
    use super::exponential;

    #[test]
    fn agents_hear_those_at_powers_of_two_before_them() {
        let hears = |agents: usize, receiver: usize| -> Vec<usize> {
            let edges = exponential(agents);
            let row = &edges[receiver * agents..(receiver + 1) * agents];
            (0..agents).filter(|sender| row[*sender] == 1.0).collect()
        };
        assert_eq!(hears(10, 0), [0, 2, 6, 8, 9]);
        assert_eq!(hears(10, 9), [1, 5, 7, 8, 9]);
        assert_eq!(hears(5, 2), [0, 1, 2, 3]); // 2 - 4 is 3
        assert_eq!(hears(8, 0), [0, 4, 6, 7]);
        assert_eq!((hears(1, 0), hears(2, 1)), (vec![0], vec![0, 1]));
    }

    #[test]
    fn news_reaches_everybody_in_log2_steps() {
        for agents in 1..40usize {
            let edges = exponential(agents);
            let mut knows = vec![false; agents];
            knows[0] = true;
            for _ in 0..agents.next_power_of_two().ilog2() {
                let before = knows.clone();
                for (receiver, knows) in knows.iter_mut().enumerate() {
                    let row = &edges[receiver * agents..(receiver + 1) * agents];
                    *knows = row
                        .iter()
                        .zip(&before)
                        .any(|(edge, knew)| *edge > 0.5 && *knew);
                }
            }
            assert!(knows.iter().all(|knows| *knows), "{agents}");
        }
    }
}
