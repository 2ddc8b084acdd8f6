//! Receive gates in training: when they come into force, and what listening costs.

use std::fmt::Debug;

/// What listening costs now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Of one message, in units of reward.
    pub message: f64,
    /// Of taking in all that an agent can in a step, in units of the returns' spread. A share of the
    /// messages costs that share.
    pub listening: f64,
}

/// Sets the price of listening after each rollout.
pub trait Budget: Debug + Send {
    /// The price now.
    fn price(&self) -> Price;

    /// Takes in the share of listening in a rollout.
    fn update(&mut self, open_rate: f64);

    /// The share of listening that is to be met, if there is one.
    fn target(&self) -> Option<f64>;

    /// All that changes, to be saved.
    fn state(&self) -> Vec<f64>;

    /// Goes on from a saved state. The error says why it cannot.
    fn restore(&mut self, state: &[f64]) -> Result<(), String>;
}

/// When and how the receive gates learn.
#[derive(Debug)]
pub struct GatePlan {
    /// The share of the run before which every gate is open: the team first learns to use what it
    /// hears.
    pub start: f64,
    /// Weight of the entropy of the gates' decisions in the loss.
    pub entropy_coef: f64,
    /// The price of listening.
    pub budget: Box<dyn Budget>,
}

/// The weights of the gates' terms in the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GateTerms {
    /// Of the decisions' entropy.
    pub entropy_coef: f64,
    /// Price of a message, in units of the advantages' spread (straight-through gates only: others
    /// pay in rewards).
    pub message: f64,
    /// Price of listening to everything, in the same units.
    pub listening: f64,
}
