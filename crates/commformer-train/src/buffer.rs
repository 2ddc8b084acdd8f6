//! The rollout's memory: environments write into it, tensors read from it, and nothing is copied
//! in between.

use crate::recall::{Carried, GateMemory};
use crate::rows::{carry, row, row_mut, rows, samples, write_row};
use crate::samples::{Done, Ends, Perceived};
use crate::{Act, TrainError, ValueNorm, gae};
use commformer_env::{ActionSpace, Actions, Batch, Environment, Spec, Status, VecEnv};
use commformer_torch::TorchError;
use commformer_torch::shared::Shared;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, s};
use tch::Tensor;

/// Everything one rollout leaves: T steps of C copies with N agents. What is perceived has a row
/// more, for the situation after the last step.
#[derive(Debug)]
pub struct Buffer {
    spec: Spec,
    steps: usize,
    copies: usize,
    /// (T + 1, C, N, O).
    obs: Shared<f32>,
    /// (T + 1, C, N, A), where actions can be unavailable.
    available: Option<Shared<bool>>,
    /// (T + 1, C, N).
    active: Shared<bool>,
    actions: ActionBuffer,
    /// Of the actions taken, (T, C, N).
    log_probs: Shared<f32>,
    /// Normalised, (T + 1, C, N).
    values: Shared<f32>,
    /// (T, C, N).
    rewards: Array3<f32>,
    /// What agents paid for listening, (T, C, N).
    tolls: Array3<f32>,
    gates: Option<GateMemory>,
    carried: Option<Carried>,
    /// How each episode stood after each step, (T, C).
    status: Array2<Status>,
    /// Observations in which truncated episodes ended, one (N, O) after the other.
    final_obs: Vec<f32>,
    /// The step and copy of each of them.
    final_at: Vec<(usize, usize)>,
}

/// The joint actions of a rollout.
#[derive(Debug)]
enum ActionBuffer {
    /// (T, C, N).
    Discrete(Shared<i64>),
    /// (T, C, N, A).
    Continuous(Shared<f32>),
}

impl Buffer {
    /// Memory for `steps` steps of `copies` copies.
    ///
    /// # Errors
    /// [`TorchError`] if there is not enough memory.
    pub fn new(spec: &Spec, copies: usize, steps: usize) -> Result<Self, TorchError> {
        let (rows, columns, agents) = (steps as i64, copies as i64, spec.agents as i64);
        let available = (spec.available_len() / spec.agents.max(1)) as i64;
        Ok(Self {
            steps,
            copies,
            obs: Shared::zeros(&[rows + 1, columns, agents, spec.obs_dim as i64])?,
            available: match available {
                0 => None,
                width => Some(Shared::zeros(&[rows + 1, columns, agents, width])?),
            },
            active: Shared::zeros(&[rows + 1, columns, agents])?,
            actions: match spec.actions {
                ActionSpace::Discrete(_) => {
                    ActionBuffer::Discrete(Shared::zeros(&[rows, columns, agents])?)
                }
                ActionSpace::Continuous(width) => {
                    ActionBuffer::Continuous(Shared::zeros(&[rows, columns, agents, width as i64])?)
                }
            },
            log_probs: Shared::zeros(&[rows, columns, agents])?,
            values: Shared::zeros(&[rows + 1, columns, agents])?,
            rewards: Array3::zeros((steps, copies, spec.agents)),
            tolls: Array3::zeros((steps, copies, spec.agents)),
            gates: None,
            carried: None,
            status: Array2::from_elem((steps, copies), Status::Running),
            final_obs: Vec::new(),
            final_at: Vec::new(),
            spec: spec.clone(),
        })
    }

