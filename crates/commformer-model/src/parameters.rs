//! The policy's leaves: how they start, how they are packed, and what they are called on disk.
//!
//! Several tensors on disk may share one leaf in memory. The three projections of an attention
//! are stacked into one matrix, so that one product computes them all, and so are the agents'
//! heads. A [`Leaf`] knows its parts, which are views of its storage: saving copies them out,
//! loading copies into them.

use tch::{Device, Kind, Tensor};

use crate::ModelError;
use crate::config::Precision;

/// How a tensor starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Init {
    /// A matrix with orthonormal rows or columns, times a gain.
    Orthogonal(f64),
    /// Zeros.
    Zeros,
    /// Ones.
    Ones,
    /// Independent standard normal numbers.
    Normal,
}

impl Init {
    /// For a layer whose output goes through an activation.
    pub(crate) const ACTIVATED: Self = Self::Orthogonal(std::f64::consts::SQRT_2);
    /// For a layer whose output is used as it is, as the Multi-Agent Transformer starts them.
    pub(crate) const SMALL: Self = Self::Orthogonal(0.01);
}

/// One tensor on disk.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) init: Init,
}

impl Part {
    pub(crate) fn new(name: impl Into<String>, shape: &[usize], init: Init) -> Self {
        Self {
            name: name.into(),
            shape: shape.iter().map(|&size| size as i64).collect(),
            init,
        }
    }
}

/// How parts lie in their leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Packing {
    /// One below the other, along the first dimension.
    Rows,
    /// Along a new first dimension.
    Stack,
}

/// A tensor that the optimiser sees.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) tensor: Tensor,
    /// Views of the leaf's storage, outside the gradient, under their names on disk.
    pub(crate) parts: Vec<(String, Tensor)>,
}

/// Hands out leaves in the order in which the policy's structure asks for them: fresh ones, or
/// aliases of another policy's.
pub(crate) struct Builder<'a> {
    source: Source<'a>,
    device: Device,
    precision: Precision,
    leaves: Vec<Leaf>,
}

enum Source<'a> {
    Fresh(&'a mut dyn FnMut() -> f32),
    Alias(&'a [Leaf]),
}

impl<'a> Builder<'a> {
    /// Builds from standard normal numbers.
    pub(crate) fn fresh(device: Device, normal: &'a mut dyn FnMut() -> f32) -> Self {
        Self {
            source: Source::Fresh(normal),
            device,
            precision: Precision::default(),
            leaves: Vec::new(),
        }
    }

    /// Builds over the storage of `leaves`, which a builder of the same configuration made.
    pub(crate) fn alias(leaves: &'a [Leaf], device: Device) -> Self {
        Self {
            source: Source::Alias(leaves),
            device,
            precision: Precision::default(),
            leaves: Vec::new(),
        }
    }

    /// Layers multiply in this precision.
    pub(crate) fn multiplying_in(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// What layers multiply in.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// All leaves that were handed out.
    pub(crate) fn finish(self) -> Vec<Leaf> {
        self.leaves
    }

    /// A leaf with one part of the same name.
    pub(crate) fn whole(
        &mut self,
        name: &str,
        shape: &[usize],
        init: Init,
    ) -> Result<Tensor, ModelError> {
        self.packed(name, Packing::Rows, &[Part::new(name, shape, init)])
    }

    /// A leaf of several parts.
    pub(crate) fn packed(
        &mut self,
        name: &str,
        packing: Packing,
        parts: &[Part],
    ) -> Result<Tensor, ModelError> {
        let data = match &mut self.source {
            Source::Alias(leaves) => leaves[self.leaves.len()].tensor.detach(),
            Source::Fresh(normal) => {
                let values = parts
                    .iter()
                    .map(|part| start(part, *normal))
                    .collect::<Result<Vec<_>, _>>()?;
                let joined = match packing {
                    Packing::Rows => Tensor::f_cat(&values, 0)?,
                    Packing::Stack => Tensor::f_stack(&values, 0)?,
                };
                joined.f_to_device(self.device)?
            }
        };
        let mut row = 0;
        let views = parts.iter().enumerate().map(|(index, part)| {
            let view = match packing {
                Packing::Stack => data.select(0, index as i64),
                Packing::Rows => data.narrow(0, row, part.shape[0]),
            };
            row += part.shape[0];
            (part.name.clone(), view)
        });
        let parts = views.collect();
        let tensor = data.set_requires_grad(true);
        self.leaves.push(Leaf {
            name: name.to_owned(),
            tensor: tensor.shallow_clone(),
            parts,
        });
        Ok(tensor)
    }
}

/// The first value of a part, on the CPU.
fn start(part: &Part, normal: &mut dyn FnMut() -> f32) -> Result<Tensor, ModelError> {
    let options = (Kind::Float, Device::Cpu);
    Ok(match part.init {
        Init::Zeros => Tensor::f_zeros(&part.shape, options)?,
        Init::Ones => Tensor::f_ones(&part.shape, options)?,
        Init::Normal => normals(&part.shape, normal)?,
        Init::Orthogonal(gain) => orthogonal(part.shape[0], part.shape[1], normal)? * gain,
    })
}

fn normals(shape: &[i64], normal: &mut dyn FnMut() -> f32) -> Result<Tensor, ModelError> {
    let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| normal()).collect();
    Ok(Tensor::f_from_slice(&numbers)?.f_view(shape)?)
}

/// A random matrix whose rows (or columns, whichever are fewer) are orthonormal.
fn orthogonal(
    rows: i64,
    columns: i64,
    normal: &mut dyn FnMut() -> f32,
) -> Result<Tensor, ModelError> {
    let (long, short) = (rows.max(columns), rows.min(columns));
    let (q, r) = Tensor::f_linalg_qr(&normals(&[long, short], normal)?, "reduced")?;
    // A QR decomposition is unique, and so its Q evenly spread, only once R's diagonal is positive.
    let signs = r.f_diagonal(0, 0, 1)?.f_sign()?;
    let q = q.f_mul(&signs)?;
    let q = if rows < columns { q.f_tr()? } else { q };
    Ok(q.f_contiguous()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            state as f32 / u32::MAX as f32 - 0.5
        };
        for (rows, columns) in [(3, 8), (8, 3), (5, 5)] {
            let q = orthogonal(rows, columns, &mut noise).unwrap();
            assert_eq!(q.size(), [rows, columns]);
            let gram = if rows < columns {
                q.matmul(&q.tr())
            } else {
                q.tr().matmul(&q)
            };
            let eye = Tensor::eye(rows.min(columns), (Kind::Float, Device::Cpu));
            assert!(gram.allclose(&eye, 0.0, 1e-5, false));
        }
    }
}
