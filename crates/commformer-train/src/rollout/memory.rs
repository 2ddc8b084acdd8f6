//! What a rollout keeps beside observations and actions: the receive gates' decisions, and what
//! agents carry from step to step.

use super::rows::{Rows, samples, write};
use crate::TrainError;
use crate::policy::{GateSamples, Gating};
use crate::ranks::wire::Wire;
use tch::{Device, Kind, Tensor};

/// The gates' decisions of T steps of C environments with N agents and W decisions each.
#[derive(Debug)]
pub struct GateMemory {
    /// (T, C, N, W).
    open: Rows<f32>,
    scores: Rows<f32>,
    /// (T, C, N).
    values: Rows<f32>,
    /// What only the policy reads: (T, C, N, W) and (T, C, N).
    noise: Tensor,
    log_probs: Tensor,
}

impl GateMemory {
    /// Memory of this shape, [T, C, N, W].
    pub fn new(shape: [i64; 4]) -> Result<Self, TrainError> {
        Ok(Self {
            open: Rows::zeros(&shape)?,
            scores: Rows::zeros(&shape)?,
            values: Rows::zeros(&shape[..3])?,
            noise: Tensor::f_zeros(shape, OPTIONS)?,
            log_probs: Tensor::f_zeros(&shape[..3], OPTIONS)?,
        })
    }

    /// Puts what the policy reads and writes where it works.
    pub fn mirror_on(&mut self, device: Device) -> Result<(), TrainError> {
        self.noise = self.noise.f_to_device(device)?;
        self.log_probs = self.log_probs.f_to_device(device)?;
        self.open.mirror_on(device)?;
        self.scores.mirror_on(device)?;
        self.values.mirror_on(device)
    }

    /// Keeps the decisions of step `t` and the noise they were drawn from, if they were.
    pub fn record(
        &mut self,
        t: usize,
        gating: &Gating,
        noise: Option<&Tensor>,
    ) -> Result<(), TrainError> {
        if let Some(noise) = noise {
            write(&self.noise, t, noise)?;
        }
        write(&self.log_probs, t, &gating.log_probs)?;
        self.open.write(t, &gating.open)?;
        self.scores.write(t, &gating.scores)?;
        self.values.write(t, &gating.values)
    }

    /// Brings what the trainer counts with to the environments' memory.
    pub fn fetch(&mut self) -> Result<(), TrainError> {
        let steps = self.noise.size()[0] as usize;
        self.open.fetch(0..steps)?;
        self.scores.fetch(0..steps)?;
        self.values.fetch(0..steps)
    }

    /// Gives the decisions to other processes, or takes those of another one.
    pub fn exchange(&mut self, wire: &mut Wire<'_>) -> Result<(), TrainError> {
        self.open.exchange(wire)?;
        self.scores.exchange(wire)?;
        self.values.exchange(wire)?;
        wire.tensor(&mut self.noise)?;
        wire.tensor(&mut self.log_probs)
    }

    /// The gates of step `t`, (C, N, W).
    pub fn open(&self, t: usize) -> Result<&[f32], TrainError> {
        self.open.row(t)
    }

    /// The scores of every decision, (S, N, W).
    pub fn scores(&self) -> Result<&[f32], TrainError> {
        self.scores.slice()
    }

    /// Normalised values before the decisions, (S, N).
    pub fn values(&self) -> Result<&[f32], TrainError> {
        self.values.slice()
    }

    /// Every sample's decisions, log-probabilities and values: tensors over the memory.
    pub fn samples(&mut self) -> Result<(GateSamples, Tensor, Tensor), TrainError> {
        let steps = self.noise.size()[0] as usize;
        Ok((
            GateSamples {
                open: self.open.samples(steps)?,
                noise: samples(&self.noise, steps)?,
            },
            samples(&self.log_probs, steps)?,
            self.values.samples(steps)?,
        ))
    }
}

/// What agents carry from step to step: (T + 1, C, N, M), and what they had carried into the
/// observations in which episodes were truncated. Only the policy reads it, so it lies where that works.
#[derive(Debug)]
pub struct RecurrentStates {
    memory: Tensor,
    at_ends: Vec<Tensor>,
}

