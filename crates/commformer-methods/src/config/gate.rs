//! `[gate]`: when each agent receives, and what that may cost.

use commformer_gate::{BudgetConfig, Execution, Per, TargetConfig};
use commformer_model::Closed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Who decides when an agent receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GateEstimator {
    /// The gate is part of the joint action.
    Action,
    /// The action's loss reaches the gate through what is heard.
    StraightThrough,
}

/// How messages are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GateBudget {
    /// They cost nothing.
    Off,
    /// Each costs `gate.cost`.
    Cost,
    /// They cost as much as keeps the share of open gates at `gate.target_rate`.
    Target,
}

/// When each agent receives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Who decides when an agent receives.
    #[default(GateMode::Off)]
    pub mode: GateMode,
    /// One decision for all of an agent's senders, or one for each.
    #[default(Per::Receiver)]
    pub per: Per,
    /// How the gradient of a learned gate is estimated.
    #[default(GateEstimator::Action)]
    pub estimator: GateEstimator,
    /// How a learned gate is executed.
    #[default(Execution::ErrorDiffusion)]
    pub execution: Execution,
    /// Temperature of the straight-through gradient.
    #[default = 1.0]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// What an agent goes by while its gate is closed: itself, or also what it heard last.
    #[default(Closed::Silence)]
    pub closed: Closed,
    /// How messages are paid for.
    #[default(GateBudget::Target)]
    pub budget: GateBudget,
    /// Share of its steps in which an agent may receive: the target of the budget.
    #[default(TargetConfig::default().rate)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub target_rate: f64,
    /// Price of a message, in units of reward, with `budget = "cost"`.
    #[schemars(range(min = 0.0))]
    pub cost: f64,
    /// Share of the run before which all gates are open; 1: all of it.
    #[default = 0.3]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub start: f64,
    /// Share of the run after `start`, at most what is left of it, in which the allowed rate falls from 1 to the target.
    #[default = 0.25]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ramp: f64,
    /// Step of the multiplier that meets the target, once an iteration.
    #[default(TargetConfig::default().step)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dual_step: f64,
    /// How strongly the price follows the present distance from the target.
    #[default(TargetConfig::default().damping)]
    #[schemars(range(min = 0.0))]
    pub damping: f64,
    /// Bound of the multiplier and of the price, in standard deviations of returns.
    #[default(TargetConfig::default().bound)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub max_price: f64,
    /// Weight of the entropy of the gate's decisions in the loss; it falls to 0 over the run.
    #[default = 0.05]
    #[schemars(range(min = 0.0))]
    pub entropy_coef: f64,
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
