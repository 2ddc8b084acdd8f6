//! A task from its kind and settings, as `[env]` of a configuration has them.

use commformer_env::smac::Smac;
use commformer_env::{Environment, PredatorCapturePrey, PredatorPrey, Signal, TrafficJunction};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Display;

/// The kinds there are.
pub const KINDS: [&str; 5] = [
    "predator-prey",
    "predator-capture-prey",
    "signal",
    "traffic-junction",
    "smac",
];

/// One copy; `settings` is JSON.
pub fn build(kind: &str, settings: &str) -> Result<Box<dyn Environment>, String> {
    match kind {
        "predator-prey" => made(settings, PredatorPrey::new),
        "predator-capture-prey" => made(settings, PredatorCapturePrey::new),
        "signal" => made(settings, Signal::new),
        "traffic-junction" => made(settings, TrafficJunction::new),
        "smac" => made(settings, Smac::new),
        other => Err(format!(
            "there is no kind `{other}`; there are {}",
            KINDS.join(", ")
        )),
    }
}

fn made<C: DeserializeOwned, E: Environment + 'static, F: Display>(
    settings: &str,
    new: fn(C) -> Result<E, F>,
) -> Result<Box<dyn Environment>, String> {
    let settings: Map<String, Value> =
        serde_json::from_str(settings).map_err(|error| error.to_string())?;
    let config = serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|error| culprit::<C>(settings).unwrap_or_else(|| error.to_string()))?;
    Ok(Box::new(new(config).map_err(|error| error.to_string())?))
}

/// What is wrong with the first setting that cannot be by itself; serde's own words do not name it.
fn culprit<C: DeserializeOwned>(settings: Map<String, Value>) -> Option<String> {
    settings.into_iter().find_map(|(name, value)| {
        let alone = Value::Object(Map::from_iter([(name.clone(), value)]));
        let error = serde_json::from_value::<C>(alone).err()?;
        Some(format!("setting {name}: {error}"))
    })
}
