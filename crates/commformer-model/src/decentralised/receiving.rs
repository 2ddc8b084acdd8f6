//! One agent's step while messages go back and forth: the blocks of the encoder, then its decision.

mod refused;

use commformer_nn::inputs::{check_finite, check_width};
use commformer_nn::links::Sender;
use commformer_nn::native::{Actions, Native, Scored, Tape, Var};
use std::sync::Arc;

use super::Weights;
use super::mail::{Inbox, Links};
use super::member::Turn;
use super::packet::{Action, Given, Packet, Reader, sent_by};
use crate::ModelError;
use crate::config::{Closed, Decoding, PolicyConfig, RelationOrder, SelfLoop};
use crate::network;
use crate::stale::StaleState;
use refused::check_made;

/// A member's step while messages go back and forth.
#[derive(Debug)]
pub struct Receiving {
    weights: Arc<Weights>,
    agent: usize,
    links: Links,
    available: Option<Vec<u8>>,
    memory: Option<Vec<f32>>,
    /// The next encoder block's input and, after the last block, the representation: E numbers.
    x: Vec<f32>,
    /// What each block heard of others, E numbers, if the member keeps that.
    others: Vec<Vec<f32>>,
    /// Whether it heard somebody in every block so far: only then has it something new to keep of each.
    receives: bool,
    /// What it says before the next encoder block, rows of [`PolicyConfig::message_width`]; nothing after the last.
    said: Vec<f32>,
    /// The next encoder block.
    block: usize,
    tape: Tape,
}

/// What a member decided.
#[derive(Debug)]
pub struct Decision {
    /// What it does.
    pub action: Action,
    /// Log-probability of that.
    pub log_prob: f32,
    /// Value of its state, as the value head gives it: of returns that training normalised, not in units of reward.
    pub value: f32,
    /// For the agents after it that hear it.
    pub said: Packet,
    /// Its action, for the next agent.
    pub for_next: Packet,
    /// What it carries to the next step; `None` if nothing.
    pub memory: Option<Vec<f32>>,
}

impl Receiving {
    /// A member that has heard nothing yet.
    pub(super) fn new(turn: &Turn, links: Links) -> Self {
        let mut new = Self {
            weights: Arc::clone(&turn.weights),
            agent: turn.agent,
            links,
            available: turn.available.clone(),
            memory: turn.memory.clone(),
            x: turn.embedding.clone(),
            others: Vec::new(),
            receives: true,
            said: Vec::new(),
            block: 0,
            tape: Tape::default(),
        };
        new.prepare_to_say();
        new
    }

    fn config(&self) -> &PolicyConfig {
        self.weights.config()
    }

    /// What it sends before each encoder block. After the last it has nothing to say.
    pub fn say(&self) -> Packet {
        let mut packet = Packet::default();
        packet.said(self.config().levels(), &self.said);
        packet
    }

    /// Makes up what it says before the next encoder block, if there is one.
    fn prepare_to_say(&mut self) {
        self.said.clear();
        if self.block == self.config().blocks {
            return;
        }
        let (network, leaves) = (&self.weights.network, self.weights.leaves());
        self.tape.begin([1, 1]);
        let x = self.tape.input(&self.x, network.config.embed_dim, false);
        let mut ops = Native::new(&mut self.tape, &leaves);
        let said = network.say(&mut ops, self.block, &x);
        self.said.extend_from_slice(self.tape.value(said));
    }

    /// Takes in what others sent before the next encoder block, and does that block's work.
    ///
    /// # Errors
    /// [`ModelError::Input`] when a message cannot be read, has numbers that are not finite, or comes from an agent whom it
    /// does not hear, when what comes of the messages is not finite, and when no block is left. Nothing of the inbox has been
    /// taken in then.
    pub fn attend(&mut self, inbox: &Inbox<'_>) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let config = weights.config();
        if self.block >= config.blocks {
            return Err(ModelError::Input {
                input: "inbox",
                problem: format!("all {} encoder blocks have heard already", config.blocks),
            });
        }
        self.check_senders(inbox, |_| true)?;
        // Itself first, then those it heard.
        let (levels, width) = (config.levels(), config.message_width());
        let mut all = self.said.clone();
        for (sender, packet) in inbox.letters() {
            let mut letter = packet.read();
            letter
                .said(levels, width, &mut all)
                .and_then(|()| letter.end())
                .map_err(sent_by(*sender))?;
        }
        let receives = !inbox.letters().is_empty();
        let links = self.begin_pass(inbox);
        let stale = self.stale(receives);
        let stale = stale.as_ref().map(|stale| stale.inputs(&mut self.tape));
        let x = self.tape.input(&self.x, config.embed_dim, false);
        let all = self.tape.input(&all, width, false);
        let (network, leaves) = (&self.weights.network, self.weights.leaves());
        let mut ops = Native::new(&mut self.tape, &leaves);
        let ready = network.ready(&mut ops, false);
        let (x, others) = network.encode_block(
            &mut ops,
            &ready,
            self.block,
            [&x, &all],
            &links,
            stale.as_ref(),
        );
        let x = self.tape.value(x).to_vec();
        let others = others.map(|others| self.tape.value(others).to_vec());
        check_made(&x)?;
        check_made(others.as_deref().unwrap_or_default())?;
        self.receives &= receives;
        self.x = x;
        self.others.extend(others);
        self.block += 1;
        self.prepare_to_say();
        Ok(())
    }

