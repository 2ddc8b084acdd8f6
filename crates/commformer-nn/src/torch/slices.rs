//! Tensors on the CPU as slices.
//!
//! While a slice lives, nobody writes into the tensor's memory or changes its size, be it through another handle of it.
//! libtorch shares memory between handles, so that the compiler cannot see to it.

use tch::{Kind, Tensor};

/// The numbers of a dense tensor of f32 on the CPU.
///
/// # Panics
///
/// If it is another tensor: whoever calls has checked the inputs.
pub fn numbers(tensor: &Tensor) -> &[f32] {
    elements(tensor, Kind::Float)
}

/// The numbers of a dense tensor of i64 on the CPU.
pub fn integers(tensor: &Tensor) -> &[i64] {
    elements(tensor, Kind::Int64)
}

/// The bytes of a dense tensor of bool on the CPU: 0 or not.
pub fn truths(tensor: &Tensor) -> &[u8] {
    elements(tensor, Kind::Bool)
}

fn elements<T>(tensor: &Tensor, kind: Kind) -> &[T] {
    assert!(
        tensor.kind() == kind && tensor.device() == tch::Device::Cpu && tensor.is_contiguous(),
        "a dense tensor of {kind:?} on the CPU"
    );
    let count = tensor.numel();
    if count == 0 {
        return &[];
    }
    // SAFETY: the tensor is dense, on the CPU, and of `count` elements of this kind, each of which
    // may have any bits (a bool is read as a byte); the borrow keeps it alive. Nobody writes into it
    // meanwhile, as the module asks: inputs belong to the caller, and parameters change only in an optimiser's step,
    // which no pass overlaps (the contract of `Parameters::replica`, as for libtorch's own kernels).
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), count) }
}
