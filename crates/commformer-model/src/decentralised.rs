//! Execution as a team does it: every agent alone, with the messages that reach it and nothing else.
//!
//! `CommFormer::act` computes all agents of a batch at once. Here each agent is a [`Member`] that
//! computes from its own observation, what it carries itself, and its inbox; a mailbox delivers along
//! open edges only, in bytes, and counts them. Both give the same actions, so what was counted is all
//! that a team needs ([`PolicyConfig::message_bytes`], [`PolicyConfig::constant_bytes`]). It is a proof
//! and a template for deployment, not a fast way to run many teams.
//!
//! A step of one team:
//!
//! 1. Each member [perceives](Member::perceive). A receive gate, if any, decides on the embedding of
//!    this agent whom it hears; that makes the step's [`OpenEdges`].
//! 2. [`Team::act`]: before each block of the encoder, each member says what others read in it.
//! 3. In the order of the agents, each decides with what earlier members sent when they decided; or all at once, where
//!    there is no decoder ([`Decoding::Parallel`]).
//!
//! What every member has from the start are the weights and its own index. Of the open edges it knows
//! its own row, whom it asked to send, and its own column, who asked it.
//!
//! On machines of their own, each runs a [`Member`], which goes through the same rounds; a [`Packet`] is bytes, and an
//! [`Inbox`] is made of those that arrived. One that is lost is a message that was not sent.
//!
#![cfg_attr(feature = "torch", doc = "```")]
#![cfg_attr(not(feature = "torch"), doc = "```ignore")]
//! use commformer_model::decentralised::{Action, OpenEdges, Team, Weights};
//! use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig};
//! use tch::{Device, Tensor};
//!
//! let config = PolicyConfig::new(3, 4, ActionSpace::Discrete(5));
//! let mut state = 0.0f32;
//! let mut noise = || { state += 1.0; state.sin() };
//! let policy = CommFormer::new(&config, Device::Cpu, &mut noise)?;
//! let obs: Vec<f32> = (0..12).map(|at| (at as f32).sin()).collect();
//! let graph = [1f32, 0., 1., 1., 1., 0., 0., 0., 1.];
//!
//! let weights = Weights::new(&policy)?;
//! let mut team = Team::new(weights, 3)?;
//! let turns = team.perceive(&obs, None)?;
//! let step = team.act(turns, &OpenEdges::new(&graph)?, None)?;
//!
//! // Agent 0 hears 2, and 1 hears 0. E = 64 numbers; a later agent is heard by the encoder alone.
//! assert_eq!(step.delivered.messages(), 2);
//! assert_eq!(step.delivered.along, [0, 0, 256, 256 + 1 + 256, 0, 0, 0, 0, 0]);
//!
//! let embedding = policy.embed(&Tensor::from_slice(&obs).view([1, 3, 4]))?;
//! let graph = Tensor::from_slice(&graph).view([1, 3, 3]);
//! let batched = policy.act(&Input::new(&embedding, &graph), None)?;
//! let actions = Vec::<i64>::try_from(batched.actions.view([-1]))?;
//! for (action, alone) in actions.iter().zip(&step.actions) {
//!     assert_eq!(*alone, Action::Discrete(*action as usize));
//! }
//! # Ok::<(), commformer_model::ModelError>(())
//! ```

mod exported;
mod mail;
mod member;
mod packet;
mod receiving;

#[doc(hidden)] // of agents of other methods, which run as these do
pub use commformer_nn::inputs::{check_finite, check_width};
pub use exported::{Contents, Exported, ExportedGate, FORMAT};
use mail::Mailbox;
pub use mail::{Delivered, Inbox, Links, OpenEdges};
#[doc(hidden)] // of agents of other methods, which run as these do
pub use member::check_available;
pub use member::{Member, Turn};
pub use packet::{Action, Packet};
pub use receiving::{Decision, Receiving};

use crate::network::{self, Network};
use crate::{Decoding, ModelError, PolicyConfig};
use commformer_nn::layout::{Saved, collect};
use std::sync::Arc;

/// The network and its weights, for all members. They were handed out before the episode.
#[derive(Debug)]
pub struct Weights {
    network: Network,
    /// The numbers of each leaf.
    numbers: Vec<Vec<f32>>,
}

impl Weights {
    /// A policy's weights as they are now.
    ///
    /// # Errors
    /// [`ModelError::Torch`] when they cannot be brought to this machine's memory.
    #[cfg(feature = "torch")]
    pub fn new(policy: &crate::CommFormer) -> Result<Self, ModelError> {
        Ok(Self {
            network: policy.network.clone(),
            numbers: policy.parameters.copied_numbers()?,
        })
    }

