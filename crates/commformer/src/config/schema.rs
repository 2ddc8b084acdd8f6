//! Which keys there are and of which type: read off a configuration in which every key is present,
//! so that the structs remain the only list.

use super::env::{TaskConfig, kinds};
use super::error::{ConfigError, Source};
use super::layers::{Layers, kind};
use super::{
    Config, Device, EnvConfig, EvalConfig, GateConfig, GraphConfig, METHODS, MethodConfig,
    PolicySettings, PpoConfig, RolloutConfig, RunSettings,
};
use commformer_env::choices;
use toml::{Table, Value};

/// The kinds that a configuration is of.
struct Kinds {
    task: TaskConfig,
    method: MethodConfig,
}

impl Kinds {
    fn of(env: &str, method: &str) -> Self {
        Self {
            task: TaskConfig::complete(env).unwrap_or_default(),
            method: MethodConfig::of_kind(method).unwrap_or_default(),
        }
    }

    /// The names that a key takes; none if it takes something else.
    fn choices(&self, path: &str) -> Vec<&'static str> {
        let of_section = match path.split_once('.') {
            Some(("env", "kind")) => return kinds(),
            Some(("method", "kind")) => return METHODS.to_vec(),
            Some(("env", _)) => self.task.choices(),
            Some(("method", _)) => self.method.choices(),
            Some(("policy", _)) => choices::<PolicySettings>(),
            Some(("graph", _)) => choices::<GraphConfig>(),
            Some(("gate", _)) => choices::<GateConfig>(),
            Some(("rollout", _)) => choices::<RolloutConfig>(),
            Some(("ppo", _)) => choices::<PpoConfig>(),
            Some(("eval", _)) => choices::<EvalConfig>(),
            Some(("run", _)) => choices::<RunSettings>(),
            _ => Vec::new(),
        };
        let key = path.split_once('.').map(|(_, key)| key);
        let found = of_section.into_iter().find(|(name, _)| Some(*name) == key);
        found.map_or_else(Vec::new, |(_, names)| names.to_vec())
    }

    /// Every key, with some value of its type.
    fn schema(&self, env: &str) -> Result<Table, ConfigError> {
        Ok(Table::try_from(Config {
            env: EnvConfig::complete(env).unwrap_or_default(),
            method: self.method.clone(),
            ..Config::default()
        })?)
    }
}

/// Checks names, types and choices of everything that was set, and makes whole numbers of floats
/// and floats of whole numbers where the key asks for them.
pub(super) fn conform(layers: &mut Layers) -> Result<(), ConfigError> {
    let kind = |layers: &Layers, section: &str, default: &str| {
        let path = format!("{section}.kind");
        let kind = match kind(&layers.merged, section) {
            None => default.to_owned(),
            Some(Value::String(kind)) => kind.clone(),
            Some(other) => return Err(wrong_type(layers, &path, other, "text")),
        };
        check_name(layers, &path, &kind, &Kinds::of(default, default))?;
        Ok(kind)
    };
    let env = kind(layers, "env", EnvConfig::default().kind())?;
    let method = kind(layers, "method", MethodConfig::default().kind())?;
    let kinds = Kinds::of(&env, &method);
    let schema = kinds.schema(&env)?;
    only_own(layers, &kinds.method)?;
    for (section, keys) in layers.merged.clone() {
        let Some(known) = schema.get(&section).and_then(Value::as_table) else {
            return Err(unknown(layers, &schema, &section));
        };
        let Value::Table(keys) = keys else {
            let expected = format!("a section, `[{section}]`");
            return Err(wrong_type(layers, &section, &keys, &expected));
        };
        for (key, value) in keys {
            let path = format!("{section}.{key}");
            let Some(example) = known.get(&key) else {
                return Err(unknown(layers, &schema, &path));
            };
            // A path that is too long, such as `run.device.x`.
            if let (false, Some((inner, _))) = (example.is_table(), only(&value)) {
                return Err(unknown(layers, &schema, &format!("{path}.{inner}")));
            }
            let value = convert(layers, &path, value, example)?;
            if let Value::String(name) = &value {
                check_name(layers, &path, name, &kinds)?;
            }
            if let Some(section) = layers
                .merged
                .get_mut(&section)
                .and_then(Value::as_table_mut)
            {
                section.insert(key, value);
            }
        }
    }
    Ok(())
}

