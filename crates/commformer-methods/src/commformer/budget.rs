//! The gate's budget as the trainer wants it.

use crate::config::{GateConfig, GateMode};
use commformer_gate::{Budget, BudgetConfig, BudgetError, BudgetState};
use commformer_train::Price;

/// A budget for any gate, for [`GatePlan::budget`](commformer_train::GatePlan::budget).
#[derive(Debug)]
pub struct TeamBudget {
    budget: Budget,
    /// The share of receiving of gates that do not learn.
    rate: Option<f64>,
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
            rate: match config.mode {
                GateMode::Uncertainty | GateMode::Random | GateMode::Periodic => {
                    Some(config.target_rate)
                }
                GateMode::Off | GateMode::Open | GateMode::Learned => None,
            },
            budget: Budget::new(budget)?,
        })
    }
}

impl From<Budget> for TeamBudget {
    fn from(budget: Budget) -> Self {
        Self { budget, rate: None }
    }
}

impl commformer_train::Budget for TeamBudget {
    fn price(&self) -> Price {
        let commformer_gate::Price { message, receiving } = self.budget.price();
        Price { message, receiving }
    }

    fn update(&mut self, open_rate: f64, ramp: f64) {
        self.budget.update(open_rate, ramp);
    }

    fn target(&self, ramp: f64) -> Option<f64> {
        self.budget.allowed(ramp).or(self.rate)
    }

    fn state(&self) -> Vec<f64> {
        let BudgetState {
            multiplier,
            violation,
        } = self.budget.state();
        vec![multiplier, violation]
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), String> {
        let [multiplier, violation] = *state else {
            return Err(format!("expected 2 numbers, found {}", state.len()));
        };
        let state = BudgetState {
            multiplier,
            violation,
        };
        self.budget
            .restore(state)
            .map_err(|error| error.to_string())
    }
}
