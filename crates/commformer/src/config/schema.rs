//! Which keys there are and what they take: all of it is read off the structs of the sections.

mod hint;

pub(crate) use hint::{hint, kinds_with, nearest, sections_with};

use super::env::{TaskConfig, kinds};
use super::error::{ConfigError, Source};
use super::layers::{Layers, kind};
use super::{
    Device, EnvConfig, EvalConfig, GateConfig, GraphConfig, METHODS, MethodConfig, PolicySettings,
    PpoConfig, RolloutConfig, RunSettings,
};
use commformer_env::settings::{Choice, Setting, Takes, settings, shown};
use std::sync::LazyLock;
use toml::{Table, Value};

/// A section of the configuration.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// Its settings, in order.
    pub settings: Vec<Setting>,
}

impl Section {
    fn new(name: &'static str, about: &'static str, settings: &[Setting]) -> Self {
        Self {
            name,
            about,
            settings: settings.to_vec(),
        }
    }

    fn find(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == key)
    }
}

/// The sections of a configuration with a task and a method of these kinds; the defaults' where there is no such kind.
pub fn sections(env: &str, method: &str) -> Vec<Section> {
    let task = TaskConfig::of_kind(env).unwrap_or_default();
    let method = MethodConfig::of_kind(method).unwrap_or_default();
    let of_env = [&[task_kind()], task.settings(), settings::<EnvConfig>()].concat();
    let of_method = [&[method_kind()], method.settings()].concat();
    vec![
        Section::new("env", "The task, and what is wrapped around it.", &of_env),
        Section::new("method", "How the team acts and learns.", &of_method),
        Section::new(
            "policy",
            "The network of CommFormer.",
            settings::<PolicySettings>(),
        ),
        Section::new(
            "graph",
            "The communication graph of CommFormer: whom each agent hears.",
            settings::<GraphConfig>(),
        ),
        Section::new(
            "gate",
            "The temporal gates of CommFormer: when each agent receives, and what that may cost ([the gate](algorithm.md#the-gate)).",
            settings::<GateConfig>(),
        ),
        Section::new(
            "rollout",
            "What is played between two updates.",
            settings::<RolloutConfig>(),
        ),
        Section::new(
            "ppo",
            "How the policy learns from a rollout: proximal policy optimisation.",
            settings::<PpoConfig>(),
        ),
        Section::new(
            "eval",
            "Evaluations: each episode is played in an environment of its own, with greedy actions.",
            settings::<EvalConfig>(),
        ),
        Section::new(
            "run",
            "Length, seed and machine.",
            settings::<RunSettings>(),
        ),
    ]
}

fn task_kind() -> Setting {
    let about = |kind: &&'static str| TaskConfig::of_kind(kind).map_or("", |task| task.about());
    let default = TaskConfig::default().kind();
    kind_of(
        "The task; it chooses the other keys.",
        &kinds(),
        default,
        about,
    )
}

fn method_kind() -> Setting {
    let about = |kind: &&'static str| {
        MethodConfig::of_kind(kind).map_or("", |method| method.method().about())
    };
    let default = MethodConfig::default().kind();
    kind_of(
        "How the team acts and learns; it chooses the other keys.",
        METHODS,
        default,
        about,
    )
}

/// The key `kind` of a section.
fn kind_of(
    about: &str,
    names: &[&'static str],
    default: &str,
    about_kind: impl Fn(&&'static str) -> &'static str,
) -> Setting {
    let choice = |name: &&'static str| Choice {
        name: (*name).into(),
        about: about_kind(name).into(),
        former: None,
    };
    Setting {
        name: "kind".into(),
        about: about.into(),
        takes: Takes::Name(names.iter().map(choice).collect()),
        default: Some(default.into()),
        former: None,
    }
}

/// Former names of keys that are still read: the section, the former name and today's.
pub(super) fn renamed() -> &'static [(&'static str, String, String)] {
    static RENAMED: LazyLock<Vec<(&str, String, String)>> = LazyLock::new(|| {
        let of_methods = METHODS.iter().map(|method| sections("", method));
        let of_tasks = kinds().into_iter().map(|kind| sections(kind, ""));
        let mut found: Vec<_> = of_tasks
            .chain(of_methods)
            .flatten()
            .flat_map(|section| {
                let former =
                    move |setting: Setting| Some((section.name, setting.former?, setting.name));
                section.settings.into_iter().filter_map(former)
            })
            .collect();
        found.sort();
        found.dedup();
        found
    });
    &RENAMED
}

