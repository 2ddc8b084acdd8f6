//! The small layers that everything else is made of.

use tch::{Kind, Tensor};

use crate::ModelError;
use crate::config::Precision;
use crate::parameters::{Builder, Init};

/// The constant under the root of every layer norm.
const EPSILON: f64 = 1e-5;

/// x W^T + b.
#[derive(Debug)]
pub(crate) struct Linear {
    /// (out, in)
    pub(crate) weight: Tensor,
    /// (out)
    pub(crate) bias: Tensor,
    pub(crate) precision: Precision,
}

impl Precision {
    /// x W^T + b of float32 numbers, multiplied in this precision. All layers whose products are
    /// large come through here.
    ///
    /// # Shapes
    /// `x` (.., in), `weight` (out, in), `bias` (out) -> (.., out).
    pub(crate) fn linear(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        match self {
            Self::Float32 => x.linear(weight, Some(bias)),
            // The bias is added in float32, so it is not rounded.
            Self::Bfloat16 => widen(&round(x).linear(&round(weight), None::<Tensor>)) + bias,
        }
    }

    /// The same for one layer after the other, each with an input of its own.
    ///
    /// # Shapes
    /// `x` (N, B, in), `weight` (N, out, in), `bias` (N, out) -> (N, B, out).
    pub(crate) fn each_linear(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let (weight, bias) = (weight.transpose(1, 2), bias.unsqueeze(1));
        match self {
            Self::Float32 => bias.baddbmm(x, &weight, 1.0, 1.0),
            Self::Bfloat16 => widen(&round(x).bmm(&round(&weight))) + bias,
        }
    }
}

fn round(x: &Tensor) -> Tensor {
    x.to_kind(Kind::BFloat16)
}

fn widen(x: &Tensor) -> Tensor {
    x.to_kind(Kind::Float)
}

impl Linear {
    pub(crate) fn new(
        builder: &mut Builder,
        name: &str,
        inputs: usize,
        outputs: usize,
        init: Init,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            weight: builder.whole(&format!("{name}.weight"), &[outputs, inputs], init)?,
            bias: builder.whole(&format!("{name}.bias"), &[outputs], Init::Zeros)?,
            precision: builder.precision(),
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        self.precision.linear(x, &self.weight, &self.bias)
    }
}

/// Layer norm over the last dimension.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
}

impl Norm {
    pub(crate) fn new(builder: &mut Builder, name: &str, width: usize) -> Result<Self, ModelError> {
        Ok(Self {
            weight: builder.whole(&format!("{name}.weight"), &[width], Init::Ones)?,
            bias: builder.whole(&format!("{name}.bias"), &[width], Init::Zeros)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            EPSILON,
            true,
        )
    }
}

/// A layer norm without scale and shift: mean 0, variance 1 over the last dimension.
pub(crate) fn standardize(x: &Tensor) -> Tensor {
    let width = x.size().last().copied().unwrap_or(0);
    x.layer_norm([width], None::<Tensor>, None::<Tensor>, EPSILON, true)
}

/// The exact GELU (with the error function, not its tanh approximation).
pub(crate) fn gelu(x: &Tensor) -> Tensor {
    x.gelu("none")
}

/// Folds a layer norm's scale s and shift t into the linear layer that follows it:
/// (s * z + t) W^T + b = z (W * s)^T + (W t + b), with z the [`standardize`]d input.
///
/// The fold touches only parameters, so a batch of inputs is scaled and shifted for free, and an
/// input without a gradient (the observations) needs no backward pass at all.
///
/// # Shapes
/// `weight` (.., out, in), `bias` (.., out), `scale` and `shift` (.., in).
pub(crate) fn fold(
    scale: &Tensor,
    shift: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> (Tensor, Tensor) {
    let folded_bias = weight.matmul(&shift.unsqueeze(-1)).squeeze_dim(-1) + bias;
    (weight * scale.unsqueeze(-2), folded_bias)
}

/// A source of uniform noise on [0, 1) of a given shape, for dropout.
pub type UniformNoise<'a> = &'a mut dyn FnMut(&[i64]) -> Tensor;

/// Sets a share `p` of the numbers to 0 and scales the others to keep the mean; does nothing
/// without a source of noise.
pub(crate) fn dropout(x: Tensor, p: f64, noise: &mut Option<UniformNoise>) -> Tensor {
    match noise {
        Some(uniform) if p > 0.0 => {
            let factors = dropout_factors(&uniform(&x.size()), p);
            x * factors
        }
        _ => x,
    }
}

/// What dropout multiplies by: 0 where the noise is below `p`, 1 / (1 - p) elsewhere.
pub(crate) fn dropout_factors(noise: &Tensor, p: f64) -> Tensor {
    noise.ge(p).to_kind(Kind::Float) / (1.0 - p)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn folding_a_norm_changes_nothing() {
        let ramp = |shape: &[i64]| {
            let count = shape.iter().product::<i64>();
            (Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.37)
                .sin()
                .view(shape)
        };
        let (norm, linear) = (
            Norm {
                weight: ramp(&[4]) + 1.0,
                bias: ramp(&[4]) * 0.5,
            },
            Linear {
                weight: ramp(&[3, 4]),
                bias: ramp(&[3]),
                precision: Precision::Float32,
            },
        );
        let x = ramp(&[5, 4]) * 3.0;
        let (weight, bias) = fold(&norm.weight, &norm.bias, &linear.weight, &linear.bias);
        let folded = standardize(&x).linear(&weight, Some(&bias));
        let plain = linear.forward(&norm.forward(&x));
        assert!(folded.allclose(&plain, 0.0, 1e-5, false));
    }

    #[test]
    fn dropout_zeroes_what_the_noise_names_and_scales_the_rest() {
        let x = Tensor::from_slice(&[1f32, 2., 3.]);
        let mut source = |_: &[i64]| Tensor::from_slice(&[0.1f32, 0.25, 0.9]);
        let y = dropout(x.shallow_clone(), 0.2, &mut Some(&mut source));
        let expected = Tensor::from_slice(&[0f32, 2.5, 3.75]);
        assert!(y.allclose(&expected, 0.0, 1e-6, false));
        assert_eq!(dropout(x.shallow_clone(), 0.2, &mut None), x);
    }
}
