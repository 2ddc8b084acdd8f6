//! The rollout's memory: environments write into it, tensors read from it, and nothing is copied
//! in between. A policy on another device has a mirror of it there.

mod advantages;
mod begins;
mod between;
mod fallen;
mod state;
#[cfg(test)]
mod told;

use crate::boundary::{EnvironmentFault, Written};
use crate::noise::Drawn;
use crate::recall::{Carried, GateMemory};
use crate::rows::{Rows, samples, write};
use crate::samples::{Done, Ends, Perceived};
use crate::staging::Staging;
use crate::taken::Taken;
use crate::{Act, Needs, TrainError};
use commformer_env::{Batch, Environment, Spec, Status, VecEnv};
use ndarray::{Array3, ArrayView3};
use state::States;
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// Everything one rollout leaves: T steps of C copies with N agents. What is perceived has a row
/// more, for the situation after the last step.
#[derive(Debug)]
pub struct Buffer {
    spec: Spec,
    steps: usize,
    copies: usize,
    /// (T + 1, C, N, O).
    obs: Rows<f32>,
    /// (T + 1, C, N, A), where actions can be unavailable.
    available: Option<Rows<bool>>,
    /// (T + 1, C, N).
    active: Vec<bool>,
    /// `None` unless the policy asks for it.
    state: Option<States>,
    actions: Taken,
    /// Of the actions taken, (T, C, N); only the policy reads them.
    log_probs: Tensor,
    /// Normalised, (T + 1, C, N).
    values: Rows<f32>,
    /// (T, C, N).
    rewards: Array3<f32>,
    /// What agents paid for listening, (T, C, N).
    penalties: Array3<f32>,
    gates: Option<GateMemory>,
    carried: Option<Carried>,
    /// How each episode stood after each step, (T, C).
    status: Vec<Status>,
    /// Whether each agent left in each step, (T, C, N).
    departed: Vec<bool>,
    /// Observations in which truncated episodes ended, one (N, O) after the other.
    final_obs: Vec<f32>,
    /// Who took part in them, one (N) after the other.
    final_active: Vec<bool>,
    /// Their normalised values, one (N) after the other.
    final_values: Vec<f32>,
    /// The step and copy of each of them.
    final_at: Vec<(usize, usize)>,
    /// The way to the mirror, where there is one.
    staging: Option<Staging>,
    /// What was wrong with what the environments wrote last.
    fault: Option<EnvironmentFault>,
}

impl Buffer {
    /// Memory for `steps` steps of `copies` copies.
    ///
    /// # Errors
    /// [`TrainError::Torch`] if there is not enough memory.
    pub fn new(spec: &Spec, copies: usize, steps: usize) -> Result<Self, TrainError> {
        let (rows, columns, agents) = (steps as i64, copies as i64, spec.agents as i64);
        let available = (spec.available_len() / spec.agents.max(1)) as i64;
        Ok(Self {
            steps,
            copies,
            obs: Rows::zeros(&[rows + 1, columns, agents, spec.obs_dim as i64])?,
            available: match available {
                0 => None,
                width => Some(Rows::zeros(&[rows + 1, columns, agents, width])?),
            },
            active: vec![false; (steps + 1) * copies * spec.agents],
            state: None,
            actions: Taken::new(spec.actions, [rows, columns, agents])?,
            log_probs: Tensor::f_zeros([rows, columns, agents], (Kind::Float, Device::Cpu))?,
            values: Rows::zeros(&[rows + 1, columns, agents])?,
            rewards: Array3::zeros((steps, copies, spec.agents)),
            penalties: Array3::zeros((steps, copies, spec.agents)),
            gates: None,
            carried: None,
            status: vec![Status::Running; steps * copies],
            departed: vec![false; steps * copies * spec.agents],
            final_obs: Vec::new(),
            final_active: Vec::new(),
            final_values: Vec::new(),
            final_at: Vec::new(),
            staging: None,
            fault: None,
            spec: spec.clone(),
        })
    }

