//! What a rollout taught, as tensors: advantages and returns are computed once an iteration, and
//! minibatches are cut from views of the buffer.

use crate::bilevel::Graphs;
use crate::buffer::Buffer;
use crate::policy::GateSamples;
use crate::ppo::{GateTargets, Targets};
use crate::samples::{Done, Perceived};
use crate::update::{Part, PartGraph};
use crate::{PpoConfig, TrainError, ValueNorm};
use commformer_env::Rng;
use ndarray::{Array3, ArrayView2, ArrayView3};
use tch::{Device, Tensor};

/// The samples of a rollout: S = T x C of them, step by step, in each step copy by copy.
#[derive(Debug)]
pub struct Experience<'a> {
    /// Rewards, (T, C, N).
    pub rewards: ArrayView3<'a, f32>,
    perceived: Perceived,
    done: Done,
    advantages: Tensor, // (S, N)
    returns: Tensor,    // (S, N)
    active: Tensor,     // (S, N), 1 or 0
    gate: Option<GateExperience>,
    /// Agents that took part in each sample, (S).
    counts: Vec<usize>,
}

/// What the gates decided, over all samples.
#[derive(Debug)]
struct GateExperience {
    /// `None` while all gates are held open.
    samples: Option<GateSamples>,
    log_probs: Tensor,  // (S, N)
    values: Tensor,     // (S, N)
    advantages: Tensor, // (S, N)
}

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

    /// Cuts it into parts of `size` and a rest.
    pub fn parts(&self, size: usize) -> Vec<Selection> {
        let size = size.max(1);
        match self {
            Self::Range(start, length) => (0..*length)
                .step_by(size)
                .map(|at| Self::Range(start + at, size.min(length - at)))
                .collect(),
            Self::Listed(samples) => samples
                .chunks(size)
                .map(|part| Self::Listed(part.to_vec()))
                .collect(),
        }
    }
}

impl<'a> Experience<'a> {
    /// Estimates advantages and returns of the rollout in `buffer`, takes the returns into `norm`,
    /// and brings both to the scale on which they are learned. `final_values` are the normalised
    /// values of the observations in which episodes were truncated; `gated` says whether the gates were
    /// in force.
    pub fn new(
        buffer: &'a mut Buffer,
        final_values: ArrayView2<'_, f32>,
        norm: &mut ValueNorm,
        config: &PpoConfig,
        device: Device,
        gated: bool,
    ) -> Result<Self, TrainError> {
        let (mut advantages, mut returns) =
            buffer.advantages(final_values, norm, config.gamma, config.gae_lambda)?;
        let active = buffer.active_samples()?;
        // How much better it went than a value expected that did not know the gates' decisions.
        let gate_advantages = match buffer.gates() {
            Some(gates) => {
                let mut better = returns.clone();
                for (better, value) in better.iter_mut().zip(gates.values()?) {
                    *better -= norm.denormalize(*value);
                }
                standardize(&mut better, active);
                Some(better)
            }
            None => None,
        };
        norm.update(
            returns
                .iter()
                .zip(active)
                .filter(|(_, active)| **active)
                .map(|(value, _)| *value),
        );
        returns.mapv_inplace(|value| norm.normalize(value));
        standardize(&mut advantages, active);
        let agents = buffer.spec().agents;
        let counts = active
            .chunks(agents)
            .map(|row| row.iter().filter(|active| **active).count())
            .collect();
        let on_device = |array: &Array3<f32>| -> Result<Tensor, TrainError> {
            Ok(Tensor::try_from(array)?.flatten(0, 1).to_device(device))
        };
        let active = Array3::from_shape_fn(advantages.raw_dim(), |(t, copy, agent)| {
            let sample = t * returns.shape()[1] + copy;
            f32::from(u8::from(active[sample * agents + agent]))
        });
        let perceived = buffer.perceived_samples()?.to_device(device);
        let done = buffer.done_samples()?.to_device(device);
        let gate = match (buffer.gates_mut(), &gate_advantages) {
            (Some(gates), Some(advantages)) => {
                let (samples, log_probs, values) = gates.samples()?;
                Some(GateExperience {
                    samples: gated.then(|| samples.map(|tensor| tensor.to_device(device))),
                    log_probs: log_probs.to_device(device),
                    values: values.to_device(device),
                    advantages: on_device(advantages)?,
                })
            }
            _ => None,
        };
        Ok(Self {
            gate,
            rewards: buffer.rewards(),
            perceived,
            done,
            advantages: on_device(&advantages)?,
            returns: on_device(&returns)?,
            active: on_device(&active)?,
            counts,
        })
    }

