//! Acting: the environments step, the policy chooses, the buffer remembers.
//!
//! The environments are dealt out to *shards* of a fixed size. Each goes from step to step by itself, on
//! whichever worker is free, with that worker's replica of the policy: while one acts another steps,
//! or acts too. What a shard does depends on nothing that another does, so the number of workers
//! changes nothing.

pub(crate) mod boundary;
pub(crate) mod buffer;
pub(crate) mod exchange;
pub(crate) mod gae;
pub(crate) mod graphs;
pub(crate) mod memory;
pub(crate) mod message_stats;
pub(crate) mod messages;
pub(crate) mod noise;
mod rows;
pub(crate) mod samples;
mod staging;
mod taken;
pub(crate) mod value_norm;

use crate::pool::lock;
use crate::update::learner::Workers;
use crate::{Actor, Phases, Policy, RolloutConfig, TeamGraphs, TrainError};
use buffer::Buffer;
use commformer_env::{Environment, Episode, VecEnv};
use commformer_torch::threads::inference;
use exchange::Environments;
use graphs::Graphs;
use noise::{Drawn, Noise};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Environments that act and step together, and what they leave.
#[derive(Debug)]
pub struct Shard<E> {
    /// Which environments of all.
    pub envs: Range<usize>,
    /// They themselves.
    pub environments: Environments<E>,
    /// The memory of their rollout.
    pub buffer: Buffer,
}

/// Deals the environments out to shards for rollouts of this size and begins an episode in each.
pub fn shards<E: Environment>(
    environments: VecEnv<E>,
    config: &RolloutConfig,
    policy: &(impl Actor + ?Sized),
    device: Device,
) -> Result<Vec<Shard<E>>, TrainError> {
    let mut first = 0;
    environments
        .split(config.shard_size())
        .into_iter()
        .map(|mut environments| {
            let envs = first..first + environments.num_envs();
            first = envs.end;
            let mut buffer = buffer_for(policy, &environments, config.steps, device)?;
            buffer.reset(&mut environments)?;
            Ok(Shard {
                envs,
                environments: Environments::Own(Box::new(environments)),
                buffer,
            })
        })
        .collect()
}

/// Memory for rollouts in which `policy` acts on `device`.
pub fn buffer_for<E: Environment>(
    policy: &(impl Actor + ?Sized),
    environments: &VecEnv<E>,
    steps: usize,
    device: Device,
) -> Result<Buffer, TrainError> {
    let mut buffer = Buffer::new(environments.spec(), environments.num_envs(), steps)?
        .with_needs(policy.needs())?;
    if device != Device::Cpu {
        buffer.mirror_on(device)?;
    }
    Ok(buffer)
}

/// What a rollout leaves beside the buffers.
#[derive(Debug, Default)]
pub struct Collected {
    /// The episodes that ended: shard by shard, in each by steps, then environments.
    pub episodes: Vec<Episode>,
    /// Where the time went.
    pub phases: Phases,
}

/// Fills the buffers of all shards by acting on `graphs`; `noise` makes that of some environments. The shards of other
/// `ranks` come from there; what this one waits for them is time of the environments.
pub fn collect<E: Environment>(
    shards: &mut [Shard<E>],
    (replicas, pool, ranks): Workers<'_>,
    graphs: &Graphs,
    noise: &dyn Fn(Range<usize>) -> Noise,
) -> Result<Collected, TrainError> {
    let start = Instant::now();
    let envs = shards.iter().map(|shard| shard.envs.len()).sum();
    let waiting: VecDeque<Turn<'_, E>> = shards
        .iter_mut()
        .enumerate()
        .filter_map(|(number, shard)| {
            Some(Turn {
                number,
                graph: graphs.of_envs(shard.envs.clone(), envs),
                noise: noise(shard.envs.clone()),
                environments: shard.environments.own()?,
                buffer: &mut shard.buffer,
                under_way: None,
                collected: Collected::default(),
            })
        })
        .collect();
    let (waiting, over) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    let work = |policy: &mut Box<dyn Policy>| {
        loop {
            // A worker that finds no shard waiting can stop: every other one has a shard.
            let Some(mut turn) = lock(&waiting).pop_front() else {
                break;
            };
            match turn.advance(&**policy) {
                Ok(false) => lock(&waiting).push_back(turn),
                Ok(true) => lock(&over).push((turn.number, Ok(turn.collected))),
                Err(error) => lock(&over).push((turn.number, Err(error))),
            }
        }
    };
    pool.scope(|scope| {
        for policy in replicas {
            scope.spawn(|_| work(policy));
        }
    });
    let mut over = std::mem::take(&mut *lock(&over));
    over.sort_by_key(|(number, _)| *number);
    let mut all = Collected::default();
    let mut episodes = vec![Vec::new(); shards.len()];
    for (number, collected) in over {
        let Collected {
            episodes: of_shard,
            phases,
        } = collected?;
        episodes[number] = of_shard;
        all.phases += phases;
    }
    // Workers' seconds, as shares of those that passed.
    let passed = start.elapsed().as_secs_f64() / all.phases.total().max(f64::MIN_POSITIVE);
    all.phases.act *= passed;
    all.phases.environment *= passed;
    if let Some(ranks) = ranks {
        let start = Instant::now();
        exchange::exchange(shards, &mut episodes, ranks)?;
        all.phases.environment += start.elapsed().as_secs_f64();
    }
    all.episodes = episodes.into_iter().flatten().collect();
    Ok(all)
}

