//! Linear layers and norms, forward.

use super::forward::{Native, activate, part};
use super::product::{View, ViewMut, product};
use super::rows::{accumulate, fill_rows, norm, sum_with_row};
use super::tape::{Op, Var};
use super::vectors::sized;
use crate::layers::{Activation, Linear, Norm, Per};
use crate::ops::Ops;
use std::ops::Range;

impl Native<'_> {
    /// See [`Ops::linear_part`].
    pub(super) fn linear_of(
        &mut self,
        layer: &Linear,
        part_of: Range<usize>,
        f: Activation,
        x: Var,
    ) -> Var {
        let [rows, inputs] = self.tape.size(x);
        assert_eq!(inputs, layer.inputs, "a linear layer's input has its width");
        let (weight, bias) = (
            self.leaf_of(layer.weight),
            layer.bias.map(|b| self.leaf_of(b)),
        );
        let turn = self.tape.turn;
        let op = Op::Linear {
            layer: *layer,
            first: part_of.start,
            f,
            x,
        };
        let width = part_of.len();
        let (before, node) = self.tape.push(op, [rows, width], true);
        let x = View::new(&before[x.0].value, inputs);
        let own = |agent: usize| {
            let all = &weight[part(weight.len(), layer.per, agent)];
            View::new(&all[part_of.start * inputs..part_of.end * inputs], inputs).t()
        };
        let bias_of =
            |agent| bias.map(|bias| &bias[part(bias.len(), layer.per, agent)][part_of.clone()]);
        let adds = bias.is_some();
        match (layer.per, turn) {
            (Per::Agent(agents), None) => {
                if adds {
                    for (row, out) in node.value.chunks_exact_mut(width).enumerate() {
                        out.copy_from_slice(bias_of(row % agents).unwrap_or(&[]));
                    }
                }
                for agent in 0..agents {
                    let out = ViewMut::new(&mut node.value, width).every(agents, agent);
                    product(out, x.every(agents, agent), own(agent), adds);
                }
            }
            (_, turn) => {
                let agent = turn.map_or(0, |turn| turn.agent);
                if let Some(bias) = bias_of(agent) {
                    fill_rows(&mut node.value, bias);
                }
                product(ViewMut::new(&mut node.value, width), x, own(agent), adds);
            }
        }
        activate(f, &mut node.value, &mut node.saved[0]);
        self.last()
    }

    /// See [`Ops::norm`].
    pub(super) fn norm_of(&mut self, layer: &Norm, x: Var, y: Option<Var>) -> Var {
        let size = self.tape.size(x);
        self.fits("what is normalised", x, [size[0], layer.width]);
        if let Some(y) = y {
            self.fits("what is added", y, size);
        }
        let (weight, bias) = (self.leaf_of(layer.weight), self.leaf_of(layer.bias));
        let (turn, agents) = (self.tape.turn, self.tape.team[1].max(1));
        let op = Op::Norm {
            layer: *layer,
            x,
            y,
        };
        let mut sum = std::mem::take(&mut self.tape.scratch[0]);
        let (before, node) = self.tape.push(op, size, true);
        let x = &before[x.0].value;
        let x = match y {
            None => x,
            Some(y) => {
                sum.clear();
                sum.extend_from_slice(&before[y.0].value);
                accumulate(&mut sum, x);
                &sum
            }
        };
        let (width, saved) = (layer.width, &mut node.saved);
        match layer.per {
            Per::Team => norm(saved, x, width, |_| (weight, bias), &mut node.value),
            Per::Agent(_) => {
                let affine = |row: usize| {
                    let own = part(
                        weight.len(),
                        layer.per,
                        turn.map_or(row % agents, |t| t.agent),
                    );
                    (&weight[own.clone()], &bias[own])
                };
                norm(saved, x, width, affine, &mut node.value);
            }
        }
        self.tape.scratch[0] = sum;
        self.last()
    }

    /// See [`Ops::residual`].
    pub(super) fn residual_of(
        &mut self,
        norm_of: &Norm,
        x: Var,
        layer: &Linear,
        h: Var,
        dropout: f64,
    ) -> Var {
        if dropout > 0.0 && self.dropout.is_some()
            || layer.per != Per::Team
            || norm_of.per != Per::Team
        {
            let branch = self.linear(layer, &h);
            let branch = self.dropout(dropout, &branch);
            return self.norm(norm_of, &x, Some(&branch));
        }
        let size = self.tape.size(x);
        self.fits("what is normalised", x, [size[0], norm_of.width]);
        self.fits("a branch", h, [size[0], layer.inputs]);
        let (scale, shift) = (self.leaf_of(norm_of.weight), self.leaf_of(norm_of.bias));
        let (weight, bias) = (
            self.leaf_of(layer.weight),
            layer.bias.map(|b| self.leaf_of(b)),
        );
        let op = Op::Residual {
            norm: *norm_of,
            x,
            layer: *layer,
            h,
        };
        let mut sum = std::mem::take(&mut self.tape.scratch[0]);
        let (before, node) = self.tape.push(op, size, true);
        let sum_of = sized(&mut sum, size[0] * size[1]);
        let x = &before[x.0].value;
        match bias {
            Some(bias) => sum_with_row(sum_of, x, bias),
            None => sum_of.copy_from_slice(x),
        }
        let (h, weight) = (
            View::new(&before[h.0].value, layer.inputs),
            View::new(weight, layer.inputs),
        );
        product(ViewMut::new(sum_of, layer.outputs), h, weight.t(), true);
        norm(
            &mut node.saved,
            &sum,
            size[1],
            |_| (scale, shift),
            &mut node.value,
        );
        self.tape.scratch[0] = sum;
        self.last()
    }
}
