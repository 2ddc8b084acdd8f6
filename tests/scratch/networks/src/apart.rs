//! The same team on threads of its own, which could be machines: nothing but bytes goes from one agent to another.

use crate::team::{act, team};
use commformer_model::PreviousAction;
use commformer_model::decentralised::{Action, Inbox, Member, Packet};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is sent: bytes, with the step, the round and the sender.
type Letter = ([usize; 3], Vec<u8>);

/// How well letters are carried.
#[derive(Clone, Copy)]
pub struct Post {
    /// Whether letters arrive.
    pub works: bool,
    /// How long an agent waits for those of a round before it goes on without them.
    pub patience: Duration,
}

/// What an agent sees, and whether an episode begins.
type Seen = (Vec<f32>, bool);

/// Plays episodes of Signal. The share of the right actions.
pub fn play(episodes: u64, post: Post) -> Result<f32, Box<dyn Error>> {
    let agents = team()?.1.agents();
    let (doors, boxes): (Vec<_>, Vec<_>) = (0..agents).map(|_| channel::<Letter>()).unzip();
    let mut ends = Vec::new();
    for (agent, letters) in boxes.into_iter().enumerate() {
        let (shows, sees) = channel::<Seen>();
        let (acts, acted) = channel::<Action>();
        let doors = doors.clone();
        thread::spawn(move || {
            // It ends when nobody shows it anything more; an agent that fails says so and is not waited for.
            if let Err(error) = run(agent, post, &sees, &acts, &doors, &letters) {
                eprintln!("agent {agent}: {error}");
            }
        });
        ends.push((shows, acted));
    }
    drop(doors);
    act(episodes, |obs, begins| {
        let width = obs.len() / agents;
        for ((shows, _), obs) in ends.iter().zip(obs.chunks_exact(width)) {
            shows.send((obs.to_vec(), begins))?;
        }
        ends.iter().map(|(_, acted)| Ok(acted.recv()?)).collect()
    })
}

/// An agent: it has the file, its number, and a box for letters.
fn run(
    agent: usize,
    post: Post,
    sees: &Receiver<Seen>,
    acts: &Sender<Action>,
    doors: &[Sender<Letter>],
    letters: &Receiver<Letter>,
) -> Result<(), Box<dyn Error>> {
    let (weights, edges) = team()?;
    let (config, links) = (weights.config(), edges.links(agent));
    let mut member = Member::new(Arc::clone(&weights), agent)?;
    let mut early = HashMap::new();
    let others = |from: usize| (from..doors.len()).filter(move |other| *other != agent);
    let send = |receiver: usize, place: [usize; 2], packet: &Packet| match post.works {
        true => doors[receiver].send(([place[0], place[1], agent], packet.as_ref().to_vec())),
        false => Ok(()),
    };
    for (step, (obs, begins)) in sees.iter().enumerate() {
        if begins {
            member.forget();
        }
        early.retain(|letter: &[usize; 3], _| letter[0] >= step);
        let mut own = member.perceive(&obs, None)?.receive(links.clone());
        for round in 0..config.blocks {
            let said = own.say();
            for receiver in others(0).filter(|receiver| links.is_heard_by(*receiver)) {
                send(receiver, [step, round], &said)?;
            }
            let senders: Vec<usize> = others(0).filter(|sender| links.hears(*sender)).collect();
            let heard = wait(&mut early, letters, &senders, [step, round], post.patience)?;
            let heard = heard.iter().map(|(from, packet)| (*from, packet));
            if let Err(error) = own.attend(&Inbox::new(heard, None)) {
                // One of the letters cannot be read. Nothing of them has been taken in: all are lost.
                eprintln!("agent {agent}: {error}");
                own.attend(&Inbox::default())?;
            }
        }
        // Then they decide, one after the other, and pass on what they decided.
        let (decisions, actions) = (config.blocks, config.blocks + 1);
        let earlier: Vec<usize> = others(0)
            .filter(|other| *other < agent && links.hears(*other))
            .collect();
        let heard = wait(
            &mut early,
            letters,
            &earlier,
            [step, decisions],
            post.patience,
        )?;
        let always = config.previous_action == PreviousAction::Always;
        let before = agent
            .checked_sub(1)
            .filter(|before| always || links.hears(*before));
        let before: Vec<usize> = before.into_iter().collect();
        let previous = wait(&mut early, letters, &before, [step, actions], post.patience)?;
        let heard = heard.iter().map(|(from, packet)| (*from, packet));
        let previous = previous.first().map(|(_, packet)| packet);
        let decision = own.decide(&Inbox::new(heard, previous), None)?;
        for receiver in others(agent).filter(|receiver| links.is_heard_by(*receiver)) {
            send(receiver, [step, decisions], &decision.said)?;
        }
        let next = others(agent).next();
        if let Some(next) = next.filter(|next| always || links.is_heard_by(*next)) {
            send(next, [step, actions], &decision.for_next)?;
        }
        member.keep(decision.memory)?;
        acts.send(decision.action)?;
    }
    Ok(())
}

/// Waits for a letter of each sender in a round, and goes on without those that have not come when patience is at its end;
/// letters of later rounds are kept.
fn wait(
    early: &mut HashMap<[usize; 3], Vec<u8>>,
    letters: &Receiver<Letter>,
    senders: &[usize],
    [step, round]: [usize; 2],
    patience: Duration,
) -> Result<Vec<(usize, Packet)>, Box<dyn Error>> {
    let (start, mut heard) = (Instant::now(), Vec::new());
    for sender in senders {
        let bytes = loop {
            match early.remove(&[step, round, *sender]) {
                Some(bytes) => break Some(bytes),
                // Other letters come meanwhile; they do not lengthen the wait.
                None => match letters.recv_timeout(patience.saturating_sub(start.elapsed())) {
                    Ok(letter) => early.extend([letter]),
                    Err(RecvTimeoutError::Timeout) => break None,
                    Err(ended) => return Err(ended.into()),
                },
            }
        };
        heard.extend(bytes.map(|bytes| (*sender, Packet::from(bytes))));
    }
    Ok(heard)
}
