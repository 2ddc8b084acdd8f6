//! What observations were like so far: a mean and a variance of each feature, over all agents, steps and
//! environments. They are part of the policy's state, and no gradient reaches them.

use crate::seen;
use tch::{Device, Tensor};

/// Observations, (.., O), by a mean and a variance of each feature, (O), as [`normalize`](seen::normalize) has them.
pub fn to_scale(obs: &Tensor, [mean, variance]: [&Tensor; 2]) -> Tensor {
    let limit = f64::from(seen::LIMIT);
    ((obs - mean) * (variance + seen::EPSILON).rsqrt()).clamp(-limit, limit)
}

/// Adds observations, rows of O numbers, of which those count that are `active`, to each feature's mean and variance, (O),
/// and to how many there were, (1) (Chan, Golub and LeVeque, 1983). [`normalize`](seen::normalize) reads them.
pub fn take_in(moments: [&Tensor; 3], rows: &[f32], active: &[bool]) {
    let [mut mean, mut variance, count] = moments.map(numbers);
    let width = mean.len();
    let rows = || {
        let all = rows.chunks_exact(width).zip(active);
        all.filter(|(_, active)| **active).map(|(row, _)| row)
    };
    let added = rows().count() as f64;
    if added == 0.0 {
        return;
    }
    let before = f64::from(count[0]);
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
        let moment = (old * before + squares) / total - shift * shift;
        *mean = (f64::from(*mean) + shift) as f32;
        *variance = moment.max(0.0) as f32;
    }
    let found = [&mean[..], &variance, &[total as f32]];
    for (to, found) in moments.into_iter().zip(found) {
        tch::no_grad(|| to.detach().copy_(&Tensor::from_slice(found)));
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

    /// Nothing seen yet of so many features: mean, variance and count.
    fn nothing(width: i64) -> [Tensor; 3] {
        let options = (tch::Kind::Float, Device::Cpu);
        [
            Tensor::zeros([width], options),
            Tensor::ones([width], options),
            Tensor::zeros([1], options),
        ]
    }

    fn see(moments: &[Tensor; 3], rows: &[f32], active: &[bool]) {
        take_in(moments.each_ref(), rows, active);
    }

    fn shown(moments: &[Tensor; 3], rows: &[f32]) -> Vec<f32> {
        let [mean, variance] = [0, 1].map(|at| numbers(&moments[at]));
        let mut shown = vec![0.0; rows.len()];
        seen::normalize(&mean, &variance, rows, &mut shown);
        shown
    }

    #[test]
    fn moments_by_hand() {
        let seen = nothing(2);
        see(
            &seen,
            &[1.0, 5.0, 100.0, 100.0, 3.0, 5.0],
            &[true, false, true],
        );
        see(&seen, &[5.0, 5.0], &[true]);
        assert_eq!(numbers(&seen[0]), [3.0, 5.0]);
        assert_eq!(numbers(&seen[2]), [3.0]);
        let variance = numbers(&seen[1]);
        assert!((variance[0] - 8.0 / 3.0).abs() < 1e-6 && variance[1] == 0.0);
        // A feature that never varied is 0 until it does, and then not without bound.
        assert_eq!(shown(&seen, &[3.0, 5.1]), [0.0, 10.0]);
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
            let seen = nothing(1);
            for part in all.chunks(portion) {
                see(&seen, part, &vec![true; part.len()]);
            }
            let count = all.len() as f64;
            let mean = all.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let variance = all.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
            prop_assert!((f64::from(numbers(&seen[0])[0]) - mean).abs() < 1e-3);
            prop_assert!((f64::from(numbers(&seen[1])[0]) - variance).abs() < 1e-3);
        }
    }
}
