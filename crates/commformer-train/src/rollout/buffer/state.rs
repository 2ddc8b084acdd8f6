//! The global state, for policies that ask for it.

use super::Buffer;
use crate::TrainError;
use crate::rollout::boundary::fault_of_states;
use crate::rollout::rows::Rows;
use commformer_env::{Environment, VecEnv};
use std::ops::Range;
use tch::{Device, Tensor};

/// The global states of a rollout.
#[derive(Debug)]
pub(super) struct States {
    /// (T + 1, C, S).
    pub rows: Rows<f32>,
    /// Those in which truncated episodes ended, one (S) after the other.
    finals: Vec<f32>,
    width: i64,
}

impl Buffer {
    /// Keeps the states of the observations at step `t`, to which steps led whose status stands in `status`, or none.
    ///
    /// # Errors
    /// [`TrainError::Fault`] if nobody can learn from what was written.
    pub(super) fn keep_states<E: Environment>(
        &mut self,
        t: usize,
        status: Range<usize>,
        environments: &VecEnv<E>,
    ) -> Result<(), TrainError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let states = state.rows.row_mut(t)?;
        environments.global_states(states)?;
        self.fault = fault_of_states(states, &self.status[status], environments);
        self.sound()
    }
}

impl States {
    /// Of this shape, [T + 1, C, S].
    pub fn new(shape: [i64; 3]) -> Result<Self, TrainError> {
        Ok(Self {
            rows: Rows::zeros(&shape)?,
            finals: Vec::new(),
            width: shape[2],
        })
    }

    /// Makes the last row the first.
    pub fn begin(&mut self, last: usize) -> Result<(), TrainError> {
        self.finals.clear();
        self.rows.carry(last)
    }

    /// Keeps the state in which the episode of `env` was truncated in the last step.
    pub fn end<E: Environment>(&mut self, env: usize, environments: &VecEnv<E>) {
        self.finals.extend_from_slice(environments.final_state(env));
    }

    /// Those in which episodes were truncated, (ends, S).
    pub fn at_ends(&self, device: Device) -> Result<Tensor, TrainError> {
        let finals = Tensor::f_from_slice(&self.finals)?.f_view([-1, self.width])?;
        Ok(finals.f_to_device(device)?)
    }
}
