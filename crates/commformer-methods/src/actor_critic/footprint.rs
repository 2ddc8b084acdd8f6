//! What the networks take: they are asked, on sizes alone.

use super::ActorCriticConfig;
use super::Recurrence;
use super::inputs::Inputs;
use super::network::{Network, Tower};
use crate::Footprint;
use commformer_env::Spec;
use commformer_nn::count::Count;
use commformer_nn::recurrent::Hidden;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

pub(super) struct Sizes {
    config: ActorCriticConfig,
    agents: f64,
    network: Network,
}

impl Sizes {
    pub fn new(config: &ActorCriticConfig, inputs: Inputs, spec: &Spec) -> Self {
        Self {
            config: config.clone(),
            agents: inputs.agents as f64,
            network: Network::new(config, [inputs.seen(), inputs.critic_width()], spec.actions),
        }
    }

    /// Multiply-adds of a pass of a tower over a sample, in sequences of two steps: more add nothing to a row.
    fn counted(&self, tower: &Tower) -> f64 {
        let mut ops = Count::new(1.0, self.agents, 0.0);
        let inputs = ops.input(tower.inputs, false);
        let is_recurrent = self.config.recurrence == Recurrence::Gru;
        let hidden = is_recurrent.then(|| Hidden {
            state: ops.input(self.config.hidden, false),
            goes_on: (0..2).map(|_| Some(ops.input(1, false))).collect(),
        });
        tower.run(&mut ops, &inputs, hidden);
        ops.training()
    }
}

impl Footprint for Sizes {
    fn parameter_bytes(&self) -> f64 {
        let leaves = self.network.layout.leaves().iter();
        let numbers =
            leaves.map(|leaf| leaf.shape.iter().map(|size| *size as f64).product::<f64>());
        NUMBER * numbers.sum::<f64>()
    }

    fn training_multiply_adds(&self, _: f64) -> f64 {
        let towers = [&self.network.actor, &self.network.critic];
        towers.map(|tower| self.counted(tower)).iter().sum()
    }

    fn width(&self) -> usize {
        self.config.hidden
    }
}
