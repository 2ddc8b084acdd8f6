//! What an agent makes of its observation, before the activation.

use super::leaves::{Gradients, numbers};
use super::product::{View, ViewMut, product};
use super::rows::{NormTape, add_rows, dot, fill_rows, sized, vectorized};
use crate::layers::{Linear, Norm};
use crate::seen::Seen;

/// The observations' norm and projection, with the norm's scale and shift folded into the projection:
/// observations need no gradient, and so no backward pass.
#[derive(Debug, Default)]
pub(super) struct Observed {
    norm: NormTape,
    /// (E, O) and (E)
    folded: Vec<f32>,
    bias: Vec<f32>,
}

impl Observed {
    pub fn project(
        &mut self,
        seen: Option<&Seen>,
        norm: &Norm,
        layer: &Linear,
        obs: &[f32],
        out: &mut Vec<f32>,
    ) {
        let (scale, shift) = (numbers(&norm.weight), numbers(&norm.bias));
        let (weight, width) = (numbers(&layer.weight), numbers(&layer.bias).len());
        match seen {
            None => self.norm.standardize(obs, scale.len()),
            Some(seen) => seen.normalize_rows(obs, sized(&mut self.norm.standard, obs.len())),
        }
        let folded = sized(&mut self.folded, weight.len());
        folded.copy_from_slice(weight);
        sized(&mut self.bias, width).copy_from_slice(numbers(&layer.bias));
        vectorized(
            #[inline(always)]
            || {
                let rows = folded.chunks_exact_mut(scale.len());
                for (row, bias) in rows.zip(&mut self.bias) {
                    *bias += dot(row, shift);
                    row.iter_mut().zip(scale).for_each(|(x, scale)| *x *= scale);
                }
            },
        );
        let out = sized(out, obs.len() / scale.len() * width);
        fill_rows(out, &self.bias);
        let weight = View::new(&self.folded, scale.len());
        let standard = View::new(&self.norm.standard, scale.len());
        product(ViewMut::new(out, width), standard, weight.t(), true);
    }

    /// From the gradient of the projected rows.
    pub fn backward(
        &self,
        norm: &Norm,
        layer: &Linear,
        d: &[f32],
        scratch: &mut Vec<f32>,
        gradients: &mut Gradients,
    ) {
        if !gradients.of_weights {
            return;
        }
        let (scale, shift) = (numbers(&norm.weight), numbers(&norm.bias));
        let (weight, width) = (numbers(&layer.weight), numbers(&layer.bias).len());
        let observed = scale.len();
        let d_folded = sized(scratch, weight.len());
        let standard = View::new(&self.norm.standard, observed);
        product(
            ViewMut::new(d_folded, observed),
            View::new(d, width).t(),
            standard,
            false,
        );
        let [d_weight, d_bias] = gradients.of_both(&layer.weight, &layer.bias);
        add_rows(d_bias, d);
        vectorized(
            #[inline(always)]
            || {
                let rows = d_weight
                    .chunks_exact_mut(observed)
                    .zip(d_folded.chunks_exact(observed));
                for ((d_weight, d_folded), d_bias) in rows.zip(&*d_bias) {
                    for (((d_weight, d), scale), shift) in
                        d_weight.iter_mut().zip(d_folded).zip(scale).zip(shift)
                    {
                        *d_weight += d * scale + d_bias * shift;
                    }
                }
            },
        );
        let d_bias = d_bias.to_vec();
        let [d_scale, d_shift] = gradients.of_both(&norm.weight, &norm.bias);
        vectorized(
            #[inline(always)]
            || {
                let rows = weight
                    .chunks_exact(observed)
                    .zip(d_folded.chunks_exact(observed));
                for ((weight, d_folded), d_bias) in rows.zip(&d_bias) {
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
}
