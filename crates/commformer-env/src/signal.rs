//! Signal: a task whose best communication graph and best gate are known.
//!
//! Every agent has a *source*, another agent, fixed for good. In each step every agent sees a
//! symbol and a cue of its own. If its cue is 1 it must name its source's symbol, of which only the
//! source knows; otherwise its own. The best graph with one sender per receiver is therefore
//! exactly the sources, the best gate is open exactly when the cue is 1, and the best return per
//! step is 1, where without communication it is (1 - c) + c / S.
//!
//! The task was made for this project; it is not from a paper.

mod draw;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Observation, Rng, Spec, Status, Task,
    error::require, saved::save_whole, settings::check,
};

/// The stream from which the sources are drawn, out of the way of the environments of a vector
/// environment, which count from 0.
const SOURCE_STREAM: u64 = u64::MAX;

/// Settings of [`Signal`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct SignalConfig {
    /// Agents (N).
    #[default = 3]
    #[schemars(range(min = 2, max = 10000))]
    pub agents: usize,
    /// Symbols (S).
    #[default = 4]
    #[schemars(range(min = 2, max = 10000))]
    pub symbols: usize,
    /// Probability that a cue is 1 (c); with 1 the source is always asked for.
    #[default = 1.0]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cue_probability: f32,
    /// Whether every agent gets the team's mean reward instead of its own.
    pub shared: bool,
    /// Steps after which an episode is truncated, 0 for never.
    #[default = 10]
    pub episode_limit: u32,
    /// Seed from which the sources are drawn; the same for all environments.
    pub source_seed: u64,
}

impl Task for SignalConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(Signal::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.agents
    }

    fn episode_limit(&self) -> u32 {
        self.episode_limit
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = limit;
    }
}

/// One environment of Signal.
///
/// - Actions: one of the S symbols.
/// - Observation: one-hot symbol (S), cue (1), one-hot agent (N).
/// - Reward: 1 for the symbol asked for, otherwise 0.
/// - Metric `accuracy`: the share of an episode's actions that were right.
/// - Metric `cued_accuracy`: the same over the actions taken under a cue of 1; if there was none, it
///   equals `accuracy`. Both are 0 before the first step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Signal {
    config: SignalConfig,
    state: State,
    #[serde(skip_serializing)]
    sources: Vec<usize>,
    #[serde(skip_serializing)]
    spec: Spec,
}

/// What changes in an episode.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    symbols: Vec<u32>,
    cues: Vec<bool>,
    steps: u32,
    right: Tally,
    right_cued: Tally,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tally {
    hits: u64,
    of: u64,
}

impl Tally {
    fn count(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.of += 1;
    }

    fn share(self) -> Option<f32> {
        (self.of > 0).then(|| self.hits as f32 / self.of as f32)
    }
}

/// What is written of a [`Signal`]; the rest follows from it.
#[derive(Deserialize)]
struct Saved {
    config: SignalConfig,
    state: State,
}

impl Signal {
    /// Checks the settings and draws the sources evenly from the derangements of the team: each
    /// agent is the source of exactly one other.
    pub fn new(config: SignalConfig) -> Result<Self, ConfigError> {
        check(&config)?;
        let SignalConfig {
            agents, symbols, ..
        } = config;
        Ok(Self {
            state: State {
                symbols: vec![0; agents],
                cues: vec![false; agents],
                steps: 0,
                right: Tally::default(),
                right_cued: Tally::default(),
            },
            sources: derangement(agents, &mut Rng::new(config.source_seed, SOURCE_STREAM)),
            spec: Spec {
                metrics: ["accuracy", "cued_accuracy"].map(Into::into).into(),
                ..Spec::new(agents, symbols + 1 + agents, ActionSpace::Discrete(symbols))
            },
            config,
        })
    }

    /// Draws every agent's symbol and cue for the next step, and shows them.
    fn ask(&mut self, rng: &mut Rng, out: Observation<'_>) {
        let asked = self.state.symbols.iter_mut().zip(&mut self.state.cues);
        for (symbol, cue) in asked {
            *symbol = rng.below(self.config.symbols as u32);
            *cue = rng.uniform() < self.config.cue_probability;
        }
        self.show(out);
    }

