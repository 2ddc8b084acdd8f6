//! The same team on threads of its own, which could be machines: nothing but bytes goes from one agent to another.

use crate::team::act;
use commformer_env::Rng;
use commformer_methods::alone::{Exchange, Letter, TrainedAgent};
use commformer_model::decentralised::{Action, Packet};
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is sent.
struct Mail {
    step: usize,
    round: usize,
    sender: usize,
    bytes: Vec<u8>,
}

/// How well mail is carried.
#[derive(Clone, Copy)]
pub struct Post {
    /// Whether it arrives.
    pub works: bool,
    /// How long an agent waits for it, in each round, before it goes on without.
    pub patience: Duration,
}

/// What an agent sees, and whether an episode begins.
type Seen = (Vec<f32>, bool);

/// Plays episodes of Signal with the team of that file. The share of the right actions.
pub fn play(file: &'static [u8], episodes: u64, post: Post) -> Result<f32, Box<dyn Error>> {
    let agents = TrainedAgent::read(file, 0)?.sizes().agents;
    let (doors, boxes): (Vec<_>, Vec<_>) = (0..agents).map(|_| channel::<Mail>()).unzip();
    let mut ends = Vec::new();
    for (agent, mail) in boxes.into_iter().enumerate() {
        let (shows, sees) = channel::<Seen>();
        let (acts, acted) = channel::<Action>();
        let doors = doors.clone();
        thread::spawn(move || {
            // It ends when nobody shows it anything more; an agent that fails says so and is not waited for.
            if let Err(error) = run(file, agent, post, (&sees, &acts), (&doors, &mail)) {
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

/// An agent: it has the file, its number, and a box for its mail.
fn run(
    file: &[u8],
    agent: usize,
    post: Post,
    (sees, acts): (&Receiver<Seen>, &Sender<Action>),
    (doors, mail): (&[Sender<Mail>], &Receiver<Mail>),
) -> Result<(), Box<dyn Error>> {
    let mut own = TrainedAgent::read(file, agent)?;
    let mut rng = Rng::new(3, agent as u64);
    let mut kept = Vec::new();
    for (step, (obs, begins)) in sees.iter().enumerate() {
        if begins {
            own.forget();
        }
        let start = Instant::now();
        let mut exchange = own.begin(&obs, None, &mut rng)?;
        let action = loop {
            for letter in exchange.outgoing.iter().filter(|_| post.works) {
                doors[letter.other].send(Mail {
                    step,
                    round: letter.round,
                    sender: agent,
                    bytes: letter.packet.as_ref().to_vec(),
                })?;
            }
            if let Some(action) = exchange.action {
                break action;
            }
            // Whoever waits in vain for one agent speaks late to the others.
            let end = start + post.patience * own.limits() as u32;
            let letters = wait(&mut kept, mail, step, &exchange.awaited, end)?;
            exchange = match own.receive(&letters) {
                Ok(exchange) => exchange,
                Err(error) => {
                    eprintln!("agent {agent}: {error}");
                    // Where one cannot be read, nothing has been taken in, and it goes on without. Where numbers were
                    // too large, the step was given up.
                    match own.receive(&[]) {
                        Ok(exchange) => exchange,
                        Err(_) => alone(&mut own, &obs, &mut rng)?,
                    }
                }
            };
        };
        acts.send(action)?;
    }
    Ok(())
}

/// A step to its end without any letter.
fn alone(own: &mut TrainedAgent, obs: &[f32], rng: &mut Rng) -> Result<Exchange, Box<dyn Error>> {
    let mut exchange = own.begin(obs, None, rng)?;
    while exchange.action.is_none() {
        exchange = own.receive(&[])?;
    }
    Ok(exchange)
}

/// Waits until `end` for letters, given their rounds and senders, and goes on without those that have not come. Letters that
/// are needed later are kept, and of one that comes twice the first.
fn wait(
    kept: &mut Vec<Mail>,
    mail: &Receiver<Mail>,
    step: usize,
    awaited: &[(usize, usize)],
    end: Instant,
) -> Result<Vec<Letter>, Box<dyn Error>> {
    kept.retain(|mail| mail.step >= step);
    let is_due = |mail: &&Mail| mail.step == step && awaited.contains(&(mail.round, mail.sender));
    while kept.iter().filter(is_due).count() < awaited.len() {
        // Other letters come meanwhile; they do not lengthen the wait.
        match mail.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(new) => {
                let place = |mail: &Mail| (mail.step, mail.round, mail.sender);
                if kept.iter().all(|mail| place(mail) != place(&new)) {
                    kept.push(new);
                }
            }
            Err(RecvTimeoutError::Timeout) => break,
            Err(ended) => return Err(ended.into()),
        }
    }
    let letters = kept.iter().filter(is_due).map(|mail| Letter {
        round: mail.round,
        other: mail.sender,
        packet: Packet::from(mail.bytes.clone()),
    });
    Ok(letters.collect())
}
