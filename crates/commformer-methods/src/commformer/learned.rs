//! The graph that the team learns: the upper level.

use super::team::TeamPolicy;
use commformer_model::graph;
use commformer_train::{LearnedGraph, PolicyResult, SampledGraphs};
use tch::Tensor;

impl LearnedGraph for TeamPolicy {
    fn edge_logits(&self) -> Tensor {
        self.model.edge_logits().shallow_clone()
    }

    fn exact(&self) -> PolicyResult<Tensor> {
        Ok(graph::exact(
            self.model.edge_logits(),
            self.senders,
            self.self_edge,
        ))
    }

    fn full(&self) -> PolicyResult<Tensor> {
        Ok(graph::exact(
            self.model.edge_logits(),
            usize::MAX,
            self.self_edge,
        ))
    }

    fn sample(&self, gumbel: &Tensor) -> PolicyResult<SampledGraphs> {
        let logits = self.model.edge_logits();
        let graph::Sample { graph, order } = graph::sample(
            logits,
            gumbel,
            self.temperature,
            self.senders,
            self.self_edge,
        );
        Ok(SampledGraphs {
            graphs: graph,
            order,
        })
    }

    fn log_probs(&self, order: &Tensor) -> PolicyResult<Tensor> {
        Ok(graph::plackett_luce(
            self.model.edge_logits(),
            order,
            self.self_edge,
        ))
    }

    fn entropy(&self) -> PolicyResult<Tensor> {
        Ok(graph::entropy(self.model.edge_logits(), self.self_edge))
    }
}
