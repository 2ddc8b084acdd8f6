//! Runs that differ in nothing but their seed, and what tells them from others.

use super::ReportError;
use super::run::Run;
use crate::record::NEUTRAL;
use crate::theme;
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// What a method is repeated with.
const SEED: &str = "run.seed";

/// The setting that chooses the task.
const TASK: &str = "env.kind";

/// The setting that chooses how a team acts and learns.
const KIND: &str = "method.kind";

/// Environment steps of training.
const STEPS: &str = "run.steps";

/// The section of how a team is evaluated.
const EVALUATION: &str = "eval.";

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
    /// By their path, as [`flat`] has them.
    pub settings: BTreeMap<String, String>,
    /// In the order of their seeds.
    pub runs: Vec<Run>,
}

impl Methods {
    /// As many as can be told apart.
    pub const MOST: usize = theme::MOST;

    pub fn of(runs: Vec<Run>) -> Result<Self, ReportError> {
        let first = runs.first().ok_or(ReportError::NoRun)?;
        let (place, settings) = (first.log.folder.clone(), flat(&first.log.settings));
        let task = first.log.setting("env", "kind").and_then(Value::as_str);
        let task = task.unwrap_or("a task without a name").to_owned();
        let mut list: Vec<Method> = Vec::new();
        for run in runs {
            let own = flat(&run.log.settings);
            let different = differences(&[&settings, &own]);
            let of_task = different.into_iter().filter(|key| key.starts_with("env."));
            // Another kind says more than what it has in the place of the other settings.
            if let Some(setting) = of_task.min_by_key(|key| key != TASK) {
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
        let names: Vec<String> = list.iter().map(|method| name(method, &list)).collect();
        for (method, name) in list.iter_mut().zip(names) {
            method.runs.sort_by_key(|run| run.log.seed());
            for pair in method.runs.windows(2) {
                if let [one, other] = pair
                    && one.log.seed() == other.log.seed()
                {
                    let [first, second] = [one, other].map(|run| run.log.folder.clone());
                    return Err(ReportError::Twice { first, second });
                }
            }
            method.name = match name.is_empty() {
                true => task.clone(),
                false => name,
            };
        }
        Ok(Self { list, task })
    }

    /// Methods of these names on one task, each with its runs, of which there may be none.
    pub fn named(all: Vec<(String, Vec<Run>)>) -> Self {
        let of = |(name, mut runs): (String, Vec<Run>)| {
            runs.sort_by_key(|run| run.log.seed());
            let settings = runs.first().map(|run| flat(&run.log.settings));
            Method {
                name,
                settings: settings.unwrap_or_default(),
                runs,
            }
        };
        let list: Vec<Method> = all.into_iter().map(of).collect();
        let mut kinds = list
            .iter()
            .filter_map(|method| method.settings.get("env.kind"));
        let task = kinds.next().map_or("a task without a name", String::as_str);
        let task = task.to_owned();
        Self { list, task }
    }

    /// Settings of how long runs train and how they are evaluated that are not the same for all methods, a sentence each: their
    /// numbers are then not measured alike.
    pub fn unlike(&self) -> Vec<String> {
        let begun = || self.list.iter().filter(|of| !of.runs.is_empty());
        let settings: Vec<_> = begun().map(|method| &method.settings).collect();
        let measured = differences(&settings).into_iter();
        let measured = measured.filter(|key| key == STEPS || key.starts_with(EVALUATION));
        let told = |key: String| {
            let mut values: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for method in begun() {
                let of = values.entry(value(&method.settings, &key)).or_default();
                of.push(&method.name);
            }
            let values = values.iter().map(|(value, of)| match &of[..] {
                [first, _, others @ ..] if !others.is_empty() => {
                    format!("{value} for {first} and {} more", others.len() + 1)
                }
                few => format!("{value} for {}", few.join(" and ")),
            });
            let values: Vec<String> = values.collect();
            format!(
                "Methods are not measured alike: {key} is {}.",
                values.join(", ")
            )
        };
        measured.map(told).collect()
    }

    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.list.iter().flat_map(|method| &method.runs)
    }
}

impl Method {
    /// `method.kind`; empty where no run has begun.
    pub fn kind(&self) -> &str {
        self.settings.get(KIND).map_or("", String::as_str)
    }
}

/// What tells a method from others: its kind, if there are others, and the settings that differ where all kinds have
/// them, or among those of its kind.
fn name(method: &Method, all: &[Method]) -> String {
    let settings = |of: &dyn Fn(&Method) -> bool| {
        let of = all.iter().filter(|other| of(other));
        of.map(|method| &method.settings).collect::<Vec<_>>()
    };
    let every = settings(&|_| true);
    let same = settings(&|other| other.settings.get(KIND) == method.settings.get(KIND));
    let among_same = differences(&same);
    let several = same.len() < every.len();
    let told = differences(&every).into_iter().filter_map(|key| {
        let value = value(&method.settings, &key);
        let common = every.iter().all(|settings| settings.contains_key(&key));
        let matters = key != KIND && (!several || common || among_same.contains(&key));
        matters.then(|| format!("{key} = {value}"))
    });
    let kind = several.then(|| value(&method.settings, KIND));
    kind.into_iter().chain(told).collect::<Vec<_>>().join("; ")
}

/// Settings by their path, as TOML, without those that make no other method.
pub(super) fn flat(settings: &toml::Table) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flatten("", settings, &mut all);
    for key in NEUTRAL.iter().chain(&[SEED]) {
        all.remove(*key);
    }
    // A configuration without the key is of CommFormer.
    all.entry(KIND.to_owned())
        .or_insert("commformer".to_owned());
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