/// A shard on its way through a rollout.
struct Turn<'a, E> {
    number: usize,
    environments: &'a mut VecEnv<E>,
    buffer: &'a mut Buffer,
    graph: TeamGraphs,
    noise: Noise,
    /// The step that was begun.
    under_way: Option<usize>,
    collected: Collected,
}

impl<E: Environment> Turn<'_, E> {
    /// Waits for the step under way, acts, begins the next one, and says whether the rollout is over. Where environments
    /// live elsewhere, they step while others act.
    fn advance(&mut self, policy: &dyn Policy) -> Result<bool, TrainError> {
        let (environments, buffer) = (&mut *self.environments, &mut *self.buffer);
        let phases = &mut self.collected.phases;
        match self.under_way {
            None => buffer.begin()?,
            Some(t) => {
                let start = Instant::now();
                buffer.step(t, environments)?;
                let episodes = environments.episodes().iter().cloned();
                self.collected.episodes.extend(episodes);
                phases.environment += start.elapsed().as_secs_f64();
            }
        }
        let start = Instant::now();
        let t = self.under_way.map_or(0, |t| t + 1);
        let is_over = t == buffer.steps();
        if is_over {
            value_ends(buffer, policy, &self.graph, &mut self.noise)?;
        } else {
            act(buffer, t, policy, &self.graph, &mut self.noise)?;
            buffer.begin_step(t, environments)?;
            self.under_way = Some(t);
        }
        phases.act += start.elapsed().as_secs_f64();
        Ok(is_over)
    }
}

/// Lets the policy act on step `t` and keeps what it chose.
pub fn act(
    buffer: &mut Buffer,
    t: usize,
    policy: &(impl Actor + ?Sized),
    graph: &TeamGraphs,
    noise: &mut Noise,
) -> Result<(), TrainError> {
    let drawn = noise.draw(buffer.spec(), policy.needs().gate);
    let (observed, drawn) = buffer.observed(t, drawn)?;
    let gates = noise.gates(drawn.gates.as_ref());
    let batch = observed.with_graph(graph);
    let act = inference(|| policy.act(&batch, gates, drawn.actions.as_ref()))?;
    let sum = act.log_probs.f_sum(Kind::Float)?.f_double_value(&[])?;
    if !sum.is_finite() {
        return Err(TrainError::Senseless { found: sum });
    }
    // The buffer lends no memory while tensors over it live.
    drop(observed);
    buffer.record(t, &act, drawn.gates.as_ref())
}

/// Values of the state after the last step, which is only valued: its actions belong to the next
/// rollout. And values of the observations in which episodes were truncated.
fn value_ends(
    buffer: &mut Buffer,
    policy: &dyn Policy,
    graph: &TeamGraphs,
    noise: &mut Noise,
) -> Result<(), TrainError> {
    let (spec, width) = (buffer.spec().clone(), policy.needs().gate);
    let drawn = Drawn {
        actions: None,
        gates: noise.draw_gates_of(0..buffer.num_envs(), &spec, width),
    };
    let (observed, drawn) = buffer.observed(buffer.steps(), drawn)?;
    let gates = noise.gates(drawn.gates.as_ref());
    let last = inference(|| policy.values(&observed.with_graph(graph), gates))?;
    drop(observed);
    let ends = match buffer.truncated()? {
        None => None,
        Some(ends) => {
            let device = graph.graphs.device();
            let envs: Vec<i64> = ends.envs.iter().map(|env| *env as i64).collect();
            let graph = graph.select(&Tensor::from_slice(&envs).f_to_device(device)?);
            let drawn = noise.draw_gates_of(ends.envs.iter().copied(), &spec, width);
            let drawn = drawn.map(|drawn| drawn.to_device(device));
            let gates = noise.gates(drawn.as_ref());
            let batch = ends.observed.with_graph(&graph);
            Some(inference(|| policy.values(&batch, gates))?)
        }
    };
    buffer.finish(&last, ends.as_ref())
}
