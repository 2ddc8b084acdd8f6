//! What an agent makes of its observation, before the activation.
//!
//! The norm's scale and shift are folded into the projection: observations need no gradient, and so no backward
//! pass.

use super::product::{View, ViewMut, product};
use super::rows::{add_rows, fill_rows, standardize};
use super::tape::{Gradients, Node};
use super::vectors::{dot, sized, vectorized};
use crate::layers::{Linear, Norm};
use crate::layout::Slot;
use crate::seen;

/// Into the node's value; `saved[0]` gets the normalised rows.
pub(super) fn forward(
    node: &mut Node,
    moments: Option<[Slot; 2]>,
    norm: &Norm,
    layer: &Linear,
    leaves: &[&[f32]],
    obs: &[f32],
) {
    let leaf = |slot: Slot| leaves[slot.index()];
    let (scale, weight) = (leaf(norm.weight), leaf(layer.weight));
    match moments {
        None => standardize(&mut node.saved, obs, scale.len()),
        Some(moments) => {
            let [mean, variance] = moments.map(leaf);
            seen::normalize(mean, variance, obs, sized(&mut node.saved[0], obs.len()));
        }
    }
    let [standard, folded] = &mut node.saved;
    let folded = sized(folded, weight.len() + layer.outputs);
    let (folded, bias) = folded.split_at_mut(weight.len());
    fold(norm, layer, leaves, [folded, bias]);
    fill_rows(&mut node.value, bias);
    let (weight, standard) = (
        View::new(folded, scale.len()),
        View::new(standard, scale.len()),
    );
    product(
        ViewMut::new(&mut node.value, layer.outputs),
        standard,
        weight.t(),
        true,
    );
}

/// From the gradient of the projected rows, those of the norm and of the layer.
pub(super) fn backward(
    standard: &[f32],
    norm: &Norm,
    layer: &Linear,
    leaves: &[&[f32]],
    d: &[f32],
    scratch: &mut Vec<f32>,
    gradients: &mut Gradients,
) {
    let weight = leaves[layer.weight.index()];
    let (observed, width) = (norm.width, layer.outputs);
    let scratch = sized(scratch, weight.len() + width);
    let (d_folded, d_bias) = scratch.split_at_mut(weight.len());
    product(
        ViewMut::new(d_folded, observed),
        View::new(d, width).t(),
        View::new(standard, observed),
        false,
    );
    d_bias.fill(0.0);
    add_rows(d_bias, d);
    unfold(norm, layer, leaves, [d_folded, d_bias], gradients);
}

/// W * s and W t + b, for the norm's scale s and shift t and the layer's W and b.
pub(super) fn fold(
    norm: &Norm,
    layer: &Linear,
    leaves: &[&[f32]],
    [folded, bias]: [&mut [f32]; 2],
) {
    let leaf = |slot: Slot| leaves[slot.index()];
    let (scale, shift) = (leaf(norm.weight), leaf(norm.bias));
    folded.copy_from_slice(leaf(layer.weight));
    match layer.bias {
        Some(slot) => bias.copy_from_slice(leaf(slot)),
        None => bias.fill(0.0),
    }
    vectorized(
        #[inline(always)]
        || {
            let rows = folded.chunks_exact_mut(scale.len());
            for (row, bias) in rows.zip(&mut *bias) {
                *bias += dot(row, shift);
                row.iter_mut().zip(scale).for_each(|(x, scale)| *x *= scale);
            }
        },
    );
}

/// From the gradients of what [`fold`] made, those of the norm and of the layer.
pub(super) fn unfold(
    norm: &Norm,
    layer: &Linear,
    leaves: &[&[f32]],
    [d_folded, d_bias]: [&[f32]; 2],
    gradients: &mut Gradients,
) {
    let leaf = |slot: Slot| leaves[slot.index()];
    let (scale, shift, weight) = (leaf(norm.weight), leaf(norm.bias), leaf(layer.weight));
    let observed = scale.len();
    if let Some(slot) = layer.bias {
        super::vectors::add(gradients.of_mut(slot), d_bias);
    }
    let d_weight = gradients.of_mut(layer.weight);
    vectorized(
        #[inline(always)]
        || {
            let rows = d_weight
                .chunks_exact_mut(observed)
                .zip(d_folded.chunks_exact(observed));
            for ((d_weight, d_folded), d_bias) in rows.zip(d_bias) {
                for (((d_weight, d), scale), shift) in
                    d_weight.iter_mut().zip(d_folded).zip(scale).zip(shift)
                {
                    *d_weight += d * scale + d_bias * shift;
                }
            }
        },
    );
    let [d_scale, d_shift] = gradients.of_both([norm.weight, norm.bias]);
    vectorized(
        #[inline(always)]
        || {
            let rows = weight
                .chunks_exact(observed)
                .zip(d_folded.chunks_exact(observed));
            for ((weight, d_folded), d_bias) in rows.zip(d_bias) {
                for (((d_scale, d_shift), weight), d) in d_scale
                    .iter_mut()
                    .zip(&mut *d_shift)
                    .zip(weight)
                    .zip(d_folded)
                {
                    *d_scale += d * weight;
                    *d_shift += d_bias * weight;
                }
            }
        },
    );
}
