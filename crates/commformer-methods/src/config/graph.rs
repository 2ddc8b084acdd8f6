//! `[graph]`: whom each agent hears, and how that is learned.

use commformer_model::SelfEdge;
use commformer_train::{BilevelConfig, Estimator, RolloutGraph, UpperData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Where the team's graph comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GraphMode {
    /// It is learned together with the policy: CommFormer.
    Learned,
    /// Everyone hears everyone.
    Full,
    /// Nobody hears anybody else, but for the action of the one before it (policy.previous_action).
    None,
    /// Each agent hears k others, drawn once from the run's seed.
    Random,
    /// `graph.edges` says it.
    Given,
}

/// The team's communication graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct GraphConfig {
    /// Where the graph comes from.
    #[default(GraphMode::Learned)]
    pub mode: GraphMode,
    /// Share of the N agents that each one hears: k = max(1, floor(sparsity x N)) senders. One agent alone hears
    /// nobody.
    #[default = 0.4]
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub sparsity: f64,
    /// Whether an agent, which hears itself in any case, may spend one of its k edges on itself.
    #[default(SelfEdge::Excluded)]
    pub self_edge: SelfEdge,
    /// For `mode = "given"`: a row for each receiver, 1 where it hears the column's sender.
    pub edges: Vec<Vec<i64>>,
    /// Temperature of the softmax through which straight-through gradients flow.
    #[default = 1.0]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// How the gradient of the edge logits is estimated.
    #[default(Estimator::ScoreFunction)]
    pub estimator: Estimator,
    /// The graph on which the team acts while it trains.
    #[default(RolloutGraph::Sampled)]
    pub rollout: RolloutGraph,
    /// Learning rate of Adam for the edge logits.
    #[default = 5e-2]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Weight of the entropy of the rows' draws in the score function's loss; it falls to 0 until the graph is frozen.
    #[default = 0.3]
    #[schemars(range(min = 0.0))]
    pub entropy_coef: f64,
    /// Different graphs in a rollout of the score function; 0: one for each environment.
    pub groups: usize,
    /// Every so many epochs there is a step of the graph (an upper step): after the policy's with the score function, and in
    /// place of it with the straight-through estimator, which needs a pass through the policy.
    #[default = 5]
    #[schemars(range(min = 1))]
    pub upper_every: usize,
    /// What upper steps learn from.
    #[default(UpperData::Same)]
    pub upper_data: UpperData,
    /// Share of the environments that `upper_data = "held-out"` keeps apart.
    #[default = 0.2]
    #[schemars(extend("exclusiveMinimum" = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub held_out: f64,
    /// Iterations in which everyone hears everyone, before the graph is learned.
    pub warmup: u64,
    /// Share of the run after which the graph is frozen; 1: never.
    #[default = 1.0]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub post_stable: f64,
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

    /// How a learned graph is learned.
    pub fn schedule(&self) -> BilevelConfig {
        BilevelConfig {
            estimator: self.estimator,
            rollout: self.rollout,
            lr: self.lr,
            entropy_coef: self.entropy_coef,
            groups: self.groups,
            upper_every: self.upper_every,
            upper_data: self.upper_data,
            held_out: self.held_out,
            warmup: self.warmup,
            post_stable: self.post_stable,
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
