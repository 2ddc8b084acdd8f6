//! The smallest policy: one layer shared by all agents, one for the actions and one for the values.

use commformer_env::{Rng, Spec};
use commformer_train::{Act, Actor, Evaluation, Gates, Policy, PolicyResult, Samples, Situations};
use tch::{Kind, Tensor};

/// It acts on what each agent sees, and nothing else.
#[derive(Debug)]
pub struct Plain {
    /// Hidden layer, heads of actions and of values.
    layers: [Tensor; 3],
}

const NAMES: [&str; 3] = ["hidden", "actions", "value"];
const WIDTH: usize = 16;

impl Plain {
    /// With random weights, for a task.
    pub fn new(spec: &Spec, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let mut layer = |rows: usize, columns: usize| {
            let scale = (rows as f32).sqrt().recip();
            let numbers: Vec<f32> = (0..rows * columns).map(|_| rng.normal() * scale).collect();
            let weights = Tensor::from_slice(&numbers).view([rows as i64, columns as i64]);
            weights.set_requires_grad(true)
        };
        Self {
            layers: [
                layer(spec.obs_dim, WIDTH),
                layer(WIDTH, spec.actions.size()),
                layer(WIDTH, 1),
            ],
        }
    }

    /// Log-probabilities of all actions, (B, N, A), and values, (B, N).
    fn forward(&self, situations: &Situations<'_>) -> (Tensor, Tensor) {
        let [hidden, actions, value] = &self.layers;
        let x = situations.obs.matmul(hidden).tanh();
        let log_probs = x.matmul(actions).log_softmax(-1, Kind::Float);
        (log_probs, x.matmul(value).squeeze_dim(-1))
    }
}

fn of_taken(log_probs: &Tensor, actions: &Tensor) -> Tensor {
    let taken = log_probs.gather(-1, &actions.unsqueeze(-1), false);
    taken.squeeze_dim(-1)
}

impl Actor for Plain {
    fn act(
        &self,
        situations: &Situations<'_>,
        _: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let (log_probs, values) = self.forward(situations);
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
            layers: (self.layers.each_ref()).map(|w| w.detach().set_requires_grad(true)),
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        let named = NAMES.into_iter().zip(&self.layers);
        named
            .map(|(name, layer)| (name.to_owned(), layer.shallow_clone()))
            .collect()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.parameters()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        for (own, layer) in NAMES.into_iter().zip(&mut self.layers) {
            let saved = state.iter().find(|(name, _)| name == own);
            let (_, saved) = saved.ok_or_else(|| format!("{own} is missing"))?;
            tch::no_grad(|| layer.f_copy_(saved))?;
        }
        Ok(())
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        _: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let (log_probs, values) = self.forward(&samples.situations);
        Ok(Evaluation {
            entropy: -(log_probs.exp() * &log_probs).sum_dim_intlist(-1, false, Kind::Float),
            log_probs: of_taken(&log_probs, samples.actions),
            values,
            gate: None,
        })
    }

    fn values(&self, situations: &Situations<'_>, _: Gates<'_>) -> PolicyResult<Tensor> {
        Ok(self.forward(situations).1)
    }
}