/// The one entry of a table that has just one.
fn only(value: &Value) -> Option<(&String, &Value)> {
    let mut entries = value.as_table()?.iter();
    entries.next().filter(|_| entries.next().is_none())
}

/// Refuses settings of sections that the method does not read. Those of presets are forgotten: they are for methods that
/// do.
fn only_own(layers: &mut Layers, method: &MethodConfig) -> Result<(), ConfigError> {
    let foreign = |section: &&String| !method.reads(section);
    let foreign: Vec<String> = layers.merged.keys().filter(foreign).cloned().collect();
    for section in foreign {
        let keys = layers.merged.get(&section).and_then(Value::as_table);
        let paths = keys.into_iter().flat_map(Table::keys);
        let paths: Vec<String> = paths.map(|key| format!("{section}.{key}")).collect();
        let by_user =
            |path: &&String| !matches!(layers.source(path), Source::Preset(_) | Source::Default);
        if let Some(path) = paths.iter().find(by_user) {
            return Err(ConfigError::OtherMethod {
                path: path.clone(),
                method: method.kind(),
                source_of: layers.source(path),
            });
        }
        layers.remove(&section);
    }
    Ok(())
}

fn convert(
    layers: &Layers,
    path: &str,
    value: Value,
    example: &Value,
) -> Result<Value, ConfigError> {
    /// Whole numbers up to here are exact as floats.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    Ok(match (example, value) {
        (Value::Float(_), Value::Integer(number)) => Value::Float(number as f64),
        // `6e5` is a float to TOML and a fine number of steps to people.
        (Value::Integer(_), Value::Float(number))
            if number.fract() == 0.0 && (0.0..EXACT).contains(&number) =>
        {
            Value::Integer(number as i64)
        }
        (Value::Integer(_), Value::Integer(number)) if number >= 0 => Value::Integer(number),
        (Value::Integer(_), value @ (Value::Integer(_) | Value::Float(_))) => {
            return Err(wrong_type(
                layers,
                path,
                &value,
                "a whole number, at least 0",
            ));
        }
        (Value::Array(_), value) => {
            let is_matrix = value.as_array().is_some_and(|rows| {
                rows.iter().all(|row| {
                    row.as_array()
                        .is_some_and(|row| row.iter().all(Value::is_integer))
                })
            });
            if !is_matrix {
                return Err(wrong_type(
                    layers,
                    path,
                    &value,
                    "rows of 0 and 1, such as [[0, 1], [1, 0]]",
                ));
            }
            value
        }
        (example, value) if example.same_type(&value) => value,
        (example, value) => {
            let expected = match example {
                Value::Integer(_) => "a whole number, at least 0",
                Value::Float(_) => "a number",
                Value::Boolean(_) => "true or false",
                _ => "text",
            };
            return Err(wrong_type(layers, path, &value, expected));
        }
    })
}

fn check_name(layers: &Layers, path: &str, found: &str, kinds: &Kinds) -> Result<(), ConfigError> {
    let expected = if path == "run.device" {
        match Device::try_from(found.to_owned()) {
            Ok(_) => return Ok(()),
            Err(expected) => expected,
        }
    } else {
        let choices = kinds.choices(path);
        if choices.is_empty() || choices.contains(&found) {
            return Ok(());
        }
        let quoted: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        match nearest(found, choices.iter().copied()) {
            Some(nearest) => format!("one of {}; did you mean `{nearest}`?", quoted.join(", ")),
            None => format!("one of {}", quoted.join(", ")),
        }
    };
    Err(ConfigError::Value {
        path: path.to_owned(),
        found: format!("`{found}`"),
        expected,
        source_of: layers.source(path),
    })
}

