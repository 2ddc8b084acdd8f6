//! A rollout step by step: what is perceived, what is chosen, what comes of it.

use super::Buffer;
use crate::rollout::boundary::Written;
use crate::rollout::memory::RecurrentStates;
use crate::rollout::noise::Drawn;
use crate::rollout::rows::write;
use crate::rollout::samples::{Ends, Observed};
use crate::{Act, TrainError, returned};
use commformer_env::{Actions, Batch, Environment, Status, VecEnv};
use tch::{Device, Tensor};

impl Buffer {
    /// What is perceived at step `t` (step T is that after the rollout), and what was drawn for it,
    /// both where the policy works.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a step that the buffer does not have, [`TrainError::Tch`] or [`TrainError::Torch`] if
    /// libtorch refuses.
    pub fn observed(
        &mut self,
        t: usize,
        mut drawn: Drawn,
    ) -> Result<(Observed, Drawn), TrainError> {
        crate::check::step(t, self.steps)?;
        let mut active = self.flags(&self.active[self.steps_of_agents(t)])?;
        if let Some(staging) = &mut self.staging {
            let [obs, available, state, of_agents, actions, gates] = staging.send([
                Some(self.obs.host_at(t)?),
                self.available
                    .as_mut()
                    .map(|available| available.host_at(t))
                    .transpose()?,
                (self.state.as_mut())
                    .map(|state| state.rows.host_at(t))
                    .transpose()?,
                active,
                drawn.actions,
                drawn.gates,
            ])?;
            if let Some(obs) = &obs {
                self.obs.write(t, obs)?;
            }
            if let (Some(mirror), Some(available)) = (&mut self.available, &available) {
                mirror.write(t, available)?;
            }
            if let (Some(mirror), Some(state)) = (&mut self.state, &state) {
                mirror.rows.write(t, state)?;
            }
            active = of_agents;
            drawn = Drawn { actions, gates };
        }
        let observed = Observed {
            obs: self.obs.at(t)?,
            available: self
                .available
                .as_mut()
                .map(|available| available.at(t))
                .transpose()?,
            active,
            state: (self.state.as_mut())
                .map(|state| state.rows.at(t))
                .transpose()?,
            memory: self
                .recurrent
                .as_ref()
                .map(|recurrent| recurrent.at(t))
                .transpose()?,
        };
        Ok((observed, drawn))
    }

    /// Keeps what the policy chose at step `t`, and the noise from which its gates were drawn. Only the
    /// actions are brought to the environments.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a step that the buffer does not have, [`TrainError::Returned`] for tensors of another
    /// shape or kind, and for an action that was not available.
    pub fn record(
        &mut self,
        t: usize,
        act: &Act,
        gate_noise: Option<&Tensor>,
    ) -> Result<(), TrainError> {
        self.check_taken(t)?;
        returned::act(act, self.envs, &self.spec, self.needs)?;
        if let (Some(gates), Some(gating)) = (&mut self.gates, &act.gate) {
            gates.record(t, gating, gate_noise)?;
        }
        if let (Some(recurrent), Some(memory)) = (&mut self.recurrent, &act.memory) {
            recurrent.record(t, memory)?;
        }
        write(&self.log_probs, t, &act.log_probs)?;
        self.values.write(t, &act.values)?;
        self.actions.record(t, &act.actions)?;
        self.check_available(t)
    }

    /// Refuses actions that were not available at step `t`, now that they are where the environments are.
    fn check_available(&self, t: usize) -> Result<(), TrainError> {
        match (&self.available, self.actions.at(t)?) {
            (Some(available), Actions::Discrete(actions)) => returned::available(
                actions,
                available.row(t)?,
                &self.active[self.steps_of_agents(t)],
                self.spec.agents,
            ),
            _ => Ok(()),
        }
    }

    /// Lets environments that live elsewhere begin step `t`, for which the actions are there.
    pub fn begin_step<E: Environment>(
        &self,
        t: usize,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
        self.check_taken(t)?;
        Ok(environments.begin_step(self.actions.at(t)?)?)
    }

    /// Steps every environment with the actions of step `t`.
    ///
    /// # Errors
    /// [`TrainError::Fault`] if nobody can learn from what was written, [`TrainError::Setting`] for a step that the buffer
    /// does not have, [`TrainError::Environment`] for environments that it was not made for.
    pub fn step<E: Environment>(
        &mut self,
        t: usize,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
        self.check_taken(t)?;
        let actions = self.actions.at(t)?;
        let (acted, next) = (self.steps_of_agents(t), self.steps_of_agents(t + 1));
        let obs = self.obs.row_mut(t + 1)?;
        let available = match &mut self.available {
            Some(available) => available.row_mut(t + 1)?,
            None => &mut [],
        };
        let out = Batch {
            obs,
            available,
            active: &mut self.active[next],
        };
        let rewards = &mut self.rewards.as_slice_mut().unwrap_or_default()[acted.clone()];
        let status = &mut self.status[t * self.envs..(t + 1) * self.envs];
        environments.step(actions, out, rewards, status)?;
        let written = Written {
            obs,
            available,
            rewards,
            status,
        };
        self.fault = written.fault(environments);
        self.sound()?;
        self.keep_states(t + 1, t * self.envs..(t + 1) * self.envs, environments)?;
        let status = &self.status[t * self.envs..(t + 1) * self.envs];
        let departed = self.departed[acted].chunks_exact_mut(self.spec.agents);
        for (env, (status, departed)) in status.iter().zip(departed).enumerate() {
            match environments.departed(env)? {
                [] => departed.fill(false),
                left => departed.copy_from_slice(left),
            }
            if let Some(recurrent) = &mut self.recurrent {
                recurrent.depart(t, env, departed)?;
            }
            if let (Some(recurrent), true) = (&mut self.recurrent, *status != Status::Running) {
                recurrent.end(t, env, *status == Status::Truncated)?;
            }
            if *status == Status::Truncated {
                self.final_obs
                    .extend_from_slice(environments.final_obs(env));
                self.final_active
                    .extend_from_slice(environments.final_active(env));
                self.final_available
                    .extend_from_slice(environments.final_available(env));
                if let Some(state) = &mut self.state {
                    state.end(env, environments);
                }
                self.final_at.push((t, env));
            }
        }
        Ok(())
    }

