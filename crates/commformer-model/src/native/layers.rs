//! Linear layers, norms and activations, forward and backward.

use super::leaves::{Gradients, numbers};
use super::product::{View, ViewMut, product};
use super::rows::{NormTape, add_rows, fill_rows, gelu, sized};
use crate::layers::{Linear, Norm};

/// y = x W^T + b for the rows `from..` of a packed layer, as many as y has columns.
pub(super) fn linear(layer: &Linear, from: usize, x: View<'_>, y: &mut [f32], width: usize) {
    let weight = numbers(&layer.weight);
    let inputs = weight.len() / numbers(&layer.bias).len();
    fill_rows(y, &numbers(&layer.bias)[from..from + width]);
    let weight = View::new(&weight[from * inputs..(from + width) * inputs], inputs);
    product(ViewMut::new(y, width), x, weight.t(), true);
}

/// The backward pass of [`linear`]: adds to the layer's gradients, and to `dx` if that is wanted.
pub(super) fn linear_backward(
    layer: &Linear,
    from: usize,
    x: View<'_>,
    dy: &[f32],
    width: usize,
    dx: Option<&mut [f32]>,
    gradients: &mut Gradients,
) {
    let weight = numbers(&layer.weight);
    let inputs = weight.len() / numbers(&layer.bias).len();
    let part = from * inputs..(from + width) * inputs;
    if let Some(dx) = dx {
        let weight = View::new(&weight[part.clone()], inputs);
        product(ViewMut::new(dx, inputs), View::new(dy, width), weight, true);
    }
    if !gradients.of_weights {
        return;
    }
    let [d_weight, d_bias] = gradients.of_both(&layer.weight, &layer.bias);
    product(
        ViewMut::new(&mut d_weight[part], inputs),
        View::new(dy, width).t(),
        x,
        true,
    );
    add_rows(&mut d_bias[from..from + width], dy);
}

/// What came out of an activation, and its slope there.
#[derive(Debug, Default)]
pub(super) struct Activated {
    pub out: Vec<f32>,
    pub slope: Vec<f32>,
}

/// y = LN(x)
pub(super) fn norm(tape: &mut NormTape, layer: &Norm, x: &[f32], y: &mut Vec<f32>) {
    let (weight, bias) = (numbers(&layer.weight), numbers(&layer.bias));
    tape.forward(x, weight.len(), |_| (weight, bias), sized(y, x.len()));
}

/// From the gradient of a norm's result, in place, that of its input.
pub(super) fn norm_backward(
    tape: &NormTape,
    layer: &Norm,
    dy: &mut [f32],
    gradients: &mut Gradients,
) {
    let weight = numbers(&layer.weight);
    let [d_weight, d_bias] = gradients.of_both(&layer.weight, &layer.bias);
    tape.backward(dy, weight.len(), |_| (weight, 0), d_weight, d_bias);
}

/// GELU(x W^T + b)
pub(super) fn activated(tape: &mut Activated, layer: &Linear, x: &[f32]) {
    let width = numbers(&layer.bias).len();
    let inputs = numbers(&layer.weight).len() / width;
    let rows = x.len() / inputs;
    let out = sized(&mut tape.out, rows * width);
    linear(layer, 0, View::new(x, inputs), out, width);
    gelu(out, sized(&mut tape.slope, rows * width));
}
