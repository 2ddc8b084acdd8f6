//! Execution as a team does it: every agent alone, with the messages that reach it and nothing else.
//!
//! [`CommFormer::act`] computes all agents of a batch at once. Here each agent is a [`Member`] that
//! computes from its own observation, what it carries itself, and its inbox; a mailbox delivers along
//! open edges only, in bytes, and counts them. Both give the same actions, so what was counted is all
//! that a team needs ([`PolicyConfig::message_bytes`], [`PolicyConfig::constant_bytes`]). It is a proof
//! and a template for deployment, not a fast way to run many teams.
//!
//! A step of one team:
//!
//! 1. Each member [perceives](Member::perceive). A receive gate, if any, decides on the embedding of
//!    this agent whom it hears; that makes the step's [`OpenEdges`].
//! 2. [`Team::act`]: before each block of the encoder, each member sends its input of that block.
//! 3. In the order of the agents, each decides with what earlier members sent when they decided.
//!
//! What every member has from the start are the weights and its own index. Of the open edges it knows
//! its own row, whom it asked to send, and its own column, who asked it.
//!
//! ```
//! use commformer_model::decentralised::{OpenEdges, Team, Weights};
//! use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig};
//! use tch::{Device, Kind, Tensor};
//!
//! let config = PolicyConfig::new(3, 4, ActionSpace::Discrete(5));
//! let mut state = 0.0f32;
//! let mut noise = || { state += 1.0; state.sin() };
//! let policy = CommFormer::new(&config, Device::Cpu, &mut noise)?;
//! let obs = Tensor::arange(12, (Kind::Float, Device::Cpu)).sin().view([3, 4]);
//! let graph = Tensor::from_slice(&[1f32, 0., 1., 1., 1., 0., 0., 0., 1.]).view([3, 3]);
//!
//! let weights = Weights::new(&policy);
//! let mut team = Team::new(&weights, 3)?;
//! let turns = team.perceive(&obs, None)?;
//! let step = team.act(turns, &OpenEdges::new(&graph)?, None)?;
//!
//! // Agent 0 hears 2, and 1 hears 0. E = 64 numbers; a later agent is heard by the encoder alone.
//! assert_eq!(step.carried.messages(), 2);
//! assert_eq!(step.carried.along, [0, 0, 256, 256 + 1 + 256, 0, 0, 0, 0, 0]);
//!
//! let embedding = policy.embed(&obs.unsqueeze(0))?;
//! let batched = policy.act(&Input::new(&embedding, &graph.unsqueeze(0)), None)?;
//! assert_eq!(batched.actions.squeeze(), step.actions);
//! # Ok::<(), commformer_model::ModelError>(())
//! ```

mod mail;
mod member;
mod packet;

pub use mail::{Carried, Inbox, Links, Mailbox, OpenEdges};
pub use member::{Decision, Listening, Member, Turn};
pub use packet::Packet;

use tch::Tensor;

use crate::attention::Projections;
use crate::decoder::ReadyDecoder;
use crate::{CommFormer, ModelError, PolicyConfig};

/// The weights, prepared once for all members. They were handed out before the episode.
#[derive(Debug)]
pub struct Weights<'a> {
    policy: &'a CommFormer,
    /// The observation's projection.
    obs: (Tensor, Tensor),
    /// Each encoder block's attention.
    encoder: Vec<Projections<'a>>,
    decoder: ReadyDecoder<'a>,
}

impl<'a> Weights<'a> {
    /// Prepares a policy's weights as they are now.
    pub fn new(policy: &'a CommFormer) -> Self {
        let _guard = tch::no_grad_guard();
        let edges = &policy.edge_embedding;
        let blocks = policy.encoder.blocks().iter();
        Self {
            policy,
            obs: policy.encoder.fold_obs(),
            encoder: blocks
                .map(|block| block.attention().project(edges))
                .collect(),
            decoder: policy.decoder.ready(edges),
        }
    }

    fn config(&self) -> &PolicyConfig {
        self.policy.config()
    }
}

/// The members of one team.
#[derive(Debug)]
pub struct Team<'a> {
    weights: &'a Weights<'a>,
    members: Vec<Member<'a>>,
}

/// What a team did in a step.
#[derive(Debug)]
pub struct Step {
    /// (N) of i64, or (N, A) if continuous.
    pub actions: Tensor,
    /// (N)
    pub log_probs: Tensor,
    /// (N)
    pub values: Tensor,
    /// What each member carries to the next step, (N, [`CommFormer::kept_width`]); `None` if nothing.
    /// The members have it already.
    pub kept: Option<Tensor>,
    /// What the mailbox delivered.
    pub carried: Carried,
}

