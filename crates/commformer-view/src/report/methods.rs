//! Runs that differ in nothing but their seed, and what tells them from others.

use super::ReportError;
use super::run::Run;
use crate::theme;
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// No result depends on threads, another device may round differently, and the seed is what a method is
/// repeated with.
const FREE: [&str; 3] = ["run.seed", "run.threads", "run.device"];

/// All methods of a report.
#[derive(Clone, Debug)]
pub(super) struct Methods {
    pub list: Vec<Method>,
    /// `env.kind`.
    pub task: String,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Method {
    /// What differs from the others, or the task.
    pub name: String,
    pub settings: BTreeMap<String, String>,
    /// In the order of their seeds.
    pub runs: Vec<Run>,
}

impl Methods {
    /// As many as there are colours.
    pub const MOST: usize = theme::SERIES.len();

    pub fn of(runs: Vec<Run>) -> Result<Self, ReportError> {
        let first = runs.first().ok_or(ReportError::NoRun)?;
        let (place, settings) = (first.log.folder.clone(), flat(&first.log.settings));
        let task = first
            .log
            .settings
            .get("env")
            .and_then(|env| env.get("kind")?.as_str());
        let task = task.unwrap_or("a task without a name").to_owned();
        let mut list: Vec<Method> = Vec::new();
        for run in runs {
            let own = flat(&run.log.settings);
            let different = differences(&[&settings, &own]);
            if let Some(setting) = different.into_iter().find(|key| key.starts_with("env.")) {
                let values = [&settings, &own].map(|settings| value(settings, &setting));
                let (first, other) = (place, run.log.folder);
                return Err(ReportError::OtherTask {
                    first,
                    other,
                    setting,
                    values,
                });
            }
            match list.iter_mut().find(|method| method.settings == own) {
                Some(method) => method.runs.push(run),
                None => list.push(Method {
                    name: String::new(),
                    settings: own,
                    runs: vec![run],
                }),
            }
        }
        if list.len() > Self::MOST {
            return Err(ReportError::TooMany { found: list.len() });
        }
        let all: Vec<_> = list.iter().map(|method| &method.settings).collect();
        let different = differences(&all);
        for method in &mut list {
            method.runs.sort_by_key(|run| run.log.seed());
            for pair in method.runs.windows(2) {
                if let [one, other] = pair
                    && one.log.seed() == other.log.seed()
                {
                    let [first, second] = [one, other].map(|run| run.log.folder.clone());
                    return Err(ReportError::Twice { first, second });
                }
            }
            let told = different
                .iter()
                .map(|key| format!("{key} = {}", value(&method.settings, key)));
            method.name = told.collect::<Vec<_>>().join("; ");
            if method.name.is_empty() {
                method.name.clone_from(&task);
            }
        }
        Ok(Self { list, task })
    }

    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.list.iter().flat_map(|method| &method.runs)
    }
}

/// Settings by their path, as TOML, without those that make no other method.
pub(super) fn flat(settings: &toml::Table) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flatten("", settings, &mut all);
    for key in FREE {
        all.remove(key);
    }
    all
}

fn flatten(path: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = format!("{path}{name}");
        match value {
            Value::Table(inner) => flatten(&format!("{name}."), inner, into),
            // Quotes around a word are noise; whatever a word may not hold stays escaped.
            Value::String(text) => drop(into.insert(name, text.escape_debug().to_string())),
            other => drop(into.insert(name, other.to_string())),
        }
    }
}

/// The keys in which settings differ.
fn differences(all: &[&BTreeMap<String, String>]) -> Vec<String> {
    let keys: BTreeSet<&String> = all.iter().flat_map(|settings| settings.keys()).collect();
    let differ = |key: &&String| {
        all.windows(2)
            .any(|pair| pair[0].get(*key) != pair[1].get(*key))
    };
    keys.into_iter().filter(differ).cloned().collect()
}

/// A setting's value as text.
pub(super) fn value(settings: &BTreeMap<String, String>, key: &str) -> String {
    settings
        .get(key)
        .map_or("not set", String::as_str)
        .to_owned()
}
