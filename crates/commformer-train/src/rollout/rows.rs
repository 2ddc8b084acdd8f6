//! Memory with a row for each step of a rollout, shared by environments and the policy.

use crate::TrainError;
use crate::ranks::wire::{Number, Wire};
use commformer_torch::Shared;
use commformer_torch::shared::Element;
use std::ops::Range;
use tch::{Device, Tensor};

/// Rows in the environments' memory. Where the policy works on another device they have a mirror
/// there, which is what it reads and writes; what the other side needs of it is brought over.
#[derive(Debug)]
pub struct Rows<T: Element> {
    host: Shared<T>,
    /// `None`: the policy works on the host's memory itself.
    mirror: Option<Tensor>,
}

impl<T: Element> Rows<T> {
    /// Rows of zeros; the first of `shape` says how many.
    pub fn zeros(shape: &[i64]) -> Result<Self, TrainError> {
        Ok(Self {
            host: Shared::zeros(shape)?,
            mirror: None,
        })
    }

    /// Mirrors the rows, from now on, on the device where the policy works.
    pub fn mirror_on(&mut self, device: Device) -> Result<(), TrainError> {
        let mirror = self.whole()?.f_zeros_like()?;
        self.mirror = Some(mirror.f_to_device(device)?);
        Ok(())
    }

    /// What the policy reads and writes.
    fn whole(&mut self) -> Result<Tensor, TrainError> {
        Ok(match &self.mirror {
            Some(mirror) => mirror.shallow_clone(),
            None => self.host.tensor()?,
        })
    }

    /// Row `t`, for the policy.
    pub fn at(&mut self, t: usize) -> Result<Tensor, TrainError> {
        Ok(self.whole()?.f_select(0, t as i64)?)
    }

    /// Writes row `t` for the policy, or as the policy computed it.
    pub fn write(&mut self, t: usize, row: &Tensor) -> Result<(), TrainError> {
        Ok(self.at(t)?.f_copy_(row)?)
    }

    /// The first `steps` rows, for the policy, without the division into steps and environments.
    pub fn samples(&mut self, steps: usize) -> Result<Tensor, TrainError> {
        samples(&self.whole()?, steps)
    }

    /// Row `t` as a tensor over the environments' memory.
    pub fn host_at(&mut self, t: usize) -> Result<Tensor, TrainError> {
        Ok(self.host.tensor()?.f_select(0, t as i64)?)
    }

    /// Brings some rows from the mirror to the environments' memory, in one transfer.
    pub fn fetch(&mut self, rows: Range<usize>) -> Result<(), TrainError> {
        if let Some(mirror) = &self.mirror {
            let part = |whole: &Tensor| whole.f_narrow(0, rows.start as i64, rows.len() as i64);
            part(&self.host.tensor()?)?.f_copy_(&part(mirror)?)?;
        }
        Ok(())
    }

    /// All rows in the environments' memory.
    pub fn slice(&self) -> Result<&[T], TrainError> {
        Ok(self.host.slice()?)
    }

    /// Row `t` in the environments' memory.
    pub fn row(&self, t: usize) -> Result<&[T], TrainError> {
        let length = self.length();
        Ok(&self.host.slice()?[t * length..(t + 1) * length])
    }

    /// The same, to write.
    pub fn row_mut(&mut self, t: usize) -> Result<&mut [T], TrainError> {
        let length = self.length();
        Ok(&mut self.host.slice_mut()?[t * length..(t + 1) * length])
    }

    /// Copies row `last` in the environments' memory to the first one.
    pub fn carry(&mut self, last: usize) -> Result<(), TrainError> {
        let length = self.length();
        self.host
            .slice_mut()?
            .copy_within(last * length..(last + 1) * length, 0);
        Ok(())
    }

    /// Gives all rows to other processes, or takes those of another one, which reach the mirror, too.
    pub fn exchange(&mut self, wire: &mut Wire<'_>) -> Result<(), TrainError>
    where
        T: Number,
    {
        wire.slice(self.host.slice_mut()?)?;
        match &mut self.mirror {
            Some(mirror) if wire.reads() => Ok(mirror.f_copy_(&self.host.tensor()?)?),
            _ => Ok(()),
        }
    }

    fn length(&self) -> usize {
        self.host.shape().iter().skip(1).product::<i64>() as usize
    }
}

/// The first `steps` rows without the division into steps and environments.
pub fn samples(rows: &Tensor, steps: usize) -> Result<Tensor, TrainError> {
    Ok(rows.f_narrow(0, 0, steps as i64)?.f_flatten(0, 1)?)
}

/// Copies a tensor into row `t` of memory that only the policy uses.
pub fn write(rows: &Tensor, t: usize, row: &Tensor) -> Result<(), TrainError> {
    Ok(rows.f_select(0, t as i64)?.f_copy_(row)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_another_memory_until_it_is_fetched() {
        for mirrored in [false, true] {
            let mut rows = Rows::<i64>::zeros(&[3, 2]).unwrap();
            if mirrored {
                rows.mirror_on(Device::Cpu).unwrap();
            }
            rows.write(1, &Tensor::from_slice(&[5i64, 6])).unwrap();
            assert_eq!(rows.row(1).unwrap() == [5, 6], !mirrored);
            rows.fetch(1..2).unwrap();
            assert_eq!(rows.slice().unwrap(), [0, 0, 5, 6, 0, 0]);
            // What environments write reaches the policy through `write` alone.
            rows.row_mut(2).unwrap()[0] = 7;
            assert_eq!(rows.at(2).unwrap().int64_value(&[0]) == 7, !mirrored);
            let sent = rows.host_at(2).unwrap();
            rows.write(2, &sent).unwrap();
            drop(sent);
            assert_eq!(rows.at(2).unwrap().int64_value(&[0]), 7);
            assert_eq!(rows.samples(2).unwrap().size(), [4]);
        }
    }
}
