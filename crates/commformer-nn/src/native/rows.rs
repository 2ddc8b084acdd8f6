//! What happens to rows between two products: norms, activations, softmax, with their derivatives.
//!
//! Plain loops, compiled for the widest vectors of the machine that runs them ([`vectorized`]).
//! Sums run over [`LANES`] partial sums, which a compiler may keep in one register.

/// Partial sums of a reduction.
const LANES: usize = 16;

/// The constant under the root of every layer norm.
const EPSILON: f32 = 1e-5;

/// Runs `kernel`, compiled for this machine's vectors. What it calls must be inlined.
pub(crate) fn vectorized<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}

/// The vector instructions that the native kernels use on this machine, such as `AVX2`; `none` where
/// they have none to use.
pub fn kernel_vectors() -> &'static str {
    match pulp::Arch::new() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        pulp::Arch::V4(_) => "AVX-512",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        pulp::Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        pulp::Arch::Neon(_) => "NEON",
        _ => "none",
    }
}

/// A buffer of this length, whose content is to be overwritten.
pub(crate) fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    buffer
}

/// The same, of zeros.
pub(crate) fn zeroed(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.clear();
    buffer.resize(length, 0.0);
    buffer
}

#[inline(always)]
fn total(lanes: [f32; LANES]) -> f32 {
    let mut lanes = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    total(lanes) + rest.iter().sum::<f32>()
}

#[inline(always)]
pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks_x, rest_x) = x.as_chunks::<LANES>();
    let (chunks_y, rest_y) = y.as_chunks::<LANES>();
    for (x, y) in chunks_x.iter().zip(chunks_y) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = rest_x.iter().zip(rest_y).map(|(x, y)| x * y).sum();
    total(lanes) + rest
}

/// (q + a) . (k + b)
#[inline(always)]
pub(crate) fn dot_of_sums(q: &[f32], a: &[f32], k: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let whole = q.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let chunk = start..start + LANES;
        let (q, a) = (&q[chunk.clone()], &a[chunk.clone()]);
        let (k, b) = (&k[chunk.clone()], &b[chunk]);
        for lane in 0..LANES {
            lanes[lane] += (q[lane] + a[lane]) * (k[lane] + b[lane]);
        }
    }
    let rest: f32 = (whole..q.len())
        .map(|i| (q[i] + a[i]) * (k[i] + b[i]))
        .sum();
    total(lanes) + rest
}

/// y += factor * x
#[inline(always)]
pub(crate) fn add_scaled(y: &mut [f32], factor: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// y += x
#[inline(always)]
pub(crate) fn add(y: &mut [f32], x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// e^x to 2 ulp, for |x| up to 87; smaller numbers give 0 or almost, larger ones e^87.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, so that subtracting whole multiples of it loses nothing.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding this rounds to a whole number, since the last place of the sum is 1.
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let whole = (x * LOG2_E + ROUNDER) - ROUNDER;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    // Cephes' polynomial of (e^r - 1 - r) / r^2.
    let mut polynomial = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        polynomial = polynomial * rest + coefficient;
    }
    let fraction = polynomial * rest * rest + rest + 1.0;
    fraction * f32::from_bits(((whole as i32 + 127) << 23) as u32)
}

/// The standard normal's distribution function to 1e-7 and its density.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    // Abramowitz and Stegun, 7.1.26, of erf(|x| / sqrt 2).
    const P: f32 = 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2;
    const INV_SQRT_TAU: f32 = 0.398_942_3;
    let size = x.abs();
    let bell = exp(-0.5 * x * x);
    let t = 1.0 / (1.0 + P * size);
    let mut polynomial = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        polynomial = polynomial * t + coefficient;
    }
    let beyond = 0.5 * polynomial * t * bell;
    let below = if x < 0.0 { beyond } else { 1.0 - beyond };
    (below, bell * INV_SQRT_TAU)
}

/// The exact GELU in place; `slope` gets its derivative.
pub(crate) fn gelu(x: &mut [f32], slope: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, slope) in x.iter_mut().zip(slope) {
                let (below, density) = normal(*x);
                *slope = below + *x * density;
                *x *= below;
            }
        },
    );
}

/// tanh in place; `slope` gets its derivative.
pub(crate) fn tanh(x: &mut [f32], slope: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, slope) in x.iter_mut().zip(slope) {
                *x = 2.0 * logistic(2.0 * *x) - 1.0;
                *slope = 1.0 - *x * *x;
            }
        },
    );
}

/// 1 / (1 + e^-x) in place; `slope` gets its derivative.
pub(crate) fn sigmoid(x: &mut [f32], slope: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, slope) in x.iter_mut().zip(slope) {
                *x = logistic(*x);
                *slope = *x * (1.0 - *x);
            }
        },
    );
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub(crate) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// max(x, 0) in place.
pub(crate) fn relu(x: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x = x.max(0.0)),
    );
}

/// dx = 0 where the ReLU's result `y` is 0.
pub(crate) fn relu_backward(dx: &mut [f32], y: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (dx, y) in dx.iter_mut().zip(y) {
                *dx = if *y > 0.0 { *dx } else { 0.0 };
            }
        },
    );
}

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
                for x in row.iter() {
                    total += exp(*x - largest);
                }
                let shift = largest + total.ln();
                row.iter_mut().for_each(|x| *x -= shift);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for step in -8700..8700 {
            let x = step as f32 * 0.01;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "{x}: {error}");
        }
        assert!(exp(-1e10) < 1e-37);
    }

    #[test]
    fn gelu_and_its_slope() {
        // Values of x Phi(x) and Phi(x) + x phi(x), to seven digits.
        let known = [
            (-3.0, -0.004_049_7, -0.011_946_0),
            (-0.5, -0.154_268_8, 0.132_504_9),
            (0.0, 0.0, 0.5),
            (1.0, 0.841_344_7, 1.083_315_5),
            (4.0, 3.999_873_3, 1.000_503_6),
        ];
        for (x, value, derivative) in known {
            let (mut found, mut slope) = ([x], [0.0]);
            gelu(&mut found, &mut slope);
            assert!((found[0] - value).abs() < 1e-6, "{x}: {}", found[0]);
            assert!((slope[0] - derivative).abs() < 1e-6, "{x}: {}", slope[0]);
        }
    }

    #[test]
    fn sums_of_every_length() {
        for length in 0..70 {
            let x: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let count = length as f32;
            assert_eq!(sum(&x), count * (count - 1.0) / 2.0);
            let squares: f32 = x.iter().map(|x| x * x).sum();
            assert_eq!(dot(&x, &x), squares);
        }
    }

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
        let mut logits = [1.0, 2.0, -1e10, 0.0, 0.0, 0.0];
        log_softmax(&mut logits, 3);
        for row in logits.chunks(3) {
            let total: f32 = row.iter().map(|x| x.exp()).sum();
            assert!((total - 1.0).abs() < 1e-6);
        }
        assert!((logits[3] + 3f32.ln()).abs() < 1e-6);
    }
}
