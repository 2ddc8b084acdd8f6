//! The smallest policy: one layer shared by all agents, one for the actions and one for the values.

use crate::common::{Weights, of_taken};
use commformer_env::Spec;
use commformer_train::{
    Act, Actor, Evaluation, Gates, MessageSizes, ObsBatch, Policy, PolicyResult, Samples,
};
use tch::{Kind, Tensor};

/// It acts on what each agent sees, and nothing else.
#[derive(Debug)]
pub struct Plain {
    /// Hidden layer, heads of actions and of values.
    weights: Weights<3>,
    /// What it says that its agents tell each other.
    pub sizes: MessageSizes,
}

const WIDTH: usize = 16;
/// The score of an action that cannot be taken: none, and yet finite, so that entropies are.
const FORBIDDEN: f64 = -1e9;

impl Plain {
    /// With random weights, for a task.
    pub fn new(spec: &Spec, seed: u64) -> Self {
        let layer = |name, inputs, outputs| (name, [inputs, outputs], inputs);
        Self {
            weights: Weights::new(
                seed,
                [
                    layer("hidden", spec.obs_dim, WIDTH),
                    layer("actions", WIDTH, spec.actions.size()),
                    layer("value", WIDTH, 1),
                ],
            ),
            sizes: MessageSizes::default(),
        }
    }

    /// Log-probabilities of all actions, (B, N, A), and values, (B, N).
    fn forward(&self, batch: &ObsBatch<'_>) -> (Tensor, Tensor) {
        let [hidden, actions, value] = &self.weights.layers;
        let x = batch.obs.matmul(hidden).tanh();
        let mut scores = x.matmul(actions);
        if let Some(available) = batch.available {
            scores = scores.masked_fill(&available.logical_not(), FORBIDDEN);
        }
        let log_probs = scores.log_softmax(-1, Kind::Float);
        (log_probs, x.matmul(value).squeeze_dim(-1))
    }
}

impl Actor for Plain {
    fn message_sizes(&self) -> MessageSizes {
        self.sizes.clone()
    }

    fn act(&self, batch: &ObsBatch<'_>, _: Gates<'_>, noise: Option<&Tensor>) -> PolicyResult<Act> {
        let (log_probs, values) = self.forward(batch);
        let scores = noise.map_or_else(|| log_probs.shallow_clone(), |noise| &log_probs + noise);
        let actions = scores.argmax(-1, false);
        Ok(Act {
            log_probs: of_taken(&log_probs, &actions),
            actions,
            values,
            gate: None,
            memory: None,
        })
    }
}

impl Policy for Plain {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        Ok(Box::new(Self {
            weights: self.weights.replica(),
            sizes: self.sizes.clone(),
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        self.weights.named()
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        _: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let (log_probs, values) = self.forward(&samples.batch);
        Ok(Evaluation {
            entropy: -(log_probs.exp() * &log_probs).sum_dim_intlist(-1, false, Kind::Float),
            log_probs: of_taken(&log_probs, samples.actions),
            values,
            gate: None,
        })
    }

    fn values(&self, batch: &ObsBatch<'_>, _: Gates<'_>) -> PolicyResult<Tensor> {
        Ok(self.forward(batch).1)
    }
}
