//! What happens to rows between two products: sums, norms, softmax, with their derivatives.

use super::activations::exp;
use super::vectors::{add, dot, sized, sum, vectorized};

/// The constant under the root of every layer norm.
pub(crate) const EPSILON: f32 = 1e-5;

/// x *= y
pub(crate) fn multiply(x: &mut [f32], y: &[f32]) {
    vectorized(
        #[inline(always)]
        || x.iter_mut().zip(y).for_each(|(x, y)| *x *= y),
    );
}

/// x += y, for whole buffers.
pub(crate) fn accumulate(x: &mut [f32], y: &[f32]) {
    vectorized(
        #[inline(always)]
        || add(x, y),
    );
}

/// Writes `row` into every row of `x`.
pub(crate) fn fill_rows(x: &mut [f32], row: &[f32]) {
    for x in x.chunks_exact_mut(row.len()) {
        x.copy_from_slice(row);
    }
}

/// Every row of `x` plus `row`.
pub(crate) fn sum_with_row(sum: &mut [f32], x: &[f32], row: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            let rows = sum
                .chunks_exact_mut(row.len())
                .zip(x.chunks_exact(row.len()));
            for (sum, x) in rows {
                for ((sum, x), y) in sum.iter_mut().zip(x).zip(row) {
                    *sum = x + y;
                }
            }
        },
    );
}

/// Adds every row of `x` to `sum`.
pub(crate) fn add_rows(sum: &mut [f32], x: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for x in x.chunks_exact(sum.len()) {
                add(sum, x);
            }
        },
    );
}

/// Rows of mean 0 and variance 1, into the first buffer; 1 / deviation of each goes into the second.
pub(crate) fn standardize([standard, scale]: &mut [Vec<f32>; 2], x: &[f32], width: usize) {
    let standard = sized(standard, x.len());
    let scale = sized(scale, x.len() / width);
    vectorized(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(width).zip(standard.chunks_exact_mut(width));
            for ((x, standard), scale) in rows.zip(scale) {
                *scale = standardized(x, standard);
                standard.iter_mut().for_each(|x| *x *= *scale);
            }
        },
    );
}

/// y = LN(x) * weight + bias; `affine` gives a row's weight and bias. The buffers get what [`standardize`] puts
/// there.
pub(crate) fn norm<'a>(
    [standard, scale]: &mut [Vec<f32>; 2],
    x: &[f32],
    width: usize,
    affine: impl Fn(usize) -> (&'a [f32], &'a [f32]),
    y: &mut [f32],
) {
    let standard = sized(standard, x.len());
    let scale = sized(scale, x.len() / width);
    vectorized(
        #[inline(always)]
        || {
            let rows = x
                .chunks_exact(width)
                .zip(standard.chunks_exact_mut(width))
                .zip(y.chunks_exact_mut(width))
                .zip(scale);
            for (row, (((x, standard), y), scale)) in rows.enumerate() {
                let (weight, bias) = affine(row);
                *scale = standardized(x, standard);
                for (((y, standard), weight), bias) in
                    y.iter_mut().zip(standard).zip(weight).zip(bias)
                {
                    *standard *= *scale;
                    *y = *standard * weight + bias;
                }
            }
        },
    );
}

/// From the gradient dy, in place, that of the input; adds those of weight and bias, whose place
/// among `d_weight` and `d_bias` is that of `affine`'s second number.
pub(crate) fn norm_backward<'a>(
    [standard, scale]: &[Vec<f32>; 2],
    dy: &mut [f32],
    width: usize,
    affine: impl Fn(usize) -> (&'a [f32], usize),
    [d_weight, d_bias]: [&mut [f32]; 2],
) {
    let inverse = 1.0 / width as f32;
    vectorized(
        #[inline(always)]
        || {
            let rows = dy
                .chunks_exact_mut(width)
                .zip(standard.chunks_exact(width))
                .zip(scale);
            for (row, ((dy, standard), scale)) in rows.enumerate() {
                let (weight, place) = affine(row);
                add(&mut d_bias[place..place + width], dy);
                let d_weight = &mut d_weight[place..place + width];
                for (((d_weight, dy), standard), weight) in
                    d_weight.iter_mut().zip(&mut *dy).zip(standard).zip(weight)
                {
                    *d_weight += *dy * standard;
                    *dy *= weight;
                }
                let mean = sum(dy) * inverse;
                let along = dot(dy, standard) * inverse;
                for (dy, standard) in dy.iter_mut().zip(standard) {
                    *dy = (*dy - mean - standard * along) * scale;
                }
            }
        },
    );
}

/// Writes a row less its mean, and returns 1 / deviation, by which it is still to be multiplied.
#[inline(always)]
fn standardized(x: &[f32], standard: &mut [f32]) -> f32 {
    let inverse = 1.0 / x.len() as f32;
    let mean = sum(x) * inverse;
    for (standard, x) in standard.iter_mut().zip(x) {
        *standard = x - mean;
    }
    1.0 / (dot(standard, standard) * inverse + EPSILON).sqrt()
}

/// ln softmax of each row of `logits`, in place.
pub(crate) fn log_softmax(logits: &mut [f32], width: usize) {
    vectorized(
        #[inline(always)]
        || {
            for row in logits.chunks_exact_mut(width) {
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut total = 0.0;
                // One after the other: beside the largest, the logarithm could be lost.
                for x in row.iter_mut() {
                    *x -= largest;
                    total += exp(*x);
                }
                let shift = total.ln();
                row.iter_mut().for_each(|x| *x -= shift);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_norm_by_hand() {
        let (mut saved, mut y) = ([vec![], vec![]], [0.0; 2]);
        norm(
            &mut saved,
            &[1.0, 3.0],
            2,
            |_| (&[2.0, 1.0], &[0.5, 0.0]),
            &mut y,
        );
        assert!((y[0] + 1.5).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4);
    }

    #[test]
    fn probabilities_sum_to_one() {
        let mut logits = [1.0, 2.0, -1e10, 0.0, 0.0, 0.0, -1e10, -1e10, -1e10];
        log_softmax(&mut logits, 3);
        for row in logits.chunks(3) {
            let total: f32 = row.iter().map(|x| x.exp()).sum();
            assert!((total - 1.0).abs() < 1e-6);
        }
        for even in &logits[3..] {
            assert!((even + 3f32.ln()).abs() < 1e-6);
        }
    }
}
