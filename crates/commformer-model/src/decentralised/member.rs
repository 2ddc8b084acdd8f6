//! One agent, alone: what it computes from its own observation and from what reached it.
//!
//! Nothing in this file has a way to another agent. A member's methods take its own observation, its
//! own links and an [`Inbox`], which only a mailbox fills.

use tch::Tensor;

use super::Weights;
use super::mail::{Inbox, Links};
use super::packet::{Packet, Reader, start};
use crate::ModelError;
use crate::config::{Closed, RelationOrder, SelfLoop};
use crate::distribution::Distribution;
use crate::mask::Mask;
use crate::stale::Kept;

/// One agent and what it carries from step to step.
#[derive(Debug)]
pub struct Member<'a> {
    weights: &'a Weights<'a>,
    agent: usize,
    /// Of the old messages, (1, 1, [`crate::CommFormer::kept_width`]); `None`: nothing yet.
    kept: Option<Tensor>,
}

impl<'a> Member<'a> {
    pub(super) fn new(weights: &'a Weights<'a>, agent: usize) -> Self {
        Self {
            weights,
            agent,
            kept: None,
        }
    }

    /// Forgets what it carries, as at the start of an episode.
    pub fn forget(&mut self) {
        self.kept = None;
    }

    /// What it carries, (1, 1, K).
    pub(super) fn keep(&mut self, kept: Option<Tensor>) {
        self.kept = kept;
    }

    /// Begins a step: makes an embedding of its own observation, (O). `available` (A) boolean says
    /// which of its actions can be taken; `None`: all.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when the observation or the availability does not fit.
    pub fn perceive(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
    ) -> Result<Turn<'a>, ModelError> {
        let _guard = tch::no_grad_guard();
        let config = self.weights.config();
        check_width("obs", obs, config.obs_dim)?;
        if let Some(available) = available {
            check_width("available", available, config.actions.width())?;
        }
        Ok(Turn {
            weights: self.weights,
            agent: self.agent,
            embedding: (self.weights.policy.encoder)
                .embed_by(&self.weights.obs, &obs.view([1, 1, -1])),
            available: available.map(|available| available.unsqueeze(0)),
            kept: self.kept.as_ref().map(Tensor::shallow_clone),
        })
    }
}

/// A member's step after it perceived. Its gate decides now whom it asks to send.
#[derive(Debug)]
pub struct Turn<'a> {
    weights: &'a Weights<'a>,
    agent: usize,
    /// (1, 1, E)
    embedding: Tensor,
    /// (1, A)
    available: Option<Tensor>,
    kept: Option<Tensor>,
}

impl<'a> Turn<'a> {
    /// What it makes of its own observation, (E).
    pub fn embedding(&self) -> Tensor {
        self.embedding.view([-1])
    }

    /// How unsure it is by itself: the entropy of its distribution if it hears nobody. `own_edge` is its
    /// own entry of the graph, `agents` the number of agents.
    ///
    /// # Errors
    /// [`ModelError::Torch`] when libtorch refuses an operation.
    pub fn entropy_alone(&self, agents: usize, own_edge: bool) -> Result<f64, ModelError> {
        let _guard = tch::no_grad_guard();
        let nothing = Inbox::default();
        let mut alone = self.begin(Links::alone(self.agent, agents, own_edge));
        for _ in 0..self.weights.config().blocks {
            alone.hear(&nothing)?;
        }
        let (distribution, _) = alone.think(&nothing)?;
        let config = self.weights.config();
        let (kind, size) = config.actions.tensor([1, 1]);
        let any = Tensor::zeros(&size[1..], (kind, self.embedding.device()));
        Ok(f64::try_from(distribution.score(&any).1)?)
    }

    /// Goes on with these links.
    pub fn listen(self, links: Links) -> Listening<'a> {
        self.begin(links)
    }

    fn begin(&self, links: Links) -> Listening<'a> {
        Listening {
            weights: self.weights,
            agent: self.agent,
            links,
            available: self.available.as_ref().map(Tensor::shallow_clone),
            kept: self.kept.as_ref().map(Tensor::shallow_clone),
            x: self.embedding.shallow_clone(),
            others: Vec::new(),
            listens: false,
            block: 0,
        }
    }
}

