//! What the networks take: they are asked, on sizes alone.

use super::network::{Carried, Network, Tower};
use super::talk::{Heard, Talk};
use crate::Footprint;
use commformer_nn::count::Count;
use commformer_nn::recurrent::Hidden;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// The sizes of a network, in which each of so many agents hears `senders` others.
pub(super) fn of<T: Talk>(network: &Network<T>, agents: usize, senders: f64) -> Footprint {
    let leaves = network.layout.leaves().iter();
    let numbers = leaves.map(|leaf| leaf.shape.iter().map(|size| *size as f64).product::<f64>());
    let critic = network.critic.as_ref();
    let critic = critic.map_or(0.0, |critic| counted(critic, agents, 0.0));
    Footprint {
        parameter_bytes: NUMBER * numbers.sum::<f64>(),
        training_multiply_adds: counted(&network.actor, agents, senders) + critic,
        width: network.actor.talk.width(),
    }
}

/// Multiply-adds of a pass of a tower over a sample, in sequences of two steps: more add nothing to a row.
fn counted<T: Talk>(tower: &Tower<T>, agents: usize, senders: f64) -> f64 {
    let mut ops = Count::new(1.0, agents as f64, senders);
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
