//! `[graph]`: whom each agent hears, and how that is learned.

use commformer_model::SelfEdge;
use commformer_train::BilevelConfig;
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
    /// How a learned graph is learned.
    #[serde(flatten)]
    pub schedule: BilevelConfig,
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
