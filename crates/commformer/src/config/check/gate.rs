//! What `[gate]` must be, alone and with the rest.

use super::Checker;
use crate::config::{Config, ConfigError, GateEstimator, GateMode, GraphMode};
use commformer_gate::Per;
use commformer_model::{Closed, Recurrence};
use commformer_train::RolloutGraph;

/// Refuses the first setting of the gate that cannot work.
pub(super) fn all(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let gate = &config.gate;
    check.together(
        gate.per == Per::Receiver || gate.mode == GateMode::Learned,
        &["gate.per", "gate.mode"],
        "only a learned gate decides for each edge; set `gate.mode = \"learned\"`, or leave \
         `gate.per` out",
    )?;
    check.together(
        gate.per == Per::Receiver
            || gate.estimator == GateEstimator::StraightThrough
            || config.graph.mode != GraphMode::Learned
            || config.graph.schedule.rollout == RolloutGraph::Sampled,
        &["gate.per", "gate.estimator", "graph.rollout"],
        "agents act along the edges of one graph (`graph.rollout = \"exact\"`) and learn on others that are drawn, so that \
         decisions for each edge are none of those that were taken; set `gate.per = \"receiver\"`, or `gate.estimator = \
         \"straight-through\"`",
    )?;
    check.together(
        gate.closed == Closed::Silence || gate.mode != GateMode::Off,
        &["gate.closed", "gate.mode"],
        "without a gate nothing is ever closed; set `gate.mode`, or leave `gate.closed` out",
    )?;
    check.together(
        gate.closed == Closed::Silence || config.policy.recurrence == Recurrence::None,
        &["policy.recurrence", "gate.closed"],
        "agents remember their own state (`policy.recurrence`) or old messages (`gate.closed`), not both; leave one out",
    )
}
