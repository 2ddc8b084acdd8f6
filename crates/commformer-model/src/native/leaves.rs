//! The policy's numbers as slices, and a place for the gradient of each leaf.

use std::collections::HashMap;
use tch::{Kind, Tensor};

/// The numbers of a dense tensor of f32 on the CPU.
///
/// # Panics
///
/// If it is another tensor: whoever calls has checked the inputs.
pub(super) fn numbers(tensor: &Tensor) -> &[f32] {
    elements(tensor, Kind::Float)
}

/// The numbers of a dense tensor of i64 on the CPU.
pub(super) fn integers(tensor: &Tensor) -> &[i64] {
    elements(tensor, Kind::Int64)
}

/// The bytes of a dense tensor of bool on the CPU: 0 or not.
pub(super) fn truths(tensor: &Tensor) -> &[u8] {
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
    // meanwhile: inputs belong to the caller, and parameters change only in an optimiser's step,
    // which no pass overlaps (the contract of `CommFormer::replica`, as for libtorch's own kernels).
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), count) }
}

/// Gradients of the leaves; a leaf is known by where its numbers lie.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    /// Whether those of matrices are wanted: they cost half of a backward pass.
    pub of_weights: bool,
    places: HashMap<usize, usize>,
    of_leaves: Vec<Vec<f32>>,
}

impl Gradients {
    /// Zeros for each of these leaves.
    pub fn clear(&mut self, leaves: &[(String, Tensor)]) {
        self.places.clear();
        self.of_leaves.resize_with(leaves.len(), Vec::new);
        for (place, (_, leaf)) in leaves.iter().enumerate() {
            self.places.insert(leaf.data_ptr() as usize, place);
            super::rows::zeroed(&mut self.of_leaves[place], leaf.numel());
        }
    }

    /// The gradient of this leaf.
    pub fn of(&mut self, leaf: &Tensor) -> &mut [f32] {
        let place = self.places.get(&(leaf.data_ptr() as usize));
        match place.and_then(|place| self.of_leaves.get_mut(*place)) {
            Some(gradient) => gradient,
            None => &mut [],
        }
    }

    /// The gradients of two leaves.
    pub fn of_both(&mut self, first: &Tensor, second: &Tensor) -> [&mut [f32]; 2] {
        let place = |leaf: &Tensor| self.places.get(&(leaf.data_ptr() as usize)).copied();
        let places = (place(first), place(second));
        let (Some(first), Some(second)) = places else {
            return [&mut [], &mut []];
        };
        match self.of_leaves.get_disjoint_mut([first, second]) {
            Ok(both) => both.map(Vec::as_mut_slice),
            Err(_) => [&mut [], &mut []],
        }
    }

    /// As tensors shaped like the leaves.
    pub fn to_tensors(&self, leaves: &[(String, Tensor)]) -> Vec<Tensor> {
        let shaped = |(numbers, (_, leaf)): (&Vec<f32>, &(String, Tensor))| {
            Tensor::from_slice(numbers).view(leaf.size().as_slice())
        };
        self.of_leaves.iter().zip(leaves).map(shaped).collect()
    }
}
