//! What is learned from a rollout, as tensors: advantages and returns are computed once an iteration, and
//! minibatches are cut from views of the shards' buffers.

use super::bilevel::Outcomes;
use super::gathered::Gathered;
use super::gradient::{Part, PartGraph};
use super::ppo::{GateTargets, Targets};
use super::selection::Selection;
use super::sequences::Units;
use crate::policy::GateSamples;
use crate::rollout::Shard;
use crate::rollout::graphs::Graphs;
use crate::rollout::samples::{Done, Observed};
use crate::{Fallen, PpoConfig, TeamGraphs, TrainError, ValueNorm};
use commformer_env::{Environment, Rng};
use std::ops::Range;
use tch::{Device, Tensor};

/// The samples of a rollout: S = T x C of them, shard by shard, in each step by step and environment by environment.
#[derive(Debug)]
pub struct Experience {
    /// How the agents fared.
    pub outcomes: Outcomes,
    obs: Pieces,
    available: Option<Pieces>,
    state: Option<Pieces>,
    memory: Option<Pieces>,
    actions: Pieces,
    log_probs: Pieces,
    values: Pieces,
    advantages: Pieces,
    returns: Pieces,
    /// 1 where an agent was active, else 0.
    active: Pieces,
    /// Weights of the values' errors, where they are not `active`.
    valued: Option<Pieces>,
    gate: Option<GateExperience>,
    /// What minibatches are made of.
    units: Units,
    /// Where memories begin anew, (its samples, N); `None` where each sample is by itself.
    begins: Option<Pieces>,
    /// The environment of each sample, (S).
    envs: Vec<usize>,
    /// How many agents were active in each sample, (S).
    counts: Vec<usize>,
}

/// What the gates decided, over all samples.
#[derive(Debug)]
struct GateExperience {
    /// The gates and their noise; `None` while all are held open.
    samples: Option<(Pieces, Pieces)>,
    log_probs: Pieces,
    values: Pieces,
    advantages: Pieces,
}

/// A tensor for each shard, (its samples, N, ...).
type Pieces = Vec<Tensor>;

impl Experience {
    /// Estimates advantages and returns of the rollout in `shards`, takes the returns into `norm`,
    /// and brings both to the scale on which they are learned. `gated` says whether the gates were in
    /// force; `sequence` is the length of the sequences that the policy evaluates, if it does.
    pub fn new<E: Environment>(
        shards: &mut [Shard<E>],
        norm: &mut ValueNorm,
        config: &PpoConfig,
        device: Device,
        gated: bool,
        sequence: Option<usize>,
    ) -> Result<Self, TrainError> {
        let Gathered {
            mut advantages,
            mut returns,
            active,
            gate_values,
            begins,
            outcomes,
        } = Gathered::of(shards, norm, config)?;
        let steps = (shards.first()).map_or(0, |shard| shard.buffer.steps());
        let columns: Vec<usize> = shards.iter().map(|shard| shard.envs.len()).collect();
        let lengths: Vec<i64> = columns.iter().map(|envs| (steps * envs) as i64).collect();
        let envs: Vec<usize> = (shards.iter())
            .flat_map(|shard| (0..steps).flat_map(|_| shard.envs.clone()))
            .collect();
        let agents = active.len() / envs.len().max(1);

        // Over values that do not know the gates' decisions.
        let mut gate_advantages: Vec<f32> = (gate_values.iter().zip(&returns))
            .map(|(value, returned)| returned - norm.denormalize(*value))
            .collect();
        standardize(&mut gate_advantages, &active);
        let taken_in = returns.iter().zip(&active);
        norm.update(
            taken_in
                .filter(|(_, active)| **active)
                .map(|(value, _)| *value),
        );
        for value in &mut returns {
            *value = norm.normalize(*value);
        }
        standardize(&mut advantages, &active);

        let counts: Vec<usize> = active
            .chunks(agents.max(1))
            .map(|row| row.iter().filter(|active| **active).count())
            .collect();
        let active: Vec<f32> = active.iter().map(|is| f32::from(u8::from(*is))).collect();
        // A weight for every agent, with which the loss, a sum over a minibatch's count of active agents, comes to the
        // mean over all agents where minibatches have as many active ones as the rollout.
        let everybody = counts.iter().sum::<usize>() as f32 / active.len().max(1) as f32;
        let pieces = |all: &[f32]| -> Result<Pieces, TrainError> {
            let all = Tensor::from_slice(all).f_view([-1, agents as i64])?;
            Ok(all.f_to_device(device)?.f_split_with_sizes(&lengths, 0)?)
        };
        let gate = match gate_values.is_empty() {
            true => None,
            false => Some(GateExperience::new(
                shards,
                gated,
                pieces(&gate_advantages)?,
            )?),
        };
        let observed: Vec<Observed> = (shards.iter_mut())
            .map(|shard| shard.buffer.observed_samples())
            .collect::<Result<_, _>>()?;
        let done: Vec<Done> = (shards.iter_mut())
            .map(|shard| shard.buffer.done_samples())
            .collect::<Result<_, _>>()?;
        let of_done =
            |one: fn(&Done) -> &Tensor| done.iter().map(|of| one(of).shallow_clone()).collect();
        let clone = |of: &Option<Tensor>| of.as_ref().map(Tensor::shallow_clone);
        Ok(Self {
            outcomes,
            available: observed.iter().map(|of| clone(&of.available)).collect(),
            state: observed.iter().map(|of| clone(&of.state)).collect(),
            memory: observed.iter().map(|of| clone(&of.memory)).collect(),
            obs: observed.into_iter().map(|of| of.obs).collect(),
            actions: of_done(|of| &of.actions),
            log_probs: of_done(|of| &of.log_probs),
            values: of_done(|of| &of.values),
            advantages: pieces(&advantages)?,
            returns: pieces(&returns)?,
            valued: match config.fallen {
                Fallen::Trained => Some(pieces(&vec![everybody; active.len()])?),
                Fallen::Own | Fallen::Team => None,
            },
            active: pieces(&active)?,
            gate,
            units: Units::new(sequence.unwrap_or(1), columns, steps),
            begins: sequence.map(|_| pieces(&begins)).transpose()?,
            envs,
            counts,
        })
    }

