//! Linear layers, norms and activations by libtorch.

use super::{Torch, fits, to_scale};
use crate::layers::{Activation, Linear, Norm, Per};
use crate::layout::Slot;
use crate::passes::Precision;
use std::ops::Range;
use tch::{Kind, Tensor};

/// The constant under the root of every layer norm.
const EPSILON: f64 = 1e-5;

impl Torch<'_> {
    /// A per-agent parameter as the rows of this pass take it: (N, ..), or that of the turn's agent.
    fn own(&self, slot: Slot) -> Tensor {
        match self.turn {
            Some(agent) => self.of(slot).narrow(0, agent, 1),
            None => self.of(slot).shallow_clone(),
        }
    }

    /// x W^T + b for the outputs `part` of a layer.
    pub(super) fn product(
        &self,
        precision: Precision,
        layer: &Linear,
        part: Range<usize>,
        x: &Tensor,
    ) -> Tensor {
        let (first, length) = (part.start as i64, part.len() as i64);
        if let Per::Agent(_) = layer.per {
            // Agents first, (N, B, in): one product for each agent, in one call.
            let weight = self
                .own(layer.weight)
                .narrow(1, first, length)
                .transpose(1, 2);
            let x = x.transpose(0, 1);
            let product = match precision {
                Precision::Float32 => x.bmm(&weight),
                Precision::Bfloat16 => widen(&round(&x).bmm(&round(&weight))),
            };
            let product = product.transpose(0, 1);
            return match layer.bias {
                Some(bias) => product + self.own(bias).narrow(1, first, length),
                None => product,
            };
        }
        let size = [layer.outputs as i64, layer.inputs as i64];
        let weight = self.of(layer.weight).view(size).narrow(0, first, length);
        let bias = layer
            .bias
            .map(|bias| self.of(bias).narrow(0, first, length));
        match (precision, bias) {
            (Precision::Float32, bias) => x.linear(&weight, bias.as_ref()),
            // The bias is added in float32, so it is not rounded.
            (Precision::Bfloat16, Some(bias)) => {
                widen(&round(x).linear(&round(&weight), None::<Tensor>)) + bias
            }
            (Precision::Bfloat16, None) => widen(&round(x).linear(&round(&weight), None::<Tensor>)),
        }
    }

    /// See [`crate::Ops::observe`].
    pub(super) fn observe_of(
        &self,
        moments: Option<[Slot; 2]>,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        obs: &Tensor,
    ) -> Tensor {
        let standard = match moments {
            None => standardize(obs),
            Some(moments) => {
                let [mean, variance] = moments.map(|slot| self.of(slot).detach());
                to_scale(obs, [&mean, &variance])
            }
        };
        // The norm's scale s and shift t are folded into the layer, (s * z + t) W^T + b = z (W * s)^T + (W t + b),
        // so that observations, which have no gradient, need no backward pass.
        let (scale, shift, weight) = (
            self.of(norm.weight),
            self.of(norm.bias),
            self.of(layer.weight),
        );
        let bias = weight.matmul(&shift.unsqueeze(-1)).squeeze_dim(-1);
        let bias = match layer.bias {
            Some(own) => bias + self.of(own),
            None => bias,
        };
        let weight = weight * scale.unsqueeze(-2);
        activate(
            f,
            match self.precision {
                Precision::Float32 => standard.linear(&weight, Some(&bias)),
                Precision::Bfloat16 => {
                    widen(&round(&standard).linear(&round(&weight), None::<Tensor>)) + bias
                }
            },
        )
    }

    /// See [`crate::Ops::norm`].
    pub(super) fn norm_of(&self, layer: &Norm, x: &Tensor, y: Option<&Tensor>) -> Tensor {
        let x = match y {
            Some(y) => {
                fits("what is added", y, &x.size());
                x + y
            }
            None => x.shallow_clone(),
        };
        match layer.per {
            Per::Team => {
                let (weight, bias) = (self.of(layer.weight), self.of(layer.bias));
                x.layer_norm(weight.size(), Some(weight), Some(bias), EPSILON, true)
            }
            Per::Agent(_) => standardize(&x) * self.own(layer.weight) + self.own(layer.bias),
        }
    }
}

fn round(x: &Tensor) -> Tensor {
    x.to_kind(Kind::BFloat16)
}

fn widen(x: &Tensor) -> Tensor {
    x.to_kind(Kind::Float)
}

/// f(x)
pub(super) fn activate(f: Activation, x: Tensor) -> Tensor {
    match f {
        Activation::Identity => x,
        Activation::Relu => x.relu(),
        Activation::Gelu => x.gelu("none"),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => x.sigmoid(),
    }
}

/// A layer norm without scale and shift.
fn standardize(x: &Tensor) -> Tensor {
    let width = x.size().last().copied().unwrap_or(0);
    x.layer_norm([width], None::<Tensor>, None::<Tensor>, EPSILON, true)
}
