//! One agent, alone: what it carries, and what it makes of its own observation.
//!
//! Nothing in this file and in `receiving.rs` has a way to another agent. A member's methods take its own observation,
//! its own links and an [`Inbox`].

use commformer_nn::inputs::{check_finite, check_width};
use commformer_nn::layout::not_finite;
use commformer_nn::native::{Native, Tape};
use std::sync::Arc;

use super::Weights;
use super::mail::{Inbox, Links};
use super::receiving::Receiving;
use crate::ModelError;
use crate::config::Recurrence;

/// One agent and what it carries from step to step.
#[derive(Debug)]
pub struct Member {
    weights: Arc<Weights>,
    agent: usize,
    /// [`PolicyConfig::memory_width`] numbers; `None`: nothing yet.
    memory: Option<Vec<f32>>,
}

impl Member {
    /// Agent `agent`, at the start of an episode. Agents in one process share their weights, as clones of an `Arc`.
    ///
    /// # Errors
    /// [`ModelError::Input`] for an agent beyond those that have a head.
    pub fn new(weights: impl Into<Arc<Weights>>, agent: usize) -> Result<Self, ModelError> {
        let weights = weights.into();
        let config = weights.config();
        if !config.shared_head && agent >= config.agents {
            return Err(ModelError::Input {
                input: "agent",
                problem: format!("found {agent}, expected less than {}", config.agents),
            });
        }
        Ok(Self {
            weights,
            agent,
            memory: None,
        })
    }

    /// Forgets what it carries, as at the start of an episode, and as after a step in which it was not active.
    pub fn forget(&mut self) {
        self.memory = None;
    }

    /// Carries on what it [decided](super::Decision::memory) to remember,
    /// [`PolicyConfig::memory_width`](crate::PolicyConfig::memory_width) numbers.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when there are not so many, [`ModelError::Input`] when one is not finite.
    pub fn keep(&mut self, memory: Option<Vec<f32>>) -> Result<(), ModelError> {
        if let Some(memory) = &memory {
            let expected = self.weights.config().memory_width();
            check_width("memory", memory.len(), expected)?;
            check_finite("memory", memory)?;
        }
        self.memory = memory;
        Ok(())
    }

    /// Begins a step: makes an embedding of its own observation, O numbers. `available`, A flags, says
    /// which of its actions can be taken; `None`: all.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when the observation or the availability does not fit, [`ModelError::Input`] when a number
    /// is not finite or too large for the network, or no action is available.
    pub fn perceive(&self, obs: &[f32], available: Option<&[bool]>) -> Result<Turn, ModelError> {
        let config = self.weights.config();
        check_width("obs", obs.len(), config.obs_dim)?;
        let available = check_available(available, config.actions.width())?;
        check_finite("obs", obs)?;
        let mut tape = Tape::default();
        tape.begin([1, 1]);
        let obs = tape.input(obs, config.obs_dim, false);
        let leaves = self.weights.leaves();
        let hidden = (config.recurrence == Recurrence::Gru).then(|| match &self.memory {
            Some(state) => tape.hidden(state, &[], 1),
            None => tape.hidden(&vec![0.0; config.recurrent_width()], &[], 1),
        });
        let mut ops = Native::new(&mut tape, &leaves);
        let (embedding, after) = self.weights.network.embed(&mut ops, &obs, hidden);
        let embedding = tape.value(embedding).to_vec();
        let memory = match after {
            Some(after) => Some(tape.value(after).to_vec()),
            None => self.memory.clone(),
        };
        // Others would be told of it, and the step would have no end.
        let made = not_finite(&embedding).or_else(|| not_finite(memory.as_deref()?));
        if let Some(problem) = made {
            return Err(ModelError::Input {
                input: "obs",
                problem: format!("is too large for the network: of what comes of it, {problem}"),
            });
        }
        Ok(Turn {
            weights: Arc::clone(&self.weights),
            agent: self.agent,
            embedding,
            available,
            memory,
        })
    }
}

/// A member's step after it perceived. Its gate decides now whom it asks to send.
#[derive(Debug)]
pub struct Turn {
    pub(super) weights: Arc<Weights>,
    pub(super) agent: usize,
    /// E numbers.
    pub(super) embedding: Vec<f32>,
    pub(super) available: Option<Vec<u8>>,
    /// What it remembers now that it perceived, or keeps of old messages.
    pub(super) memory: Option<Vec<f32>>,
}

impl Turn {
    /// What it makes of its own observation, E numbers.
    pub fn embedding(&self) -> &[f32] {
        &self.embedding
    }

    /// How unsure it is by itself: the entropy of its distribution if it hears nobody. `own_edge` is its
    /// own entry of the graph, `agents` the number of agents.
    ///
    /// # Errors
    /// [`ModelError::Input`] when what comes of the observation is not finite; it computes what [`Receiving::decide`] does.
    pub fn entropy_alone(&self, agents: usize, own_edge: bool) -> Result<f64, ModelError> {
        let nothing = Inbox::default();
        let mut alone = Receiving::new(self, Links::alone(self.agent, agents, own_edge));
        for _ in 0..self.weights.config().blocks {
            alone.attend(&nothing)?;
        }
        alone.entropy(&nothing)
    }

    /// Goes on with these links.
    pub fn receive(self, links: Links) -> Receiving {
        Receiving::new(&self, links)
    }
}

/// Which of an agent's actions it can take, as the kernels read it; `None`: all.
///
/// # Errors
/// [`ModelError::Shape`] for another number of flags, [`ModelError::Input`] when no action is available.
pub fn check_available(
    available: Option<&[bool]>,
    width: usize,
) -> Result<Option<Vec<u8>>, ModelError> {
    let Some(available) = available else {
        return Ok(None);
    };
    check_width("available", available.len(), width)?;
    if !available.contains(&true) {
        return Err(ModelError::Input {
            input: "available",
            problem: "found none, expected at least one action that can be taken".to_owned(),
        });
    }
    Ok(Some(available.iter().map(|flag| u8::from(*flag)).collect()))
}
