//! An evaluation that can be told to stop.

use crate::interrupt::Interrupt;
use commformer_methods::Team;
use commformer_train::{Act, Actor, Gates, MessageSizes, Needs, ObsBatch, PolicyResult};
use tch::Tensor;

/// A team that acts no more once it is asked to stop.
pub(super) struct Stoppable<'a> {
    pub team: Box<dyn Team>,
    pub interrupt: &'a Interrupt,
}

#[deny(clippy::missing_trait_methods)]
impl Actor for Stoppable<'_> {
    fn needs(&self) -> Needs {
        self.team.needs()
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
        match self.interrupt.exit_code() {
            Some(_) => Err("it was told to stop".into()),
            None => self.team.act(batch, gates, noise),
        }
    }
}
