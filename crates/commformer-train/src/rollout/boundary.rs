//! What environments write is looked at before anybody learns from it.

use commformer_env::{Environment, LARGEST_NUMBER, Status, VecEnv};
use std::fmt;

/// What an environment wrote and nobody can learn from. The policy has not seen it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnvironmentFault {
    /// The environment, among all of the trainer or of the evaluation.
    pub env: usize,
    /// Steps of its episode, this one included; 0: the episode had just begun.
    pub step: u32,
    /// The agent in it.
    pub agent: usize,
    /// What is wrong.
    pub found: FaultKind,
}

/// What can be wrong with what an environment writes for an agent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// A reward that is not within 1e15 of zero.
    Reward(f32),
    /// An observation that is not within 1e15 of zero.
    Observation {
        /// Which of its numbers.
        number: usize,
        /// The number.
        value: f32,
    },
    /// The same of the observation in which a time limit cut the episode.
    LastObservation {
        /// Which of its numbers.
        number: usize,
        /// The number.
        value: f32,
    },
    /// No action is available.
    NoAction,
    /// A global state that is not within 1e15 of zero; it is no agent's.
    State {
        /// Which of its numbers.
        number: usize,
        /// The number.
        value: f32,
    },
    /// The same of the state in which a time limit cut the episode.
    LastState {
        /// Which of its numbers.
        number: usize,
        /// The number.
        value: f32,
    },
}

impl fmt::Display for EnvironmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            env,
            step,
            agent,
            found,
        } = self;
        match step {
            0 => write!(f, "environment {env}, at the beginning of an episode: ")?,
            _ => write!(f, "environment {env}, step {step} of its episode: ")?,
        }
        let last = match found {
            FaultKind::LastObservation { .. } | FaultKind::LastState { .. } => {
                ", in which the episode was truncated,"
            }
            _ => "",
        };
        match found {
            FaultKind::Reward(value) => write!(f, "the reward of agent {agent} is {value:e}"),
            FaultKind::Observation { number, value }
            | FaultKind::LastObservation { number, value } => {
                write!(
                    f,
                    "number {number} of agent {agent}'s observation{last} is {value:e}"
                )
            }
            FaultKind::NoAction => write!(f, "agent {agent} has no available action"),
            FaultKind::State { number, value } | FaultKind::LastState { number, value } => {
                write!(f, "number {number} of the global state{last} is {value:e}")
            }
        }?;
        f.write_str(match found {
            FaultKind::NoAction => "; every agent needs one, whether it is active or not",
            _ => "; it must be a number within 1e15 of zero, since squares are added up",
        })?;
        f.write_str(": correct the environment")
    }
}

impl std::error::Error for EnvironmentFault {}

/// What the environments wrote in a step, or as they began.
#[derive(Debug)]
pub struct Written<'a> {
    /// (C, N, O).
    pub obs: &'a [f32],
    /// (C, N, A), where actions can be unavailable.
    pub available: &'a [bool],
    /// (C, N); empty if no step was taken.
    pub rewards: &'a [f32],
    /// (C); empty if no step was taken.
    pub status: &'a [Status],
}

impl Written<'_> {
    /// The first thing that is wrong with it, if anything is.
    pub fn fault<E: Environment>(&self, environments: &VecEnv<E>) -> Option<EnvironmentFault> {
        let spec = environments.spec();
        let fault = |env, step, agent, found| EnvironmentFault {
            env: environments.first_env() + env,
            step,
            agent,
            found,
        };
        let seen_at = |env: usize| seen_at(env, self.status, environments);
        if let Some(row) = out_of_bounds(self.rewards) {
            let (env, agent) = (row / spec.agents, row % spec.agents);
            let found = FaultKind::Reward(self.rewards[row]);
            return Some(fault(env, environments.episode_steps(env), agent, found));
        }
        let truncated = |(env, status): (usize, &Status)| {
            (*status == Status::Truncated).then(|| (env, environments.final_obs(env)))
        };
        for (env, obs) in self.status.iter().enumerate().filter_map(truncated) {
            if let Some(at) = out_of_bounds(obs) {
                let step = environments.episode_steps(env);
                let found = FaultKind::LastObservation {
                    number: at % spec.obs_dim,
                    value: obs[at],
                };
                return Some(fault(env, step, at / spec.obs_dim, found));
            }
        }
        if let Some(at) = out_of_bounds(self.obs) {
            let (row, number) = (at / spec.obs_dim, at % spec.obs_dim);
            let (env, agent) = (row / spec.agents, row % spec.agents);
            let found = FaultKind::Observation {
                number,
                value: self.obs[at],
            };
            return Some(fault(env, seen_at(env), agent, found));
        }
        let rows = &mut self.available.chunks(spec.actions.size().max(1));
        let row = rows.position(|row| !row.contains(&true))?;
        let (env, agent) = (row / spec.agents, row % spec.agents);
        Some(fault(env, seen_at(env), agent, FaultKind::NoAction))
    }
}

/// The first of the global states, (C, S), or of those in which episodes were just truncated, that is out of
/// bounds. `status` is empty if no step was taken.
pub fn fault_of_states<E: Environment>(
    states: &[f32],
    status: &[Status],
    environments: &VecEnv<E>,
) -> Option<EnvironmentFault> {
    let fault = |env, step, found| EnvironmentFault {
        env: environments.first_env() + env,
        step,
        agent: 0,
        found,
    };
    for (env, _) in (status.iter().enumerate()).filter(|(_, status)| **status == Status::Truncated)
    {
        let state = environments.final_state(env);
        if let Some(number) = out_of_bounds(state) {
            let value = state[number];
            let found = FaultKind::LastState { number, value };
            return Some(fault(env, environments.episode_steps(env), found));
        }
    }
    let at = out_of_bounds(states)?;
    let width = environments.spec().state_dim;
    let (env, number) = (at / width, at % width);
    let (step, value) = (seen_at(env, status, environments), states[at]);
    Some(fault(env, step, FaultKind::State { number, value }))
}

/// The step of its episode at which an environment is seen: 0 where an episode just ended, since what is seen then
/// belongs to the next.
fn seen_at<E: Environment>(env: usize, status: &[Status], environments: &VecEnv<E>) -> u32 {
    match status.get(env) {
        None | Some(Status::Running) => environments.episode_steps(env),
        Some(_) => 0,
    }
}

/// Where the first number lies that is no number or too large.
fn out_of_bounds(numbers: &[f32]) -> Option<usize> {
    match all_within(numbers) {
        true => None,
        false => numbers.iter().position(|number| !is_within(*number)),
    }
}

/// False for NaN, too.
fn is_within(number: f32) -> bool {
    number.abs() <= LARGEST_NUMBER
}

/// Whether all numbers are within bounds.
///
/// Sizes are in the order of their bits, infinity and NaN above all numbers, so that with what the largest lacks those
/// that are too large carry into the bit of the sign. Unlike a search that stops at the first, this is done for many
/// numbers at once.
fn all_within(numbers: &[f32]) -> bool {
    const LACK: u32 = (1 << 31) - 1 - LARGEST_NUMBER.to_bits();
    let carries = numbers.iter().fold(0, |carries, number| {
        carries | (number.abs().to_bits() + LACK)
    });
    carries >> 31 == 0
}

#[cfg(test)]
mod tests;