fn wrong_type(layers: &Layers, path: &str, found: &Value, expected: &str) -> ConfigError {
    ConfigError::Value {
        path: path.to_owned(),
        found: found.to_string(),
        expected: expected.to_owned(),
        source_of: layers.source(path),
    }
}

fn unknown(layers: &Layers, schema: &Table, path: &str) -> ConfigError {
    let paths: Vec<String> = schema
        .iter()
        .flat_map(|(section, keys)| {
            let keys = keys.as_table().into_iter().flat_map(Table::keys);
            keys.map(move |key| format!("{section}.{key}"))
        })
        .collect();
    let name = path.rsplit('.').next().unwrap_or(path);
    let elsewhere: Vec<String> = paths
        .iter()
        .filter(|known| known.rsplit('.').next() == Some(name))
        .map(|known| format!("`{known}`"))
        .collect();
    let hint = if !elsewhere.is_empty() {
        format!("did you mean {}?", elsewhere.join(" or "))
    } else if let Some((section, known)) = path
        .split_once('.')
        .and_then(|(section, _)| Some((section, schema.get(section)?.as_table()?)))
    {
        match nearest(name, known.keys().map(String::as_str)) {
            Some(nearest) => format!("did you mean `{section}.{nearest}`?"),
            None => format!("[{section}] has {}", list(known.keys())),
        }
    } else {
        let section = path.split('.').next().unwrap_or(path);
        match nearest(section, schema.keys().map(String::as_str)) {
            Some(nearest) => format!("did you mean the section [{nearest}]?"),
            None => format!("the sections are {}", list(schema.keys())),
        }
    };
    ConfigError::UnknownKey {
        path: path.to_owned(),
        source_of: layers.source(path),
        hint,
    }
}

/// The known name that `found` stands for, if any: the most like it, or its initials, as `lr` is
/// of `learning_rate`.
pub(crate) fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let initials: String = found
        .split(['_', '-'])
        .filter_map(|word| word.chars().next())
        .collect();
    let likeness = |name: &str| {
        if name == initials {
            1.0
        } else {
            strsim::jaro_winkler(found, name)
        }
    };
    known
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    /// Every key that takes a name has its names found, and every name found is read.
    #[test]
    fn choices_are_those_of_the_types() {
        let of_methods = METHODS.iter().map(|method| (kinds()[0], *method));
        let of_tasks = kinds().into_iter().map(|kind| (kind, METHODS[0]));
        let free = [
            "run.device",
            "env.map",
            "env.floor_plan",
            "env.make",
            "env.python",
        ];
        for (env, method) in of_tasks.chain(of_methods) {
            let kinds = Kinds::of(env, method);
            for (section, keys) in kinds.schema(env).unwrap() {
                for (key, value) in keys.as_table().unwrap() {
                    let path = format!("{section}.{key}");
                    let choices = kinds.choices(&path);
                    let takes_name = value.is_str() && !free.contains(&path.as_str());
                    assert_eq!(!choices.is_empty(), takes_name, "{path}");
                    for choice in choices.iter().filter(|_| key != "kind") {
                        let kind = match section.as_str() {
                            "env" => format!("kind = '{env}'\n"),
                            "method" => format!("kind = '{method}'\n"),
                            _ => String::new(),
                        };
                        let text = format!("[{section}]\n{kind}{key} = '{choice}'\n");
                        let table: Table = text.parse().unwrap();
                        let read: Result<Config, _> = table.try_into();
                        assert!(read.is_ok(), "{text}: {read:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn round_floats_are_whole_numbers() {
        let overrides = Overrides {
            set: vec!["run.steps=1e6".into(), "ppo.lr=1".into()],
            ..Overrides::default()
        };
        let config = Config::resolve(None, &overrides).unwrap();
        assert_eq!((config.run.steps, config.ppo.lr), (1_000_000, 1.0));
        assert!(Config::parse("[run]\nsteps = 1.5", Source::Default).is_err());
    }
}
