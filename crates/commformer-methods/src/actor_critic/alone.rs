//! Every agent by itself: it sees its own observation and the messages that are delivered to it along open edges, which
//! are counted.

use super::native::Weights;
use super::talk::{Heard, Mind, Talk};
use crate::Delivered;
use commformer_nn::links::Sender;
use commformer_nn::native::{Native, Tape, Var};

/// An agent in a step.
struct Member {
    tape: Tape,
    mind: Mind<Var>,
    said: Vec<f32>,
}

/// What one agent has for a step.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    /// What it sees.
    pub inputs: &'a [f32],
    /// What it remembers; empty if nothing.
    pub memory: &'a [f32],
    /// Whom it hears, by number: those of its row of the graph who are active and send, if it is active itself.
    pub senders: &'a [usize],
    /// Others whom its row of the graph names.
    pub possible: usize,
}

/// What one agent makes of a step.
pub(super) struct Made {
    /// Of each head.
    pub outputs: Vec<Vec<f32>>,
    /// What it remembers.
    pub memory: Vec<f32>,
}

/// One step of one team.
pub(super) fn step<T: Talk>(weights: &Weights<'_, T>, team: &[Own<'_>]) -> (Vec<Made>, Delivered) {
    let talk = &weights.network.actor.talk;
    let mut members: Vec<Member> = (team.iter().enumerate())
        .map(|(agent, own)| Member::new(weights, agent, own))
        .collect();
    let mut delivered = Delivered::default();
    for round in 0..talk.rounds() {
        for member in &mut members {
            member.say(weights, round);
        }
        let said: Vec<Vec<f32>> = (members.iter_mut())
            .map(|member| std::mem::take(&mut member.said))
            .collect();
        for ((agent, own), member) in team.iter().enumerate().zip(&mut members) {
            let mut inbox = said[agent].clone();
            for sender in own.senders {
                inbox.extend_from_slice(&said[*sender]);
                delivered.messages += u64::from(round == 0);
                delivered.bytes += talk.message_bytes() as u64;
            }
            member.hear(weights, round, &inbox, own);
        }
    }
    let made = members.into_iter().map(|member| member.decide(weights));
    (made.collect(), delivered)
}

impl Member {
    fn new<T: Talk>(weights: &Weights<'_, T>, agent: usize, own: &Own<'_>) -> Self {
        let tower = &weights.network.actor;
        let mut tape = Tape::default();
        tape.begin([1, 1]);
        tape.alone(agent);
        let obs = tape.input(own.inputs, tower.inputs, false);
        let memory = tape.input(own.memory, own.memory.len(), false);
        let mut ops = Native::new(&mut tape, weights.leaves);
        let x = tower.encode(&mut ops, (None, &obs));
        let mind = match own.memory {
            [] => Mind { x, memory, h: x },
            _ => {
                let x = tower.talk.prepare(&mut ops, &x);
                tower.talk.begin(&mut ops, x, memory)
            }
        };
        Self {
            tape,
            mind,
            said: Vec::new(),
        }
    }

    fn say<T: Talk>(&mut self, weights: &Weights<'_, T>, round: usize) {
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let said = weights.network.actor.talk.say(&mut ops, round, &self.mind);
        self.said = self.tape.value(said).to_vec();
    }

    /// Takes in its own message and those of its inbox.
    fn hear<T: Talk>(
        &mut self,
        weights: &Weights<'_, T>,
        round: usize,
        inbox: &[f32],
        own: &Own<'_>,
    ) {
        let places = own.senders.len() as u32 + 1;
        let (links, lists) = self.tape.new_links();
        lists.fill_own((0..places).map(|agent| Sender {
            agent,
            edge: 1,
            factor: 1.0,
        }));
        let said = self.tape.input(inbox, inbox.len() / places as usize, false);
        let share = weights.network.actor.counts_silence().then(|| {
            let share = own.senders.len() as f32 / own.possible.max(1) as f32;
            self.tape.input(&[share], 1, false)
        });
        let heard = Heard { links, share };
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let talk = &weights.network.actor.talk;
        talk.hear(&mut ops, round, &mut self.mind, &said, &heard);
    }

    fn decide<T: Talk>(mut self, weights: &Weights<'_, T>) -> Made {
        let tower = &weights.network.actor;
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let remembers = tower.talk.memory() > 0;
        let mut features = self.mind.h;
        if remembers {
            tower.talk.close(&mut ops, &mut self.mind);
            features = tower.talk.finish(&mut ops, &self.mind.h);
        }
        let outputs = tower.outputs(&mut ops, &features);
        let numbers = |var: Var| self.tape.value(var).to_vec();
        Made {
            outputs: outputs.into_iter().map(numbers).collect(),
            memory: match remembers {
                true => numbers(self.mind.memory),
                false => Vec::new(),
            },
        }
    }
}
