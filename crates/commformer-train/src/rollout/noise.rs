//! The randomness of acting.

use crate::Gates;
use commformer_env::{ActionSpace, Rng, Spec};
use std::ops::Range;
use tch::Tensor;

/// Where the randomness of some environments comes from: each has streams of its own, so that what it
/// draws does not depend on the environments that act with it.
#[derive(Debug)]
pub struct Noise {
    /// Of the actions, a stream for each environment; `None`: they are greedy.
    pub actions: Option<Vec<Rng>>,
    /// Of the receive gates; `None`: they are all open.
    pub gates: Option<Vec<Rng>>,
    /// Whether gates are drawn, or decided as in execution.
    pub draw_gates: bool,
}

/// What was drawn for a step.
#[derive(Debug)]
pub struct Drawn {
    /// For the actions, (C, N, A); `None`: they are greedy.
    pub actions: Option<Tensor>,
    /// For the gates, (C, N, W); `None`: they are all open.
    pub gates: Option<Tensor>,
}

/// The streams of some of `all` environments in iteration `iteration` (or round of an evaluation).
pub fn streams(seed: u64, iteration: u64, envs: Range<usize>, all: usize) -> Vec<Rng> {
    envs.map(|env| Rng::new(seed, iteration * all as u64 + env as u64))
        .collect()
}

impl Noise {
    /// For one step of every environment.
    pub fn draw(&mut self, spec: &Spec, gate_width: usize) -> Drawn {
        let (width, draw): (usize, fn(&mut Rng) -> f32) = match spec.actions {
            ActionSpace::Discrete(width) => (width, Rng::gumbel),
            ActionSpace::Continuous(width) => (width, Rng::normal),
        };
        let actions = self.actions.as_mut().map(|streams| {
            let envs = 0..streams.len();
            numbers(streams, envs, draw, [spec.agents, width])
        });
        let envs = 0..self.gates.as_ref().map_or(0, Vec::len);
        Drawn {
            actions,
            gates: self.draw_gates_of(envs, spec, gate_width),
        }
    }

    /// For the gates of these environments, one after the other.
    pub fn draw_gates_of(
        &mut self,
        envs: impl ExactSizeIterator<Item = usize>,
        spec: &Spec,
        width: usize,
    ) -> Option<Tensor> {
        let streams = self.gates.as_mut().filter(|_| width > 0)?;
        Some(numbers(streams, envs, Rng::uniform, [spec.agents, width]))
    }

    /// How gates are set with what was drawn for them.
    pub fn gates<'a>(&self, drawn: Option<&'a Tensor>) -> Gates<'a> {
        match drawn {
            None => Gates::Open,
            Some(noise) if self.draw_gates => Gates::Drawn(noise),
            Some(noise) => Gates::Decided(noise),
        }
    }
}

fn numbers(
    streams: &mut [Rng],
    envs: impl ExactSizeIterator<Item = usize>,
    draw: fn(&mut Rng) -> f32,
    [agents, width]: [usize; 2],
) -> Tensor {
    let shape = [envs.len(), agents, width].map(|size| size as i64);
    let mut numbers = Vec::with_capacity(shape.iter().product::<i64>() as usize);
    for env in envs {
        let stream = &mut streams[env];
        numbers.extend((0..agents * width).map(|_| draw(stream)));
    }
    Tensor::from_slice(&numbers).view(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn an_environment_draws_the_same_whoever_acts_with_it() {
        let spec = Spec::new(3, 1, ActionSpace::Discrete(2));
        let draw = |envs: Range<usize>| {
            let mut noise = Noise {
                actions: None,
                gates: Some(streams(3, 5, envs, 4)),
                draw_gates: true,
            };
            let all = noise.gates.as_ref().map_or(0, Vec::len);
            let first = noise.draw(&spec, 2).gates.unwrap();
            let again = noise.draw_gates_of(0..all, &spec, 2);
            (first, again.unwrap())
        };
        let (whole, part) = (draw(0..4), draw(2..4));
        assert_eq!(whole.0.narrow(0, 2, 2), part.0);
        assert_eq!(whole.1.narrow(0, 2, 2), part.1);
        assert_ne!(whole.0, whole.1);
    }

    #[test]
    fn no_two_environments_or_rollouts_draw_the_same() {
        let first = (0..3).flat_map(|iteration| streams(3, iteration, 0..4, 4));
        let first: HashSet<u32> = first.map(|mut stream| stream.uniform().to_bits()).collect();
        assert_eq!(first.len(), 12);
    }
}