    /// Makes room for the decisions of receive gates, W for each agent, and for M numbers that it
    /// carries from step to step; 0 for none.
    ///
    /// # Errors
    /// [`TorchError`] if there is not enough memory.
    pub fn with_recall(
        mut self,
        gate_width: usize,
        memory_width: usize,
    ) -> Result<Self, TorchError> {
        let shape = [self.steps, self.copies, self.spec.agents].map(|size| size as i64);
        let [steps, copies, agents] = shape;
        if gate_width > 0 {
            let shape = [steps, copies, agents, gate_width as i64];
            self.gates = Some(GateMemory::new(shape)?);
        }
        if memory_width > 0 {
            let shape = [steps + 1, copies, agents, memory_width as i64];
            self.carried = Some(Carried::new(shape)?);
        }
        Ok(self)
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

    /// Begins an episode in every copy; the next rollout starts there.
    pub fn reset<E: Environment>(
        &mut self,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
        let last = self.steps;
        environments.reset(perceived(
            &mut self.obs,
            &mut self.available,
            &mut self.active,
            last,
        )?)?;
        Ok(())
    }

    /// Makes the situation after the last step the first one of a new rollout.
    pub fn begin(&mut self) -> Result<(), TorchError> {
        carry(&mut self.obs, self.steps)?;
        carry(&mut self.active, self.steps)?;
        if let Some(available) = &mut self.available {
            carry(available, self.steps)?;
        }
        if let Some(carried) = &mut self.carried {
            carried.begin()?;
        }
        self.final_obs.clear();
        self.final_at.clear();
        Ok(())
    }

    /// What is perceived at step `t` (the last is that after the rollout).
    pub fn situation(&mut self, t: usize) -> Result<Perceived, TorchError> {
        let row = |whole: Tensor| whole.select(0, t as i64);
        Ok(Perceived {
            obs: row(self.obs.tensor()?),
            available: self
                .available
                .as_mut()
                .map(|mask| mask.tensor().map(row))
                .transpose()?,
            memory: self
                .carried
                .as_mut()
                .map(|carried| carried.at(t))
                .transpose()?,
        })
    }

    /// Keeps what the policy chose at step `t`, and the noise from which its gates were drawn.
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
        write_row(&mut self.log_probs, t, &act.log_probs)?;
        write_row(&mut self.values, t, &act.values)?;
        match &mut self.actions {
            ActionBuffer::Discrete(actions) => write_row(actions, t, &act.actions),
            ActionBuffer::Continuous(actions) => write_row(actions, t, &act.actions),
        }
    }

    /// Keeps the values of the situation at step `t`, (C, N).
    pub fn record_values(&mut self, t: usize, values: &Tensor) -> Result<(), TrainError> {
        write_row(&mut self.values, t, values)
    }

    /// Steps every copy with the actions of step `t`.
    pub fn step<E: Environment>(
        &mut self,
        t: usize,
        environments: &mut VecEnv<E>,
    ) -> Result<(), TrainError> {
        let actions = match &self.actions {
            ActionBuffer::Discrete(actions) => Actions::Discrete(row(actions, t)?),
            ActionBuffer::Continuous(actions) => Actions::Continuous(row(actions, t)?),
        };
        let out = perceived(&mut self.obs, &mut self.available, &mut self.active, t + 1)?;
        let cells = self.copies * self.spec.agents;
        let rewards = self.rewards.as_slice_mut().unwrap_or_default();
        let status = self.status.as_slice_mut().unwrap_or_default();
        let rewards = &mut rewards[t * cells..(t + 1) * cells];
        let status = &mut status[t * self.copies..(t + 1) * self.copies];
        environments.step(actions, out, rewards, status)?;
        for (copy, status) in status.iter().enumerate() {
            if let (Some(carried), true) = (&mut self.carried, *status != Status::Running) {
                carried.end(t, copy, *status == Status::Truncated)?;
            }
            if *status == Status::Truncated {
                self.final_obs
                    .extend_from_slice(environments.final_obs(copy));
                self.final_at.push((t, copy));
            }
        }
        Ok(())
    }

    /// Whether each agent takes part at step `t`, (C, N).
    pub fn active(&self, t: usize) -> Result<&[bool], TorchError> {
        row(&self.active, t)
    }

