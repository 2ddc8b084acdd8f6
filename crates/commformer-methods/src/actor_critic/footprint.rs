//! What the networks take: they are asked, on sizes alone.

use super::inputs::Inputs;
use super::network::{Hidden, Network, Tower};
use super::{ActorCriticConfig, Recurrence};
use crate::Footprint;
use commformer_env::Spec;
use commformer_nn::count::Count;
use commformer_train::Needs;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// Numbers of a row besides what its towers hold: scores, and what the loss makes of them with autograd.
const OF_A_ROW: f64 = 60.0;

pub(super) struct Sizes {
    config: ActorCriticConfig,
    inputs: Inputs,
    network: Network,
}

impl Sizes {
    pub fn new(config: &ActorCriticConfig, inputs: Inputs, spec: &Spec) -> Self {
        Self {
            config: config.clone(),
            network: Network::new(config, [inputs.seen(), inputs.critic_width()], spec.actions),
            inputs,
        }
    }

    fn is_recurrent(&self) -> bool {
        self.config.recurrence == Recurrence::Gru
    }

    /// What `read` finds after a pass of a tower over `teams` samples, in sequences of so many steps: more than two add
    /// nothing to a row.
    fn counted(&self, tower: &Tower, teams: f64, steps: usize, read: fn(&Count) -> f64) -> f64 {
        let mut ops = Count::new(teams, self.inputs.agents as f64, 0.0);
        let inputs = ops.observations(tower.inputs);
        let hidden = self.is_recurrent().then(|| Hidden {
            state: ops.input(self.config.hidden, false),
            goes_on: (0..steps).map(|_| Some(ops.input(1, false))).collect(),
        });
        tower.run(&mut ops, &inputs, hidden);
        read(&ops)
    }

    /// Bytes of towers' passes, and of what lies beside them: their inputs as tensors, twice, and the scores.
    fn bytes(&self, teams: f64, towers: &[&Tower], steps: usize, read: fn(&Count) -> f64) -> f64 {
        let rows = teams * self.inputs.agents as f64;
        let of_tower = |tower: &&Tower| {
            let beside = 2.0 * tower.inputs as f64 + 3.0 * tower.outputs as f64;
            self.counted(tower, teams, steps, read) + NUMBER * rows * beside
        };
        towers.iter().map(of_tower).sum::<f64>() + NUMBER * rows * OF_A_ROW
    }

    fn towers(&self) -> [&Tower; 2] {
        [&self.network.actor, &self.network.critic]
    }
}

impl Footprint for Sizes {
    fn needs(&self) -> Needs {
        Needs {
            memory: match self.is_recurrent() {
                true => self.config.hidden.saturating_mul(2),
                false => 0,
            },
            gate: 0,
            state: self.inputs.uses_state(),
        }
    }

    fn parameter_bytes(&self) -> f64 {
        let leaves = self.network.layout.leaves().iter();
        let numbers =
            leaves.map(|leaf| leaf.shape.iter().map(|size| *size as f64).product::<f64>());
        NUMBER * numbers.sum::<f64>()
    }

    fn pass_bytes(&self, teams: f64, _: f64) -> f64 {
        self.bytes(teams, &self.towers(), 2, Count::training_bytes)
    }

    fn act_bytes(&self, teams: f64, _: f64) -> f64 {
        self.bytes(teams, &self.towers(), 1, Count::bytes)
    }

    fn value_bytes(&self, teams: f64) -> f64 {
        self.bytes(teams, &self.towers()[1..], 1, Count::bytes)
    }

    fn training_multiply_adds(&self, _: f64) -> f64 {
        let towers = self.towers().into_iter();
        towers
            .map(|tower| self.counted(tower, 1.0, 2, Count::training))
            .sum()
    }

    fn width(&self) -> usize {
        self.config.hidden
    }
}