    /// Saved weights: the numbers of each tensor, with its [shape](Saved) where that is known, under its name in the file,
    /// such as a checkpoint's `weights.safetensors`, in any order. Names that begin with `gate.` are a gate's, and left
    /// alone.
    ///
    /// # Errors
    /// [`ModelError::Config`] when the configuration does not make a policy, [`ModelError::Input`] that names the
    /// missing, unexpected, misshapen or doubled tensor, or one whose numbers are not finite.
    pub fn of_parts(
        config: &PolicyConfig,
        parts: impl IntoIterator<Item = (String, impl Into<Saved>)>,
    ) -> Result<Self, ModelError> {
        config.validate()?;
        let refused = |problem: String| ModelError::Input {
            input: "parts",
            problem,
        };
        let saved = collect(parts, |name| !name.starts_with("gate.")).map_err(refused)?;
        // Before so many are laid out.
        let heads = if config.shared_head { 1 } else { config.agents };
        for (of, count) in [("blocks", config.blocks), ("agents' heads", heads)] {
            let found = saved.len();
            if count > found {
                return Err(refused(format!(
                    "found {found} tensors, expected several for each of {count} {of}"
                )));
            }
        }
        let network = Network::new(config);
        let numbers = network.layout.take(saved).map_err(refused)?;
        Ok(Self { network, numbers })
    }

    /// The network's sizes and switches.
    pub fn config(&self) -> &PolicyConfig {
        &self.network.config
    }

    /// The numbers of each leaf.
    fn leaves(&self) -> Vec<&[f32]> {
        self.numbers.iter().map(Vec::as_slice).collect()
    }

    fn native<'a>(&'a self, leaves: &'a [&'a [f32]]) -> network::Weights<'a> {
        network::Weights {
            network: &self.network,
            leaves,
        }
    }
}

/// The members of one team.
#[derive(Debug)]
pub struct Team {
    weights: Arc<Weights>,
    members: Vec<Member>,
}

/// What a team did in a step.
#[derive(Debug)]
pub struct Step {
    /// Of each member.
    pub actions: Vec<Action>,
    /// (N)
    pub log_probs: Vec<f32>,
    /// (N), each as [`Decision::value`]: of normalised returns, not in units of reward.
    pub values: Vec<f32>,
    /// What each member carries to the next step, rows of [`PolicyConfig::memory_width`]; `None` if nothing.
    /// The members have it already.
    pub memory: Option<Vec<f32>>,
    /// What the mailbox delivered.
    pub delivered: Delivered,
}

impl Team {
    /// A team at the start of an episode.
    ///
    /// # Errors
    /// [`ModelError::Input`] for another number of agents than the policy has heads for.
    pub fn new(weights: impl Into<Arc<Weights>>, agents: usize) -> Result<Self, ModelError> {
        let weights = weights.into();
        let config = weights.config();
        if agents == 0 || !config.shared_head && agents != config.agents {
            let expected = if config.shared_head { 1 } else { config.agents };
            return Err(wrong_number("agents", agents, expected));
        }
        let members = (0..agents).map(|agent| Member::new(Arc::clone(&weights), agent));
        Ok(Self {
            members: members.collect::<Result<_, _>>()?,
            weights,
        })
    }

    /// Its members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Has all members forget what they carry, as at the start of an episode.
    pub fn forget(&mut self) {
        self.members.iter_mut().for_each(Member::forget);
    }

    /// Has those that departed, `departed` (N), forget what they carry: who comes in their place does not know it.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when it does not fit.
    pub fn depart(&mut self, departed: &[bool]) -> Result<(), ModelError> {
        self.check_rows("departed", Some(departed.len()), 1)?;
        let members = self.members.iter_mut().zip(departed);
        members
            .filter(|(_, departed)| **departed)
            .for_each(|(member, _)| member.forget());
        Ok(())
    }

    /// Gives each member its own row of `memory`, rows of [`PolicyConfig::memory_width`], to go on from.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when it does not fit, [`ModelError::Input`] when a number is not finite.
    pub fn keep(&mut self, memory: &[f32]) -> Result<(), ModelError> {
        let width = self.weights.config().memory_width();
        self.check_rows("memory", Some(memory.len()), width)?;
        for (row, member) in memory.chunks_exact(width.max(1)).zip(&mut self.members) {
            member.keep(Some(row.to_vec()))?;
        }
        Ok(())
    }

