//! What the networks take.

use super::inputs::Inputs;
use super::{ActorCriticConfig, Recurrence};
use crate::Footprint;
use commformer_env::Spec;
use commformer_train::Needs;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// Numbers of a row besides what its towers hold: scores, and what the loss makes of them with autograd.
const OF_A_ROW: f64 = 60.0;

pub(super) struct Sizes {
    config: ActorCriticConfig,
    inputs: Inputs,
    actions: usize,
}

impl Sizes {
    pub fn new(config: &ActorCriticConfig, inputs: Inputs, spec: &Spec) -> Self {
        Self {
            config: config.clone(),
            inputs,
            actions: spec.actions.size(),
        }
    }

    /// Inputs and outputs of both towers.
    fn towers(&self) -> [[f64; 2]; 2] {
        let [seen, judged] = [self.inputs.seen(), self.inputs.judged()].map(|size| size as f64);
        [[seen, self.actions as f64], [judged, 1.0]]
    }

    fn is_recurrent(&self) -> bool {
        self.config.recurrence == Recurrence::Gru
    }

    /// Numbers of one row of a tower; `backward`: with what its backward pass needs.
    fn row(&self, [inputs, outputs]: [f64; 2], backward: bool) -> f64 {
        let [width, layers] = [self.config.hidden, self.config.layers].map(|size| size as f64);
        // Of a layer its outputs, of its norm the outputs and what it normalised; of the cell the inputs and the state of
        // its three gates, the gates, the state before and after, and its norm.
        let cell = if self.is_recurrent() { 15.0 } else { 0.0 };
        let once = 3.0 * inputs + (3.0 * layers + cell) * width + outputs;
        if backward {
            once + (2.0 * layers + cell) * width + 4.0 * outputs
        } else {
            once
        }
    }

    fn bytes(&self, teams: f64, backward: bool, towers: &[[f64; 2]]) -> f64 {
        let of_towers: f64 = towers.iter().map(|tower| self.row(*tower, backward)).sum();
        NUMBER * teams * self.inputs.agents as f64 * (of_towers + OF_A_ROW)
    }

    /// Multiply-adds of a forward pass of a row, and those of them whose input gets no gradient.
    fn multiply_adds(&self, [inputs, outputs]: [f64; 2]) -> [f64; 2] {
        let [width, layers] = [self.config.hidden, self.config.layers].map(|size| size as f64);
        let cell = if self.is_recurrent() { 6.0 } else { 0.0 };
        let first = inputs * width;
        [
            first + (layers - 1.0 + cell) * width * width + width * outputs,
            first,
        ]
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
        let [width, layers] = [self.config.hidden, self.config.layers].map(|size| size as f64);
        let cell = match self.is_recurrent() {
            true => 6.0 * width * (width + 1.0) + 2.0 * width,
            false => 0.0,
        };
        let tower = |[inputs, outputs]: [f64; 2]| {
            let first = 2.0 * inputs + inputs * width;
            let others = (layers - 1.0) * width * width + 3.0 * layers * width;
            first + others + cell + outputs * (width + 1.0)
        };
        NUMBER * (self.towers().map(tower).iter().sum::<f64>() + self.actions as f64)
    }

    fn pass_bytes(&self, teams: f64, _: f64) -> f64 {
        self.bytes(teams, true, &self.towers())
    }

    fn act_bytes(&self, teams: f64, _: f64) -> f64 {
        self.bytes(teams, false, &self.towers())
    }

    fn value_bytes(&self, teams: f64, _: f64) -> f64 {
        self.bytes(teams, false, &self.towers()[1..])
    }

    fn training_multiply_adds(&self, _: f64) -> f64 {
        let of_towers = self.towers().map(|tower| {
            let [forward, first] = self.multiply_adds(tower);
            3.0 * forward - first
        });
        self.inputs.agents as f64 * of_towers.iter().sum::<f64>()
    }

    fn width(&self) -> usize {
        self.config.hidden
    }
}
