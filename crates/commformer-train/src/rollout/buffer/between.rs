//! Between two rollouts: the state after the last step of one is the first of the next.

use super::Buffer;
use crate::TrainError;
use crate::rollout::boundary::Written;
use crate::rollout::memory::RecurrentStates;
use commformer_env::{Batch, EnvState, Environment, VecEnv};

impl Buffer {
    /// Begins an episode in every environment; the next rollout starts there.
    ///
    /// # Errors
    /// [`TrainError::Fault`] if nobody can learn from what was written.
    pub fn reset<E: Environment>(
        &mut self,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
        self.forget(environments)?;
        environments.reset(self.last()?)?;
        self.check_last(environments)
    }

    /// Goes on from saved environments, whose agents carry these numbers, (C, N, M); the next rollout starts
    /// there.
    ///
    /// # Errors
    /// [`TrainError::Mismatch`] for another recurrent state, [`TrainError::Environment`] for states of other environments,
    /// [`TrainError::Fault`] if nobody can learn from what they wrote.
    pub fn restore<E: Environment>(
        &mut self,
        environments: &mut VecEnv<E>,
        states: &[EnvState],
        recurrent: &[f32],
    ) -> Result<(), TrainError> {
        self.forget(environments)?;
        environments.restore(states, self.last()?)?;
        self.check_last(environments)?;
        match &self.recurrent {
            Some(own) => own.restore(recurrent),
            None if recurrent.is_empty() => Ok(()),
            None => Err(TrainError::Mismatch(
                "its agents carry a recurrent state, those of this run none".into(),
            )),
        }
    }

    /// What agents carry out of the last step, (C, N, M); empty if nothing.
    pub fn recurrent(&self) -> Result<Vec<f32>, TrainError> {
        self.recurrent
            .as_ref()
            .map_or(Ok(Vec::new()), RecurrentStates::last)
    }

    /// Leaves nothing of rollouts before that would reach the next one.
    fn forget<E: Environment>(&mut self, environments: &mut VecEnv<E>) -> Result<(), TrainError> {
        if self.state.is_some() {
            environments.keep_final_states();
        }
        if let Some(recurrent) = &self.recurrent {
            let _ = recurrent.at(self.steps)?.f_zero_()?;
        }
        self.penalties.fill(0.0);
        Ok(())
    }

    /// The row after the last step.
    fn last(&mut self) -> Result<Batch<'_>, TrainError> {
        let agents = self.steps_of_agents(self.steps);
        Ok(Batch {
            obs: self.obs.row_mut(self.steps)?,
            available: match &mut self.available {
                Some(available) => available.row_mut(self.steps)?,
                None => &mut [],
            },
            active: &mut self.active[agents],
        })
    }

    /// Looks at what the environments wrote there, and keeps their global states.
    fn check_last<E: Environment>(&mut self, environments: &VecEnv<E>) -> Result<(), TrainError> {
        let written = Written {
            obs: self.obs.row(self.steps)?,
            available: match &self.available {
                Some(available) => available.row(self.steps)?,
                None => &[],
            },
            rewards: &[],
            status: &[],
        };
        self.fault = written.fault(environments);
        self.sound()?;
        self.keep_states(self.steps, 0..0, environments)
    }

    /// An error if nobody can learn from what the environments wrote last. It stays until they are reset,
    /// so that nothing of it ever reaches a policy.
    pub fn sound(&self) -> Result<(), TrainError> {
        self.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Makes the state after the last step the first one of a new rollout.
    ///
    /// # Errors
    /// [`TrainError::Fault`] if a step before was at fault.
    pub fn begin(&mut self) -> Result<(), TrainError> {
        self.sound()?;
        self.obs.carry(self.steps)?;
        if let Some(available) = &mut self.available {
            available.carry(self.steps)?;
        }
        self.active
            .copy_within(self.steps * self.envs * self.spec.agents.., 0);
        if let Some(state) = &mut self.state {
            state.begin(self.steps)?;
        }
        if let Some(recurrent) = &mut self.recurrent {
            recurrent.begin()?;
        }
        self.final_obs.clear();
        self.final_active.clear();
        self.final_available.clear();
        self.final_values.clear();
        self.final_at.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Needs;
    use crate::rollout::buffer::scripted::Scripted;
    use commformer_env::Status;
    use ndarray::Array3;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn who_begins_anew_carries_nothing_and_owes_nothing() {
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        let scripted = Scripted::new(&[active; 3], &[rewards; 2], Status::Terminated);
        let needs = Needs {
            memory: 1,
            ..Needs::default()
        };
        let buffer = Buffer::new(scripted.spec(), 1, 1).unwrap();
        let mut buffer = buffer.with_needs(needs).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        buffer.begin().unwrap();
        let ones = Tensor::ones([1, 2, 1], (Kind::Float, Device::Cpu));
        buffer.recurrent.as_mut().unwrap().record(0, &ones).unwrap();
        buffer.step(0, &mut env).unwrap();
        buffer.penalise(Array3::ones((1, 1, 2)));
        assert_eq!(buffer.recurrent().unwrap(), [1.0; 2]);
        buffer.reset(&mut env).unwrap();
        assert_eq!(buffer.recurrent().unwrap(), [0.0; 2]);
        assert_eq!(buffer.penalties.sum(), 0.0);
    }
}
