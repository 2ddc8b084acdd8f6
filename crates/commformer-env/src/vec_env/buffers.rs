//! Memory for what a vector environment writes.

use super::{Batch, VecEnv};
use crate::{Actions, Environment, Status, VecEnvError};

/// Memory for all that a [`VecEnv`] writes, for a caller that needs no layout of its own.
///
/// Numbers are NaN until they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffers {
    /// Observations, (C, N, O), row-major.
    pub obs: Vec<f32>,
    /// Whether an action can be taken, (C, N, A); empty unless [`Spec::masks_actions`](crate::Spec::masks_actions).
    pub available: Vec<bool>,
    /// Whether an agent is active, (C, N).
    pub active: Vec<bool>,
    /// Rewards of the last step, (C, N).
    pub rewards: Vec<f32>,
    /// How each environment's episode stood after the last step, (C).
    pub status: Vec<Status>,
}

impl Buffers {
    /// As much as these environments write.
    pub fn of<E: Environment>(envs: &VecEnv<E>) -> Self {
        let (num_envs, spec) = (envs.num_envs(), envs.spec());
        let rows = num_envs * spec.agents;
        Self {
            obs: vec![f32::NAN; rows * spec.obs_dim],
            available: vec![false; num_envs * spec.available_len()],
            active: vec![false; rows],
            rewards: vec![f32::NAN; rows],
            status: vec![Status::Running; num_envs],
        }
    }

    /// Where the agents' observations are written, as for [`VecEnv::restore`].
    pub fn batch(&mut self) -> Batch<'_> {
        Batch {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        }
    }

    /// Begins an episode in every environment, as [`VecEnv::reset`] does.
    ///
    /// # Errors
    ///
    /// As [`VecEnv::reset`], such as for environments of other sizes.
    pub fn reset<E: Environment>(&mut self, envs: &mut VecEnv<E>) -> Result<(), VecEnvError> {
        envs.reset(self.batch())
    }

    /// Takes one step in every environment, as [`VecEnv::step`] does, with (C, N) indices or (C, N, A) numbers.
    ///
    /// # Errors
    ///
    /// As [`VecEnv::step`], such as for environments of other sizes.
    pub fn step<E: Environment>(
        &mut self,
        envs: &mut VecEnv<E>,
        actions: Actions<'_>,
    ) -> Result<(), VecEnvError> {
        let out = Batch {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        envs.step(actions, out, &mut self.rewards, &mut self.status)
    }
}