    /// Lets each member perceive its own row of `obs`, (N, O), and of `available`, (N, A).
    ///
    /// # Errors
    /// [`ModelError::Shape`] when they do not fit.
    pub fn perceive(
        &self,
        obs: &[f32],
        available: Option<&[bool]>,
    ) -> Result<Vec<Turn>, ModelError> {
        let config = self.weights.config();
        let (width, actions) = (config.obs_dim, config.actions.width());
        self.check_rows("obs", Some(obs.len()), width)?;
        self.check_rows("available", available.map(<[bool]>::len), actions)?;
        let turn = |(agent, member): (usize, &Member)| {
            let own = available.map(|flags| &flags[agent * actions..(agent + 1) * actions]);
            member.perceive(&obs[agent * width..(agent + 1) * width], own)
        };
        self.members.iter().enumerate().map(turn).collect()
    }

    /// Has the members exchange messages along `edges` and decide. Those that are not active there
    /// ([`OpenEdges::among`]) carry nothing on. Member i's noise is row i of `noise`, (N, A), as for
    /// `CommFormer::act`.
    ///
    /// # Errors
    /// [`ModelError::Input`] for turns or edges of another number of agents, and when the noise or what comes of it and of
    /// the observations is not finite; [`ModelError::Shape`] for noise of another number. What members carry is then as
    /// before.
    pub fn act(
        &mut self,
        turns: Vec<Turn>,
        edges: &OpenEdges,
        noise: Option<&[f32]>,
    ) -> Result<Step, ModelError> {
        let agents = self.members.len();
        for (input, found) in [("turns", turns.len()), ("graph", edges.agents())] {
            if found != agents {
                return Err(wrong_number(input, found, agents));
            }
        }
        if let Some(at) = (0..agents).find(|at| turns[*at].agent != *at) {
            return Err(ModelError::Input {
                input: "turns",
                problem: format!(
                    "found that of agent {} in place {at}, expected them in the agents' order",
                    turns[at].agent
                ),
            });
        }
        let weights = Arc::clone(&self.weights);
        let config = weights.config();
        let actions = config.actions.width();
        self.check_rows("noise", noise.map(<[f32]>::len), actions)?;
        let mut mailbox = Mailbox::new(edges);
        let mut receiving: Vec<Receiving> = turns
            .into_iter()
            .enumerate()
            .map(|(agent, turn)| turn.receive(edges.links(agent)))
            .collect();
        for _ in 0..config.blocks {
            let sent: Vec<Packet> = receiving.iter().map(Receiving::say).collect();
            for (agent, member) in receiving.iter_mut().enumerate() {
                member.attend(&mailbox.deliver(agent, &sent))?;
            }
        }

        let (mut said, mut for_next, mut decisions) = (Vec::new(), Vec::new(), Vec::new());
        for (agent, member) in receiving.iter_mut().enumerate() {
            let inbox = match config.decoder {
                Decoding::Autoregressive => {
                    mailbox.deliver_decided(agent, &said, &for_next, config.previous_action)
                }
                Decoding::Parallel => Inbox::default(),
            };
            let noise = noise.map(|noise| &noise[agent * actions..(agent + 1) * actions]);
            let mut decision = member.decide(&inbox, noise)?;
            said.push(std::mem::take(&mut decision.said));
            for_next.push(std::mem::take(&mut decision.for_next));
            if !edges.is_active(agent) {
                decision.memory = (decision.memory).map(|memory| vec![0.0; memory.len()]);
            }
            decisions.push(decision);
        }
        for (member, decision) in self.members.iter_mut().zip(&decisions) {
            member.keep(decision.memory.clone())?;
        }
        let of_each = |of: fn(&Decision) -> f32| decisions.iter().map(of).collect();
        let memory: Vec<f32> = decisions
            .iter()
            .flat_map(|decision| decision.memory.iter().flatten().copied())
            .collect();
        Ok(Step {
            log_probs: of_each(|decision| decision.log_prob),
            values: of_each(|decision| decision.value),
            memory: (!memory.is_empty()).then_some(memory),
            actions: decisions
                .into_iter()
                .map(|decision| decision.action)
                .collect(),
            delivered: mailbox.into_delivered(),
        })
    }

    /// Refuses what has not a row of this width for each member.
    fn check_rows(
        &self,
        input: &'static str,
        found: Option<usize>,
        width: usize,
    ) -> Result<(), ModelError> {
        let agents = self.members.len();
        match found {
            Some(found) if found != agents * width => Err(ModelError::Shape {
                input,
                expected: format!("({agents}, {width}), {} numbers", agents * width),
                found: vec![found as i64],
            }),
            _ => Ok(()),
        }
    }
}

fn wrong_number(input: &'static str, found: usize, expected: usize) -> ModelError {
    ModelError::Input {
        input,
        problem: format!("found {found} agents, expected {expected}"),
    }
}
