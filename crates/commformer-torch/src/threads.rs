//! How libtorch computes on this process's cores: with how many threads, whether it keeps freed
//! memory, and whether it tracks what gradients need.

use crate::{TorchError, ffi};

/// Sets how many threads one operation of libtorch may use on the CPU, for the whole process.
///
/// More is not always faster: small tensors, and cores that other processes use, favour few.
///
/// # Errors
///
/// [`TorchError::OutOfRange`] for zero, or more than `i32::MAX`.
pub fn set_intra_op(threads: usize) -> Result<(), TorchError> {
    match i32::try_from(threads) {
        Ok(count) if count > 0 => {
            tch::set_num_threads(count);
            Ok(())
        }
        _ => Err(TorchError::OutOfRange {
            name: "the number of threads",
            expected: "between 1 and 2147483647",
            found: threads as f64,
        }),
    }
}

/// Lets the process keep up to half a GiB of the memory that tensors give back, so that the next
/// tensors of their size (up to 32 MiB) need no fresh pages: those cost a tenth of a training step.
/// Returns whether the allocator understood; only glibc's does.
pub fn keep_memory() -> bool {
    // SAFETY: plain numbers go in and come out; the allocator may be told at any time.
    unsafe { ffi::commformer_keep_memory(32 << 20, 512 << 20) }
}

/// Runs `work` in libtorch's inference mode: like `tch::no_grad`, and besides libtorch does not track
/// what could need a gradient later, which makes small operations a tenth cheaper. Tensors made in it
/// can be read and copied anywhere, but a gradient never flows through them: copy one before it meets what
/// needs a gradient.
pub fn inference<T>(work: impl FnOnce() -> T) -> T {
    struct Guard(*mut std::ffi::c_void);
    impl Drop for Guard {
        fn drop(&mut self) {
            // SAFETY: the guard comes from `commformer_inference_begin` in this thread and is ended once;
            // it lives in this function alone, so guards end in reverse order.
            unsafe { ffi::commformer_inference_end(self.0) };
        }
    }
    // SAFETY: nothing goes in, and what comes out is null or a guard for `Guard` to end.
    let _guard = Guard(unsafe { ffi::commformer_inference_begin() });
    // There is no guard if memory has run out; then this at least holds.
    tch::no_grad(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn inference_ends_with_its_work_and_can_be_copied_from() {
        let weight = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let mut memory = Tensor::zeros([2], (Kind::Float, Device::Cpu));
        let found = inference(|| {
            let nested = inference(|| &weight * 2.0);
            nested + &weight
        });
        assert!(!found.requires_grad());
        memory.copy_(&found);
        assert_eq!(memory, Tensor::from_slice(&[3.0f32, 3.0]));
        let loss = (&weight * &memory).sum(Kind::Float);
        loss.backward();
        assert_eq!(weight.grad(), memory);
    }

    #[test]
    fn glibc_keeps_memory() {
        assert_eq!(keep_memory(), cfg!(target_env = "gnu"));
    }

    // The setting belongs to the process, so one test alone may change it.
    #[test]
    fn threads_are_as_many_as_were_set() {
        let before = tch::get_num_threads();
        set_intra_op(2).unwrap();
        assert_eq!(tch::get_num_threads(), 2);
        set_intra_op(1).unwrap();
        assert_eq!(tch::get_num_threads(), 1);
        assert!(
            set_intra_op(0)
                .unwrap_err()
                .to_string()
                .contains("but is 0")
        );
        assert!(set_intra_op(usize::MAX).is_err());
        assert_eq!(tch::get_num_threads(), 1);
        set_intra_op(before as usize).unwrap();
    }
}
