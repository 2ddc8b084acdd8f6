//! The gate's budget as the trainer wants it.

use crate::config::{GateConfig, GateMode};
use commformer_gate::{Budget, BudgetConfig, BudgetError, BudgetState};
use commformer_train::Price;

/// A budget, and the share of listening that execution is to meet.
#[derive(Debug)]
pub struct TeamBudget {
    budget: Budget,
    target: Option<f64>,
}

impl TeamBudget {
    /// What `[gate]` asks for. Gates that do not learn pay nothing; a target is met by their design or
    /// by their threshold.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] for a setting out of its range.
    pub fn new(config: &GateConfig) -> Result<Self, BudgetError> {
        let learned = config.mode == GateMode::Learned;
        let budget = if learned {
            config.budget()
        } else {
            BudgetConfig::Off
        };
        Ok(Self {
            target: match (&budget, config.mode) {
                (BudgetConfig::Target(target), _) => Some(target.rate),
                (_, GateMode::Uncertainty | GateMode::Random | GateMode::Periodic) => {
                    Some(config.target_rate)
                }
                _ => None,
            },
            budget: Budget::new(budget)?,
        })
    }
}

impl commformer_train::Budget for TeamBudget {
    fn price(&self) -> Price {
        let commformer_gate::Price { message, listening } = self.budget.price();
        Price { message, listening }
    }

    fn update(&mut self, open_rate: f64) {
        self.budget.update(open_rate);
    }

    fn target(&self) -> Option<f64> {
        self.target
    }

    fn state(&self) -> Vec<f64> {
        let BudgetState {
            multiplier,
            last_rate,
        } = self.budget.state();
        std::iter::once(multiplier).chain(last_rate).collect()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), String> {
        let (multiplier, last_rate) = match *state {
            [multiplier] => (multiplier, None),
            [multiplier, rate] => (multiplier, Some(rate)),
            _ => return Err(format!("expected 1 or 2 numbers, found {}", state.len())),
        };
        let state = BudgetState {
            multiplier,
            last_rate,
        };
        self.budget.restore(state).map_err(|error| error.to_string())
    }
}
