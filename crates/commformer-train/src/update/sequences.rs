//! Which samples of a rollout follow each other, for recurrent policies.
//!
//! A *unit* is what minibatches are made of: a sample, or a sequence of L consecutive samples of one environment. Units are
//! numbered as samples are: shard by shard, in each L steps after the other, and environment by environment.

use super::selection::{Place, Places, Selection};
use tch::{Device, Tensor};

/// The longest sequence of at most `wish` steps that divides a rollout of `steps`, so that none is shorter.
pub fn length(wish: usize, steps: usize) -> usize {
    let divides = |length: &usize| steps.is_multiple_of(*length);
    (1..=wish.min(steps)).rev().find(divides).unwrap_or(1)
}

/// The units of a rollout.
#[derive(Debug)]
pub struct Units {
    /// Steps of each (L).
    pub length: usize,
    /// Samples of each shard.
    sizes: Vec<usize>,
    /// Environments of each shard.
    envs: Vec<usize>,
}

impl Units {
    /// Of `length` steps each, in shards of so many environments, for rollouts of `steps`.
    pub fn new(length: usize, envs: Vec<usize>, steps: usize) -> Self {
        Self {
            length,
            sizes: envs.iter().map(|envs| envs * steps).collect(),
            envs,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sizes.iter().sum::<usize>() / self.length
    }

    /// The number of the sample that a unit has at a step, among those of its shard with so many `envs`.
    fn within(&self, unit: usize, step: usize, envs: usize) -> usize {
        (unit / envs * self.length + step) * envs + unit % envs
    }

    /// The same, among all.
    pub fn sample(&self, mut unit: usize, step: usize) -> usize {
        let mut first = 0;
        for (size, envs) in self.sizes.iter().zip(&self.envs) {
            let units = size / self.length;
            if unit < units {
                return first + self.within(unit, step, *envs);
            }
            unit -= units;
            first += size;
        }
        first
    }

    /// The samples of some units, in order: step by step, in each unit by unit.
    pub fn samples<'a>(&'a self, units: &'a Selection) -> Box<dyn Iterator<Item = usize> + 'a> {
        match self.length {
            1 => units.samples(),
            length => Box::new((0..length).flat_map(move |step| {
                let units = units.samples();
                units.map(move |unit| self.sample(unit, step))
            })),
        }
    }

    /// Where the samples of some units lie; `heads`: only the first of each.
    pub fn places(&self, units: &Selection, heads: bool, device: Device) -> Places {
        if self.length == 1 {
            return units.places(&self.sizes, device);
        }
        let steps = if heads { 1 } else { self.length };
        let sizes: Vec<usize> = (self.sizes.iter()).map(|size| size / self.length).collect();
        let of_samples = |(shard, units): (usize, Selection)| {
            let samples: Vec<i64> = (0..steps)
                .flat_map(|step| units.samples().map(move |unit| (unit, step)))
                .map(|(unit, step)| self.within(unit, step, self.envs[shard]) as i64)
                .collect();
            let samples = Tensor::from_slice(&samples).to_device(device);
            (shard, Place::Listed(samples))
        };
        let of_shards = units.by_shard(&sizes).into_iter();
        Places {
            of_shards: of_shards.map(of_samples).collect(),
            steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn a_length_divides_the_rollout() {
        for (wish, steps, expected) in [
            (10, 100, 10),
            (10, 25, 5),
            (10, 16, 8),
            (10, 7, 7),
            (10, 13, 1),
            (0, 8, 1),
        ] {
            assert_eq!(length(wish, steps), expected, "{wish} of {steps}");
        }
    }

    #[test]
    fn units_are_steps_of_one_environment_that_follow_each_other() {
        // Four steps of two environments and of one: samples 0 to 7 (step by step) and 8 to 11.
        let units = Units::new(2, vec![2, 1], 4);
        assert_eq!(units.count(), 6);
        let pairs: Vec<[usize; 2]> = (0..6)
            .map(|unit| [0, 1].map(|step| units.sample(unit, step)))
            .collect();
        assert_eq!(pairs, [[0, 2], [1, 3], [4, 6], [5, 7], [8, 9], [10, 11]]);
        let shards: Vec<Tensor> = [[0, 8], [8, 12]]
            .map(|[first, end]| Tensor::arange_start(first, end, (Kind::Int64, Device::Cpu)))
            .into();
        for (selection, heads, expected) in [
            // Step before sequence, across shards too.
            (
                Selection::Listed(vec![1, 2, 5]),
                false,
                vec![1, 4, 10, 3, 6, 11],
            ),
            (Selection::Listed(vec![1, 2, 5]), true, vec![1, 4, 10]),
            (Selection::Range(3, 2), false, vec![5, 8, 7, 9]),
            (Selection::Range(0, 2), true, vec![0, 1]),
        ] {
            let cut = units.places(&selection, heads, Device::Cpu).cut(&shards);
            assert_eq!(Vec::<i64>::try_from(cut).unwrap(), expected);
            if !heads {
                let samples: Vec<i64> = units.samples(&selection).map(|at| at as i64).collect();
                assert_eq!(samples, expected);
            }
        }
    }
}
