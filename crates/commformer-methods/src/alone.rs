//! Trained agents, without libtorch.
//!
//! `commformer export --run DIR` writes a team of any method to one file. Where all of its agents are in one process, a
//! [`TrainedTeam`] takes its steps. Where each is on a machine of its own, it is a [`TrainedAgent`], and your program
//! carries the bytes that they send each other.
//!
//! Both are made of [`commformer_model::decentralised`], for CommFormer and MAT, and for all other methods of an [`Agent`]
//! each. A step of an `Agent`:
//!
//! 1. It [perceives](Agent::perceive). Then it is known [whom it hears](Turn::hears) and whether it [sends](Turn::sends).
//! 2. In each of the [rounds](Agent::rounds) it [says](Turn::say) something to those who hear it, and
//!    [attends](Turn::attend) to what arrived from those whom it hears.
//! 3. It [decides](Turn::decide).
//!
//! What is lost in the first round is a message that was not sent. Where there are more rounds, what is lost in a later one
//! is taken to be what its sender said before.
//!
//! ```no_run
//! use commformer_methods::alone::Exported;
//! use commformer_model::decentralised::{Inbox, Packet};
//!
//! let team = Exported::read(&std::fs::read("team.safetensors")?)?;
//! let mut agents = (0..team.agents()).map(|agent| team.agent(agent)).collect::<Result<Vec<_>, _>>()?;
//! # let (observations, obs_dim) = (vec![0.0f32; 1], 1);
//! # let mut rng = commformer_env::Rng::new(1, 0);
//! let mut turns = Vec::new();
//! for (agent, obs) in agents.iter().zip(observations.chunks(obs_dim)) {
//!     turns.push(agent.perceive(obs, Some(rng.uniform()))?);
//! }
//! for _ in 0..team.rounds() {
//!     let said: Vec<Option<Packet>> = turns.iter_mut().map(|turn| turn.sends().then(|| turn.say())).collect();
//!     for turn in &mut turns {
//!         let heard: Vec<usize> = turn.hears().to_vec();
//!         let letters = heard.into_iter().filter_map(|sender| Some((sender, said[sender].as_ref()?)));
//!         turn.attend(&Inbox::new(letters, None))?;
//!     }
//! }
//! for (agent, mut turn) in agents.iter_mut().zip(turns) {
//!     let decision = turn.decide(None, None)?;
//!     println!("{:?}", decision.action);
//!     agent.keep(decision.memory)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::actor_critic::{Decides, Member, Running};
use crate::registry::ActorsConfig;
use commformer_model::ModelError;
use commformer_model::decentralised::{
    self, Action, Contents, Inbox, OpenEdges, Packet, check_available, check_finite, check_width,
};
use commformer_nn::layout::not_finite;
use commformer_nn::levels::Levels;
use std::sync::Arc;

mod agent;
mod step;
mod team;

pub use crate::sizes::TeamSizes;
pub use agent::{Exchange, Letter, TrainedAgent};
pub use team::{Shown, TeamStep, TrainedTeam};

/// A trained team: all that its agents are given before they part.
///
/// The file is in the safetensors format. It has the weights under their names, the graph (N, N) as `graph.edges`, and in
/// its metadata, as JSON, the method with its settings (`method`) and the [`TeamSizes`] (`team`); the version of the file
/// ([`FORMAT`](commformer_model::decentralised::FORMAT)), and that of the observations (`obs_version`).
#[derive(Debug)]
pub struct Exported {
    running: Arc<dyn Running>,
    sizes: TeamSizes,
    edges: OpenEdges,
    obs_version: Option<u32>,
}

/// A trained team of any method.
enum AnyTeam {
    /// Of CommFormer or MAT.
    Transformers(decentralised::Exported),
    /// Of all other methods.
    Actors(Exported),
}

impl AnyTeam {
    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let contents = Contents::read(bytes)?;
        Ok(match contents.metadata.contains_key("policy") {
            true => Self::Transformers(decentralised::Exported::of(contents)?),
            false => Self::Actors(Exported::of(contents)?),
        })
    }
}

