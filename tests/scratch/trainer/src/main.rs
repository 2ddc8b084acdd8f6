//! The trainer with an environment and a policy of its own: two agents on a line learn to meet.

use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status, VecEnv};
use commformer_train::{
    Act, Actor, EvaluateOptions, Evaluation, Gates, GraphPlan, ObsBatch, Policy, PolicyResult,
    RolloutConfig, RunConfig, Samples, Settings, TrainError, Trainer, evaluate,
};
use tch::{Kind, Tensor};

const CELLS: i64 = 10;

/// The environment. An agent sees its own cell and the other's, and goes left, stays or goes right.
#[derive(Clone)]
struct Meeting {
    spec: Spec,
    cells: [i64; 2],
    steps: u32,
}

impl Meeting {
    fn show(&self, out: Observation<'_>) {
        let [first, second] = self.cells.map(|cell| cell as f32 / CELLS as f32);
        out.obs.copy_from_slice(&[first, second, second, first]);
        out.active.fill(true);
    }
}

impl Environment for Meeting {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.cells = [(); 2].map(|()| rng.below(CELLS as u32).into());
        self.steps = 0;
        self.show(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        _: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        for (cell, action) in self.cells.iter_mut().zip(actions.indices()) {
            *cell = (*cell + action - 1).clamp(0, CELLS - 1);
        }
        self.steps += 1;
        self.show(out);
        let met = self.cells[0] == self.cells[1];
        // Each step costs a little, so that they hurry.
        rewards.fill(if met { 1.0 } else { -0.05 });
        match self.steps {
            _ if met => Status::Terminated,
            20 => Status::Truncated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, _: &mut [f32]) {}
}

/// The policy: a feed-forward network that the agents share. Weights of the hidden layer and of the heads of actions
/// and of values.
struct FeedForward([Tensor; 3]);

impl FeedForward {
    fn new(spec: &Spec, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let mut layer = |inputs: usize, outputs: usize, scale: f32| {
            let weights = (0..inputs * outputs).map(|_| scale * rng.normal());
            let weights = Tensor::from_slice(&weights.collect::<Vec<f32>>());
            weights
                .view([inputs as i64, outputs as i64])
                .set_requires_grad(true)
        };
        // One more input, which is always 1, takes the place of a bias. Heads of zeros: all actions are equally
        // probable at first.
        let hidden = layer(spec.obs_dim + 1, 32, 2.0);
        Self([
            hidden,
            layer(32, spec.actions.size(), 0.0),
            layer(32, 1, 0.0),
        ])
    }

    /// Log-probabilities of all actions, (B, N, A), and values, (B, N).
    fn forward(&self, batch: &ObsBatch<'_>) -> (Tensor, Tensor) {
        let [hidden, actions, value] = &self.0;
        let x = batch.obs.pad([0, 1], "constant", 1.0);
        let x = x.matmul(hidden).tanh();
        let log_probs = x.matmul(actions).log_softmax(-1, Kind::Float);
        (log_probs, x.matmul(value).squeeze_dim(-1))
    }
}

/// Log-probabilities of the actions taken.
fn of_taken(log_probs: &Tensor, actions: &Tensor) -> Tensor {
    log_probs
        .gather(-1, &actions.unsqueeze(-1), false)
        .squeeze_dim(-1)
}

impl Actor for FeedForward {
    fn act(&self, batch: &ObsBatch<'_>, _: Gates<'_>, noise: Option<&Tensor>) -> PolicyResult<Act> {
        let (log_probs, values) = self.forward(batch);
        // With Gumbel noise the largest number is a draw from the distribution.
        let scores = noise.map_or_else(|| log_probs.shallow_clone(), |noise| &log_probs + noise);
        let actions = scores.argmax(-1, false);
        let log_probs = of_taken(&log_probs, &actions);
        Ok(Act {
            actions,
            log_probs,
            values,
            gate: None,
            memory: None,
        })
    }
}

impl Policy for FeedForward {
    /// For another thread: the same weights with gradients of its own.
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        let same = |weights: &Tensor| weights.detach().set_requires_grad(true);
        Ok(Box::new(Self(self.0.each_ref().map(same))))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        let named = ["hidden", "actions", "value"].into_iter().zip(&self.0);
        named
            .map(|(name, weights)| (name.into(), weights.shallow_clone()))
            .collect()
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        _: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let (log_probs, values) = self.forward(&samples.batch);
        let entropy = -(log_probs.exp() * &log_probs).sum_dim_intlist(-1, false, Kind::Float);
        let log_probs = of_taken(&log_probs, samples.actions);
        Ok(Evaluation {
            log_probs,
            entropy,
            values,
            gate: None,
        })
    }

    fn values(&self, batch: &ObsBatch<'_>, _: Gates<'_>) -> PolicyResult<Tensor> {
        Ok(self.forward(batch).1)
    }
}

fn main() -> Result<(), TrainError> {
    let spec = Spec::new(2, 2, ActionSpace::Discrete(3));
    let policy = FeedForward::new(&spec, 1);
    let task = Meeting {
        spec,
        cells: [0; 2],
        steps: 0,
    };
    let envs = VecEnv::new(vec![task.clone(); 32], 1)?;
    let settings = Settings {
        rollout: RolloutConfig {
            num_envs: 32,
            steps: 16,
            ..RolloutConfig::default()
        },
        run: RunConfig {
            steps: 30_000,
            ..RunConfig::default()
        },
        ..Settings::default()
    };
    let mut trainer = Trainer::new(settings, GraphPlan::None, policy, envs)?;

    // 320 episodes with drawn actions.
    let mean_return = |trainer: &Trainer<FeedForward, Meeting>| {
        let mut envs = VecEnv::new(vec![task.clone(); 320], 2)?;
        let options = EvaluateOptions {
            sampled: Some(3),
            ..EvaluateOptions::default()
        };
        let report = evaluate(
            trainer.policy(),
            &trainer.execution_graph()?,
            &mut envs,
            &options,
        )?;
        Ok::<_, TrainError>(report.mean(|episode| episode.team_return))
    };
    let random = mean_return(&trainer)?;
    while trainer.progress() < 1.0 {
        trainer.iterate()?;
    }
    let trained = mean_return(&trainer)?;
    println!("mean return of a random team {random:.2}, of a trained one {trained:.2}");
    assert!(
        trained > 0.5 && trained > random + 0.3,
        "{random} to {trained}"
    );
    Ok(())
}
