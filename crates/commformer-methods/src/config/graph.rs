//! `[graph]`: whom each agent hears, and how that is learned.

use commformer_model::SelfEdge;
use commformer_train::{Estimator, RolloutGraph, UpperData};
use serde::{Deserialize, Serialize};

/// Where the team's graph comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GraphMode {
    /// It is learned together with the policy: CommFormer.
    Learned,
    /// Everyone hears everyone.
    Full,
    /// Nobody hears anybody else.
    None,
    /// Each agent hears k others, drawn once from the run's seed.
    Random,
    /// `graph.edges` says it.
    Given,
}

/// How the model's choice is written here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "SelfEdge", rename_all = "kebab-case")]
enum SelfEdgeName {
    Counted,
    Excluded,
}

/// The team's communication graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphConfig {
    /// Where it comes from.
    pub mode: GraphMode,
    /// Share of the N agents that each one hears: k = max(1, floor(sparsity x N)) senders.
    pub sparsity: f64,
    /// Whether an agent, who hears itself in any case, may spend one of its k edges on itself.
    #[serde(with = "SelfEdgeName")]
    pub self_edge: SelfEdge,
    /// For `mode = "given"`: a row for each receiver, 1 where it hears the column's sender.
    pub edges: Vec<Vec<i64>>,
    /// Temperature of the softmax through which straight-through gradients flow.
    pub temperature: f64,
    /// How the gradient of the edge logits is estimated.
    pub estimator: Estimator,
    /// The graph on which the team acts while it trains.
    pub rollout: RolloutGraph,
    /// Learning rate of Adam for the edge logits.
    pub lr: f64,
    /// Weight of the entropy of the rows' draws in the score function's loss.
    pub entropy_coef: f64,
    /// Different graphs in a rollout of the score function; 0: one for each copy.
    pub groups: usize,
    /// Every so many epochs one is an upper step, which moves the graph.
    pub upper_every: usize,
    /// What upper steps learn from.
    pub upper_data: UpperData,
    /// Share of the copies that `upper_data = "held-out"` keeps apart.
    pub held_out: f64,
    /// For so many iterations everyone hears everyone.
    pub warmup: u64,
    /// From this share of the run on the graph is frozen; 1: never.
    pub post_stable: f64,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self {
            mode: GraphMode::Learned,
            sparsity: 0.4,
            self_edge: SelfEdge::Excluded,
            edges: Vec::new(),
            temperature: 1.0,
            estimator: Estimator::ScoreFunction,
            rollout: RolloutGraph::Sampled,
            lr: 5e-2,
            entropy_coef: 0.3,
            groups: 0,
            upper_every: 5,
            upper_data: UpperData::Same,
            held_out: 0.2,
            warmup: 0,
            post_stable: 1.0,
        }
    }
}

impl GraphConfig {
    /// Where the graph of a team of `agents` comes from: one agent has nobody to hear, so that there is nothing to learn
    /// or to draw, whatever is set.
    pub fn mode_for(&self, agents: usize) -> GraphMode {
        let others = match self.mode {
            GraphMode::Learned => self.self_edge.most_senders(agents),
            GraphMode::Random => agents.saturating_sub(1),
            mode => return mode,
        };
        match (agents, others) {
            (1, 0) => GraphMode::None,
            _ => self.mode,
        }
    }

    /// Senders of each receiver in a team of `agents` (k).
    pub fn senders(&self, agents: usize) -> usize {
        commformer_model::senders(self.sparsity, agents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_has_no_graph_to_learn_or_draw() {
        let mode = |mode, self_edge, agents| {
            let graph = GraphConfig {
                mode,
                self_edge,
                ..GraphConfig::default()
            };
            graph.mode_for(agents)
        };
        let (counted, excluded) = (SelfEdge::Counted, SelfEdge::Excluded);
        assert_eq!(mode(GraphMode::Learned, excluded, 1), GraphMode::None);
        assert_eq!(mode(GraphMode::Random, counted, 1), GraphMode::None);
        // Its own edge, which it may spend on itself, is one.
        assert_eq!(mode(GraphMode::Learned, counted, 1), GraphMode::Learned);
        assert_eq!(mode(GraphMode::Full, excluded, 1), GraphMode::Full);
        for agents in [0, 2, 3] {
            assert_eq!(
                mode(GraphMode::Learned, excluded, agents),
                GraphMode::Learned
            );
            assert_eq!(mode(GraphMode::Random, excluded, agents), GraphMode::Random);
        }
    }
}
