//! The settings of a temporal gate.

use commformer_nn::layout::unfit_size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::GateError;

/// What one decision of the gate is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// All messages that reach a receiver: it receives, or it does not.
    #[default]
    Receiver,
    /// The messages of one sender to a receiver. There to be compared with.
    Edge,
}

/// How a trained gate decides without drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Execution {
    /// Open as often as its probability says, evenly over time: each agent carries the rounding error to its next step.
    #[default]
    #[schemars(extend("former" = "spread"))]
    ErrorDiffusion,
    /// Open where its logit lies above a threshold, which is set so that the target is met.
    Threshold,
}

/// Every size and switch of a temporal gate. [`TemporalGateConfig::new`] gives the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemporalGateConfig {
    /// The number of agents N. A gate per receiver takes any number, since no weight depends on
    /// it; a gate per edge takes this one.
    pub agents: usize,
    /// The width E of an embedding.
    pub embed_dim: usize,
    /// What one decision is about.
    pub per: Per,
    /// What the output's bias starts with. Before the weights have learned anything, a gate opens
    /// with probability sigmoid(`open_bias`): the default of 2 gives 0.88, so that a policy first
    /// learns what messages are good for.
    pub open_bias: f64,
}

impl TemporalGateConfig {
    /// The default gate, one decision per receiver, for embeddings of this size.
    pub fn new(agents: usize, embed_dim: usize) -> Self {
        Self {
            agents,
            embed_dim,
            per: Per::default(),
            open_bias: 2.0,
        }
    }

    /// The number W of decisions that an agent makes in one step: 1, or N per edge.
    pub fn decisions(&self) -> usize {
        match self.per {
            Per::Receiver => 1,
            Per::Edge => self.agents,
        }
    }

    /// Checks that the settings make a gate.
    ///
    /// # Errors
    /// [`GateError::Config`] names the first setting that does not fit.
    pub fn validate(&self) -> Result<(), GateError> {
        let sizes = [
            ("gate.agents", self.agents),
            ("gate.embed_dim", self.embed_dim),
        ];
        for (setting, size) in sizes {
            if let Some(problem) = unfit_size(size) {
                return Err(GateError::Config { setting, problem });
            }
        }
        // It becomes an `f32`, which is infinite beyond 3.4e38.
        if !(self.open_bias as f32).is_finite() {
            return Err(GateError::Config {
                setting: "gate.open_bias",
                problem: format!(
                    "found {}, expected a finite number of `f32`",
                    self.open_bias
                ),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_setting_is_named() {
        let good = TemporalGateConfig::new(3, 8);
        assert!(good.validate().is_ok());
        let check = |change: fn(&mut TemporalGateConfig), name: &str| {
            let mut config = good.clone();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        };
        check(|c| c.agents = 0, "`gate.agents`");
        check(|c| c.embed_dim = 0, "`gate.embed_dim`");
        check(|c| c.embed_dim = usize::MAX, "`gate.embed_dim`");
        check(|c| c.open_bias = f64::NAN, "`gate.open_bias`");
        check(|c| c.open_bias = f64::INFINITY, "`gate.open_bias`");
        check(|c| c.open_bias = 1e39, "`gate.open_bias`");
    }

    #[test]
    fn an_agent_decides_once_or_once_per_sender() {
        let mut config = TemporalGateConfig::new(5, 8);
        assert_eq!(config.decisions(), 1);
        config.per = Per::Edge;
        assert_eq!(config.decisions(), 5);
    }
}
