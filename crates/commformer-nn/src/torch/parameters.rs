//! A network's parameters as tensors.

use super::slices::numbers;
use crate::layout::{Layout, Leaf};
use commformer_torch::named::{self, StateError};
use tch::{Device, TchError, Tensor};

/// A tensor for each leaf of a layout, and the parts of the leaves under the names that they have on disk.
#[derive(Debug)]
pub struct Parameters {
    leaves: Vec<Tensor>,
    /// Views of the leaves' storage, outside the gradient.
    parts: Vec<(String, Tensor)>,
    device: Device,
}

impl Parameters {
    /// New ones; `normal` yields independent standard normal numbers.
    ///
    /// # Errors
    /// If the device refuses the tensors.
    pub fn new(
        layout: &Layout,
        device: Device,
        normal: &mut dyn FnMut() -> f32,
    ) -> Result<Self, TchError> {
        let leaves = layout.leaves().iter().zip(layout.fresh(normal));
        let tensor = |(leaf, numbers): (&Leaf, Vec<f32>)| {
            let shape: Vec<i64> = leaf.shape.iter().map(|size| *size as i64).collect();
            let tensor = Tensor::f_from_slice(&numbers)?.f_view(&shape[..])?;
            Ok(tensor.f_to_device(device)?.set_requires_grad(true))
        };
        let leaves = leaves.map(tensor).collect::<Result<_, TchError>>()?;
        Ok(Self::of(layout, leaves, device))
    }

    /// Leaves over the same storage, with gradients of their own, so that another thread can run passes: a change in
    /// place of either is seen by both.
    ///
    /// # Safety
    /// While one of them is in a pass on one thread, no other thread may change their numbers: the kernels read them
    /// as slices.
    pub unsafe fn replica(&self, layout: &Layout) -> Self {
        let alias = |leaf: &Tensor| leaf.detach().set_requires_grad(true);
        let leaves = self.leaves.iter().map(alias).collect();
        Self::of(layout, leaves, self.device)
    }

    fn of(layout: &Layout, leaves: Vec<Tensor>, device: Device) -> Self {
        let mut parts = Vec::new();
        for (leaf, tensor) in layout.leaves().iter().zip(&leaves) {
            let flat = tensor.detach().view([-1]);
            for (part, range) in leaf.ranges() {
                let shape: Vec<i64> = part.shape.iter().map(|size| *size as i64).collect();
                let view = flat.narrow(0, range.start as i64, range.len() as i64);
                parts.push((part.name.clone(), view.view(&shape[..])));
            }
        }
        Self {
            leaves,
            parts,
            device,
        }
    }

    /// The leaves, in the order of the layout. Nobody may write into their memory, be it through another handle, while
    /// these parameters or a replica are in a pass: the kernels read them as slices.
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// Where they are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The numbers of each leaf, which are on the CPU.
    ///
    /// # Panics
    /// If they are elsewhere.
    pub fn numbers(&self) -> Vec<&[f32]> {
        self.leaves.iter().map(numbers).collect()
    }

    /// The same, copied from wherever they are.
    ///
    /// # Errors
    /// If libtorch refuses to copy them.
    pub fn copied_numbers(&self) -> Result<Vec<Vec<f32>>, TchError> {
        let copied = |leaf: &Tensor| -> Result<Vec<f32>, TchError> {
            let leaf = leaf.detach().f_to_device(Device::Cpu)?.f_contiguous()?;
            Ok(numbers(&leaf).to_vec())
        };
        self.leaves.iter().map(copied).collect()
    }

    /// Contiguous copies of all parts under their names.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let copy = |(name, part): &(String, Tensor)| (name.clone(), part.contiguous().copy());
        self.parts.iter().map(copy).collect()
    }

    /// Copies saved tensors into the leaves, in place. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// One that names the missing, unexpected, misshapen or doubled tensor, or one of another kind.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), StateError> {
        named::copy_into(&self.parts, state)
    }
}
