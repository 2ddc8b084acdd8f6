//! CommFormer as the trainer wants it.

use crate::config::Config;
use commformer_env::{Rng, Spec};
use commformer_model::{ActionSpace, CommFormer, ModelError, PolicyConfig, SelfEdge, graph};
use commformer_train::{
    Act, Evaluation, Policy, PolicyResult, Purpose, SampledGraphs, Samples, seed_for,
};
use tch::{Device, Tensor};

/// A policy and how its graph is drawn.
#[derive(Debug)]
pub struct TeamPolicy {
    model: CommFormer,
    /// Senders of each receiver (k).
    senders: usize,
    self_edge: SelfEdge,
    temperature: f64,
}

impl TeamPolicy {
    /// A new policy for a task that looks like `spec`; its weights follow from the run's seed.
    ///
    /// # Errors
    ///
    /// [`ModelError`] if the settings make no policy or the device refuses it.
    pub fn new(config: &Config, spec: &Spec, device: Device) -> Result<Self, ModelError> {
        let actions = match spec.actions {
            commformer_env::ActionSpace::Discrete(count) => ActionSpace::Discrete(count),
            commformer_env::ActionSpace::Continuous(width) => ActionSpace::Continuous(width),
        };
        let policy = &config.policy;
        let sizes = PolicyConfig {
            embed_dim: policy.embed_dim,
            heads: policy.heads,
            blocks: policy.blocks,
            shared_head: policy.shared_head,
            relation: policy.relation,
            score_scale: policy.score_scale,
            relation_order: policy.relation_order,
            self_loop: policy.self_loop,
            dropout: policy.dropout,
            ..PolicyConfig::new(spec.agents, spec.obs_dim, actions)
        };
        let mut rng = Rng::new(seed_for(config.run.seed, Purpose::Weights), 0);
        Ok(Self {
            model: CommFormer::new(&sizes, device, &mut || rng.normal())?,
            senders: config.graph.senders(spec.agents),
            self_edge: config.graph.self_edge,
            temperature: config.graph.temperature,
        })
    }
}

impl Policy for TeamPolicy {
    fn replica(&self) -> PolicyResult<Self> {
        Ok(Self {
            model: self.model.replica()?,
            ..*self
        })
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        self.model.parameters()
    }

    fn edge_logits(&self) -> Tensor {
        self.model.edge_logits().shallow_clone()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.model.state()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        Ok(self.model.load_state(state)?)
    }

    fn exact_graph(&self) -> PolicyResult<Tensor> {
        Ok(graph::exact(
            self.model.edge_logits(),
            self.senders,
            self.self_edge,
        ))
    }

    fn sample_graphs(&self, gumbel: &Tensor) -> PolicyResult<SampledGraphs> {
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

    fn graph_log_probs(&self, order: &Tensor) -> PolicyResult<Tensor> {
        Ok(graph::plackett_luce(
            self.model.edge_logits(),
            order,
            self.self_edge,
        ))
    }

    fn graph_entropy(&self) -> PolicyResult<Tensor> {
        Ok(graph::entropy(self.model.edge_logits(), self.self_edge))
    }

    fn act(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let act = self.model.act(obs, available, graph, noise)?;
        Ok(Act {
            actions: act.actions,
            log_probs: act.log_probs,
            values: act.values,
        })
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let Samples {
            obs,
            actions,
            available,
            graph,
        } = *samples;
        let evaluation = self
            .model
            .evaluate(obs, actions, available, graph, Some(uniform))?;
        Ok(Evaluation {
            log_probs: evaluation.log_probs,
            entropy: evaluation.entropy,
            values: evaluation.values,
        })
    }

    fn values(&self, obs: &Tensor, graph: &Tensor) -> PolicyResult<Tensor> {
        Ok(self.model.values(obs, graph)?)
    }
}