    /// Where episodes were truncated; `None` if none was.
    pub fn truncated(&self) -> Option<Ends> {
        let shape = [self.final_at.len(), self.spec.agents, self.spec.obs_dim];
        (shape[0] > 0).then(|| Ends {
            copies: self.final_at.iter().map(|&(_, copy)| copy).collect(),
            perceived: Perceived {
                obs: Tensor::from_slice(&self.final_obs).view(shape.map(|size| size as i64)),
                available: None,
                memory: self.carried.as_ref().map(Carried::at_ends),
            },
        })
    }

    /// What the gates decided, where there are any.
    pub fn gates(&self) -> Option<&GateMemory> {
        self.gates.as_ref()
    }

    /// The same, to make tensors of.
    pub fn gates_mut(&mut self) -> Option<&mut GateMemory> {
        self.gates.as_mut()
    }

    /// Takes from every agent what it owes for listening, (T, C, N), in the place of earlier tolls.
    pub fn charge(&mut self, tolls: Array3<f32>) {
        self.tolls = tolls;
    }

    /// What was perceived in every sample.
    pub fn perceived_samples(&mut self) -> Result<Perceived, TorchError> {
        let steps = self.steps;
        Ok(Perceived {
            obs: samples(&mut self.obs, steps)?,
            available: self
                .available
                .as_mut()
                .map(|available| samples(available, steps))
                .transpose()?,
            memory: self.carried.as_mut().map(Carried::samples).transpose()?,
        })
    }

    /// What was done in every sample.
    pub fn done_samples(&mut self) -> Result<Done, TorchError> {
        let steps = self.steps;
        Ok(Done {
            actions: match &mut self.actions {
                ActionBuffer::Discrete(actions) => samples(actions, steps)?,
                ActionBuffer::Continuous(actions) => samples(actions, steps)?,
            },
            log_probs: samples(&mut self.log_probs, steps)?,
            values: samples(&mut self.values, steps)?,
        })
    }

    /// Whether each agent took part in each sample, (S, N).
    pub fn active_samples(&self) -> Result<&[bool], TorchError> {
        rows(&self.active, 0..self.steps)
    }

    /// Advantages and returns, (T, C, N). `final_values` holds a row of N normalised values for
    /// each truncated episode, in the order of [`truncated`](Self::truncated).
    pub fn advantages(
        &self,
        final_values: ArrayView2<'_, f32>,
        norm: &ValueNorm,
        gamma: f64,
        lambda: f64,
    ) -> Result<(Array3<f32>, Array3<f32>), TorchError> {
        let shape = (self.steps + 1, self.copies, self.spec.agents);
        let values: Vec<f32> = self
            .values
            .slice()?
            .iter()
            .map(|value| norm.denormalize(*value))
            .collect();
        // The memory has exactly this shape.
        let values = Array3::from_shape_vec(shape, values).unwrap_or_default();
        let mut next_values = values.slice(s![1.., .., ..]).to_owned();
        let mut ended = Array3::zeros(next_values.raw_dim());
        for ((t, copy), status) in self.status.indexed_iter() {
            if *status != Status::Running {
                ended.slice_mut(s![t, copy, ..]).fill(1.0);
                next_values.slice_mut(s![t, copy, ..]).fill(0.0);
            }
        }
        for (&(t, copy), values) in self.final_at.iter().zip(final_values.rows()) {
            let values = values.mapv(|value| norm.denormalize(value));
            next_values.slice_mut(s![t, copy, ..]).assign(&values);
        }
        let acted_in = values.slice(s![..-1, .., ..]);
        let earned = &self.rewards - &self.tolls;
        Ok(gae(
            earned.view(),
            acted_in,
            next_values.view(),
            ended.view(),
            gamma,
            lambda,
        ))
    }
}

/// Where an environment writes what is perceived at step `t`.
fn perceived<'a>(
    obs: &'a mut Shared<f32>,
    available: &'a mut Option<Shared<bool>>,
    active: &'a mut Shared<bool>,
    t: usize,
) -> Result<Batch<'a>, TorchError> {
    Ok(Batch {
        obs: row_mut(obs, t)?,
        available: match available {
            Some(available) => row_mut(available, t)?,
            None => &mut [],
        },
        active: row_mut(active, t)?,
    })
}
