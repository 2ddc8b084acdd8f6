//! The rollout's memory: environments write into it, tensors read from it, and nothing is copied
//! in between. A policy on another device has a mirror of it there.

mod advantages;
mod begins;
mod between;
mod exchange;
mod fallen;
#[cfg(test)]
pub(crate) mod scripted;
mod state;
mod steps;

use super::boundary::EnvironmentFault;
use super::memory::{GateMemory, RecurrentStates};
use super::rows::{Rows, samples};
use super::samples::{Done, Observed};
use super::staging::Staging;
use super::taken::Taken;
use crate::{Needs, TrainError};
use commformer_env::{Spec, Status};
use ndarray::{Array3, ArrayView3};
use state::States;
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// Everything one rollout leaves: T steps of C environments with N agents. What is perceived has a row
/// more, for the state after the last step.
#[derive(Debug)]
pub struct Buffer {
    spec: Spec,
    steps: usize,
    envs: usize,
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
    /// What agents paid for receiving, (T, C, N).
    penalties: Array3<f32>,
    gates: Option<GateMemory>,
    recurrent: Option<RecurrentStates>,
    /// For what there is room.
    needs: Needs,
    /// How each episode stood after each step, (T, C).
    status: Vec<Status>,
    /// Whether each agent left in each step, (T, C, N).
    departed: Vec<bool>,
    /// Observations in which truncated episodes ended, one (N, O) after the other.
    final_obs: Vec<f32>,
    /// Who was active in them, one (N) after the other.
    final_active: Vec<bool>,
    /// Which actions could be taken in them, one (N, A) after the other; empty where all always can.
    final_available: Vec<bool>,
    /// Their normalised values, one (N) after the other.
    final_values: Vec<f32>,
    /// The step and environment of each of them.
    final_at: Vec<(usize, usize)>,
    /// The way to the mirror, where there is one.
    staging: Option<Staging>,
    /// What was wrong with what the environments wrote last.
    fault: Option<EnvironmentFault>,
}

impl Buffer {
    /// Memory for `steps` steps of `envs` environments.
    ///
    /// # Errors
    /// [`TrainError::Torch`] if there is not enough memory.
    pub fn new(spec: &Spec, envs: usize, steps: usize) -> Result<Self, TrainError> {
        let size = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
        let (rows, columns, agents) = (size(steps), size(envs), size(spec.agents));
        let available = size(spec.available_len() / spec.agents.max(1));
        // The largest comes first: sizes that no memory has are refused before anything is multiplied here.
        let obs = Rows::zeros(&[rows.saturating_add(1), columns, agents, size(spec.obs_dim)])?;
        Ok(Self {
            steps,
            envs,
            obs,
            available: match available {
                0 => None,
                width => Some(Rows::zeros(&[rows + 1, columns, agents, width])?),
            },
            active: vec![false; (steps + 1) * envs * spec.agents],
            state: None,
            actions: Taken::new(spec.actions, [rows, columns, agents])?,
            log_probs: Tensor::f_zeros([rows, columns, agents], (Kind::Float, Device::Cpu))?,
            values: Rows::zeros(&[rows + 1, columns, agents])?,
            rewards: Array3::zeros((steps, envs, spec.agents)),
            penalties: Array3::zeros((steps, envs, spec.agents)),
            gates: None,
            recurrent: None,
            needs: Needs::default(),
            status: vec![Status::Running; steps * envs],
            departed: vec![false; steps * envs * spec.agents],
            final_obs: Vec::new(),
            final_active: Vec::new(),
            final_available: Vec::new(),
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
    /// [`TrainError::Setting`] if a gate has neither one decision nor one for each agent, [`TrainError::Torch`] or
    /// [`TrainError::Tch`] if there is not enough memory.
    pub fn with_needs(mut self, needs: Needs) -> Result<Self, TrainError> {
        crate::check::gate_width(needs.gate, self.spec.agents)?;
        self.needs = needs;
        let shape = [self.steps, self.envs, self.spec.agents].map(|size| size as i64);
        let [steps, envs, agents] = shape;
        if needs.gate > 0 {
            let shape = [steps, envs, agents, needs.gate as i64];
            self.gates = Some(GateMemory::new(shape)?);
        }
        if needs.memory > 0 {
            let shape = [steps + 1, envs, agents, needs.memory as i64];
            self.recurrent = Some(RecurrentStates::new(shape)?);
        }
        if needs.state && self.spec.state_dim > 0 {
            self.state = Some(States::new([steps + 1, envs, self.spec.state_dim as i64])?);
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
        if let Some(recurrent) = &mut self.recurrent {
            recurrent.mirror_on(device)?;
        }
        Ok(())
    }

    /// Steps of a rollout (T).
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Environments (C).
    pub fn num_envs(&self) -> usize {
        self.envs
    }

    /// What the environment looks like.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Rewards of the rollout, (T, C, N).
    pub fn rewards(&self) -> ArrayView3<'_, f32> {
        self.rewards.view()
    }

    /// What was perceived in some steps, rows of O numbers, and who was active in them. Step T is that after the last.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a step that the buffer does not have.
    pub fn seen(&self, steps: Range<usize>) -> Result<(&[f32], &[bool]), TrainError> {
        crate::check::step(steps.end, self.steps + 1)?;
        let steps = steps.start.min(steps.end)..steps.end;
        let agents = self.envs * self.spec.agents;
        let rows = steps.start * agents..steps.end * agents;
        let numbers = rows.start * self.spec.obs_dim..rows.end * self.spec.obs_dim;
        Ok((&self.obs.slice()?[numbers], &self.active[rows]))
    }

    /// Where the agents of step `t` stand among those of all steps.
    fn steps_of_agents(&self, t: usize) -> Range<usize> {
        let agents = self.envs * self.spec.agents;
        t * agents..(t + 1) * agents
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

    /// Subtracts these penalties for receiving, (T, C, N), from the rewards when advantages are estimated. They replace
    /// earlier ones.
    ///
    /// # Panics
    /// [`advantages`](Self::advantages) does if they are not of the rewards' shape.
    pub fn penalise(&mut self, penalties: Array3<f32>) {
        self.penalties = penalties;
    }

    /// What was perceived in every sample; who was active, [`active_samples`](Self::active_samples) says.
    pub fn observed_samples(&mut self) -> Result<Observed, TrainError> {
        let steps = self.steps;
        Ok(Observed {
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
            memory: self
                .recurrent
                .as_ref()
                .map(RecurrentStates::samples)
                .transpose()?,
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

    /// Whether each agent was active in each sample, (S, N).
    pub fn active_samples(&self) -> &[bool] {
        &self.active[..self.steps * self.envs * self.spec.agents]
    }
}
