//! The way from the environments' memory to a device on which the policy works.

use crate::TrainError;
use tch::{Device, Kind, Tensor};

/// Brings host tensors to a device, all of a step in one transfer.
#[derive(Debug)]
pub struct Staging {
    device: Device,
    /// Numbers on their way; pinned where the device is a GPU, so that nobody waits for the transfer.
    block: Tensor,
}

impl Staging {
    /// To this device.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            block: Tensor::zeros([0], (Kind::Float, Device::Cpu)),
        }
    }

    /// Brings these tensors over, as `f32`. Before the next call the device must have been waited for
    /// once, as whoever reads the actions does: until then the block may still be on its way.
    pub fn send<const K: usize>(
        &mut self,
        tensors: [Option<Tensor>; K],
    ) -> Result<[Option<Tensor>; K], TrainError> {
        let count = tensors.iter().flatten().map(|one| one.numel() as i64).sum();
        if (self.block.numel() as i64) < count {
            self.block = Tensor::f_zeros([count], (Kind::Float, Device::Cpu))?;
            if self.device.is_cuda() {
                self.block = self.block.f_pin_memory(self.device)?;
            }
        }
        let mut start = 0;
        let places = tensors.map(|one| {
            one.map(|one| {
                let place = (start, one.numel() as i64);
                start += place.1;
                (one, place)
            })
        });
        for (one, (start, length)) in places.iter().flatten() {
            self.block
                .f_narrow(0, *start, *length)?
                .f_view(&one.size()[..])?
                .f_copy_(one)?;
        }
        let whole = self.block.f_narrow(0, 0, count)?;
        // Always a copy, also on the CPU: the block is written again in the next step.
        let there = whole.f_to_device_(self.device, Kind::Float, true, true)?;
        Ok(places.map(|place| {
            place.map(|(one, (start, length))| there.narrow(0, start, length).view(&one.size()[..]))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_in_its_shape() {
        let mut staging = Staging::new(Device::Cpu);
        for rows in [2i64, 3, 1] {
            let reals = Tensor::arange(rows * 2, (Kind::Float, Device::Cpu)).view([rows, 2]);
            let truths = Tensor::from_slice(&[true, false]);
            let sent = [Some(reals.shallow_clone()), None, Some(truths)];
            let [first, second, third] = staging.send(sent).unwrap();
            assert_eq!(first, Some(reals));
            assert_eq!(second, None);
            assert_eq!(third, Some(Tensor::from_slice(&[1.0f32, 0.0])));
        }
    }
}
