//! What `[gate]` must be, alone and with the rest.

use super::Checker;
use crate::config::{Config, ConfigError, GateMode};
use commformer_gate::Per;
use commformer_model::Closed;

/// Refuses the first setting of the gate that cannot work.
pub(super) fn all(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let gate = &config.gate;
    check.share("gate.target_rate", gate.target_rate)?;
    check.share("gate.start", gate.start)?;
    check.share("gate.ramp", gate.ramp)?;
    check.positive("gate.temperature", gate.temperature)?;
    check.positive("gate.max_price", gate.max_price)?;
    check.positive("gate.dual_step", gate.dual_step)?;
    for (path, found) in [
        ("gate.cost", gate.cost),
        ("gate.damping", gate.damping),
        ("gate.entropy_coef", gate.entropy_coef),
    ] {
        check.not_negative(path, found)?;
    }
    check.together(
        gate.per == Per::Receiver || gate.mode == GateMode::Learned,
        &["gate.per", "gate.mode"],
        "only a learned gate decides for each edge; set `gate.mode = \"learned\"`, or leave \
         `gate.per` out",
    )?;
    check.together(
        gate.closed == Closed::Silence || gate.mode != GateMode::Off,
        &["gate.closed", "gate.mode"],
        "without a gate nothing is ever closed; set `gate.mode`, or leave `gate.closed` out",
    )
}
