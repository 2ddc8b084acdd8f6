//! A task that shows what it is told to, for the tests.

use commformer_env::{
    ActionSpace, Actions, Environment, Observation, Remote, Rng, Spec, StateError, Status,
};

/// A state as a task shows it to two agents with two numbers each.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub obs: [f32; 4],
    pub active: [bool; 2],
    pub departed: [bool; 2],
}

/// A task that shows prepared scenes, one after the other and from the first in each episode, which ends with the
/// last.
#[derive(Clone, Debug)]
pub struct Shown {
    pub scenes: Vec<Scene>,
    pub at: usize,
    /// Whether agents leave.
    leaves: bool,
    end: Status,
    spec: Spec,
    pub failure: Option<String>,
}

impl Shown {
    pub fn new(scenes: impl IntoIterator<Item = Scene>, leaves: bool, end: Status) -> Self {
        Self {
            scenes: scenes.into_iter().collect(),
            at: 0,
            leaves,
            end,
            spec: Spec {
                obs_version: 7,
                masks_actions: true,
                metrics: vec!["at".into()],
                ..Spec::new(2, 2, ActionSpace::Discrete(2))
            },
            failure: None,
        }
    }

    /// Gives its metric another name.
    pub fn rename(&mut self, metric: &'static str) {
        self.spec.metrics = vec![metric.into()];
    }

    fn observe(&self, out: Observation<'_>) {
        out.obs.copy_from_slice(&self.scenes[self.at].obs);
        out.available.fill(true);
        out.active.copy_from_slice(&self.scenes[self.at].active);
    }
}

impl Environment for Shown {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.at = 0;
        self.observe(out);
    }

    fn step(
        &mut self,
        _actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.at += 1;
        self.observe(out);
        rewards.fill(self.at as f32);
        match self.at + 1 == self.scenes.len() {
            true => self.end,
            false => Status::Running,
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = self.at as f32;
    }

    fn save(&self) -> Option<Vec<u8>> {
        u8::try_from(self.at).ok().map(|at| vec![at])
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        self.at = match state {
            [at] if usize::from(*at) < self.scenes.len() => usize::from(*at),
            _ => return Err(StateError::new("no such scene")),
        };
        self.observe(out);
        Ok(())
    }

    fn departed(&self) -> &[bool] {
        match self.leaves {
            true => &self.scenes[self.at].departed,
            false => &[],
        }
    }

    fn remote(&mut self) -> Option<&mut dyn Remote> {
        Some(self)
    }
}

impl Remote for Shown {
    fn begin(&mut self, _actions: Option<Actions<'_>>, _rng: &mut Rng) {}

    fn send(&mut self) {}

    fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
