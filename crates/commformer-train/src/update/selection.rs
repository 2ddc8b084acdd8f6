//! Choosing samples of a rollout, and finding them in the shards' memory.

use tch::{Device, Tensor};

/// Some of the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// This many from this one on.
    Range(usize, usize),
    /// These.
    Listed(Vec<i64>),
}

impl Selection {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(_, length) => *length,
            Self::Listed(samples) => samples.len(),
        }
    }

    /// Their numbers.
    pub fn samples(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Range(start, length) => Box::new(*start..start + length),
            Self::Listed(samples) => Box::new(samples.iter().map(|&sample| sample as usize)),
        }
    }

    /// Cuts it into parts of `size` and a rest. In each part the samples are in order, so that those
    /// of one shard stand together.
    pub fn parts(&self, size: usize) -> Vec<Selection> {
        let size = size.max(1);
        match self {
            Self::Range(start, length) => (0..*length)
                .step_by(size)
                .map(|at| Self::Range(start + at, size.min(length - at)))
                .collect(),
            Self::Listed(samples) => samples
                .chunks(size)
                .map(|part| {
                    let mut part = part.to_vec();
                    part.sort_unstable();
                    Self::Listed(part)
                })
                .collect(),
        }
    }

    /// Listed samples in `count` parts, of sizes that differ by one at the most.
    pub fn evenly(samples: &[i64], count: usize) -> Vec<Selection> {
        let bound = |part: usize| part * samples.len() / count.max(1);
        (0..count)
            .map(|part| {
                let mut part = samples[bound(part)..bound(part + 1)].to_vec();
                part.sort_unstable();
                Self::Listed(part)
            })
            .collect()
    }

    /// Where these samples, in order, lie when the shards hold `sizes` of them.
    pub fn places(&self, sizes: &[usize], device: Device) -> Places {
        let place = |own: Self| match own {
            Self::Range(start, length) => Place::Range(start as i64, length as i64),
            Self::Listed(own) => Place::Listed(Tensor::from_slice(&own).to_device(device)),
        };
        let of_shards = self.by_shard(sizes).into_iter();
        Places {
            of_shards: of_shards.map(|(shard, own)| (shard, place(own))).collect(),
            steps: 1,
        }
    }

    /// Those of each shard that has any of them, by their numbers within it. The samples are in order.
    pub fn by_shard(&self, sizes: &[usize]) -> Vec<(usize, Self)> {
        let mut first = 0;
        let mut parts = Vec::new();
        for (shard, size) in sizes.iter().enumerate() {
            let end = first + size;
            let own = match self {
                Self::Range(start, length) => {
                    let (from, to) = (first.max(*start), end.min(start + length));
                    Self::Range(from.saturating_sub(first), to.saturating_sub(from))
                }
                Self::Listed(samples) => {
                    let before = |limit| samples.partition_point(|&sample| sample < limit as i64);
                    let own = samples[before(first)..before(end)].iter();
                    Self::Listed(own.map(|sample| sample - first as i64).collect())
                }
            };
            if own.len() > 0 {
                parts.push((shard, own));
            }
            first = end;
        }
        parts
    }
}

/// Where some samples lie: which of each shard's, for the shards that have any of them.
#[derive(Debug)]
pub struct Places {
    /// The shards and what is taken of them.
    pub of_shards: Vec<(usize, Place)>,
    /// Steps, one after the other in each place: in what is cut, a step of one shard comes before the next of another.
    pub steps: usize,
}

/// Where some samples lie in a shard.
#[derive(Debug)]
pub enum Place {
    /// From this one on, so many.
    Range(i64, i64),
    /// These, (B).
    Listed(Tensor),
}

impl Places {
    /// The samples, out of a tensor for each shard. A range within one shard is a view.
    pub fn cut(&self, shards: &[Tensor]) -> Tensor {
        let mut cuts: Vec<Tensor> = self
            .of_shards
            .iter()
            .map(|(shard, place)| match place {
                Place::Range(start, length) => shards[*shard].narrow(0, *start, *length),
                Place::Listed(samples) => shards[*shard].index_select(0, samples),
            })
            .collect();
        match cuts.len() {
            1 => cuts.remove(0),
            _ if self.steps > 1 => {
                let by_step = |cut: Tensor| cut.unflatten(0, [self.steps as i64, -1]);
                let cuts: Vec<Tensor> = cuts.into_iter().map(by_step).collect();
                Tensor::cat(&cuts, 1).flatten(0, 1)
            }
            _ => Tensor::cat(&cuts, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn parts_cover_a_selection_once() {
        let range = Selection::Range(3, 7);
        let parts = range.parts(3);
        assert_eq!(
            parts,
            [
                Selection::Range(3, 3),
                Selection::Range(6, 3),
                Selection::Range(9, 1)
            ]
        );
        let listed = Selection::Listed(vec![5, 1, 4]);
        let samples: Vec<usize> = listed
            .parts(2)
            .iter()
            .flat_map(|part| part.samples().collect::<Vec<_>>())
            .collect();
        assert_eq!(samples, [1, 5, 4]);
    }

    #[test]
    fn there_are_as_many_even_parts_as_asked_for() {
        let samples: Vec<i64> = (0..9).rev().collect();
        for (count, sizes) in [(4, vec![2, 2, 2, 3]), (3, vec![3; 3]), (9, vec![1; 9])] {
            let parts = Selection::evenly(&samples, count);
            let lengths: Vec<usize> = parts.iter().map(Selection::len).collect();
            assert_eq!(lengths, sizes);
            let mut all: Vec<usize> = parts.iter().flat_map(|part| part.samples()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..9).collect::<Vec<_>>());
        }
    }

    #[test]
    fn samples_are_found_in_their_shards() {
        let sizes = [3, 2, 4];
        let shards: Vec<Tensor> = [[0, 3], [3, 5], [5, 9]]
            .map(|[first, end]| Tensor::arange_start(first, end, (Kind::Int64, Device::Cpu)))
            .into();
        for selection in [
            Selection::Range(0, 9),
            Selection::Range(1, 2),
            Selection::Range(2, 5),
            Selection::Listed(vec![0, 2, 5, 8]),
            Selection::Listed(vec![3]),
        ] {
            let cut = selection.places(&sizes, Device::Cpu).cut(&shards);
            let found = Vec::<i64>::try_from(cut).unwrap();
            let expected: Vec<i64> = selection.samples().map(|sample| sample as i64).collect();
            assert_eq!(found, expected);
        }
    }
}
