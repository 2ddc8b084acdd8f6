//! What receiving costs: nothing, a fixed price, or whatever keeps to a target rate.
//!
//! A price is a number that a trainer subtracts, so this module is plain arithmetic.
//!
//! # The target rate
//!
//! The gate shall earn the most return J that it can while it is open in at most a share rho of
//! the steps. With r for the share in which it is open, the Lagrangian is
//!
//! ```text
//! L = J - lambda (r - rho),   lambda >= 0
//! ```
//!
//! so receiving costs lambda, and dual ascent finds lambda: after each update of the gate,
//!
//! ```text
//! v      = r - rho                                   the violation
//! lambda <- clamp(lambda + step * v, 0, bound)
//! price  =  clamp(lambda + damping * v, 0, bound)
//! ```
//!
//! The price's second term is the augmented Lagrangian's, which adds (damping / 2) v^2 to the
//! loss: its derivative by r is damping * v. It is there because the first alone would not settle.
//! Gradient steps sum what receiving earns into the gate's logits, so the logits integrate the
//! price, and lambda integrates the violation: near the target, with k for the gate's step size
//! and s for the slope of r over the logit z,
//!
//! ```text
//! z' = -k (lambda + damping * s z),   lambda' = step * s z
//! z'' + k damping s z' + k step s z = 0
//! ```
//!
//! which without damping is a pendulum without friction. With it the swings fade by the factor
//! exp(-k * damping * s / 2) per update.
//!
//! As lambda is never negative, the target is a ceiling: a gate that opens less often on its own
//! pays nothing, and is not paid to open. The bound keeps the price sane while, or where, the
//! target is out of reach.
//!
//! The proportional term is that of Stooke, Achiam, Abbeel, "Responsive Safety in Reinforcement
//! Learning by PID Lagrangian Methods" (ICML 2020, arXiv 2007.03964).

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How receiving is priced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetConfig {
    /// Receiving is free.
    #[default]
    Off,
    /// A message that is taken in costs this much, in units of reward.
    Cost(f64),
    /// Receiving costs what keeps the gate to a rate.
    Target(TargetConfig),
}

/// The constants of a target rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetConfig {
    /// The share of the steps in which the gate may be open, in [0, 1].
    pub rate: f64,
    /// How fast the multiplier follows the violation, positive.
    pub step: f64,
    /// How strongly the price answers to the violation at once, at least 0. At 0 the rate may
    /// swing about the target for ever.
    pub damping: f64,
    /// The highest price, positive.
    pub bound: f64,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            rate: 0.25,
            step: 0.1,
            damping: 0.5,
            bound: 10.0,
        }
    }
}

/// What receiving costs now. Never negative; at most one of the two is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Of one message, in units of reward.
    pub message: f64,
    /// Of taking in everything that one can in a step, in standard deviations of returns.
    pub receiving: f64,
}

/// A price that is updated with the rate it leads to.
#[derive(Clone, Debug)]
pub struct Budget {
    config: BudgetConfig,
    state: BudgetState,
}

/// All that a [`Budget`] remembers between updates. The constants are not in it: they belong to
/// the run's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetState {
    /// The multiplier lambda, between 0 and the target's bound; 0 without a target.
    pub multiplier: f64,
    /// By how much the rate exceeded what was allowed at the last update, in [-1, 1]; 0 without one.
    pub violation: f64,
}

/// A number of a budget that is outside its range.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("the budget's `{name}` must be {expected}, but is {found}")]
pub struct BudgetError {
    /// The number's name.
    pub name: &'static str,
    /// Its range, in words.
    pub expected: String,
    /// What was given.
    pub found: f64,
}

impl Budget {
    /// A budget before its first update: a target's price begins at 0.
    ///
    /// # Errors
    /// [`BudgetError`] names the first constant that is outside its range.
    pub fn new(config: BudgetConfig) -> Result<Self, BudgetError> {
        match config {
            BudgetConfig::Off => {}
            BudgetConfig::Cost(cost) => at_least_0("cost", cost)?,
            BudgetConfig::Target(target) => {
                share("rate", target.rate)?;
                positive("step", target.step)?;
                at_least_0("damping", target.damping)?;
                positive("bound", target.bound)?;
            }
        }
        Ok(Self {
            config,
            state: BudgetState::default(),
        })
    }

