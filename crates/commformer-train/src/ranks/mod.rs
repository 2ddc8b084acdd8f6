//! A run on several processes, its *ranks*. Each steps its share of the shards and differentiates its share of a minibatch's
//! parts; what they found is exchanged, and all else is computed by every rank alike.
//!
//! Shards and parts have a fixed size, and what comes of them is put together in their order. The number of ranks therefore
//! changes no bit.

mod eight_bit;
mod share;
pub(crate) mod wire;

use crate::TrainError;
use commformer_torch::group::Group;
use eight_bit::Residue;
use tch::{Device, Tensor};
use wire::Wire;

/// What ranks tell each other.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// Something that is told once.
    Once,
    /// What they have collected.
    Rollout,
    /// The gradients of the lower level.
    Lower,
    /// Those of the upper level.
    Upper,
}

/// This process among those of the run.
#[derive(Debug)]
pub struct Ranks {
    group: Group,
    device: Device,
    /// Of each subject, for how many bytes there was room the last time.
    rooms: [usize; 4],
    /// What the last gradients of each level in eight bits have left over.
    residues: [Residue; 2],
}

impl Ranks {
    /// Of these processes, the tensors of which live on `device`.
    pub fn new(group: Group, device: Device) -> Self {
        Self {
            group,
            device,
            rooms: [0; 4],
            residues: Default::default(),
        }
    }

    /// Where this one's tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The number of this one, from 0.
    pub fn rank(&self) -> usize {
        self.group.rank()
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.group.size()
    }

    /// The rank that does the work of this number.
    pub fn owner(&self, number: usize) -> usize {
        number % self.size()
    }

    /// Whether the work of this number is this rank's.
    pub fn owns(&self, number: usize) -> bool {
        self.owner(number) == self.rank()
    }

    /// What each rank has to say, in their order.
    pub fn exchange(&mut self, about: Subject, mine: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        let room = &mut self.rooms[about as usize];
        Ok(self.group.gather_bytes(mine, room)?)
    }

    /// The sum of all ranks' numbers, in the engine's own order.
    pub fn sum(&mut self, numbers: &Tensor) -> Result<Tensor, TrainError> {
        let mut sum = numbers.f_to_device(Device::Cpu)?.f_contiguous()?.copy();
        self.group.sum(&mut sum)?;
        Ok(sum.f_to_device(self.device)?)
    }

    /// The sum of all ranks' numbers, of which the last `exact` are few and sent as they are, the others as a byte each.
    pub fn sum_in_eight_bits(
        &mut self,
        about: Subject,
        numbers: &Tensor,
        exact: usize,
    ) -> Result<Tensor, TrainError> {
        let mut mine = Vec::<f32>::try_from(numbers.f_to_device(Device::Cpu)?)?;
        let rounded = mine.len() - exact;
        let mut sum = vec![0.0; mine.len()];
        let mut wire = Wire::Out(Vec::new());
        wire.slice(&mut mine[rounded..])?;
        let residue = &mut self.residues[usize::from(matches!(about, Subject::Upper))];
        residue.encode(&mine[..rounded], &mut wire)?;
        for (rank, bytes) in (self.exchange(about, &wire.into_bytes())?.iter()).enumerate() {
            let mut wire = Wire::from(rank, bytes);
            let few = &mut mine[rounded..];
            wire.slice(few)?;
            let (of_rounded, of_few) = sum.split_at_mut(rounded);
            for (sum, few) in of_few.iter_mut().zip(few) {
                *sum += *few;
            }
            eight_bit::add(wire, of_rounded)?;
        }
        Ok(Tensor::f_from_slice(&sum)?.f_to_device(self.device)?)
    }

    /// Whether `wish` is true on any rank.
    pub fn any(&mut self, wish: bool) -> Result<bool, TrainError> {
        let wishes = self.group.gather(&Tensor::from_slice(&[i64::from(wish)]))?;
        Ok(wishes.iter().any(|wish| wish.int64_value(&[0]) != 0))
    }

    /// Refuses ranks that have something else here than this one.
    pub fn check_alike(&mut self, mine: &[u8], what: &str) -> Result<(), TrainError> {
        let all = self.exchange(Subject::Once, mine)?;
        match all.iter().position(|other| other != mine) {
            None => Ok(()),
            Some(rank) => Err(TrainError::Ranks {
                rank,
                what: format!("has {what} than rank {}", self.rank()),
            }),
        }
    }

    /// Lets the others know why this one ends, unless it ends because it lost another one.
    pub fn leave(&mut self, error: &TrainError) {
        if !matches!(error, TrainError::Group(_)) {
            self.group.leave(&error.to_string());
        }
    }
}