    fn show(&self, out: Observation<'_>) {
        out.active.fill(true);
        out.obs.fill(0.0);
        let symbols = self.config.symbols;
        for (agent, seen) in out.obs.chunks_exact_mut(self.spec.obs_dim).enumerate() {
            let (symbol, cue) = (self.state.symbols[agent], self.state.cues[agent]);
            seen[symbol as usize] = 1.0;
            seen[symbols] = f32::from(u8::from(cue));
            seen[symbols + 1 + agent] = 1.0;
        }
    }
}

impl Environment for Signal {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.state.steps = 0;
        self.state.right = Tally::default();
        self.state.right_cued = Tally::default();
        self.ask(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let actions = actions.indices_for(self.spec.agents);
        let state = &mut self.state;
        for (agent, (&action, reward)) in actions.iter().zip(&mut *rewards).enumerate() {
            let cue = state.cues[agent];
            let asked = if cue { self.sources[agent] } else { agent };
            let hit = action == i64::from(state.symbols[asked]);
            state.right.count(hit);
            if cue {
                state.right_cued.count(hit);
            }
            *reward = f32::from(u8::from(hit));
        }
        if self.config.shared {
            let mean = rewards.iter().sum::<f32>() / rewards.len() as f32;
            rewards.fill(mean);
        }
        state.steps = state.steps.saturating_add(1);
        self.ask(rng, out);
        Status::of(false, self.state.steps, self.config.episode_limit)
    }

    fn metrics(&self, out: &mut [f32]) {
        let accuracy = self.state.right.share().unwrap_or(0.0);
        out[0] = accuracy;
        out[1] = self.state.right_cued.share().unwrap_or(accuracy);
    }

    save_whole! { show }

    fn sources(&self) -> Option<&[usize]> {
        Some(&self.sources)
    }

    fn must_receive(&self) -> Option<&[bool]> {
        Some(&self.state.cues)
    }

    fn action_names(&self) -> Vec<String> {
        (0..self.config.symbols as u32).map(draw::name).collect()
    }

    fn draw(&self, frame: &mut Frame) {
        self.picture(frame);
    }
}

/// A permutation of `0..len` that moves every element, drawn evenly from all such; `len` is at
/// least 2.
fn derangement(len: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    // About one in e permutations is a derangement, so this takes about three rounds.
    while order.iter().enumerate().any(|(at, &item)| at == item) {
        rng.shuffle(&mut order);
    }
    order
}

impl TryFrom<Saved> for Signal {
    type Error = ConfigError;

    fn try_from(Saved { config, state }: Saved) -> Result<Self, ConfigError> {
        let fresh = Self::new(config)?;
        let sizes = (state.symbols.len(), state.cues.len());
        let agents = fresh.spec.agents;
        let allowed = format!("{:?}, one of each for each agent", (agents, agents));
        require(
            sizes == (agents, agents),
            "(symbols, cues)",
            format!("{sizes:?}"),
            allowed,
        )?;
        let unknown = state
            .symbols
            .iter()
            .find(|&&symbol| symbol as usize >= fresh.config.symbols);
        let allowed = format!("symbols below {}", fresh.config.symbols);
        require(
            unknown.is_none(),
            "symbols",
            format!("{unknown:?}"),
            allowed,
        )?;
        Ok(Self { state, ..fresh })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn all_nine_derangements_of_four_come_equally_often() {
        let draws = 9_000;
        let mut seen: HashMap<Vec<usize>, f64> = HashMap::new();
        for seed in 0..draws {
            *seen
                .entry(derangement(4, &mut Rng::new(seed, SOURCE_STREAM)))
                .or_default() += 1.0;
        }
        assert_eq!(seen.len(), 9);
        let chi_squared: f64 = seen
            .values()
            .map(|n| (n - 1000.0_f64).powi(2) / 1000.0)
            .sum();
        // The 99.9 % point of chi squared with 8 degrees of freedom is 26.1.
        assert!(chi_squared < 26.1, "{seen:?}");
    }
}
