//! Observations as deviations from what was seen of each feature.

/// The most deviations from the mean that a feature is shown with.
pub const LIMIT: f32 = 10.0;

/// Added to a variance, so that a feature that never varied has a scale.
pub const EPSILON: f64 = 1e-8;

/// Rows of `x` to rows of `out`: each feature less its mean, divided by the root of its variance, at most [`LIMIT`]
/// away from 0.
pub fn normalize(mean: &[f32], variance: &[f32], x: &[f32], out: &mut [f32]) {
    let scale: Vec<f32> = (variance.iter())
        .map(|variance| (variance + EPSILON as f32).sqrt().recip())
        .collect();
    let rows = x
        .chunks_exact(mean.len())
        .zip(out.chunks_exact_mut(mean.len()));
    for (x, out) in rows {
        for (((out, x), mean), scale) in out.iter_mut().zip(x).zip(mean).zip(&scale) {
            *out = ((x - mean) * scale).clamp(-LIMIT, LIMIT);
        }
    }
}
