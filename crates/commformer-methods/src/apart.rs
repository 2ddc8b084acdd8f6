//! A team whose agents act apart from each other.

use crate::{Delivered, Team};
use commformer_train::{
    Act, Actor, EpisodeRecord, Gates, Gating, MessageSizes, Needs, ObsBatch, PolicyResult,
};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use tch::Tensor;

/// A team of which every agent acts alone, and what was delivered to it.
#[derive(Debug)]
pub struct Decentralised<T> {
    team: T,
    /// For each step, what was delivered in each environment.
    log: RefCell<Vec<Vec<Delivered>>>,
    took: Cell<Duration>,
    agent_steps: Cell<u64>,
}

/// Does some work and adds the time that it takes.
pub(crate) fn timed<R>(took: &mut Duration, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let made = work();
    *took += start.elapsed();
    made
}

/// What several gates decided, side by side along a dimension; `None` without any.
pub(crate) fn joined<'a>(parts: impl Iterator<Item = &'a Gating>, along: i64) -> Option<Gating> {
    let parts: Vec<&Gating> = parts.collect();
    let all = |of: fn(&Gating) -> &Tensor| {
        let parts: Vec<&Tensor> = parts.iter().map(|part| of(part)).collect();
        Tensor::cat(&parts, along)
    };
    (!parts.is_empty()).then(|| Gating {
        open: all(|gating| &gating.open),
        log_probs: all(|gating| &gating.log_probs),
        values: all(|gating| &gating.values),
        scores: all(|gating| &gating.scores),
    })
}

impl<T: Team> Decentralised<T> {
    /// The agents of a team, apart.
    pub fn new(team: T) -> Self {
        Self {
            team,
            log: RefCell::default(),
            took: Cell::default(),
            agent_steps: Cell::default(),
        }
    }

    /// The team.
    pub fn team(&self) -> &T {
        &self.team
    }

    /// What [`Apart::took`](crate::Apart::took) says, of all steps so far.
    pub fn took(&self) -> Duration {
        self.took.get()
    }

    /// Steps of all agents so far, in all environments.
    pub fn agent_steps(&self) -> u64 {
        self.agent_steps.get()
    }

    /// What was delivered in the `episodes` of an evaluation, the only one since the start or the last call. They were played
    /// in rounds of one in each environment.
    pub fn delivered(&self, episodes: &[EpisodeRecord]) -> Delivered {
        let (log, mut total) = (self.log.take(), Delivered::default());
        let (envs, mut begin) = (log.first().map_or(1, Vec::len), 0);
        for round in episodes.chunks(envs.max(1)) {
            let mut end = begin;
            for (env, episode) in round.iter().enumerate() {
                let from = begin + episode.lost_steps as usize;
                let to = from + episode.steps as usize;
                let of_episode = log.iter().take(to).skip(from);
                for delivered in of_episode.filter_map(|of_envs| of_envs.get(env)) {
                    total.messages += delivered.messages;
                    total.bytes += delivered.bytes;
                }
                end = end.max(to);
            }
            // All go on until the last of these episodes ends.
            begin = end;
        }
        total
    }
}

impl<T: Team> Actor for Decentralised<T> {
    fn needs(&self) -> Needs {
        // Nobody who acts alone is shown the global state.
        Needs {
            state: false,
            ..self.team.needs()
        }
    }

    fn message_sizes(&self) -> MessageSizes {
        self.team.message_sizes()
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let apart = self.team.act_apart(batch, gates, noise)?;
        self.log.borrow_mut().push(apart.delivered);
        self.took.update(|took| took + apart.took);
        let of_step = apart.act.log_probs.numel() as u64;
        self.agent_steps.update(|steps| steps + of_step);
        Ok(apart.act)
    }
}
