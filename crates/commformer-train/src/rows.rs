//! Rows of the rollout's memory, one for each step, as slices and as tensors.

use crate::TrainError;
use commformer_torch::shared::Element;
use commformer_torch::{Shared, TorchError};
use std::ops::Range;
use tch::Tensor;

/// Copies a tensor into row `t`.
pub fn write_row<T: Element>(
    memory: &mut Shared<T>,
    t: usize,
    tensor: &Tensor,
) -> Result<(), TrainError> {
    memory.tensor()?.f_select(0, t as i64)?.f_copy_(tensor)?;
    Ok(())
}

/// The first `steps` rows, without the division into steps and copies.
pub fn samples<T: Element>(memory: &mut Shared<T>, steps: usize) -> Result<Tensor, TorchError> {
    Ok(memory.tensor()?.narrow(0, 0, steps as i64).flatten(0, 1))
}

/// Some rows of a memory.
pub fn rows<T: Element>(memory: &Shared<T>, rows: Range<usize>) -> Result<&[T], TorchError> {
    let length = row_length(memory);
    Ok(&memory.slice()?[rows.start * length..rows.end * length])
}

pub fn row<T: Element>(memory: &Shared<T>, t: usize) -> Result<&[T], TorchError> {
    rows(memory, t..t + 1)
}

/// Row `t` of a memory, to write.
pub fn row_mut<T: Element>(memory: &mut Shared<T>, t: usize) -> Result<&mut [T], TorchError> {
    let length = row_length(memory);
    Ok(&mut memory.slice_mut()?[t * length..(t + 1) * length])
}

/// Copies the row `last` to the first.
pub fn carry<T: Element>(memory: &mut Shared<T>, last: usize) -> Result<(), TorchError> {
    let length = row_length(memory);
    memory
        .slice_mut()?
        .copy_within(last * length..(last + 1) * length, 0);
    Ok(())
}

fn row_length<T: Element>(memory: &Shared<T>) -> usize {
    memory.shape().iter().skip(1).product::<i64>() as usize
}