impl RecurrentStates {
    /// For T + 1 steps: [T + 1, C, N, M].
    pub fn new(shape: [i64; 4]) -> Result<Self, TrainError> {
        Ok(Self {
            memory: Tensor::f_zeros(shape, OPTIONS)?,
            at_ends: Vec::new(),
        })
    }

    /// Moves it to where the policy works.
    pub fn mirror_on(&mut self, device: Device) -> Result<(), TrainError> {
        self.memory = self.memory.f_to_device(device)?;
        Ok(())
    }

    /// Gives all rows to other processes, or takes those of another one.
    pub fn exchange(&mut self, wire: &mut Wire<'_>) -> Result<(), TrainError> {
        wire.tensor(&mut self.memory)
    }

    /// Makes the last row the first.
    pub fn begin(&mut self) -> Result<(), TrainError> {
        self.at_ends.clear();
        write(&self.memory, 0, &self.at(self.steps())?)
    }

    /// The last row, (C, N, M), to be saved.
    pub fn last(&self) -> Result<Vec<f32>, TrainError> {
        let last = self.at(self.steps())?.f_to_device(Device::Cpu)?;
        Ok(Vec::try_from(last.f_flatten(0, -1)?)?)
    }

    /// Sets the last row to what [`last`](Self::last) gave.
    pub fn restore(&self, last: &[f32]) -> Result<(), TrainError> {
        let mut own = self.at(self.steps())?;
        if last.len() != own.numel() {
            let (found, expected) = (last.len(), own.numel());
            return Err(TrainError::Mismatch(format!(
                "its agents carry {found} numbers, not {expected}"
            )));
        }
        Ok(own.f_copy_(&Tensor::f_from_slice(last)?.f_view(&own.size()[..])?)?)
    }

    /// Keeps what is carried out of step `t`, (C, N, M).
    pub fn record(&mut self, t: usize, memory: &Tensor) -> Result<(), TrainError> {
        write(&self.memory, t + 1, memory)
    }

    /// Agents of `env` left in step `t`: whoever has their places now begins with nothing.
    pub fn depart(&mut self, t: usize, env: usize, departed: &[bool]) -> Result<(), TrainError> {
        for (agent, _) in departed.iter().enumerate().filter(|(_, left)| **left) {
            let recurrent = self.at(t + 1)?.f_select(0, env as i64)?;
            let _ = recurrent.f_select(0, agent as i64)?.f_zero_()?;
        }
        Ok(())
    }

    /// The episode of `env` ended in step `t`: its next one begins with nothing.
    pub fn end(&mut self, t: usize, env: usize, truncated: bool) -> Result<(), TrainError> {
        let mut recurrent = self.at(t + 1)?.f_select(0, env as i64)?;
        if truncated {
            self.at_ends.push(recurrent.copy());
        }
        let _ = recurrent.f_zero_()?;
        Ok(())
    }

    /// What is carried into step `t`, (C, N, M).
    pub fn at(&self, t: usize) -> Result<Tensor, TrainError> {
        Ok(self.memory.f_select(0, t as i64)?)
    }

    /// What was carried into the last observations of truncated episodes, (ends, N, M), where there
    /// were any.
    pub fn at_ends(&self) -> Result<Tensor, TrainError> {
        Ok(Tensor::f_stack(&self.at_ends, 0)?)
    }

    /// What was carried into every sample, (S, N, M).
    pub fn samples(&self) -> Result<Tensor, TrainError> {
        samples(&self.memory, self.steps())
    }

    fn steps(&self) -> usize {
        self.memory.size()[0] as usize - 1
    }
}

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The scores of active agents: W of them for each entry of `active`.
pub fn of_active<'a>(scores: &'a [f32], active: &'a [bool]) -> impl Iterator<Item = f32> + 'a {
    let width = (scores.len() / active.len().max(1)).max(1);
    scores
        .chunks(width)
        .zip(active)
        .filter(|(_, active)| **active)
        .flat_map(|(scores, _)| scores.iter().copied())
}
