//! Acting: the environments step, the policy chooses, the buffer remembers.

use crate::bilevel::Graphs;
use crate::buffer::{Buffer, Perceived};
use crate::{Phases, Policy, TrainError};
use commformer_env::{ActionSpace, Environment, Episode, Rng, Spec, VecEnv};
use ndarray::Array2;
use std::time::Instant;
use tch::{Device, Tensor};

/// What a rollout leaves beside the buffer.
#[derive(Debug)]
pub struct Collected {
    /// The episodes that ended, in the order of steps, then copies.
    pub episodes: Vec<Episode>,
    /// Where the time went.
    pub phases: Phases,
}

/// Fills the buffer by acting on `graphs`.
pub fn collect<P: Policy, E: Environment>(
    buffer: &mut Buffer,
    environments: &mut VecEnv<E>,
    policy: &P,
    graphs: &Graphs,
    rng: &mut Rng,
    pool: &rayon::ThreadPool,
    device: Device,
) -> Result<Collected, TrainError> {
    let (steps, copies) = (buffer.steps(), buffer.copies());
    let graph = graphs.of_copies(0..copies, copies);
    let mut collected = Collected {
        episodes: Vec::new(),
        phases: Phases::default(),
    };
    let phases = &mut collected.phases;
    buffer.begin()?;
    for t in 0..steps {
        let start = Instant::now();
        let noise = action_noise(rng, buffer.spec(), copies, device);
        act(buffer, t, policy, &graph, Some(&noise), device)?;
        phases.act += start.elapsed().as_secs_f64();

        let start = Instant::now();
        // Rayon threads of the same pool as the update's step the environments.
        pool.install(|| buffer.step(t, environments))?;
        collected
            .episodes
            .extend_from_slice(environments.episodes());
        phases.environment += start.elapsed().as_secs_f64();
    }
    // The last situation is only valued: its actions belong to the next rollout.
    let start = Instant::now();
    let last = buffer.situation(steps)?.obs.to_device(device);
    let values = tch::no_grad(|| policy.values(&last, &graph))?;
    buffer.record_values(steps, &values)?;
    phases.act += start.elapsed().as_secs_f64();
    Ok(collected)
}

/// Lets the policy act on step `t` and keeps what it chose.
pub fn act<P: Policy>(
    buffer: &mut Buffer,
    t: usize,
    policy: &P,
    graph: &Tensor,
    noise: Option<&Tensor>,
    device: Device,
) -> Result<(), TrainError> {
    let Perceived { obs, available } = buffer.situation(t)?.to_device(device);
    let act = tch::no_grad(|| policy.act(&obs, available.as_ref(), graph, noise))?;
    buffer.record(t, &act)
}

/// Values of the observations in which episodes were truncated, (ends, N).
pub fn final_values<P: Policy>(
    buffer: &Buffer,
    policy: &P,
    graphs: &Graphs,
    device: Device,
) -> Result<Array2<f32>, TrainError> {
    let Some((copies, obs)) = buffer.truncated() else {
        return Ok(Array2::zeros((0, buffer.spec().agents)));
    };
    let graph = graphs.of_copies(copies.iter().copied(), buffer.copies());
    let values = tch::no_grad(|| policy.values(&obs.to_device(device), &graph))?;
    let values = values.to_device(Device::Cpu);
    Ok((&values)
        .try_into()
        .and_then(|values: ndarray::ArrayD<f32>| {
            values.into_dimensionality().map_err(tch::TchError::from)
        })?)
}

/// The noise from which a step's actions are drawn, (C, N, A).
pub fn action_noise(rng: &mut Rng, spec: &Spec, copies: usize, device: Device) -> Tensor {
    let (width, draw): (usize, fn(&mut Rng) -> f32) = match spec.actions {
        ActionSpace::Discrete(width) => (width, Rng::gumbel),
        ActionSpace::Continuous(width) => (width, Rng::normal),
    };
    let noise: Vec<f32> = (0..copies * spec.agents * width)
        .map(|_| draw(rng))
        .collect();
    Tensor::from_slice(&noise)
        .view([copies as i64, spec.agents as i64, width as i64])
        .to_device(device)
}
