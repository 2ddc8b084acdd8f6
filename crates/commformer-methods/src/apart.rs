//! A team whose agents act apart from each other.

use crate::{Delivered, Team};
use commformer_train::{
    Act, Actor, EpisodeRecord, Gates, MessageSizes, Needs, ObsBatch, PolicyResult,
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
}

/// Does some work and adds the time that it takes.
pub(crate) fn timed<R>(took: &mut Duration, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let made = work();
    *took += start.elapsed();
    made
}

impl<T: Team> Decentralised<T> {
    /// The agents of a team, apart.
    pub fn new(team: T) -> Self {
        Self {
            team,
            log: RefCell::default(),
            took: Cell::default(),
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

    /// What was delivered in the first episode of each environment, since the start or the last call.
    pub fn delivered(&self, episodes: &[EpisodeRecord]) -> Delivered {
        let mut total = Delivered::default();
        for (step, of_envs) in self.log.take().iter().enumerate() {
            for (delivered, episode) in of_envs.iter().zip(episodes) {
                if step < episode.steps as usize {
                    total.messages += delivered.messages;
                    total.bytes += delivered.bytes;
                }
            }
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
        Ok(apart.act)
    }
}
