//! Gradients of a loss, and clipping them by their global norm.

use crate::{TorchError, ffi};
use std::borrow::Borrow;
use tch::{TchError, Tensor};
use torch_sys::C_tensor;

/// The gradients of a scalar loss by autograd, one for each leaf and shaped like it; zeros for leaves
/// that have no part in the loss. `keep_graph`: the loss can be differentiated once more.
///
/// # Errors
///
/// libtorch's own, if the loss cannot be differentiated or a leaf has no gradient.
///
/// ```
/// use commformer_torch::gradients::or_zeros;
/// use tch::Tensor;
///
/// let [x, y] = [3.0_f32, 5.0].map(|x| Tensor::from(x).set_requires_grad(true));
/// let found = or_zeros(&x.square(), &[&x, &y], false)?;
/// assert_eq!(found, [Tensor::from(6.0_f32), Tensor::from(0.0_f32)]);
/// # Ok::<(), tch::TchError>(())
/// ```
pub fn or_zeros(
    loss: &Tensor,
    leaves: &[impl Borrow<Tensor>],
    keep_graph: bool,
) -> Result<Vec<Tensor>, TchError> {
    let found = Tensor::f_run_backward(&[loss], leaves, keep_graph, false)?;
    let or_zeros = |(gradient, leaf): (Tensor, _)| match gradient.defined() {
        true => Ok(gradient),
        false => Borrow::<Tensor>::borrow(leaf).f_zeros_like(),
    };
    found.into_iter().zip(leaves).map(or_zeros).collect()
}

/// Scales `gradients` so that the L2 norm of all of them together is at most `max_norm`, and
/// returns the norm that they had.
///
/// The factor is `max_norm / (norm + 1e-6)`, as in PyTorch's `clip_grad_norm_`. A norm that is
/// infinite or not a number is returned with the gradients untouched: the caller should stop.
/// Scaled gradients are put into the slice as new tensors, never written in place, because
/// autograd may give several parameters one and the same gradient. No gradients have norm 0.
///
/// # Errors
///
/// [`TorchError::OutOfRange`] if `max_norm` is not positive and finite, [`TorchError::Mismatch`]
/// for an undefined gradient, [`TorchError::Libtorch`] if libtorch refuses (for example when the
/// gradients lie on several devices).
///
/// ```
/// use commformer_torch::gradients::clip_norm;
/// use tch::Tensor;
///
/// let mut gradients = [Tensor::from_slice(&[3.0_f32]), Tensor::from_slice(&[4.0_f32])];
/// assert_eq!(clip_norm(&mut gradients, 1.0)?, 5.0);
/// assert!((gradients[0].double_value(&[0]) - 0.6).abs() < 1e-6);
/// assert!((gradients[1].double_value(&[0]) - 0.8).abs() < 1e-6);
/// # Ok::<(), commformer_torch::TorchError>(())
/// ```
pub fn clip_norm(gradients: &mut [Tensor], max_norm: f64) -> Result<f64, TorchError> {
    if !(max_norm.is_finite() && max_norm > 0.0) {
        return Err(TorchError::OutOfRange {
            name: "the largest gradient norm",
            expected: "positive and finite",
            found: max_norm,
        });
    }
    if gradients.is_empty() {
        return Ok(0.0);
    }
    if let Some(index) = gradients.iter().position(|gradient| !gradient.defined()) {
        return Err(TorchError::Mismatch {
            tensor: format!("gradient {index}"),
            expected: "a tensor".into(),
            found: "an undefined one".into(),
        });
    }
    let handles: Vec<*mut C_tensor> = gradients.iter_mut().map(Tensor::as_mut_ptr).collect();
    let mut norm = 0.0;
    // SAFETY: the handles are valid and borrowed alone for the call, as many as is said; the shim
    // writes one f64 and puts new tensors behind the handles.
    unsafe {
        ffi::check(
            "clip the gradients",
            ffi::commformer_clip_norm(handles.as_ptr(), handles.len(), max_norm, &mut norm),
        )?;
    }
    Ok(norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.flatten(0, -1)).unwrap()
    }

    fn assert_close(found: &Tensor, expected: &[f32]) {
        let found = values(found);
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn a_large_norm_is_scaled_over_all_tensors() {
        // 1 + 4 + 4 + 16 + 144 = 169 = 13².
        let mut gradients = [
            Tensor::from_slice(&[1.0_f32, 2.0, 2.0, 4.0]).view([2, 2]),
            Tensor::from(12.0_f32),
        ];
        assert_eq!(clip_norm(&mut gradients, 6.5).unwrap(), 13.0);
        assert_close(&gradients[0], &[0.5, 1.0, 1.0, 2.0]);
        assert_close(&gradients[1], &[6.0]);
        assert_eq!(gradients[0].size(), [2, 2]);
    }

    #[test]
    fn a_small_norm_is_left_as_it_is() {
        let mut gradients = [Tensor::from_slice(&[3.0_f32, 4.0])];
        assert_eq!(clip_norm(&mut gradients, 5.1).unwrap(), 5.0);
        assert_eq!(values(&gradients[0]), [3.0, 4.0]);
        assert_eq!(clip_norm(&mut [], 1.0).unwrap(), 0.0);
    }

    #[test]
    fn a_norm_that_is_not_finite_changes_nothing() {
        for bad in [f32::INFINITY, f32::NAN] {
            let mut gradients = [Tensor::from_slice(&[8.0_f32]), Tensor::from(bad)];
            assert!(!clip_norm(&mut gradients, 1.0).unwrap().is_finite());
            assert_eq!(values(&gradients[0]), [8.0]);
        }
    }

    #[test]
    fn gradients_that_share_memory_are_scaled_once() {
        // d(a + b)/da and d(a + b)/db are the same tensor, and an expanded one.
        let options = (Kind::Float, Device::Cpu);
        let a = Tensor::zeros([8], options).set_requires_grad(true);
        let b = Tensor::zeros([8], options).set_requires_grad(true);
        let mut gradients = Tensor::run_backward(&[(&a + &b).sum(None)], &[&a, &b], false, false);
        assert_eq!(gradients[0].data_ptr(), gradients[1].data_ptr());
        // Sixteen ones have norm 4, but that of each eight is no number that f32 has.
        let norm = clip_norm(&mut gradients, 1.0).unwrap();
        assert!((norm - 4.0).abs() < 1e-6, "{norm}");
        assert_close(&gradients[0], &[0.25; 8]);
        assert_close(&gradients[1], &[0.25; 8]);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut gradients = [Tensor::from(1.0_f32), Tensor::new()];
        for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                clip_norm(&mut gradients, bound),
                Err(TorchError::OutOfRange { .. })
            ));
        }
        let message = clip_norm(&mut gradients, 1.0).unwrap_err().to_string();
        assert!(message.contains("gradient 1"), "{message}");
        let mut integers = [Tensor::from_slice(&[1_i64])];
        let message = clip_norm(&mut integers, 1.0).unwrap_err().to_string();
        assert!(message.contains("clip the gradients"), "{message}");
    }
}
