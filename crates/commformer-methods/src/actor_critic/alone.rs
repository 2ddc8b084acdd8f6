//! A step of a team in which every agent is by itself: a [`Member`] with its own observation and the messages that are
//! delivered to it along open edges, which are counted.

use super::member::{Made, Member, Weights};
use super::talk::Talk;
use crate::Delivered;

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

/// One step of one team.
pub(super) fn step<T: Talk>(weights: &Weights<'_, T>, team: &[Own<'_>]) -> (Vec<Made>, Delivered) {
    let talk = &weights.network.actor.talk;
    let mut members: Vec<Member> = (team.iter().enumerate())
        .map(|(agent, own)| Member::new(weights, agent, own.inputs, own.memory))
        .collect();
    let mut delivered = Delivered::default();
    for round in 0..talk.rounds() {
        let said: Vec<Vec<f32>> = (members.iter_mut())
            .map(|member| member.say(weights, round).to_vec())
            .collect();
        for (own, member) in team.iter().zip(&mut members) {
            let mut inbox = Vec::new();
            for sender in own.senders {
                inbox.extend_from_slice(&said[*sender]);
                delivered.messages += u64::from(round == 0);
                delivered.bytes += talk.message_bytes() as u64;
            }
            let heard = [own.senders.len(), own.possible];
            member.hear(weights, round, &inbox, heard);
        }
    }
    let made = members.iter_mut().map(|member| member.decide(weights));
    (made.collect(), delivered)
}
