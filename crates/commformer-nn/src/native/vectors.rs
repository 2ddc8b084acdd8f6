//! Plain loops over numbers, compiled for the widest vectors of the machine that runs them ([`vectorized`]).
//!
//! Sums run over [`LANES`] partial sums, which a compiler may keep in one register.

use super::activations::rectified;

/// Partial sums of a reduction.
const LANES: usize = 16;

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

/// w . max(x + y, 0)
#[inline(always)]
pub(crate) fn dot_of_relu(w: &[f32], x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let whole = w.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let chunk = start..start + LANES;
        let (w, x, y) = (&w[chunk.clone()], &x[chunk.clone()], &y[chunk]);
        for lane in 0..LANES {
            lanes[lane] += w[lane] * rectified(x[lane] + y[lane]);
        }
    }
    let rest: f32 = (whole..w.len())
        .map(|i| w[i] * rectified(x[i] + y[i]))
        .sum();
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
