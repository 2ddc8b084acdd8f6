//! A task from its kind and settings, as `[env]` of a configuration has them.

use commformer_env::settings::{Setting, Takes, shown};
use commformer_env::{BuiltIn, Environment, TASKS};
use serde_json::{Map, Value as Json};
use toml::{Table, Value};

/// One environment; `settings` is JSON.
pub fn build(kind: &str, settings: &str) -> Result<Box<dyn Environment>, String> {
    let known = of_kind(kind)?.settings();
    let given: Map<String, Json> =
        serde_json::from_str(settings).map_err(|error| error.to_string())?;
    let kind = ("kind".to_owned(), Value::from(kind));
    let mut table = Table::from_iter([kind]);
    for (name, value) in given {
        let setting = known.iter().find(|setting| setting.name == name);
        let setting = setting.ok_or_else(|| unknown(&name, known))?;
        // Python's None is what is left out.
        if !value.is_null() || setting.default.is_some() {
            table.insert(name, accepted(setting, value)?);
        }
    }
    let task: BuiltIn = (Value::Table(table).try_into())
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    task.task().build().map_err(|error| error.to_string())
}

/// A setting: its name, its default as JSON, the names that it takes if it takes some, and what it is.
pub type Described = (String, String, Vec<String>, String);

/// The settings of a kind.
pub fn settings(kind: &str) -> Result<Vec<Described>, String> {
    let described = |setting: &Setting| {
        let names = match &setting.takes {
            Takes::Name(choices) => choices.iter().map(|choice| choice.name.clone()).collect(),
            _ => Vec::new(),
        };
        let default = serde_json::to_string(&setting.default).unwrap_or_default();
        (setting.name.clone(), default, names, setting.plain())
    };
    Ok(of_kind(kind)?.settings().iter().map(described).collect())
}

fn of_kind(kind: &str) -> Result<BuiltIn, String> {
    BuiltIn::of_kind(kind)
        .ok_or_else(|| format!("there is no kind `{kind}`; there are {}", TASKS.join(", ")))
}

fn unknown(name: &str, known: &[Setting]) -> String {
    let names: Vec<&str> = known.iter().map(|setting| setting.name.as_str()).collect();
    format!(
        "there is no setting `{name}`; there are {}",
        names.join(", ")
    )
}

fn accepted(setting: &Setting, value: Json) -> Result<Value, String> {
    let refused = |found: &str, expected: String| {
        format!("`{}` is {found}, but must be {expected}", setting.name)
    };
    let json = value.to_string();
    let value = Value::try_from(value).map_err(|_| refused(&json, setting.expected()))?;
    let found = shown(&value);
    (setting.accept(value)).map_err(|expected| refused(&found, expected))
}