    /// Environments of all shards (C).
    pub fn num_envs(&self) -> usize {
        self.outcomes.rewards.shape()[1]
    }

    /// The [units](Units) of the environments in `envs`: a range if these are all, else a list. Every selection here is one of
    /// units.
    pub fn of_envs(&self, envs: Range<usize>) -> Selection {
        let all = self.units.count();
        if envs == (0..self.num_envs()) {
            return Selection::Range(0, all);
        }
        let of_these = |unit: &usize| envs.contains(&self.envs[self.units.sample(*unit, 0)]);
        Selection::Listed((0..all).filter(of_these).map(|unit| unit as i64).collect())
    }

    /// Agents of a sample (N).
    pub fn agents(&self) -> usize {
        self.outcomes.rewards.shape()[2]
    }

    /// Units of each part of a minibatch that is made of these.
    pub fn part_size(&self, selection: &Selection, ppo: &PpoConfig) -> usize {
        let length = self.units.length;
        let samples = ppo.part_size(selection.len() * length, self.agents());
        samples.div_ceil(length)
    }

    /// Whether everybody is active in these samples.
    fn is_complete(&self, selection: &Selection) -> bool {
        let mut samples = self.units.samples(selection);
        samples.all(|sample| self.counts[sample] == self.agents())
    }

    /// How many agents are active in these samples, added up over them.
    pub fn count_active(&self, selection: &Selection) -> usize {
        let samples = self.units.samples(selection);
        samples.map(|sample| self.counts[sample]).sum()
    }

    /// The part of a minibatch made of these samples, which are in order.
    pub fn part(&self, selection: &Selection, graph: PartGraph, noise: Rng) -> Part {
        let device = self.returns.first().map_or(Device::Cpu, Tensor::device);
        let places = self.units.places(selection, false, device);
        let cut = |pieces: &Pieces| places.cut(pieces);
        let gate = self.gate.as_ref();
        let active = cut(&self.active);
        Part {
            observed: Observed {
                obs: cut(&self.obs),
                available: self.available.as_ref().map(cut),
                active: (!self.is_complete(selection)).then(|| active.shallow_clone()),
                state: self.state.as_ref().map(cut),
                memory: (self.memory.as_ref()).map(|memory| match self.units.length {
                    1 => cut(memory),
                    _ => self.units.places(selection, true, device).cut(memory),
                }),
            },
            actions: cut(&self.actions),
            gate: gate
                .and_then(|gate| gate.samples.as_ref())
                .map(|(open, noise)| GateSamples {
                    open: cut(open),
                    noise: cut(noise),
                }),
            begins: self.begins.as_ref().map(|begins| {
                let steps = self.units.length as i64;
                cut(begins).unflatten(0, [steps, -1])
            }),
            graph,
            targets: Targets {
                log_probs: cut(&self.log_probs),
                values: cut(&self.values),
                advantages: cut(&self.advantages),
                returns: cut(&self.returns),
                valued: (self.valued.as_ref()).map_or_else(|| active.shallow_clone(), cut),
                active,
                gate: gate.map(|gate| GateTargets {
                    log_probs: cut(&gate.log_probs),
                    values: cut(&gate.values),
                    advantages: cut(&gate.advantages),
                }),
            },
            noise,
        }
    }

    /// The graphs on which these samples were acted.
    pub fn acted_on(&self, selection: &Selection, graphs: &Graphs) -> TeamGraphs {
        let samples = self.units.samples(selection);
        let envs = samples.map(|sample| self.envs[sample]);
        graphs.of_envs(envs, self.num_envs())
    }
}

impl GateExperience {
    fn new<E: Environment>(
        shards: &mut [Shard<E>],
        gated: bool,
        advantages: Pieces,
    ) -> Result<Self, TrainError> {
        let (mut open, mut noise) = (Pieces::new(), Pieces::new());
        let (mut log_probs, mut values) = (Pieces::new(), Pieces::new());
        for gates in shards
            .iter_mut()
            .filter_map(|shard| shard.buffer.gates_mut())
        {
            let (samples, log_probs_of_shard, values_of_shard) = gates.samples()?;
            open.push(samples.open);
            noise.push(samples.noise);
            log_probs.push(log_probs_of_shard);
            values.push(values_of_shard);
        }
        Ok(Self {
            samples: gated.then_some((open, noise)),
            log_probs,
            values,
            advantages,
        })
    }
}

/// Brings the values of active agents to mean 0 and standard deviation 1, in place.
fn standardize(values: &mut [f32], active: &[bool]) {
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
    for value in values {
        *value = ((f64::from(*value) - mean) / (deviation + 1e-5)) as f32;
    }
}

#[cfg(test)]
mod tests;
