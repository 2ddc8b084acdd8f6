//! A rollout step by step: what is perceived, what is chosen, what comes of it.

use super::Buffer;
use crate::rollout::boundary::Written;
use crate::rollout::noise::Drawn;
use crate::rollout::recall::Carried;
use crate::rollout::rows::write;
use crate::rollout::samples::{Ends, Perceived};
use crate::{Act, TrainError};
use commformer_env::{Batch, Environment, Status, VecEnv};
use tch::{Device, Tensor};

impl Buffer {
    /// What is perceived at step `t` (the last is that after the rollout), and what was drawn for it,
    /// both where the policy works.
    pub fn situation(
        &mut self,
        t: usize,
        mut drawn: Drawn,
    ) -> Result<(Perceived, Drawn), TrainError> {
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
        let perceived = Perceived {
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
                .carried
                .as_ref()
                .map(|carried| carried.at(t))
                .transpose()?,
        };
        Ok((perceived, drawn))
    }

    /// Keeps what the policy chose at step `t`, and the noise from which its gates were drawn. Only the
    /// actions are brought to the environments.
    pub fn record(
        &mut self,
        t: usize,
        act: &Act,
        gate_noise: Option<&Tensor>,
    ) -> Result<(), TrainError> {
        if let (Some(gates), Some(gating)) = (&mut self.gates, &act.gate) {
            gates.record(t, gating, gate_noise)?;
        }
        if let (Some(carried), Some(memory)) = (&mut self.carried, &act.memory) {
            carried.record(t, memory)?;
        }
        write(&self.log_probs, t, &act.log_probs)?;
        self.values.write(t, &act.values)?;
        self.actions.record(t, &act.actions)
    }

    /// Lets copies that live elsewhere begin step `t`, for which the actions are there.
    pub fn begin_step<E: Environment>(
        &self,
        t: usize,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
        Ok(environments.begin_step(self.actions.at(t)?)?)
    }

    /// Steps every copy with the actions of step `t`.
    ///
    /// # Errors
    /// [`TrainError::Fault`] if nobody can learn from what was written.
    pub fn step<E: Environment>(
        &mut self,
        t: usize,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
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
        let status = &mut self.status[t * self.copies..(t + 1) * self.copies];
        environments.step(actions, out, rewards, status)?;
        let written = Written {
            obs,
            available,
            rewards,
            status,
        };
        self.fault = written.fault(environments);
        self.sound()?;
        self.keep_states(t + 1, t * self.copies..(t + 1) * self.copies, environments)?;
        let status = &self.status[t * self.copies..(t + 1) * self.copies];
        let departed = self.departed[acted].chunks_exact_mut(self.spec.agents);
        for (copy, (status, departed)) in status.iter().zip(departed).enumerate() {
            match environments.departed(copy)? {
                [] => departed.fill(false),
                left => departed.copy_from_slice(left),
            }
            if let Some(carried) = &mut self.carried {
                carried.depart(t, copy, departed)?;
            }
            if let (Some(carried), true) = (&mut self.carried, *status != Status::Running) {
                carried.end(t, copy, *status == Status::Truncated)?;
            }
            if *status == Status::Truncated {
                self.final_obs
                    .extend_from_slice(environments.final_obs(copy));
                self.final_active
                    .extend_from_slice(environments.final_active(copy));
                if let Some(state) = &mut self.state {
                    state.end(copy, environments);
                }
                self.final_at.push((t, copy));
            }
        }
        Ok(())
    }

    /// 1 where an agent takes part, (.., N); `None` where everybody does.
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
        Ok(Some(Ends {
            copies: self.final_at.iter().map(|&(_, copy)| copy).collect(),
            perceived: Perceived {
                obs: obs.f_to_device(device)?,
                available: None,
                active: active
                    .map(|active| active.f_to_device(device))
                    .transpose()?,
                state: (self.state.as_ref())
                    .map(|state| state.at_ends(device))
                    .transpose()?,
                memory: self.carried.as_ref().map(Carried::at_ends).transpose()?,
            },
        }))
    }

    /// Keeps the values of the situation after the last step, (C, N), and of those in which episodes
    /// were truncated, (ends, N); and brings all that the trainer counts with to its side.
    pub fn finish(&mut self, last: &Tensor, ends: Option<&Tensor>) -> Result<(), TrainError> {
        self.values.write(self.steps, last)?;
        if let Some(ends) = ends {
            let ends = ends.f_to_device(Device::Cpu)?.f_flatten(0, -1)?;
            self.final_values = Vec::try_from(ends)?;
        }
        self.values.fetch(0..self.steps + 1)?;
        self.fetch_gates()
    }
}
