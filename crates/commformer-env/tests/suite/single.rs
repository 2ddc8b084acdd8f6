//! A single environment with its buffers, for the tests.

use commformer_env::{Actions, Environment, Observation, Rng, Status};

/// One environment of a task, its stream, and what it wrote last.
pub struct Single<E> {
    pub env: E,
    pub rng: Rng,
    /// (N, O)
    pub obs: Vec<f32>,
    pub rewards: Vec<f32>,
    /// (N, A), or empty.
    pub available: Vec<bool>,
    pub active: Vec<bool>,
}

impl<E: Environment> Single<E> {
    pub fn new(env: E, seed: u64) -> Self {
        let spec = env.spec();
        let (agents, obs_dim, available) = (spec.agents, spec.obs_dim, spec.available_len());
        Self {
            env,
            rng: Rng::new(seed, 0),
            // What a task does not overwrite stays visible.
            obs: vec![f32::NAN; agents * obs_dim],
            rewards: vec![f32::NAN; agents],
            available: vec![false; available],
            active: vec![false; agents],
        }
    }

    /// Calls `begin` with the buffers to write to.
    pub fn begin<T>(&mut self, begin: impl FnOnce(&mut E, &mut Rng, Observation<'_>) -> T) -> T {
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        begin(&mut self.env, &mut self.rng, out)
    }

    /// Goes on from a saved state.
    pub fn go_on(&mut self, saved: &[u8]) {
        self.begin(|env, _, out| env.restore(saved, out)).unwrap();
    }

    pub fn reset(&mut self) {
        self.begin(|env, rng, out| env.reset(rng, out));
    }

    pub fn step(&mut self, actions: &[i64]) -> Status {
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.env.step(
            Actions::Discrete(actions),
            &mut self.rng,
            out,
            &mut self.rewards,
        )
    }

    pub fn metrics(&self) -> Vec<f32> {
        let mut metrics = vec![f32::NAN; self.env.spec().metrics.len()];
        self.env.metrics(&mut metrics);
        metrics
    }
}
