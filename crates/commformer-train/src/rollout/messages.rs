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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Gating;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn penalties_by_hand() {
        // Two environments of three agents, each with a graph of its own: all hear all, and 0 hears both others, 1
        // nobody, 2 hears 0.
        let edges = [
            vec![1.0; 9],
            vec![1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        ];
        let mut gates = GateMemory::new([1, 2, 3, 1]).unwrap();
        let open = Tensor::from_slice(&[1.0_f32, 0.0, 1.0, 1.0, 1.0, 0.0]).view([2, 3, 1]);
        let nothing = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let gating = Gating {
            scores: open.zeros_like(),
            open,
            log_probs: nothing.shallow_clone(),
            values: nothing,
        };
        gates.record(0, &gating, None).unwrap();
        let messages = RolloutMessages {
            edges: &edges,
            groups: vec![0, 1],
            gates: Some(&gates),
            active: &[true, true, false, true, true, true],
            sizes: &MessageSizes::default(),
            steps: 1,
            agents: 3,
        };
        let price = Price {
            message: 0.5,
            receiving: 0.25,
        };
        let found = messages.penalties(price, 4.0).unwrap();
        // A message costs 0.5, and all that one can take in 0.25 standard deviations of 4. Whoever has its gate open pays
        // the latter with nobody to hear, too; closed gates and the fallen pay nothing.
        let expected = [1.5, 0.0, 0.0, 2.0, 1.0, 0.0];
        assert_eq!(found.into_raw_vec_and_offset().0, expected);
    }
}
