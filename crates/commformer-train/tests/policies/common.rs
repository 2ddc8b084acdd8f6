//! What policies of all kinds share.

use commformer_env::{Environment, Rng};
use commformer_train::{
    EvaluateOptions, IterationReport, Policy, PpoConfig, RolloutConfig, RunConfig, Settings,
    Trainer,
};
use tch::Tensor;

/// The weights of a small network.
#[derive(Debug)]
pub struct Weights<const L: usize> {
    names: [&'static str; L],
    pub layers: [Tensor; L],
}

impl<const L: usize> Weights<L> {
    /// Random ones of these names and shapes, each of a layer with so many inputs.
    pub fn new(seed: u64, layers: [(&'static str, [usize; 2], usize); L]) -> Self {
        let mut rng = Rng::new(seed, 0);
        Self {
            names: layers.map(|(name, ..)| name),
            layers: layers.map(|(_, [rows, columns], inputs)| {
                let scale = (inputs as f32).sqrt().recip();
                let numbers: Vec<f32> = (0..rows * columns).map(|_| rng.normal() * scale).collect();
                let weights = Tensor::from_slice(&numbers).view([rows as i64, columns as i64]);
                weights.set_requires_grad(true)
            }),
        }
    }

    /// The same memory, with gradients of its own.
    pub fn replica(&self) -> Self {
        Self {
            names: self.names,
            layers: (self.layers.each_ref()).map(|w| w.detach().set_requires_grad(true)),
        }
    }

    pub fn named(&self) -> Vec<(String, Tensor)> {
        let named = self.names.into_iter().zip(&self.layers);
        named
            .map(|(name, layer)| (name.to_owned(), layer.shallow_clone()))
            .collect()
    }
}

/// Of the actions taken.
pub fn of_taken(log_probs: &Tensor, actions: &Tensor) -> Tensor {
    let taken = log_probs.gather(-1, &actions.unsqueeze(-1), false);
    taken.squeeze_dim(-1)
}

/// Of a long run with rollouts of this size, on one thread.
pub fn settings(envs: usize, steps: usize) -> Settings {
    Settings {
        rollout: RolloutConfig {
            num_envs: envs,
            steps,
            ..RolloutConfig::default()
        },
        ppo: PpoConfig::default(),
        run: RunConfig {
            steps: 1_000_000,
            threads: 1,
            ..RunConfig::default()
        },
    }
}

/// Greedy actions, an episode in each environment.
pub fn one_round() -> EvaluateOptions {
    EvaluateOptions {
        max_steps: 1_000,
        ..EvaluateOptions::default()
    }
}

/// An iteration's report, times aside.
pub fn iterate<P: Policy, E: Environment>(trainer: &mut Trainer<P, E>) -> IterationReport {
    IterationReport {
        phases: Default::default(),
        ..trainer.iterate().unwrap()
    }
}

/// Trains a policy by itself and in a box, which must come to the same.
pub fn same_in_a_box<P: Policy, E: Environment>(
    alone: &mut Trainer<P, E>,
    boxed: &mut Trainer<Box<dyn Policy>, E>,
) {
    for _ in 0..2 {
        assert_eq!(iterate(alone), iterate(boxed));
    }
    assert_eq!(bits(alone), bits(boxed));
}

/// All weights, as bits.
pub fn bits<P: Policy, E: Environment>(trainer: &Trainer<P, E>) -> Vec<u32> {
    let numbers = |tensor: Tensor| Vec::<f32>::try_from(tensor.detach().view(-1)).unwrap();
    let state = trainer.policy().state().into_iter();
    state
        .flat_map(|(_, tensor)| numbers(tensor))
        .map(f32::to_bits)
        .collect()
}
