//! A task from its kind and settings, as `[env]` of a configuration has them.

use commformer_env::{BuiltIn, Environment, TASKS};
use serde_json::{Map, Value};

/// One copy; `settings` is JSON.
pub fn build(kind: &str, settings: &str) -> Result<Box<dyn Environment>, String> {
    if !TASKS.contains(&kind) {
        return Err(format!(
            "there is no kind `{kind}`; there are {}",
            TASKS.join(", ")
        ));
    }
    let settings: Map<String, Value> =
        serde_json::from_str(settings).map_err(|error| error.to_string())?;
    let config = read(kind, settings.clone())
        .map_err(|error| culprit(kind, settings).unwrap_or_else(|| error.to_string()))?;
    config.task().build().map_err(|error| error.to_string())
}

fn read(kind: &str, mut settings: Map<String, Value>) -> Result<BuiltIn, serde_json::Error> {
    settings.insert("kind".into(), kind.into());
    serde_json::from_value(Value::Object(settings))
}

/// What is wrong with the first setting that cannot be by itself; serde's own words do not name it.
fn culprit(kind: &str, settings: Map<String, Value>) -> Option<String> {
    settings.into_iter().find_map(|(name, value)| {
        let alone = Map::from_iter([(name.clone(), value)]);
        let error = read(kind, alone).err()?;
        Some(format!("setting {name}: {error}"))
    })
}
