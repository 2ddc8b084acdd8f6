//! What agents remember and tell each other, between what a tower sees and what it says of it.

use super::{ActorCriticConfig, Recurrence};
use commformer_nn::Ops;
use commformer_nn::layers::{Gru, Norm};
use commformer_nn::layout::{Init, Layout};
use commformer_nn::levels::Levels;
use std::fmt::Debug;

/// The middle of a tower, where agents remember and exchange messages. In a step each agent has a [`Mind`]:
///
/// 1. [`begin`](Self::begin) makes it of what the agent sees and remembers,
/// 2. in each of the rounds every agent [says](Self::say) a message, and [hears](Self::hear) those of its senders,
/// 3. [`close`](Self::close) ends the step: the features are then in `h`, and what is carried on in `memory`.
///
/// It is written over [`Ops`], so that the same lines train, act, and run with every agent alone.
pub trait Talk: Clone + Debug + Send + Sync + 'static {
    /// Numbers that an agent carries from step to step; 0: none, and there are no messages either.
    fn memory(&self) -> usize;

    /// Width of the features.
    fn width(&self) -> usize;

    /// Rounds of messages in a step; none, as here, of agents that send nothing.
    fn rounds(&self) -> usize {
        0
    }

    /// Numbers of a message.
    fn message(&self) -> usize {
        0
    }

    /// What its numbers are rounded to; `None`, as here: floats.
    fn levels(&self) -> Option<Levels> {
        None
    }

    /// Bytes of a message.
    fn message_bytes(&self) -> usize {
        Levels::bytes_of(self.levels(), self.message())
    }

    /// The names of its attentions, in the order in which a step computes them.
    fn attentions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Width of what [`prepare`](Self::prepare) makes.
    fn prepared(&self) -> usize {
        self.width()
    }

    /// What can be made of the inputs of all steps at once.
    fn prepare<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        ops.same(x)
    }

    /// A mind at the beginning of a step, of `x` as [`prepare`](Self::prepare) made it: `h` is what is spoken of, and what a
    /// gate decides on, which takes it to be as wide as the features.
    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        let h = ops.same(&memory);
        Mind { x, memory, h }
    }

    /// What each agent says in a round, (rows, message).
    fn say<O: Ops>(&self, ops: &mut O, round: usize, mind: &Mind<O::Value>) -> O::Value {
        let _ = round;
        ops.same(&mind.h)
    }

    /// What each agent makes of `said`: the messages of all agents, or, of an agent alone, its own and those in its
    /// inbox.
    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        round: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let _ = (ops, round, mind, said, heard);
    }

    /// Ends a step.
    fn close<O: Ops>(&self, ops: &mut O, mind: &mut Mind<O::Value>) {
        let _ = (ops, mind);
    }

    /// What the heads read, of the features of all steps.
    fn finish<O: Ops>(&self, ops: &mut O, features: &O::Value) -> O::Value {
        ops.same(features)
    }
}

/// What an agent has in mind during a step, a row for each.
#[derive(Clone, Copy, Debug)]
pub struct Mind<V> {
    /// What it sees.
    pub x: V,
    /// What it carries from step to step.
    pub memory: V,
    /// What it speaks from; after the step, its features.
    pub h: V,
}

/// Whom agents hear in a step.
pub struct Heard<O: Ops> {
    /// The lists of senders.
    pub links: O::Links,
    /// Of the others along whose edges an agent could hear, the share that it does hear, (rows, 1), where agents decide
    /// whether to send.
    pub share: Option<O::Value>,
}

/// Agents that send each other nothing, with the state of a GRU or without.
#[derive(Clone, Debug)]
pub struct Silent {
    cell: Option<(Gru, Norm)>,
    width: usize,
}

impl ActorCriticConfig {
    /// Agents that say nothing, with the memory that is set.
    pub fn silent(&self, layout: &mut Layout, name: &str) -> Silent {
        let width = self.hidden;
        let cell = match self.recurrence {
            Recurrence::None => None,
            Recurrence::Gru => {
                let (gru, norm) = (format!("{name}.gru"), format!("{name}.gru.norm"));
                let cell = Gru::new(layout, &gru, [width, width], Init::Orthogonal(1.0));
                Some((cell, Norm::new(layout, &norm, width)))
            }
        };
        Silent { cell, width }
    }
}

impl Talk for Silent {
    fn memory(&self) -> usize {
        self.cell.map_or(0, |_| self.width)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn prepared(&self) -> usize {
        self.cell.map_or(self.width, |_| 3 * self.width)
    }

    fn prepare<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        match &self.cell {
            // What does not wait for the state is one product for all steps.
            Some((cell, _)) => ops.linear(&cell.input, x),
            None => ops.same(x),
        }
    }

    fn close<O: Ops>(&self, ops: &mut O, mind: &mut Mind<O::Value>) {
        if let Some((cell, _)) = &self.cell {
            let from_state = ops.linear(&cell.hidden, &mind.memory);
            mind.memory = ops.gru_cell(&mind.x, &from_state, &mind.memory);
            mind.h = ops.same(&mind.memory);
        }
    }

    fn finish<O: Ops>(&self, ops: &mut O, features: &O::Value) -> O::Value {
        match &self.cell {
            Some((_, norm)) => ops.norm(norm, features, None),
            None => ops.same(features),
        }
    }
}