/// A member's step while messages go back and forth.
#[derive(Debug)]
pub struct Listening<'a> {
    weights: &'a Weights<'a>,
    agent: usize,
    links: Links,
    available: Option<Tensor>,
    kept: Option<Tensor>,
    /// The next encoder block's input and, after the last block, the representation: (1, 1, E).
    x: Tensor,
    /// What each block heard of others, (1, 1, E), if the member keeps that.
    others: Vec<Tensor>,
    listens: bool,
    /// The next encoder block.
    block: usize,
}

/// What a member decided.
#[derive(Debug)]
pub struct Decision {
    /// (1) of i64, or (1, A) if continuous.
    pub action: Tensor,
    /// (1)
    pub log_prob: Tensor,
    /// Of its situation, (1).
    pub value: Tensor,
    /// For the agents after it that hear it.
    pub said: Packet,
    /// Its action, for the next agent.
    pub told: Packet,
    /// What it carries to the next step, (1, 1, K); `None` if nothing.
    pub kept: Option<Tensor>,
}

impl Listening<'_> {
    /// What it sends before each encoder block: its own input of that block.
    ///
    /// # Errors
    /// [`ModelError::Torch`] when libtorch refuses an operation.
    pub fn say(&self) -> Result<Packet, ModelError> {
        let mut packet = Packet::default();
        packet.numbers(&self.x)?;
        Ok(packet)
    }

    /// Takes in what others sent before the next encoder block, and does that block's work.
    ///
    /// # Errors
    /// [`ModelError::Input`] when a message cannot be read, or no block is left.
    pub fn hear(&mut self, inbox: &Inbox<'_>) -> Result<(), ModelError> {
        let _guard = tch::no_grad_guard();
        let config = self.weights.config();
        let blocks = self.weights.policy.encoder.blocks();
        let (Some(block), Some(attention)) =
            (blocks.get(self.block), self.weights.encoder.get(self.block))
        else {
            return Err(ModelError::Input {
                input: "inbox",
                problem: format!("all {} encoder blocks have heard already", config.blocks),
            });
        };
        // Itself first, then those it heard.
        let mut inputs = vec![self.x.shallow_clone()];
        for (_, packet) in inbox.letters() {
            inputs.push(self.vector(&mut packet.read())?);
        }
        self.listens = !inbox.letters().is_empty();
        let mask = self.mask(inbox);
        let memory = attention.memory(&Tensor::cat(&inputs, 1));
        let queries = attention.queries(&self.x);
        let mut heard = match block.stale() {
            None => attention.attend(&queries, &memory, &mask),
            Some(_) => {
                let (heard, others) = attention.attend_and_others(&queries, &memory, &mask, 0);
                self.others.push(others);
                heard
            }
        };
        let kept = Kept::new(self.kept.as_ref(), &self.x, &mask, config);
        if let (Some(stale), Some(kept)) = (block.stale(), kept) {
            heard += stale.recall(&kept, self.block);
        }
        self.x = block.think(&self.x, heard, 0.0, &mut None);
        self.block += 1;
        Ok(())
    }

    /// Decides, after it heard as often as there are encoder blocks. The inbox holds what the agents
    /// before it sent while they decided. `noise` (A) is Gumbel noise for discrete and standard normal
    /// noise for continuous actions; without it the member takes its most likely action.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when the noise does not fit, [`ModelError::Input`] when a message cannot be
    /// read.
    pub fn decide(self, inbox: &Inbox<'_>, noise: Option<&Tensor>) -> Result<Decision, ModelError> {
        let _guard = tch::no_grad_guard();
        let config = self.weights.config();
        if let Some(noise) = noise {
            check_width("noise", noise, config.actions.width())?;
        }
        let (distribution, said) = self.think(inbox)?;
        let noise = noise.map(|noise| noise.unsqueeze(0));
        let (action, log_prob) = distribution.choose(noise.as_ref());
        let mut told = Packet::default();
        told.action(config.actions, &action)?;
        Ok(Decision {
            value: self.weights.policy.encoder.values(&self.x).view([1]),
            kept: Kept::new(self.kept.as_ref(), &self.x, &self.mask(inbox), config)
                .map(|kept| kept.next(&self.others)),
            action,
            log_prob,
            said,
            told,
        })
    }

    /// The decoder's work: the distribution of the action, and what later agents need of it.
    fn think(&self, inbox: &Inbox<'_>) -> Result<(Distribution, Packet), ModelError> {
        let (config, decoder) = (self.weights.config(), &self.weights.decoder);
        if self.block < config.blocks {
            return Err(ModelError::Input {
                input: "inbox",
                problem: format!(
                    "a decision comes after {} encoder blocks, found {}",
                    config.blocks, self.block
                ),
            });
        }
        let own = match inbox.previous() {
            Some(packet) => packet.read().given_after(config.actions)?,
            None => start(config.actions),
        };
        let mut said = Packet::default();
        said.given(config.actions, &own)?;
        let mut letters: Vec<Reader<'_>> =
            (inbox.letters().iter().map(|(_, packet)| packet.read())).collect();
        let mut given = vec![own];
        for letter in &mut letters {
            given.push(letter.given(config.actions)?);
        }
        let given = Tensor::cat(&given, 0).to_device(self.x.device());
        let mut inputs = decoder.embed_given(&given).unsqueeze(0); // (1, 1 + senders, E)
        // The rest of each letter is one vector after the other, in the order of the blocks.
        let join = |own: &Tensor, letters: &mut [Reader<'_>]| -> Result<Tensor, ModelError> {
            let mut all = vec![own.shallow_clone()];
            for letter in letters {
                all.push(self.vector(letter)?);
            }
            Ok(Tensor::cat(&all, 1))
        };

        let mask = self.mask(inbox);
        let mut x = inputs.narrow(1, 0, 1);
        for (index, block) in decoder.blocks().iter().enumerate() {
            if index > 0 {
                said.numbers(&x)?;
                inputs = join(&x, &mut letters)?;
            }
            let attention = &block.self_attention;
            let (queries, memory) = (attention.queries(&x), attention.memory(&inputs));
            let heard = attention.attend(&queries, &memory, &mask);
            let y = block.after_self(&x, &heard);
            said.numbers(&y)?;
            let attention = &block.cross_attention;
            let memory = attention.memory(&join(&y, &mut letters)?);
            let heard = attention.attend(&attention.queries(&self.x), &memory, &mask);
            x = block.after_cross(&self.x, &heard);
        }
        let output = decoder.output(&x.squeeze_dim(1), self.agent as i64);
        let std = self.weights.policy.decoder.std();
        let distribution = Distribution::new(output, self.available.as_ref(), std);
        Ok((distribution, said))
    }

    /// A letter's next vector, (1, 1, E).
    fn vector(&self, letter: &mut Reader<'_>) -> Result<Tensor, ModelError> {
        let vector = letter.numbers(self.weights.config().embed_dim)?;
        Ok(vector.unsqueeze(0).to_device(self.x.device()))
    }

    /// How its attentions see itself, first, and those whose letters are in the inbox.
    fn mask(&self, inbox: &Inbox<'_>) -> Mask {
        let (config, links) = (self.weights.config(), &self.links);
        let device = self.x.device();
        let sources = || {
            let senders = inbox.letters().iter().map(|(sender, _)| *sender);
            std::iter::once(self.agent).chain(senders)
        };
        let numbers = |of: &dyn Fn(usize) -> bool| -> Tensor {
            let numbers: Vec<f32> = sources().map(|source| f32::from(of(source))).collect();
            Tensor::from_slice(&numbers)
                .view([1, 1, 1, -1])
                .to_device(device)
        };
        let is = |flags: &[bool], agent: usize| flags.get(agent).copied().unwrap_or(false);
        let read = match config.relation_order {
            RelationOrder::ReceiverSender => &links.hears,
            RelationOrder::SenderReceiver => &links.heard_by,
        };
        Mask {
            bias: numbers(&|_| false),
            absent: config
                .relation
                .then(|| numbers(&|source| !is(read, source))),
            product: match config.self_loop {
                SelfLoop::Keep => None,
                SelfLoop::Add => Some(
                    numbers(&|source| is(&links.hears, source))
                        + numbers(&|source| source == self.agent),
                ),
            },
            passes: None,
            listens: match config.closed {
                Closed::Silence => None,
                Closed::Stale => Some(listening(self.listens).to_device(device)),
            },
            listed: None, // its inbox holds its senders and nobody else
            watched: None,
        }
    }
}

/// (1, 1, 1)
fn listening(listens: bool) -> Tensor {
    Tensor::from_slice(&[f32::from(listens)]).view([1, 1, 1])
}

fn check_width(input: &'static str, x: &Tensor, width: usize) -> Result<(), ModelError> {
    if x.size() == [width as i64] {
        return Ok(());
    }
    Err(ModelError::Shape {
        input,
        expected: format!("[{width}]"),
        found: x.size(),
    })
}