/// Checks names, types, choices and ranges of everything that was set, and makes whole numbers of floats and floats of whole
/// numbers where the key asks for them. A task or a method that is not named is that of the defaults.
pub(super) fn conform(layers: &mut Layers) -> Result<(), ConfigError> {
    let kind = |layers: &mut Layers, section: &str, setting: Setting| {
        let path = format!("{section}.kind");
        let found = match kind(&layers.merged, section).cloned() {
            Some(found) => accept(layers, &path, &setting, found)?,
            None => {
                let default = setting.example();
                layers.set(section, "kind", default.clone());
                default
            }
        };
        let found = found.as_str().unwrap_or_default().to_owned();
        Ok::<_, ConfigError>(found)
    };
    let env = kind(layers, "env", task_kind())?;
    let method = kind(layers, "method", method_kind())?;
    let mut schema = sections(&env, &method);
    let method = MethodConfig::of_kind(&method).unwrap_or_default();
    only_own(layers, &method)?;
    // A mistake is no reason to recommend what the method would refuse.
    schema.retain(|section| method.reads(section.name));
    for (name, keys) in layers.merged.clone() {
        let Some(section) = schema.iter().find(|section| section.name == name) else {
            return Err(unknown(layers, &schema, &name));
        };
        let Value::Table(keys) = keys else {
            let expected = match section.find("kind") {
                Some(_) => format!("a section, `[{name}]`, with the name in `{name}.kind`"),
                None => format!("a section, `[{name}]`"),
            };
            return Err(refused(layers, &name, keys.to_string(), expected, ""));
        };
        for (key, value) in keys {
            let path = format!("{name}.{key}");
            let Some(setting) = section.find(&key) else {
                return Err(unknown(layers, &schema, &path));
            };
            // A path that is too long, such as `run.device.x`.
            if let (false, Some((inner, _))) = (setting.takes == Takes::Table, only(&value)) {
                return Err(unknown(layers, &schema, &format!("{path}.{inner}")));
            }
            let accepted = accept(layers, &path, setting, value.clone())?;
            if let (Value::String(former), Value::String(name)) = (&value, &accepted)
                && former != name
            {
                layers.notes.push(format!(
                    "`{path} = \"{former}\"` is called `\"{name}\"` now"
                ));
            }
            layers.set(&name, &key, accepted);
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
        if section == "gate" {
            layers.note_gate_left_out(method.kind());
        }
        layers.remove(&section);
    }
    Ok(())
}

/// A value as its setting has it.
fn accept(
    layers: &Layers,
    path: &str,
    setting: &Setting,
    value: Value,
) -> Result<Value, ConfigError> {
    let mut expected = match setting.accept(value.clone()) {
        Err(expected) => expected,
        Ok(value) => match (path, value.as_str()) {
            ("run.device", Some(name)) => match Device::try_from(name.to_owned()) {
                Ok(_) => return Ok(value),
                Err(expected) => expected,
            },
            _ => return Ok(value),
        },
    };
    let found = match &value {
        Value::String(name) if matches!(setting.takes, Takes::Name(_) | Takes::Text) => {
            format!("`{name}`")
        }
        value => shown(value),
    };
    if let (Takes::Name(choices), Some(name)) = (&setting.takes, value.as_str()) {
        let names = choices.iter().map(|choice| choice.name.as_str());
        if let Some(nearest) = nearest(name, names) {
            expected += &format!("; did you mean `{nearest}`?");
        }
    }
    Err(refused(layers, path, found, expected, &setting.plain()))
}

fn refused(
    layers: &Layers,
    path: &str,
    found: String,
    expected: String,
    about: &str,
) -> ConfigError {
    ConfigError::Value {
        path: path.to_owned(),
        found,
        expected,
        source_of: layers.source(path),
        about: about.into(),
    }
}

fn unknown(layers: &Layers, schema: &[Section], path: &str) -> ConfigError {
    let chosen = |section: &str| kind(&layers.merged, section).and_then(Value::as_str);
    let env = chosen("env").and_then(TaskConfig::of_kind);
    let method = chosen("method").and_then(MethodConfig::of_kind);
    ConfigError::UnknownKey {
        path: path.to_owned(),
        source_of: layers.source(path),
        hint: hint(
            schema,
            path,
            &env.unwrap_or_default(),
            &method.unwrap_or_default(),
        ),
    }
}

#[cfg(test)]
mod tests;