impl Exported {
    /// Reads what `commformer export` wrote.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files, [`ModelError::Config`] for sizes that make no network.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::of(Contents::read(bytes)?)
    }

    fn of(mut contents: Contents) -> Result<Self, ModelError> {
        let obs_version = contents.obs_version()?;
        let metadata = &contents.metadata;
        let text = |name: &str| match metadata.get(name) {
            Some(text) => Ok(text),
            None if metadata.contains_key("policy") => Err(ModelError::of_file(
                "found a team of CommFormer or MAT, which `commformer_model::decentralised::Exported` reads",
            )),
            None => Err(ModelError::of_file(format!(
                "found no `{name}` in the file's metadata, expected what `commformer export` writes"
            ))),
        };
        let method: ActorsConfig =
            serde_json::from_str(text("method")?).map_err(ModelError::of_file)?;
        let sizes: TeamSizes = serde_json::from_str(text("team")?).map_err(ModelError::of_file)?;
        let edges = contents.graph(sizes.agents)?;
        Ok(Self {
            running: method.running(&sizes, contents.parts)?,
            sizes,
            edges,
            obs_version,
        })
    }

    /// The number of agents.
    pub fn agents(&self) -> usize {
        self.sizes.agents
    }

    /// Numbers of an observation, and what an agent chooses.
    pub fn sizes(&self) -> TeamSizes {
        self.sizes
    }

    /// The version of the observations that it learned from; see [`Contents::obs_version`].
    pub fn obs_version(&self) -> Option<u32> {
        self.obs_version
    }

    /// Rounds of messages in a step.
    pub fn rounds(&self) -> usize {
        self.running.rounds()
    }

    /// Bytes of a message in one round.
    pub fn message_bytes(&self) -> usize {
        Levels::bytes_of(self.running.levels(), self.running.message())
    }

    /// Agent number `agent`, at the start of an episode. All share the weights.
    ///
    /// # Errors
    /// [`ModelError::Input`] for an agent beyond the team.
    pub fn agent(&self, agent: usize) -> Result<Agent, ModelError> {
        self.sizes.check_agent(agent)?;
        let others = (0..self.sizes.agents)
            .filter(|other| *other != agent && self.edges.is_open(agent, *other));
        Ok(Agent {
            agent,
            sizes: self.sizes,
            others: others.collect(),
            memory: vec![0.0; self.running.memory()],
            running: Arc::clone(&self.running),
        })
    }
}

/// One agent and what it carries from step to step.
#[derive(Clone, Debug)]
pub struct Agent {
    running: Arc<dyn Running>,
    agent: usize,
    sizes: TeamSizes,
    /// Whom it could hear.
    others: Vec<usize>,
    memory: Vec<f32>,
}

impl Agent {
    /// Forgets what it carries, as at the start of an episode, and as after a step in which it was not active or in which
    /// it left.
    pub fn forget(&mut self) {
        self.memory.fill(0.0);
    }

    /// Carries on what it [decided](Decision::memory) to remember.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for another number of numbers, [`ModelError::Input`] when one is not finite.
    pub fn keep(&mut self, memory: Vec<f32>) -> Result<(), ModelError> {
        check_width("memory", memory.len(), self.memory.len())?;
        check_finite("memory", &memory)?;
        self.memory = memory;
        Ok(())
    }

    /// Rounds of messages in a step.
    pub fn rounds(&self) -> usize {
        self.running.rounds()
    }

    /// Begins a step, by what it sees: O numbers. `noise`, a uniform number out of (0, 1), anew in each step, is for
    /// IC3Net's agents, who draw whether they send: one that did what is more likely might never send. Others do not need it.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when there are not so many numbers, [`ModelError::Input`] when one is not finite or too large for
    /// the network, and when the noise lies elsewhere or is needed and not there.
    pub fn perceive(&self, obs: &[f32], noise: Option<f32>) -> Result<Turn, ModelError> {
        check_width("obs", obs.len(), self.sizes.obs_dim)?;
        check_finite("obs", obs)?;
        let wrong = |found: String| ModelError::Input {
            input: "noise",
            problem: format!("found {found}, expected a number out of (0, 1)"),
        };
        if let Some(noise) = noise.filter(|noise| !(0.0..=1.0).contains(noise)) {
            return Err(wrong(noise.to_string()));
        }
        let mut member = self.running.begin(self.agent, obs, &self.memory);
        let (mut sends, mut hears) = (self.rounds() > 0, self.others.clone());
        match self.running.gate(&mut member) {
            None => {}
            Some((Decides::Send, logits)) => {
                let noise = noise.ok_or_else(|| wrong("none".to_owned()))?;
                sends &= logits[0] + (noise / (1.0 - noise)).ln() > 0.0
            }
            Some((Decides::Hear(count), logits)) => {
                hears.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
                hears.truncate(count);
                hears.sort_unstable();
            }
        }
        let mut said = None;
        if self.rounds() > 0 {
            let numbers = self.running.say(&mut member, 0);
            if let Some(problem) = not_finite(&numbers) {
                return Err(ModelError::Input {
                    input: "obs",
                    problem: format!(
                        "is too large for the network: of what comes of it, {problem}"
                    ),
                });
            }
            said = Some(self.packed(&numbers));
        }
        Ok(Turn {
            agent: self.clone(),
            member,
            sends,
            hears,
            said,
            heard: Vec::new(),
            round: 0,
        })
    }

    /// A message of these numbers.
    fn packed(&self, numbers: &[f32]) -> Packet {
        let mut bytes = Vec::new();
        Levels::pack(self.running.levels(), numbers, &mut bytes);
        bytes.into()
    }
}

