//! What observations were like so far: a mean and a variance of each feature.

use tch::{Device, Tensor};

use crate::ModelError;
use crate::parameters::{Builder, Init};

/// What the names of its tensors begin with.
pub(crate) const PREFIX: &str = "obs.";

/// The most deviations from the mean that a feature is shown with.
const LIMIT: f32 = 10.0;

/// Added to a variance, so that a feature that never varied has a scale.
const EPSILON: f64 = 1e-8;

/// Running moments of each feature over all agents, steps and copies. They are part of the policy's state, and no
/// gradient reaches them.
#[derive(Debug)]
pub(crate) struct Seen {
    /// (O)
    mean: Tensor,
    /// (O)
    variance: Tensor,
    /// Observations so far, (1).
    count: Tensor,
}

impl Seen {
    /// Nothing yet: features are shown as they are.
    pub(crate) fn new(builder: &mut Builder, width: usize) -> Result<Self, ModelError> {
        let mut whole = |name: &str, shape: &[usize], init| {
            builder
                .whole(&format!("{PREFIX}{name}"), shape, init)
                .map(|tensor| tensor.detach())
        };
        Ok(Self {
            mean: whole("mean", &[width], Init::Zeros)?,
            variance: whole("variance", &[width], Init::Ones)?,
            count: whole("count", &[1], Init::Zeros)?,
        })
    }

    /// Observations (.., O) as deviations from what was seen, at most [`LIMIT`] of them.
    pub(crate) fn normalize(&self, obs: &Tensor) -> Tensor {
        let limit = f64::from(LIMIT);
        ((obs - &self.mean) * (&self.variance + EPSILON).rsqrt()).clamp(-limit, limit)
    }

    /// The same in plain memory, rows of `x` to rows of `out`.
    pub(crate) fn normalize_rows(&self, x: &[f32], out: &mut [f32]) {
        let [mean, variance] = [&self.mean, &self.variance].map(numbers);
        let scale: Vec<f32> = (variance.iter())
            .map(|variance| (variance + EPSILON as f32).sqrt().recip())
            .collect();
        let rows = x
            .chunks_exact(mean.len())
            .zip(out.chunks_exact_mut(mean.len()));
        for (x, out) in rows {
            for (((out, x), mean), scale) in out.iter_mut().zip(x).zip(&mean).zip(&scale) {
                *out = ((x - mean) * scale).clamp(-LIMIT, LIMIT);
            }
        }
    }

    /// Adds observations, rows of O numbers, of which those count that are `active` (Chan, Golub and LeVeque, 1983).
    pub(crate) fn take_in(&mut self, rows: &[f32], active: &[bool]) {
        let [mut mean, mut variance] = [&self.mean, &self.variance].map(numbers);
        let width = mean.len();
        let rows = || {
            let all = rows.chunks_exact(width).zip(active);
            all.filter(|(_, active)| **active).map(|(row, _)| row)
        };
        let added = rows().count() as f64;
        if added == 0.0 {
            return;
        }
        let before = f64::from(numbers(&self.count)[0]);
        let total = before + added;
        let mut sums = vec![[0.0_f64; 2]; width];
        for row in rows() {
            for (([sum, squares], x), mean) in sums.iter_mut().zip(row).zip(&mean) {
                // Around the old mean, so that large offsets cost no digits.
                let x = f64::from(*x) - f64::from(*mean);
                *sum += x;
                *squares += x * x;
            }
        }
        for ((mean, variance), [sum, squares]) in mean.iter_mut().zip(&mut variance).zip(sums) {
            let old = if before > 0.0 {
                f64::from(*variance)
            } else {
                0.0
            };
            let shift = sum / total;
            let spread = (old * before + squares) / total - shift * shift;
            *mean = (f64::from(*mean) + shift) as f32;
            *variance = spread.max(0.0) as f32;
        }
        let write = |to: &mut Tensor, numbers: &[f32]| {
            tch::no_grad(|| to.copy_(&Tensor::from_slice(numbers)));
        };
        write(&mut self.mean, &mean);
        write(&mut self.variance, &variance);
        write(&mut self.count, &[total as f32]);
    }
}

/// A tensor's numbers, wherever it lies.
fn numbers(tensor: &Tensor) -> Vec<f32> {
    let mut numbers = vec![0.0; tensor.numel()];
    let length = numbers.len();
    tensor
        .to_device(Device::Cpu)
        .copy_data(&mut numbers, length);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nothing(width: usize) -> Seen {
        let mut none = || 0.0;
        Seen::new(&mut Builder::fresh(Device::Cpu, &mut none), width).unwrap()
    }

    #[test]
    fn moments_by_hand() {
        let mut seen = nothing(2);
        seen.take_in(&[1.0, 5.0, 100.0, 100.0, 3.0, 5.0], &[true, false, true]);
        seen.take_in(&[5.0, 5.0], &[true]);
        assert_eq!(numbers(&seen.mean), [3.0, 5.0]);
        assert_eq!(numbers(&seen.count), [3.0]);
        let variance = numbers(&seen.variance);
        assert!((variance[0] - 8.0 / 3.0).abs() < 1e-6 && variance[1] == 0.0);
        // A feature that never varied is 0 until it does, and then not without bound.
        let shown =
            Vec::<f32>::try_from(seen.normalize(&Tensor::from_slice(&[3.0f32, 5.1]))).unwrap();
        assert_eq!(shown, [0.0, 10.0]);
    }

    proptest! {
        /// In any portions, with a common offset, it finds the moments of everything.
        #[test]
        fn portions_make_no_difference(
            numbers_in in prop::collection::vec(-1.0f32..1.0, 8..60),
            offset in -1000.0f32..1000.0,
            portion in 1usize..20,
        ) {
            let all: Vec<f32> = numbers_in.iter().map(|x| x + offset).collect();
            let mut seen = nothing(1);
            for part in all.chunks(portion) {
                seen.take_in(part, &vec![true; part.len()]);
            }
            let count = all.len() as f64;
            let mean = all.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let variance = all.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
            prop_assert!((f64::from(numbers(&seen.mean)[0]) - mean).abs() < 1e-3);
            prop_assert!((f64::from(numbers(&seen.variance)[0]) - variance).abs() < 1e-3);
            let mut shown = vec![0.0; all.len()];
            seen.normalize_rows(&all, &mut shown);
            let by_torch = seen.normalize(&Tensor::from_slice(&all).view([-1, 1]));
            let by_torch = numbers(&by_torch);
            for (one, other) in shown.iter().zip(by_torch) {
                prop_assert!((one - other).abs() < 1e-4);
            }
        }
    }
}