    /// Decides, after it heard as often as there are encoder blocks. The inbox holds what the agents
    /// before it sent while they decided. `noise`, A numbers, is Gumbel noise for discrete and standard normal
    /// noise for continuous actions; without it the member takes its most likely action.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when the noise does not fit, [`ModelError::Input`] when a message cannot be read, when it, the
    /// noise or what comes of them is not finite, and when a message or the action of the agent before it is none that
    /// this agent is to be sent.
    pub fn decide(
        &mut self,
        inbox: &Inbox<'_>,
        noise: Option<&[f32]>,
    ) -> Result<Decision, ModelError> {
        if let Some(noise) = noise {
            check_width("noise", noise.len(), self.config().actions.width())?;
            check_finite("noise", noise)?;
        }
        let (outputs, said) = self.forward(inbox)?;
        check_made(&outputs)?;
        let leaves = self.weights.leaves();
        let log_std = self.weights.native(&leaves).log_std();
        let mut scored = Scored::default();
        let given = (self.available.as_deref(), noise);
        let action = match scored.choose(&outputs, outputs.len(), log_std, given) {
            Actions::Discrete(chosen) => Action::Discrete(chosen[0] as usize),
            Actions::Continuous(chosen) => Action::Continuous(chosen),
        };
        let log_prob = scored.log_probs[0];
        let mut for_next = Packet::default();
        for_next.action(self.config().actions, &action);
        self.tape.begin([1, 1]);
        let x = self
            .tape
            .input(&self.x, self.weights.config().embed_dim, false);
        let value = (self.weights.network).values(&mut Native::new(&mut self.tape, &leaves), &x);
        let value = self.tape.value(value)[0];
        let others: Vec<&[f32]> = self.others.iter().map(Vec::as_slice).collect();
        let memory = match self.stale(self.receives) {
            Some(stale) => Some(stale.next(&others)),
            None => self.memory.clone(),
        };
        check_made(&[log_prob, value])?;
        check_made(memory.as_deref().unwrap_or_default())?;
        if let Action::Continuous(action) = &action {
            check_made(action)?;
        }
        Ok(Decision {
            value,
            memory,
            action,
            log_prob,
            said,
            for_next,
        })
    }

    /// The entropy of the distribution that it would decide by.
    pub(super) fn entropy(mut self, inbox: &Inbox<'_>) -> Result<f64, ModelError> {
        let (outputs, _) = self.forward(inbox)?;
        check_made(&outputs)?;
        let leaves = self.weights.leaves();
        let log_std = self.weights.native(&leaves).log_std();
        // An entropy is the same for every action.
        let any = match log_std.len() {
            0 => Actions::Discrete(vec![0]),
            width => Actions::Continuous(vec![0.0; width]),
        };
        let mut scored = Scored::default();
        scored.score(&outputs, log_std, self.available.as_deref(), &any);
        Ok(f64::from(scored.entropy[0]))
    }

