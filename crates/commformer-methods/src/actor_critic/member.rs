//! An agent by itself, in a step: it sees its own observation and the messages that are delivered to it.

use super::network::Network;
use super::talk::{Heard, Mind, Talk};
use commformer_nn::Ops;
use commformer_nn::links::Sender;
use commformer_nn::native::{Native, Tape, Var};

/// A network and the numbers of its leaves.
#[derive(Debug)]
pub(super) struct Weights<'a, T> {
    pub network: &'a Network<T>,
    pub leaves: &'a [&'a [f32]],
}

impl<T: Talk> Weights<'_, T> {
    pub fn log_std(&self) -> &[f32] {
        (self.network.log_std).map_or(&[], |slot| self.leaves[slot.index()])
    }
}

/// An agent in a step.
#[derive(Debug)]
pub(crate) struct Member {
    tape: Tape,
    mind: Mind<Var>,
    /// What it says in this round.
    said: Vec<f32>,
}

/// What one agent makes of a step.
pub(super) struct Made {
    /// Of each head.
    pub outputs: Vec<Vec<f32>>,
    /// What it remembers.
    pub memory: Vec<f32>,
}

impl Member {
    /// Of agent `agent`, by what it sees and remembers; `memory` is empty if it remembers nothing.
    pub(super) fn new<T: Talk>(
        weights: &Weights<'_, T>,
        agent: usize,
        inputs: &[f32],
        memory: &[f32],
    ) -> Self {
        let tower = &weights.network.actor;
        let mut tape = Tape::default();
        tape.begin([1, 1]);
        tape.alone(agent);
        let seen = tape.input(inputs, tower.inputs, false);
        let remembered = tape.input(memory, memory.len(), false);
        let mut ops = Native::new(&mut tape, weights.leaves);
        let x = tower.encode(&mut ops, (None, &seen));
        let mind = match memory {
            [] => Mind {
                x,
                memory: remembered,
                h: x,
            },
            _ => {
                let x = tower.talk.prepare(&mut ops, &x);
                tower.talk.begin(&mut ops, x, remembered)
            }
        };
        let said = Vec::new();
        Self { tape, mind, said }
    }

    /// Logits of what it decides before it hears anybody; `None` if it decides nothing.
    pub(super) fn gate<T: Talk>(&mut self, weights: &Weights<'_, T>) -> Option<Vec<f32>> {
        let tower = &weights.network.actor;
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let before = tower.decides_on(&mut ops, &self.mind)?;
        let logits = ops.exact_linear(&tower.gate.as_ref()?.layers[0], &before);
        Some(self.tape.value(logits).to_vec())
    }

    /// What it says in a round, in which it has heard nothing yet.
    pub(super) fn say<T: Talk>(&mut self, weights: &Weights<'_, T>, round: usize) -> &[f32] {
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let said = weights.network.actor.talk.say(&mut ops, round, &self.mind);
        self.said.clear();
        self.said.extend_from_slice(self.tape.value(said));
        &self.said
    }

    /// Takes in, beside its own message, those of so many `senders`, side by side. `possible` others could send.
    pub(super) fn hear<T: Talk>(
        &mut self,
        weights: &Weights<'_, T>,
        round: usize,
        inbox: &[f32],
        [senders, possible]: [usize; 2],
    ) {
        let places = senders as u32 + 1;
        let (links, lists) = self.tape.new_links();
        lists.fill_own((0..places).map(|agent| Sender {
            agent,
            edge: 1,
            factor: 1.0,
        }));
        let all = [&self.said, inbox].concat();
        let said = self.tape.input(&all, self.said.len(), false);
        let share = weights.network.actor.counts_silence().then(|| {
            let share = senders as f32 / possible.max(1) as f32;
            self.tape.input(&[share], 1, false)
        });
        let heard = Heard { links, share };
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let talk = &weights.network.actor.talk;
        talk.hear(&mut ops, round, &mut self.mind, &said, &heard);
    }

    /// What it makes of it all.
    pub(super) fn decide<T: Talk>(&mut self, weights: &Weights<'_, T>) -> Made {
        let (tower, mut mind) = (&weights.network.actor, self.mind);
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let remembers = tower.talk.memory() > 0;
        let mut features = mind.h;
        if remembers {
            tower.talk.close(&mut ops, &mut mind);
            features = tower.talk.finish(&mut ops, &mind.h);
        }
        let outputs = tower.outputs(&mut ops, &features);
        let numbers = |var: Var| self.tape.value(var).to_vec();
        Made {
            outputs: outputs.into_iter().map(numbers).collect(),
            memory: match remembers {
                true => numbers(mind.memory),
                false => Vec::new(),
            },
        }
    }
}
