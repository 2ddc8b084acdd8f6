//! Any task with a limit of time, and with rewards of another size.

use crate::error::require;
use crate::{
    Actions, ConfigError, Environment, LARGEST_NUMBER, Observation, Rng, StateError, Status,
    forward_environment,
    saved::{self, Wrapped},
};

/// A task whose episodes are truncated after a number of steps, unless they have ended before: [`Status::Truncated`].
#[derive(Clone, Debug)]
pub struct TimeLimit<E> {
    task: E,
    limit: u32,
    steps: u32,
}

impl<E: Environment> TimeLimit<E> {
    /// Truncates episodes after `limit` steps.
    ///
    /// # Errors
    ///
    /// If the limit is 0.
    pub fn new(task: E, limit: u32) -> Result<Self, ConfigError> {
        require(limit > 0, "time_limit", limit, "at least 1")?;
        Ok(Self {
            task,
            limit,
            steps: 0,
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment> Environment for TimeLimit<E> {
    forward_environment! { |this| this.task =>
        spec metrics progress global_state sources must_receive departed action_names agent_names draw remote
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0;
        self.task.reset(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps = self.steps.saturating_add(1);
        match self.task.step(actions, rng, out, rewards) {
            Status::Running if self.steps >= self.limit => Status::Truncated,
            status => status,
        }
    }

    fn save(&self) -> Option<Vec<u8>> {
        saved::encode_around(&self.task, &self.steps)
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        let Wrapped { task, own } = saved::decode(state, |_| true)?;
        self.task.restore(&task, out)?;
        self.steps = own;
        Ok(())
    }
}

/// A task whose rewards are multiplied by a number. Returns are sums of what it pays.
#[derive(Clone, Debug)]
pub struct RewardScale<E> {
    task: E,
    scale: f32,
}

impl<E: Environment> RewardScale<E> {
    /// Multiplies rewards by `scale`.
    ///
    /// # Errors
    ///
    /// If it is not a number above 0, or larger than any reward may be.
    pub fn new(task: E, scale: f32) -> Result<Self, ConfigError> {
        require(
            scale > 0.0 && scale <= LARGEST_NUMBER,
            "reward_scale",
            scale,
            format!("above 0, and at most {LARGEST_NUMBER:e}"),
        )?;
        Ok(Self { task, scale })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment> Environment for RewardScale<E> {
    forward_environment! { |this| this.task =>
        spec reset metrics progress global_state save restore sources must_receive departed action_names agent_names
        draw remote
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self.task.step(actions, rng, out, rewards);
        rewards.iter_mut().for_each(|reward| *reward *= self.scale);
        status
    }
}
