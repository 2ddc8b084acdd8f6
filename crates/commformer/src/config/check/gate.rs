//! What `[gate]` must be, alone and with the rest.

use super::super::layers::Layers;
use super::Checker;
use crate::config::{Config, ConfigError, GateMode, Source};
use commformer_gate::Per;
use commformer_model::{Closed, Recurrence};
use toml::{Table, Value};

/// A word on each setting that the user has given a gate that is off. It is no mistake to be refused: the configuration of a
/// run has them all, and the same settings may serve several modes.
pub(super) fn unused(config: &Config, layers: &Layers) -> Vec<String> {
    if !config.method.reads("gate") || config.gate.mode != GateMode::Off {
        return Vec::new();
    }
    let is_set = |source: &Source| matches!(source, Source::Argument(_) | Source::File(_));
    // A file that says that there is no gate says all the rest for another time.
    let off_by_user = is_set(&layers.source("gate.mode"));
    let keys = layers.merged.get("gate").and_then(Value::as_table);
    let keys = keys.into_iter().flat_map(Table::keys);
    let unused = keys.filter(|key| *key != "mode").filter_map(|key| {
        let path = format!("gate.{key}");
        match layers.source(&path) {
            source @ Source::Argument(_) => Some((path, source)),
            source @ Source::File(_) if !off_by_user => Some((path, source)),
            _ => None,
        }
    });
    let told = unused.map(|(path, source)| {
        format!(
            "`{path}` ({source}) has no effect while there is no gate: set `gate.mode` too, such as \
             `gate.mode = \"learned\"`, or leave it out"
        )
    });
    told.collect()
}

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