    /// Copies of the environment (C).
    pub fn copies(&self) -> usize {
        self.rewards.shape()[1]
    }

    /// The samples of the copies in `copies`: a range where it can be.
    pub fn of_copies(&self, copies: std::ops::Range<usize>) -> Selection {
        let (steps, all) = (self.rewards.shape()[0], self.copies());
        if copies == (0..all) {
            return Selection::Range(0, steps * all);
        }
        Selection::Listed(
            (0..steps)
                .flat_map(|t| copies.clone().map(move |copy| (t * all + copy) as i64))
                .collect(),
        )
    }

    /// How many agents take part in these samples.
    pub fn count_active(&self, selection: &Selection) -> usize {
        selection.samples().map(|sample| self.counts[sample]).sum()
    }

    /// The part of a minibatch made of these samples.
    pub fn part(&self, selection: &Selection, graph: PartGraph, noise: Rng) -> Part {
        let index = match selection {
            Selection::Range(..) => None,
            Selection::Listed(samples) => {
                Some(Tensor::from_slice(samples).to_device(self.returns.device()))
            }
        };
        let cut = |whole: &Tensor| match (selection, &index) {
            (_, Some(index)) => whole.index_select(0, index),
            (Selection::Range(start, length), None) => {
                whole.narrow(0, *start as i64, *length as i64)
            }
            (Selection::Listed(_), None) => whole.shallow_clone(),
        };
        Part {
            perceived: Perceived {
                obs: cut(&self.perceived.obs),
                available: self.perceived.available.as_ref().map(cut),
                memory: self.perceived.memory.as_ref().map(cut),
            },
            actions: cut(&self.done.actions),
            gate: self
                .gate
                .as_ref()
                .and_then(|gate| gate.samples.as_ref())
                .map(|samples| samples.map(cut)),
            graph,
            targets: Targets {
                log_probs: cut(&self.done.log_probs),
                values: cut(&self.done.values),
                advantages: cut(&self.advantages),
                returns: cut(&self.returns),
                active: cut(&self.active),
                gate: self.gate.as_ref().map(|gate| GateTargets {
                    log_probs: cut(&gate.log_probs),
                    values: cut(&gate.values),
                    advantages: cut(&gate.advantages),
                }),
            },
            noise,
        }
    }

    /// The graph on which each of these samples was acted, (1 or B, N, N).
    pub fn acted_on(&self, selection: &Selection, graphs: &Graphs) -> Tensor {
        let copies = self.copies();
        graphs.of_copies(selection.samples().map(|sample| sample % copies), copies)
    }
}

/// Brings the values of active agents to mean 0 and spread 1, in place.
fn standardize(values: &mut Array3<f32>, active: &[bool]) {
    let chosen = || {
        values
            .iter()
            .zip(active)
            .filter(|(_, active)| **active)
            .map(|(value, _)| f64::from(*value))
    };
    let count = chosen().count().max(1) as f64;
    let mean = chosen().sum::<f64>() / count;
    let deviation = (chosen().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    values.mapv_inplace(|value| ((f64::from(value) - mean) / (deviation + 1e-5)) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn dead_agents_do_not_shift_the_mean() {
        let mut values = array![[[1.0, 3.0, 100.0]]];
        standardize(&mut values, &[true, true, false]);
        assert!((values[[0, 0, 0]] + 1.0).abs() < 1e-4 && (values[[0, 0, 1]] - 1.0).abs() < 1e-4);
    }

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
        assert_eq!(samples, [5, 1, 4]);
    }
}
