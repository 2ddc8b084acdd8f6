//! Activations, with their derivatives.

use super::vectors::vectorized;

/// Where [`exp`] ends and 0 begins: 1e-20, which is nothing beside 1.
const NOTHING: f32 = -46.0;

/// e^x to 2 ulp, for x from -46 to 87; smaller numbers give 0, larger ones e^87.
///
/// A weight of 1e-30 changes no sum, but what it is multiplied with on its way back comes below 1e-38, where a
/// processor takes a hundred times as long for a product: with an attention that is sure of itself, updates took ten
/// times as long.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, so that subtracting whole multiples of it loses nothing.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding this rounds to a whole number, since the last place of the sum is 1.
    const ROUNDER: f32 = 12_582_912.0;
    let none = x < NOTHING;
    let x = x.clamp(NOTHING, 87.0);
    let whole = (x * LOG2_E + ROUNDER) - ROUNDER;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    // Cephes' polynomial of (e^r - 1 - r) / r^2.
    let mut polynomial = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        polynomial = polynomial * rest + coefficient;
    }
    let fraction = polynomial * rest * rest + rest + 1.0;
    let power = fraction * f32::from_bits(((whole as i32 + 127) << 23) as u32);
    if none { 0.0 } else { power }
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

/// 1 / (1 + e^-x), at least 1e-20.
#[inline(always)]
pub(crate) fn logistic(x: f32) -> f32 {
    // Not `max`, which would make a number of NaN.
    let x = if x < NOTHING { NOTHING } else { x };
    1.0 / (1.0 + exp(-x))
}

/// max(x, 0), and NaN of NaN: `f32::max` would make a number of it, and hide that a network has none.
#[inline(always)]
pub(crate) fn rectified(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// [`rectified`] in place.
pub(crate) fn relu(x: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x = rectified(*x)),
    );
}

/// dx = 0 where the ReLU's result `y` is 0.
pub(crate) fn relu_backward(dx: &mut [f32], y: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (dx, y) in dx.iter_mut().zip(y) {
                *dx = if *y <= 0.0 { 0.0 } else { *dx };
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for step in -4600..8700 {
            let x = step as f32 * 0.01;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "{x}: {error}");
        }
        for x in [-46.01, -87.0, -1e10, f32::NEG_INFINITY] {
            assert_eq!(exp(x), 0.0);
        }
    }

    #[test]
    fn no_activation_comes_near_the_numbers_that_take_long() {
        let mut slope = [0.0; 40_000];
        for activation in [gelu, tanh, sigmoid] {
            let mut found: [f32; 40_000] =
                std::array::from_fn(|step| (step as f32 - 20_000.0) * 0.01);
            activation(&mut found, &mut slope);
            for y in found.iter().chain(&slope) {
                assert!(*y == 0.0 || y.abs() > 1e-25, "{y}");
            }
        }
    }

    #[test]
    fn no_activation_makes_a_number_of_nan() {
        let (mut slope, mut found) = ([0.0; 40], [f32::NAN; 40]);
        relu(&mut found);
        relu_backward(&mut slope, &found);
        assert!(found.iter().all(|x| x.is_nan()));
        assert_eq!(slope, [0.0; 40]);
        let mut upstream = [1.0; 2];
        relu_backward(&mut upstream, &[f32::NAN, 0.0]);
        assert_eq!(upstream, [1.0, 0.0]);
        for activation in [gelu, tanh, sigmoid] {
            let mut found = [f32::NAN; 40];
            activation(&mut found, &mut slope);
            assert!(found.iter().chain(&slope).all(|x| x.is_nan()));
        }
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
}