impl<'a> Team<'a> {
    /// A team at the start of an episode.
    ///
    /// # Errors
    /// [`ModelError::Input`] for another number of agents than the policy has heads for.
    pub fn new(weights: &'a Weights<'a>, agents: usize) -> Result<Self, ModelError> {
        let config = weights.config();
        if agents == 0 || !config.shared_head && agents != config.agents {
            let expected = if config.shared_head { 1 } else { config.agents };
            return Err(wrong_number("agents", agents, expected));
        }
        Ok(Self {
            weights,
            members: (0..agents)
                .map(|agent| Member::new(weights, agent))
                .collect(),
        })
    }

    /// Its members.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// Has all members forget what they carry, as at the start of an episode.
    pub fn forget(&mut self) {
        self.members.iter_mut().for_each(Member::forget);
    }

    /// Gives each member its own row of `kept`, (N, [`CommFormer::kept_width`]), to go on from.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when it does not fit.
    pub fn keep(&mut self, kept: &Tensor) -> Result<(), ModelError> {
        let expected = [
            self.members.len() as i64,
            self.weights.policy.kept_width() as i64,
        ];
        if kept.size() != expected {
            return Err(ModelError::Shape {
                input: "kept",
                expected: format!("{expected:?}"),
                found: kept.size(),
            });
        }
        for (agent, member) in self.members.iter_mut().enumerate() {
            member.keep(Some(kept.get(agent as i64).view([1, 1, -1])));
        }
        Ok(())
    }

    /// Lets each member perceive its own row of `obs`, (N, O), and of `available`, (N, A) boolean.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when a row does not fit, [`ModelError::Input`] for another number of rows.
    pub fn perceive(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
    ) -> Result<Vec<Turn<'a>>, ModelError> {
        self.check_rows("obs", Some(obs))?;
        self.check_rows("available", available)?;
        let turn = |(agent, member): (usize, &Member<'a>)| {
            let own = |x: &Tensor| x.get(agent as i64);
            member.perceive(&own(obs), available.map(own).as_ref())
        };
        self.members.iter().enumerate().map(turn).collect()
    }

    /// Has the members exchange messages along `edges` and decide. Member i's noise is row i of `noise`,
    /// (N, A), as for [`CommFormer::act`].
    ///
    /// # Errors
    /// [`ModelError::Input`] for turns, edges or noise of another number of agents.
    pub fn act(
        &mut self,
        turns: Vec<Turn<'a>>,
        edges: &OpenEdges,
        noise: Option<&Tensor>,
    ) -> Result<Step, ModelError> {
        let agents = self.members.len();
        for (input, found) in [("turns", turns.len()), ("graph", edges.agents())] {
            if found != agents {
                return Err(wrong_number(input, found, agents));
            }
        }
        self.check_rows("noise", noise)?;
        let config = self.weights.config();
        let mut mailbox = Mailbox::new(edges);
        let mut listening: Vec<Listening<'a>> = turns
            .into_iter()
            .enumerate()
            .map(|(agent, turn)| turn.listen(edges.links(agent)))
            .collect();
        for _ in 0..config.blocks {
            let sent: Vec<Packet> = listening
                .iter()
                .map(Listening::say)
                .collect::<Result<_, _>>()?;
            for (agent, member) in listening.iter_mut().enumerate() {
                member.hear(&mailbox.deliver(agent, &sent))?;
            }
        }

        let (mut said, mut told, mut decisions) = (Vec::new(), Vec::new(), Vec::new());
        for (agent, member) in listening.into_iter().enumerate() {
            let inbox = mailbox.deliver_decided(agent, &said, &told, config.previous_action);
            let noise = noise.map(|noise| noise.get(agent as i64));
            let mut decision = member.decide(&inbox, noise.as_ref())?;
            said.push(std::mem::take(&mut decision.said));
            told.push(std::mem::take(&mut decision.told));
            self.members[agent].keep(decision.kept.as_ref().map(Tensor::shallow_clone));
            decisions.push(decision);
        }
        let join = |of: &dyn Fn(&Decision) -> Tensor| {
            Tensor::cat(&decisions.iter().map(of).collect::<Vec<_>>(), 0)
        };
        let kept: Vec<Tensor> = decisions
            .iter()
            .filter_map(|decision| Some(decision.kept.as_ref()?.squeeze_dim(1)))
            .collect();
        Ok(Step {
            actions: join(&|decision| decision.action.shallow_clone()),
            log_probs: join(&|decision| decision.log_prob.shallow_clone()),
            values: join(&|decision| decision.value.shallow_clone()),
            kept: (!kept.is_empty()).then(|| Tensor::cat(&kept, 0)),
            carried: mailbox.into_carried(),
        })
    }

    fn check_rows(&self, input: &'static str, x: Option<&Tensor>) -> Result<(), ModelError> {
        let agents = self.members.len();
        match x.map(|x| x.size().first().copied().unwrap_or(0) as usize) {
            Some(found) if found != agents => Err(wrong_number(input, found, agents)),
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
