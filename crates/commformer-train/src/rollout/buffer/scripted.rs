//! A task for tests of what is made of a rollout.

use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status};

/// A team whose every step is written down beforehand.
pub struct Scripted {
    pub spec: Spec,
    step: usize,
    /// Who is active in the beginning and after each step.
    active: Vec<Vec<bool>>,
    /// What each step pays.
    rewards: Vec<Vec<f32>>,
    /// Who leaves in each step.
    pub departed: Vec<Vec<bool>>,
    /// Which number of the episode's last observation is infinite.
    pub infinite: Option<usize>,
    /// How the last step ends.
    end: Status,
}

impl Scripted {
    /// An episode of these steps, (T), in which nobody leaves; there is a row more of who is active.
    pub fn new(active: &[&[bool]], rewards: &[&[f32]], end: Status) -> Self {
        let agents = active[0].len();
        Self {
            spec: Spec::new(agents, 1, ActionSpace::Discrete(1)),
            step: 0,
            active: active.iter().map(|row| row.to_vec()).collect(),
            rewards: rewards.iter().map(|row| row.to_vec()).collect(),
            departed: vec![vec![false; agents]; rewards.len()],
            infinite: None,
            end,
        }
    }

    fn is_over(&self) -> bool {
        self.step == self.rewards.len()
    }

    fn observe(&self, out: Observation<'_>) {
        out.obs.fill(0.0);
        out.available.fill(true);
        out.active.copy_from_slice(&self.active[self.step]);
        if self.is_over() {
            if let Some(at) = self.infinite {
                out.obs[at] = f32::INFINITY;
            }
            // Of an episode's last observation, where actions can be unavailable.
            if let Some(first) = out.available.first_mut() {
                *first = false;
            }
        }
    }
}

impl Environment for Scripted {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _: &mut Rng, out: Observation<'_>) {
        self.step = 0;
        self.observe(out);
    }

    fn step(
        &mut self,
        _: Actions<'_>,
        _: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        rewards.copy_from_slice(&self.rewards[self.step]);
        self.step += 1;
        self.observe(out);
        match self.is_over() {
            true => self.end,
            false => Status::Running,
        }
    }

    fn metrics(&self, _: &mut [f32]) {}

    fn departed(&self) -> &[bool] {
        match self.step {
            0 => &[],
            step => &self.departed[step - 1],
        }
    }
}