    /// Refuses a step in which no action can be taken.
    fn check_taken(&self, t: usize) -> Result<(), TrainError> {
        match t < self.steps {
            true => Ok(()),
            false => crate::check::step(t, self.steps.saturating_sub(1)),
        }
    }

    /// 1 where an agent is active, (.., N); `None` where everybody is.
    fn flags(&self, active: &[bool]) -> Result<Option<Tensor>, TrainError> {
        if active.iter().all(|active| *active) {
            return Ok(None);
        }
        let flags: Vec<f32> = active.iter().map(|is| f32::from(u8::from(*is))).collect();
        let flags = Tensor::f_from_slice(&flags)?;
        Ok(Some(flags.f_view([-1, self.spec.agents as i64])?))
    }

    /// Where episodes were truncated; `None` if none was.
    pub fn truncated(&self) -> Result<Option<Ends>, TrainError> {
        let shape = [self.final_at.len(), self.spec.agents, self.spec.obs_dim];
        if shape[0] == 0 {
            return Ok(None);
        }
        let obs = Tensor::from_slice(&self.final_obs).view(shape.map(|size| size as i64));
        let device = self.log_probs.device();
        let active = self.flags(&self.final_active)?;
        let available = match self.final_available.is_empty() {
            true => None,
            false => {
                let available = Tensor::f_from_slice(&self.final_available)?;
                Some(available.f_view([shape[0] as i64, shape[1] as i64, -1])?)
            }
        };
        Ok(Some(Ends {
            envs: self.final_at.iter().map(|&(_, env)| env).collect(),
            observed: Observed {
                obs: obs.f_to_device(device)?,
                available: available
                    .map(|available| available.f_to_device(device))
                    .transpose()?,
                active: active
                    .map(|active| active.f_to_device(device))
                    .transpose()?,
                state: (self.state.as_ref())
                    .map(|state| state.at_ends(device))
                    .transpose()?,
                memory: self
                    .recurrent
                    .as_ref()
                    .map(RecurrentStates::at_ends)
                    .transpose()?,
            },
        }))
    }

    /// Keeps the values of the state after the last step, (C, N), and of those in which episodes
    /// were truncated, (ends, N); and brings all that the trainer counts with to its side.
    ///
    /// # Errors
    /// [`TrainError::Returned`] for values of another shape or kind.
    pub fn finish(&mut self, last: &Tensor, ends: Option<&Tensor>) -> Result<(), TrainError> {
        let agents = self.spec.agents as i64;
        returned::values(last, &[self.envs as i64, agents])?;
        if let Some(ends) = ends {
            returned::values(ends, &[self.final_at.len() as i64, agents])?;
        }
        self.values.write(self.steps, last)?;
        if let Some(ends) = ends {
            let ends = ends.f_to_device(Device::Cpu)?.f_flatten(0, -1)?;
            self.final_values = Vec::try_from(ends)?;
        }
        self.values.fetch(0..self.steps + 1)?;
        self.fetch_gates()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::buffer::scripted::Scripted;
    use commformer_env::ActionSpace;

    #[test]
    fn a_step_that_the_buffer_does_not_have_is_an_error() {
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        let scripted = Scripted::new(&[active; 3], &[rewards; 2], Status::Running);
        let mut buffer = Buffer::new(scripted.spec(), 1, 2).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        let refused = buffer.step(2, &mut env).unwrap_err().to_string();
        assert!(refused.contains("is 2, expected from 0 to 1"), "{refused}");
        let nothing = || Drawn {
            actions: None,
            gates: None,
        };
        assert!(buffer.observed(2, nothing()).is_ok());
        assert!(buffer.observed(3, nothing()).is_err());
        assert!(buffer.seen(2..3).is_ok() && buffer.seen(2..4).is_err());
    }

    #[test]
    fn a_truncated_episode_ends_with_what_could_be_done_there() {
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        for masks in [true, false] {
            let mut scripted = Scripted::new(&[active; 2], &[rewards], Status::Truncated);
            scripted.spec.actions = ActionSpace::Discrete(2);
            scripted.spec.masks_actions = masks;
            let mut buffer = Buffer::new(scripted.spec(), 1, 1).unwrap();
            let mut env = VecEnv::new(vec![scripted], 0).unwrap();
            buffer.reset(&mut env).unwrap();
            buffer.begin().unwrap();
            buffer.step(0, &mut env).unwrap();
            let ends = buffer.truncated().unwrap().unwrap();
            let found = ends.observed.available.map(|available| {
                assert_eq!(available.size(), [1, 2, 2]);
                Vec::<bool>::try_from(available.flatten(0, -1)).unwrap()
            });
            assert_eq!(found, masks.then(|| vec![false, true, true, true]));
        }
    }

    #[test]
    fn a_size_that_no_memory_has_is_an_error() {
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        let scripted = Scripted::new(&[active; 2], &[rewards], Status::Running);
        for steps in [usize::MAX, i64::MAX as usize, 1 << 60] {
            assert!(Buffer::new(scripted.spec(), 1, steps).is_err());
        }
    }
}
