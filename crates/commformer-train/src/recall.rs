//! What a rollout remembers beside perceptions and actions: the receive gates' decisions, and what
//! agents carry from step to step.

use crate::gate::Price;
use crate::policy::{GateSamples, Gating};
use crate::rows::{carry, row, row_mut, samples, write_row};
use crate::traffic::{Exchange, Traffic};
use crate::{MessageSizes, TrainError};
use commformer_torch::{Shared, TorchError};
use ndarray::Array3;
use tch::Tensor;

/// The gates' decisions of T steps of C copies with N agents and W decisions each.
#[derive(Debug)]
pub struct GateMemory {
    /// (T, C, N, W).
    open: Shared<f32>,
    noise: Shared<f32>,
    scores: Shared<f32>,
    /// (T, C, N).
    log_probs: Shared<f32>,
    values: Shared<f32>,
}

impl GateMemory {
    /// Memory of this shape, [T, C, N, W].
    pub fn new(shape: [i64; 4]) -> Result<Self, TorchError> {
        Ok(Self {
            open: Shared::zeros(&shape)?,
            noise: Shared::zeros(&shape)?,
            scores: Shared::zeros(&shape)?,
            log_probs: Shared::zeros(&shape[..3])?,
            values: Shared::zeros(&shape[..3])?,
        })
    }

    /// Keeps the decisions of step `t` and the noise they were drawn from, if they were.
    pub fn record(
        &mut self,
        t: usize,
        gating: &Gating,
        noise: Option<&Tensor>,
    ) -> Result<(), TrainError> {
        write_row(&mut self.open, t, &gating.open)?;
        if let Some(noise) = noise {
            write_row(&mut self.noise, t, noise)?;
        }
        write_row(&mut self.scores, t, &gating.scores)?;
        write_row(&mut self.log_probs, t, &gating.log_probs)?;
        write_row(&mut self.values, t, &gating.values)
    }

    /// The gates of step `t`, (C, N, W).
    pub fn open(&self, t: usize) -> Result<&[f32], TorchError> {
        row(&self.open, t)
    }

    /// The scores of every decision, (S, N, W).
    pub fn scores(&self) -> Result<&[f32], TorchError> {
        self.scores.slice()
    }

    /// Normalised values before the decisions, (S, N).
    pub fn values(&self) -> Result<&[f32], TorchError> {
        self.values.slice()
    }

    /// Every sample's decisions, log-probabilities and values: tensors over the memory.
    pub fn samples(&mut self) -> Result<(GateSamples, Tensor, Tensor), TorchError> {
        let steps = self.open.shape()[0] as usize;
        Ok((
            GateSamples {
                open: samples(&mut self.open, steps)?,
                noise: samples(&mut self.noise, steps)?,
            },
            samples(&mut self.log_probs, steps)?,
            samples(&mut self.values, steps)?,
        ))
    }
}

/// What agents carry from step to step: (T + 1, C, N, M), and what they had carried into the
/// observations in which episodes were truncated.
#[derive(Debug)]
pub struct Carried {
    memory: Shared<f32>,
    at_ends: Vec<f32>,
}

impl Carried {
    /// For T + 1 steps: [T + 1, C, N, M].
    pub fn new(shape: [i64; 4]) -> Result<Self, TorchError> {
        Ok(Self {
            memory: Shared::zeros(&shape)?,
            at_ends: Vec::new(),
        })
    }

    /// Makes the last row the first.
    pub fn begin(&mut self) -> Result<(), TorchError> {
        self.at_ends.clear();
        let last = self.memory.shape()[0] as usize - 1;
        carry(&mut self.memory, last)
    }

    /// Keeps what is carried out of step `t`, (C, N, M).
    pub fn record(&mut self, t: usize, memory: &Tensor) -> Result<(), TrainError> {
        write_row(&mut self.memory, t + 1, memory)
    }

    /// The episode of `copy` ended in step `t`: its next one begins with nothing.
    pub fn end(&mut self, t: usize, copy: usize, truncated: bool) -> Result<(), TorchError> {
        let length = (self.memory.shape()[2] * self.memory.shape()[3]) as usize;
        let carried = &mut row_mut(&mut self.memory, t + 1)?[copy * length..(copy + 1) * length];
        if truncated {
            self.at_ends.extend_from_slice(carried);
        }
        carried.fill(0.0);
        Ok(())
    }

    /// What is carried into step `t`, (C, N, M).
    pub fn at(&mut self, t: usize) -> Result<Tensor, TorchError> {
        Ok(self.memory.tensor()?.select(0, t as i64))
    }

    /// What was carried into the last observations of truncated episodes, (ends, N, M).
    pub fn at_ends(&self) -> Tensor {
        let shape = self.memory.shape();
        Tensor::from_slice(&self.at_ends).view([-1, shape[2], shape[3]])
    }

    /// What was carried into every sample, (S, N, M).
    pub fn samples(&mut self) -> Result<Tensor, TorchError> {
        let steps = self.memory.shape()[0] as usize - 1;
        samples(&mut self.memory, steps)
    }
}

/// Who spoke to whom in the T steps of a rollout.
#[derive(Debug)]
pub struct Ledger<'a> {
    /// The graph of each group of copies, G of N x N.
    pub edges: &'a [Vec<f32>],
    /// The group of each copy.
    pub groups: &'a [usize],
    pub gates: Option<&'a GateMemory>,
    /// Who took part, (T, C, N).
    pub active: &'a [bool],
    pub sizes: &'a MessageSizes,
    /// T.
    pub steps: usize,
    /// N.
    pub agents: usize,
}

impl Ledger<'_> {
    /// Calls `each` with every step of every copy.
    fn exchanges(
        &self,
        mut each: impl FnMut(usize, usize, Exchange<'_>),
    ) -> Result<(), TorchError> {
        let copies = self.groups.len();
        for t in 0..self.steps {
            let open = match self.gates {
                Some(gates) => gates.open(t)?,
                None => &[],
            };
            let width = open.len() / copies.max(1);
            for (copy, &group) in self.groups.iter().enumerate() {
                let at = (t * copies + copy) * self.agents;
                let exchange = Exchange {
                    edges: &self.edges[group],
                    open: &open[copy * width..(copy + 1) * width],
                    active: &self.active[at..at + self.agents],
                    sizes: self.sizes,
                };
                each(t, copy, exchange);
            }
        }
        Ok(())
    }

    /// All traffic.
    pub fn traffic(&self) -> Result<Traffic, TorchError> {
        let mut all = Traffic::default();
        self.exchanges(|_, _, exchange| all.add(&exchange.traffic()))?;
        Ok(all)
    }

    /// What each agent owes for what it took in, (T, C, N), in units of reward; `spread` is that of
    /// the returns.
    pub fn tolls(&self, price: Price, spread: f64) -> Result<Array3<f32>, TorchError> {
        let mut tolls = Array3::zeros((self.steps, self.groups.len(), self.agents));
        self.exchanges(|t, copy, exchange| {
            for agent in 0..self.agents {
                let intake = exchange.intake(agent);
                let toll =
                    price.message * intake.messages + price.listening * spread * intake.share;
                tolls[[t, copy, agent]] = toll as f32;
            }
        })?;
        Ok(tolls)
    }
}

/// The scores of active agents: W of them for each entry of `active`.
pub fn of_active<'a>(scores: &'a [f32], active: &'a [bool]) -> impl Iterator<Item = f32> + 'a {
    let width = (scores.len() / active.len().max(1)).max(1);
    scores
        .chunks(width)
        .zip(active)
        .filter(|(_, active)| **active)
        .flat_map(|(scores, _)| scores.iter().copied())
}
