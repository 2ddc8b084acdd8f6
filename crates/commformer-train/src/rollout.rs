//! Acting: the environments step, the policy chooses, the buffer remembers.

use crate::bilevel::Graphs;
use crate::buffer::Buffer;
use crate::{Actor, Gates, Phases, Policy, TrainError};
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

/// Where a rollout's randomness comes from.
#[derive(Debug)]
pub struct Noise {
    /// Of the actions; `None`: the likeliest are taken.
    pub actions: Option<Rng>,
    /// Of the receive gates; `None`: they are all open.
    pub gates: Option<Rng>,
    /// Whether gates are drawn, or decided as in execution.
    pub draw_gates: bool,
    /// Where tensors live.
    pub device: Device,
}

impl Noise {
    /// For the actions of `copies` teams, (C, N, A).
    fn of_actions(&mut self, spec: &Spec, copies: usize) -> Option<Tensor> {
        let (width, draw): (usize, fn(&mut Rng) -> f32) = match spec.actions {
            ActionSpace::Discrete(width) => (width, Rng::gumbel),
            ActionSpace::Continuous(width) => (width, Rng::normal),
        };
        let shape = [copies, spec.agents, width];
        let rng = self.actions.as_mut()?;
        Some(numbers(rng, draw, shape).to_device(self.device))
    }

    /// For the gates of `copies` teams, (C, N, W).
    fn of_gates(&mut self, spec: &Spec, copies: usize, width: usize) -> Option<Tensor> {
        let rng = self.gates.as_mut().filter(|_| width > 0)?;
        let shape = [copies, spec.agents, width];
        Some(numbers(rng, Rng::uniform, shape).to_device(self.device))
    }

    fn gates<'a>(&self, noise: Option<&'a Tensor>) -> Gates<'a> {
        match noise {
            None => Gates::Open,
            Some(noise) if self.draw_gates => Gates::Drawn(noise),
            Some(noise) => Gates::Decided(noise),
        }
    }
}

fn numbers(rng: &mut Rng, draw: fn(&mut Rng) -> f32, shape: [usize; 3]) -> Tensor {
    let count = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|_| draw(rng)).collect();
    Tensor::from_slice(&numbers).view(shape.map(|size| size as i64))
}

/// Fills the buffer by acting on `graphs`.
pub fn collect<P: Policy, E: Environment>(
    buffer: &mut Buffer,
    environments: &mut VecEnv<E>,
    policy: &P,
    graphs: &Graphs,
    noise: &mut Noise,
    pool: &rayon::ThreadPool,
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
        act(buffer, t, policy, &graph, noise)?;
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
    let gate_noise = noise.of_gates(buffer.spec(), copies, policy.gate_width());
    let gates = noise.gates(gate_noise.as_ref());
    let last = buffer.situation(steps)?.to_device(noise.device);
    let values = tch::no_grad(|| policy.values(&last.with_graph(&graph), gates))?;
    buffer.record_values(steps, &values)?;
    phases.act += start.elapsed().as_secs_f64();
    Ok(collected)
}

/// Lets the policy act on step `t` and keeps what it chose.
pub fn act<A: Actor>(
    buffer: &mut Buffer,
    t: usize,
    policy: &A,
    graph: &Tensor,
    noise: &mut Noise,
) -> Result<(), TrainError> {
    let copies = buffer.copies();
    let of_actions = noise.of_actions(buffer.spec(), copies);
    let of_gates = noise.of_gates(buffer.spec(), copies, policy.gate_width());
    let gates = noise.gates(of_gates.as_ref());
    let perceived = buffer.situation(t)?.to_device(noise.device);
    let situations = perceived.with_graph(graph);
    let act = tch::no_grad(|| policy.act(&situations, gates, of_actions.as_ref()))?;
    buffer.record(t, &act, of_gates.as_ref())
}

/// Values of the observations in which episodes were truncated, (ends, N).
pub fn final_values<P: Policy>(
    buffer: &Buffer,
    policy: &P,
    graphs: &Graphs,
    noise: &mut Noise,
) -> Result<Array2<f32>, TrainError> {
    let Some(ends) = buffer.truncated() else {
        return Ok(Array2::zeros((0, buffer.spec().agents)));
    };
    let graph = graphs.of_copies(ends.copies.iter().copied(), buffer.copies());
    let of_gates = noise.of_gates(buffer.spec(), ends.copies.len(), policy.gate_width());
    let gates = noise.gates(of_gates.as_ref());
    let perceived = ends.perceived.to_device(noise.device);
    let values = tch::no_grad(|| policy.values(&perceived.with_graph(&graph), gates))?;
    let values = values.to_device(Device::Cpu);
    Ok((&values)
        .try_into()
        .and_then(|values: ndarray::ArrayD<f32>| {
            values.into_dimensionality().map_err(tch::TchError::from)
        })?)
}
