//! What the networks take: they are asked, on sizes alone.

use super::inputs::Inputs;
use super::network::{Carried, Network, Tower};
use super::talk::{Heard, Talk};
use crate::Footprint;
use commformer_nn::count::Count;
use commformer_nn::recurrent::Hidden;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

pub(super) struct Footing<T> {
    agents: f64,
    network: Network<T>,
}

impl<T: Talk> Footing<T> {
    pub fn new(inputs: Inputs, network: Network<T>) -> Self {
        Self {
            agents: inputs.agents as f64,
            network,
        }
    }

    /// Multiply-adds of a pass of a tower over a sample, in sequences of two steps: more add nothing to a row.
    fn counted<U: Talk>(&self, tower: &Tower<U>, senders: f64) -> f64 {
        let mut ops = Count::new(1.0, self.agents, senders);
        let inputs = ops.input(tower.inputs, false);
        let shared = (tower.shared > 0).then(|| ops.input(tower.shared, false));
        let width = tower.talk.memory();
        let carried = (width > 0).then(|| Carried {
            memory: Hidden {
                state: ops.input(width, false),
                goes_on: (0..2).map(|_| Some(ops.input(1, false))).collect(),
            },
            heard: vec![Heard {
                links: ops.links(),
                share: None,
            }],
        });
        tower.run(&mut ops, (shared.as_ref(), &inputs), carried);
        ops.training()
    }
}

impl<T: Talk> Footprint for Footing<T> {
    fn parameter_bytes(&self) -> f64 {
        let leaves = self.network.layout.leaves().iter();
        let numbers =
            leaves.map(|leaf| leaf.shape.iter().map(|size| *size as f64).product::<f64>());
        NUMBER * numbers.sum::<f64>()
    }

    fn training_multiply_adds(&self, senders: f64) -> f64 {
        let critic = self.network.critic.as_ref();
        let critic = critic.map_or(0.0, |critic| self.counted(critic, 0.0));
        self.counted(&self.network.actor, senders) + critic
    }

    fn width(&self) -> usize {
        self.network.actor.talk.width()
    }
}
