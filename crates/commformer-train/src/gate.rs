//! Receive gates in training: when they come into force, and what receiving costs.

use std::fmt::Debug;

/// What receiving costs now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Of one message, in units of reward.
    pub message: f64,
    /// Of taking in all that an agent can in a step, in standard deviations of returns. A share of the
    /// messages costs that share.
    pub receiving: f64,
}

/// Sets the price of receiving after each rollout.
pub trait Budget: Debug + Send {
    /// The price now.
    fn price(&self) -> Price;

    /// Takes in the share of receiving in a rollout, when the share `ramp` of the way from receiving
    /// everything to the budget is behind.
    fn update(&mut self, open_rate: f64, ramp: f64);

    /// The share of receiving that is to be met with so much of the way behind, if there is one.
    fn target(&self, ramp: f64) -> Option<f64>;

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
    /// The share of the run after `start` in which the budget tightens from receiving everything to what it
    /// allows in the end; at most what is left of the run.
    pub ramp: f64,
    /// Weight of the entropy of the gates' decisions in the loss at the run's beginning; it falls
    /// linearly to 0 at its end.
    pub entropy_coef: f64,
    /// The price of receiving.
    pub budget: Box<dyn Budget>,
    /// Where that is paid.
    pub payment: Payment,
}

/// Where agents pay for what they take in: in one place, or they would pay twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// Out of their rewards, so that whatever decides on a gate learns what it costs.
    Rewards,
    /// In the loss, whose gradient reaches the gates directly: straight-through gates.
    Loss,
}

impl GatePlan {
    /// How much of the way from receiving everything to the budget is behind when a share `progress` of the
    /// run is over, in [0, 1]; `None` while the gates are not in force.
    pub fn ramp_at(&self, progress: f64) -> Option<f64> {
        let since = progress - self.start;
        // The budget is in force by the end of the run, however late its gates begin.
        let ramp = self.ramp.min(1.0 - self.start);
        (since >= 0.0).then(|| match ramp > 0.0 {
            true => (since / ramp).min(1.0),
            false => 1.0,
        })
    }

    /// The share of receiving that is to be met when a share `progress` of the run is over, if the gates
    /// are in force and there is one.
    pub fn target_at(&self, progress: f64) -> Option<f64> {
        self.budget.target(self.ramp_at(progress)?)
    }
}

/// The weights of the gates' terms in the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GateTerms {
    /// Of the decisions' entropy.
    pub entropy_coef: f64,
    /// Price of a message, in standard deviations of the returns of which values were learned so far, for gates that pay
    /// in the loss ([`Payment::Loss`]).
    pub message: f64,
    /// Price of receiving everything, in the same units.
    pub receiving: f64,
}