    /// The configuration that the budget was built from.
    pub fn config(&self) -> &BudgetConfig {
        &self.config
    }

    /// What receiving costs until the next update.
    pub fn price(&self) -> Price {
        match self.config {
            BudgetConfig::Off => Price::default(),
            BudgetConfig::Cost(message) => Price {
                message,
                receiving: 0.0,
            },
            BudgetConfig::Target(target) => {
                let receiving = self.state.multiplier + target.damping * self.state.violation;
                Price {
                    message: 0.0,
                    receiving: receiving.clamp(0.0, target.bound),
                }
            }
        }
    }

    /// The rate that is allowed when the share `ramp` of the way from 1 to the target is behind;
    /// `None` without a target.
    ///
    /// A gate that is held to its target at once closes for good and bad reasons alike, before it
    /// knows which are which; a rate that falls slowly closes first what is worth least.
    pub fn allowed(&self, ramp: f64) -> Option<f64> {
        match self.config {
            BudgetConfig::Target(target) => Some(1.0 - ramp.clamp(0.0, 1.0) * (1.0 - target.rate)),
            BudgetConfig::Off | BudgetConfig::Cost(_) => None,
        }
    }

    /// Answers to the share of the possible messages that was taken in since the last update, when
    /// the share `ramp` of the way from 1 to the target is behind (1: the target itself holds).
    /// Either outside [0, 1] counts as the nearest end. An `open_rate` that is not finite is ignored, and so is one with a
    /// `ramp` that is not a number.
    pub fn update(&mut self, open_rate: f64, ramp: f64) {
        let BudgetConfig::Target(target) = self.config else {
            return;
        };
        let usable = open_rate.is_finite() && !ramp.is_nan();
        if let (Some(allowed), true) = (self.allowed(ramp), usable) {
            let violation = open_rate.clamp(0.0, 1.0) - allowed;
            let multiplier = self.state.multiplier + target.step * violation;
            self.state = BudgetState {
                multiplier: multiplier.clamp(0.0, target.bound),
                violation,
            };
        }
    }

    /// A copy of the state, to be saved.
    pub fn state(&self) -> BudgetState {
        self.state
    }

    /// Takes over a saved state, and goes on exactly as the saved budget would have.
    ///
    /// # Errors
    /// [`BudgetError`] for a number outside its range, as it is when the state was saved under
    /// another configuration. After an error nothing has changed.
    pub fn restore(&mut self, state: BudgetState) -> Result<(), BudgetError> {
        let bound = match self.config {
            BudgetConfig::Target(target) => target.bound,
            BudgetConfig::Off | BudgetConfig::Cost(_) => 0.0,
        };
        let fits = (0.0..=bound).contains(&state.multiplier);
        check("multiplier", state.multiplier, fits, || {
            format!("between 0 and {bound}, the bound under this configuration")
        })?;
        let fits = (-1.0..=1.0).contains(&state.violation);
        check("violation", state.violation, fits, || "in [-1, 1]".into())?;
        self.state = state;
        Ok(())
    }
}

fn share(name: &'static str, x: f64) -> Result<(), BudgetError> {
    check(name, x, (0.0..=1.0).contains(&x), || "in [0, 1]".into())
}

fn at_least_0(name: &'static str, x: f64) -> Result<(), BudgetError> {
    let fits = x.is_finite() && x >= 0.0;
    check(name, x, fits, || "finite and at least 0".into())
}

fn positive(name: &'static str, x: f64) -> Result<(), BudgetError> {
    let fits = x.is_finite() && x > 0.0;
    check(name, x, fits, || "finite and positive".into())
}

fn check(
    name: &'static str,
    found: f64,
    fits: bool,
    expected: impl FnOnce() -> String,
) -> Result<(), BudgetError> {
    if fits {
        return Ok(());
    }
    Err(BudgetError {
        name,
        expected: expected(),
        found,
    })
}
