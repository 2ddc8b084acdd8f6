//! `[gate]`: when each agent listens, and what that may cost.

use commformer_gate::{BudgetConfig, Per, TargetConfig};
use commformer_model::Closed;
use serde::{Deserialize, Serialize};

/// Who decides when an agent listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateMode {
    /// There is no gate: the policy of the paper.
    Off,
    /// A gate that is always open.
    Open,
    /// The agent itself, by what it sees: the temporal gate.
    Learned,
    /// Chance: at the rate `gate.target_rate`.
    Random,
    /// A clock: at the rate `gate.target_rate`, each agent with a phase of its own.
    Periodic,
    /// The agent, where its own policy's entropy is among the highest: at the rate
    /// `gate.target_rate`.
    Uncertainty,
}

/// How the gate's gradient is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateEstimator {
    /// The gate is part of the joint action.
    Action,
    /// The action's loss reaches the gate through what is heard.
    StraightThrough,
}

/// How a learned gate is executed, which in training is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateExecution {
    /// Open as often as its probability says, spread evenly over time.
    Spread,
    /// Open where its logit lies above a threshold, which is set so that the target is met.
    Threshold,
}

/// How messages are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateBudget {
    /// They cost nothing.
    Off,
    /// Each costs `gate.cost`.
    Cost,
    /// They cost as much as keeps the share of open gates at `gate.target_rate`.
    Target,
}

/// How the model's choice is written here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Closed", rename_all = "kebab-case")]
enum ClosedName {
    Silence,
    Stale,
}

/// When each agent listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Who decides.
    pub mode: GateMode,
    /// One decision for all of an agent's senders, or one for each.
    pub per: Per,
    /// How the gradient of a learned gate is estimated.
    pub estimator: GateEstimator,
    /// How a learned gate is executed.
    pub execution: GateExecution,
    /// Temperature of the straight-through gradient.
    pub temperature: f64,
    /// What an agent goes by while its gate is closed: itself, or also what it heard last.
    #[serde(with = "ClosedName")]
    pub closed: Closed,
    /// How messages are paid for.
    pub budget: GateBudget,
    /// The share of its steps in which an agent may listen.
    pub target_rate: f64,
    /// Price of a message in units of reward.
    pub cost: f64,
    /// Share of the run before which all gates are open.
    pub start: f64,
    /// Share of the run after that in which the budget tightens from full listening to its final value.
    pub ramp: f64,
    /// Step of the multiplier that meets the target, once an iteration.
    pub dual_step: f64,
    /// How strongly the price follows the present distance from the target.
    pub damping: f64,
    /// Bound of the multiplier and of the price, in units of the returns' spread.
    pub max_price: f64,
    /// Weight of the entropy of the gate's decisions in the loss.
    pub entropy_coef: f64,
}

impl Default for GateConfig {
    fn default() -> Self {
        let TargetConfig {
            rate,
            step,
            damping,
            bound,
        } = TargetConfig::default();
        Self {
            mode: GateMode::Off,
            per: Per::Receiver,
            estimator: GateEstimator::Action,
            execution: GateExecution::Spread,
            temperature: 1.0,
            closed: Closed::Silence,
            budget: GateBudget::Target,
            target_rate: rate,
            cost: 0.0,
            start: 0.3,
            ramp: 0.25,
            dual_step: step,
            damping,
            max_price: bound,
            entropy_coef: 0.05,
        }
    }
}

impl GateConfig {
    /// How a learned gate's messages are paid for.
    pub fn budget(&self) -> BudgetConfig {
        match self.budget {
            GateBudget::Off => BudgetConfig::Off,
            GateBudget::Cost => BudgetConfig::Cost(self.cost),
            GateBudget::Target => BudgetConfig::Target(TargetConfig {
                rate: self.target_rate,
                step: self.dual_step,
                damping: self.damping,
                bound: self.max_price,
            }),
        }
    }
}