    /// The decoder's work: logits or means, and what later agents need of it.
    fn forward(&mut self, inbox: &Inbox<'_>) -> Result<(Vec<f32>, Packet), ModelError> {
        let weights = Arc::clone(&self.weights);
        let config = weights.config();
        let (width, sent, levels) = (config.embed_dim, config.message_width(), config.levels());
        if self.block < config.blocks {
            return Err(ModelError::Input {
                input: "inbox",
                problem: format!(
                    "a decision comes after {} encoder blocks, found {}",
                    config.blocks, self.block
                ),
            });
        }
        self.check_senders(inbox, |sender| sender < self.agent)?;
        self.check_previous(inbox)?;
        if config.decoder == Decoding::Parallel {
            // What others say while they decide is empty here.
            for (sender, packet) in inbox.letters() {
                packet.read().end().map_err(sent_by(*sender))?;
            }
            self.begin_pass(&Inbox::default());
            let x = self.tape.input(&self.x, width, false);
            let leaves = self.weights.leaves();
            let network = &self.weights.network;
            let outputs = network.head(&mut Native::new(&mut self.tape, &leaves), &x);
            return Ok((self.tape.value(outputs).to_vec(), Packet::default()));
        }
        let own = match inbox.previous() {
            Some(packet) => {
                let mut letter = packet.read();
                let own = letter.given_after(config.actions);
                own.and_then(|own| letter.end().map(|()| own))
                    .map_err(sent_by(self.agent.saturating_sub(1)))?
            }
            None => Given::start(config.actions),
        };
        let mut said = Packet::default();
        said.given(config.actions, &own);
        let letters = inbox.letters().iter();
        let mut letters: Vec<(usize, Reader<'_>)> = letters
            .map(|(sender, packet)| (*sender, packet.read()))
            .collect();
        let mut all = vec![own.clone()];
        for (sender, letter) in &mut letters {
            all.push(letter.given(config.actions).map_err(sent_by(*sender))?);
        }
        let links = self.begin_pass(inbox);
        let own = inputs(&mut self.tape, &[own]);
        let all = inputs(&mut self.tape, &all);
        let representation = self.tape.input(&self.x, width, false);
        let (network, leaves) = (&self.weights.network, self.weights.leaves());
        let mut ops = Native::new(&mut self.tape, &leaves);
        let ready = network.ready(&mut ops, true);
        // The rest of each letter is one vector after the other, in the order in which they are needed.
        let mut unreadable = None;
        let mut share = |ops: &mut Native<'_>, x: &Var| {
            let mut rows = ops.tape.value(*x).to_vec();
            said.said(levels, &rows);
            for (sender, letter) in &mut letters {
                let read = rows.len();
                if let Err(error) = letter.said(levels, sent, &mut rows) {
                    unreadable.get_or_insert(sent_by(*sender)(error));
                    rows.resize(read + sent, 0.0);
                }
            }
            ops.tape.input(&rows, sent, false)
        };
        let outputs = network.decode(
            &mut ops,
            &ready,
            (&own, Some(&all)),
            &representation,
            (&links, false), // its inbox holds those before it and nobody else
            &mut share,
        );
        if let Some(error) = unreadable {
            return Err(error);
        }
        for (sender, letter) in &letters {
            letter.end().map_err(sent_by(*sender))?;
        }
        Ok((self.tape.value(outputs).to_vec(), said))
    }

    /// Begins a pass of this agent alone, with itself and those whose letters are in the inbox in its memory.
    fn begin_pass(&mut self, inbox: &Inbox<'_>) -> commformer_nn::native::Links {
        let (config, links) = (self.weights.config(), &self.links);
        let is = |flags: &[bool], agent: usize| flags.get(agent).copied().unwrap_or(false);
        let read = match config.relation_order {
            RelationOrder::ReceiverSender => &links.hears,
            RelationOrder::SenderReceiver => &links.heard_by,
        };
        let sources = inbox.letters().iter().map(|(sender, _)| *sender);
        let sources = std::iter::once(self.agent).chain(sources).enumerate();
        let senders = sources.map(|(place, source)| {
            let own = source == self.agent;
            let twice = config.self_loop == SelfLoop::Add && own && is(&links.hears, source);
            Sender {
                agent: place as u32,
                edge: is(read, source).into(),
                factor: if twice { 2.0 } else { 1.0 },
            }
        });
        self.tape.begin([1, 1 + inbox.letters().len()]);
        self.tape.alone(self.agent);
        let (own_links, list) = self.tape.new_links();
        list.fill_own(senders);
        own_links
    }

    /// What it keeps of old messages, if it does, where it `receives` new ones or not.
    fn stale(&self, receives: bool) -> Option<StaleState> {
        let network = &self.weights.network;
        let keeps = self.config().closed == Closed::Stale;
        keeps.then(|| StaleState::new(network, self.memory.as_deref(), vec![receives]))
    }
}

/// What the decoder is given, as a pass takes it.
fn inputs(tape: &mut Tape, given: &[Given]) -> network::Given<Var, Vec<usize>> {
    let (mut tokens, mut vectors) = (Vec::new(), Vec::new());
    for given in given {
        match given {
            Given::Token(token) => tokens.push(*token),
            Given::Vector(vector) => vectors.extend_from_slice(vector),
        }
    }
    if vectors.is_empty() {
        return network::Given::Tokens(tokens);
    }
    let width = vectors.len() / given.len();
    network::Given::Vectors(tape.input(&vectors, width, false))
}