    /// Makes room for what an actor needs: its gates' decisions, what its agents carry from step to step, and the
    /// global state, where the task has one.
    ///
    /// # Errors
    /// [`TrainError::Torch`] or [`TrainError::Tch`] if there is not enough memory.
    pub fn with_needs(mut self, needs: Needs) -> Result<Self, TrainError> {
        let shape = [self.steps, self.copies, self.spec.agents].map(|size| size as i64);
        let [steps, copies, agents] = shape;
        if needs.gate > 0 {
            let shape = [steps, copies, agents, needs.gate as i64];
            self.gates = Some(GateMemory::new(shape)?);
        }
        if needs.memory > 0 {
            let shape = [steps + 1, copies, agents, needs.memory as i64];
            self.carried = Some(Carried::new(shape)?);
        }
        if needs.state && self.spec.state_dim > 0 {
            self.state = Some(States::new([
                steps + 1,
                copies,
                self.spec.state_dim as i64,
            ])?);
        }
        Ok(self)
    }

    /// Mirrors what the policy reads and writes on the device where it works. From a rollout's
    /// beginning on, everything stays there as it comes: a step costs one transfer each way.
    ///
    /// # Errors
    /// [`TrainError::Tch`] if the device refuses.
    pub fn mirror_on(&mut self, device: Device) -> Result<(), TrainError> {
        self.staging = Some(Staging::new(device));
        self.obs.mirror_on(device)?;
        if let Some(available) = &mut self.available {
            available.mirror_on(device)?;
        }
        if let Some(state) = &mut self.state {
            state.rows.mirror_on(device)?;
        }
        self.actions.mirror_on(device)?;
        self.log_probs = self.log_probs.f_to_device(device)?;
        self.values.mirror_on(device)?;
        if let Some(gates) = &mut self.gates {
            gates.mirror_on(device)?;
        }
        if let Some(carried) = &mut self.carried {
            carried.mirror_on(device)?;
        }
        Ok(())
    }

    /// Steps of a rollout (T).
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Copies of the environment (C).
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// What the environment looks like.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Rewards of the rollout, (T, C, N).
    pub fn rewards(&self) -> ArrayView3<'_, f32> {
        self.rewards.view()
    }

    /// What was perceived in some steps, rows of O numbers, and who took part in them.
    pub fn seen(&self, steps: Range<usize>) -> Result<(&[f32], &[bool]), TrainError> {
        let agents = self.copies * self.spec.agents;
        let rows = steps.start * agents..steps.end * agents;
        let numbers = rows.start * self.spec.obs_dim..rows.end * self.spec.obs_dim;
        Ok((&self.obs.slice()?[numbers], &self.active[rows]))
    }

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

    /// Where the agents of step `t` stand among those of all steps.
    fn steps_of_agents(&self, t: usize) -> Range<usize> {
        let agents = self.copies * self.spec.agents;
        t * agents..(t + 1) * agents
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

    /// Brings the gates' decisions to the trainer's side.
    pub fn fetch_gates(&mut self) -> Result<(), TrainError> {
        self.gates.as_mut().map_or(Ok(()), GateMemory::fetch)
    }

    /// What the gates decided, where there are any.
    pub fn gates(&self) -> Option<&GateMemory> {
        self.gates.as_ref()
    }

    /// The same, to make tensors of.
    pub fn gates_mut(&mut self) -> Option<&mut GateMemory> {
        self.gates.as_mut()
    }

    /// Takes from every agent what it owes for listening, (T, C, N), in the place of earlier penalties.
    pub fn penalise(&mut self, penalties: Array3<f32>) {
        self.penalties = penalties;
    }

    /// What was perceived in every sample; who took part, [`active_samples`](Self::active_samples) says.
    pub fn perceived_samples(&mut self) -> Result<Perceived, TrainError> {
        let steps = self.steps;
        Ok(Perceived {
            obs: self.obs.samples(steps)?,
            available: self
                .available
                .as_mut()
                .map(|available| available.samples(steps))
                .transpose()?,
            active: None,
            state: (self.state.as_mut())
                .map(|state| state.rows.samples(steps))
                .transpose()?,
            memory: self.carried.as_ref().map(Carried::samples).transpose()?,
        })
    }

    /// What was done in every sample.
    pub fn done_samples(&mut self) -> Result<Done, TrainError> {
        let steps = self.steps;
        Ok(Done {
            actions: self.actions.samples(steps)?,
            log_probs: samples(&self.log_probs, steps)?,
            values: self.values.samples(steps)?,
        })
    }

    /// Whether each agent took part in each sample, (S, N).
    pub fn active_samples(&self) -> &[bool] {
        &self.active[..self.steps * self.copies * self.spec.agents]
    }
}
