//! Who heard whom in a rollout, and what that costs.

use super::buffer::Buffer;
use super::memory::GateMemory;
use super::message_stats::{MessageStats, StepMessages};
use crate::{MessageSizes, Price, TrainError};
use ndarray::Array3;

/// Who heard whom in the T steps of a rollout.
#[derive(Debug)]
pub struct RolloutMessages<'a> {
    /// The graph of each group of environments, G of N x N.
    pub edges: &'a [Vec<f32>],
    /// The group of each environment.
    pub groups: Vec<usize>,
    pub gates: Option<&'a GateMemory>,
    /// Who was active, (T, C, N).
    pub active: &'a [bool],
    pub sizes: &'a MessageSizes,
    /// T.
    pub steps: usize,
    /// N.
    pub agents: usize,
}

impl<'a> RolloutMessages<'a> {
    /// Of the rollout in a buffer, whose environments belong to these groups.
    pub fn new(
        buffer: &'a Buffer,
        edges: &'a [Vec<f32>],
        groups: impl Iterator<Item = usize>,
        sizes: &'a MessageSizes,
    ) -> Self {
        Self {
            edges,
            groups: groups.collect(),
            gates: buffer.gates(),
            active: buffer.active_samples(),
            sizes,
            steps: buffer.steps(),
            agents: buffer.spec().agents,
        }
    }

    /// Calls `each` with every step of every environment.
    fn each_step(
        &self,
        mut each: impl FnMut(usize, usize, StepMessages<'_>),
    ) -> Result<(), TrainError> {
        let envs = self.groups.len();
        for t in 0..self.steps {
            let open = match self.gates {
                Some(gates) => gates.open(t)?,
                None => &[],
            };
            let width = open.len() / envs.max(1);
            for (env, &group) in self.groups.iter().enumerate() {
                let at = (t * envs + env) * self.agents;
                let step = StepMessages {
                    edges: &self.edges[group],
                    open: &open[env * width..(env + 1) * width],
                    active: &self.active[at..at + self.agents],
                    sizes: self.sizes,
                };
                each(t, env, step);
            }
        }
        Ok(())
    }

    /// The statistics of all steps.
    pub fn message_stats(&self) -> Result<MessageStats, TrainError> {
        let mut all = MessageStats::default();
        self.each_step(|_, _, step| all.add(&step.message_stats()))?;
        Ok(all)
    }

    /// The penalty of each agent for what it took in, (T, C, N), in units of reward; `deviation` is the standard
    /// deviation of the returns.
    pub fn penalties(&self, price: Price, deviation: f64) -> Result<Array3<f32>, TrainError> {
        let mut penalties = Array3::zeros((self.steps, self.groups.len(), self.agents));
        self.each_step(|t, env, step| {
            for agent in 0..self.agents {
                let received = step.received(agent);
                let penalty = price.message * received.messages
                    + price.receiving * deviation * received.share;
                penalties[[t, env, agent]] = penalty as f32;
            }
        })?;
        Ok(penalties)
    }
}
