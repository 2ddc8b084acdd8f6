//! A task that shows its steps.

use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status};

/// Counts its steps and shows their number and the number of its episode; ends at its limit. One
/// continuous action of two numbers, one of which is its reward; one mask.
pub struct Counter {
    pub spec: Spec,
    pub steps: f32,
    pub episode: f32,
    limit: f32,
    end: Status,
}

impl Counter {
    pub fn new(limit: f32, end: Status) -> Self {
        let spec = Spec {
            metrics: vec!["episode".into()],
            ..Spec::new(2, 2, ActionSpace::Continuous(2))
        };
        Self {
            spec,
            steps: 0.0,
            episode: 0.0,
            limit,
            end,
        }
    }

    fn observe(&self, out: Observation<'_>) {
        out.obs
            .copy_from_slice(&[self.steps, self.episode, self.steps, self.episode]);
        out.active.copy_from_slice(&[true, self.steps == 0.0]);
    }
}

impl Environment for Counter {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0.0;
        self.episode += 1.0;
        self.observe(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps += 1.0;
        self.observe(out);
        rewards.copy_from_slice(&[actions.vectors()[0], actions.vectors()[2]]);
        if self.steps == self.limit {
            self.end
        } else {
            Status::Running
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = self.episode;
    }
}