/// An agent's step after it perceived.
#[derive(Debug)]
pub struct Turn {
    /// As it began the step.
    agent: Agent,
    member: Member,
    sends: bool,
    hears: Vec<usize>,
    /// What it says in this round, once it was asked.
    said: Option<Packet>,
    /// Whom it has heard in this step, and what they said last.
    heard: Vec<(usize, Vec<f32>)>,
    round: usize,
}

/// What an agent decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What it does.
    pub action: Action,
    /// Log-probability of that.
    pub log_prob: f32,
    /// What it remembers, for [`Agent::keep`].
    pub memory: Vec<f32>,
}

impl Turn {
    /// Whom it hears in this step if they send, by number. Where agents choose whom they hear, it has to ask these to send.
    pub fn hears(&self) -> &[usize] {
        &self.hears
    }

    /// Whether it sends anything in this step, to all who hear it.
    pub fn sends(&self) -> bool {
        self.sends
    }

    /// What it says in this round.
    pub fn say(&mut self) -> Packet {
        let said = self.said.get_or_insert_with(|| {
            let running = &self.agent.running;
            match self.round < running.rounds() {
                true => (self.agent).packed(&running.say(&mut self.member, self.round)),
                false => Packet::from(Vec::new()),
            }
        });
        said.clone()
    }

    /// Whose messages count in this round: in the first those of all whom it hears, then of those whom it has heard.
    pub fn awaits(&self) -> Vec<usize> {
        match self.round {
            0 => self.hears.clone(),
            _ => self.heard.iter().map(|(sender, _)| *sender).collect(),
        }
    }

    /// Takes in what others said in this round, and ends the round.
    ///
    /// # Errors
    /// [`ModelError::Input`] when a message cannot be read or comes from an agent whom it does not hear, or no round is
    /// left. Nothing of the inbox has been taken in then.
    pub fn attend(&mut self, inbox: &Inbox<'_>) -> Result<(), ModelError> {
        let rounds = self.agent.rounds();
        let refused = |problem| ModelError::Input {
            input: "inbox",
            problem,
        };
        if self.round >= rounds {
            return Err(refused(format!("all {rounds} rounds of messages are over")));
        }
        let mut heard = self.heard.clone();
        for (sender, packet) in inbox.letters() {
            if !self.hears.contains(sender) {
                return Err(refused(format!(
                    "agent {} found a message of agent {sender}, whom it does not hear",
                    self.agent.agent
                )));
            }
            let numbers = self.read(*sender, packet)?;
            match heard.iter_mut().find(|(known, _)| known == sender) {
                Some((_, last)) => *last = numbers,
                None if self.round == 0 => heard.push((*sender, numbers)),
                // What it said first was lost: it is not heard in this step.
                None => {}
            }
        }
        self.heard = heard;
        self.say();
        let letters = self.heard.iter().map(|(_, numbers)| numbers.as_slice());
        let all: Vec<f32> = letters.collect::<Vec<_>>().concat();
        let counts = [self.heard.len(), self.agent.others.len()];
        (self.agent.running).hear(&mut self.member, self.round, &all, counts);
        (self.round, self.said) = (self.round + 1, None);
        Ok(())
    }

    fn read(&self, sender: usize, packet: &Packet) -> Result<Vec<f32>, ModelError> {
        let running = &self.agent.running;
        let (levels, count) = (running.levels(), running.message());
        let (found, expected) = (packet.bytes(), Levels::bytes_of(levels, count));
        if found != expected {
            return Err(ModelError::Input {
                input: "message",
                problem: format!("of agent {sender}: found {found} bytes, expected {expected}"),
            });
        }
        let mut numbers = Vec::with_capacity(count);
        Levels::unpack(levels, count, packet.as_ref(), &mut numbers);
        match not_finite(&numbers) {
            None => Ok(numbers),
            Some(problem) => Err(ModelError::Input {
                input: "message",
                problem: format!("of agent {sender}: {problem}"),
            }),
        }
    }

    /// Decides, after all rounds. `available`, A flags, says which of its actions can be taken; `None`: all. `noise`, A
    /// numbers, is Gumbel noise for discrete and standard normal noise for continuous actions; without it the agent takes
    /// its most likely action.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for other sizes, [`ModelError::Input`] when no action is available, a round is left, or numbers
    /// are too large for the network.
    pub fn decide(
        &mut self,
        available: Option<&[bool]>,
        noise: Option<&[f32]>,
    ) -> Result<Decision, ModelError> {
        let (width, rounds) = (self.agent.sizes.actions.width(), self.agent.rounds());
        if self.round < rounds {
            return Err(ModelError::Input {
                input: "inbox",
                problem: format!(
                    "a decision comes after {rounds} rounds of messages, found {}",
                    self.round
                ),
            });
        }
        if let Some(noise) = noise {
            check_width("noise", noise.len(), width)?;
            check_finite("noise", noise)?;
        }
        let available = check_available(available, width)?;
        let running = &self.agent.running;
        running.decide(&mut self.member, available.as_deref(), noise)
    }
}
