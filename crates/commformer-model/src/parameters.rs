//! The tensors of a network's leaves, and their parts under the names that they have on disk.

use commformer_nn::layout::Layout;
use tch::{Device, Tensor};

use crate::ModelError;

/// New leaves; `normal` yields independent standard normal numbers.
pub(crate) fn fresh(
    layout: &Layout,
    device: Device,
    normal: &mut dyn FnMut() -> f32,
) -> Result<Vec<Tensor>, ModelError> {
    let leaves = layout.leaves().iter().zip(layout.fresh(normal));
    let tensor = |(leaf, numbers): (&commformer_nn::layout::Leaf, Vec<f32>)| {
        let shape: Vec<i64> = leaf.shape.iter().map(|size| *size as i64).collect();
        let tensor = Tensor::f_from_slice(&numbers)?.f_view(&shape[..])?;
        Ok(tensor.f_to_device(device)?.set_requires_grad(true))
    };
    leaves.map(tensor).collect()
}

/// Leaves over the same storage, with gradients of their own.
pub(crate) fn alias(leaves: &[Tensor]) -> Vec<Tensor> {
    let alias = |leaf: &Tensor| leaf.detach().set_requires_grad(true);
    leaves.iter().map(alias).collect()
}

/// Views of the leaves' storage, outside the gradient, under their names on disk.
pub(crate) fn parts(layout: &Layout, leaves: &[Tensor]) -> Vec<(String, Tensor)> {
    let mut parts = Vec::new();
    for (leaf, tensor) in layout.leaves().iter().zip(leaves) {
        let flat = tensor.detach().view([-1]);
        for (part, range) in leaf.ranges() {
            let shape: Vec<i64> = part.shape.iter().map(|size| *size as i64).collect();
            let view = flat.narrow(0, range.start as i64, range.len() as i64);
            parts.push((part.name.clone(), view.view(&shape[..])));
        }
    }
    parts
}
