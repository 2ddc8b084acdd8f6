//! What is wrong with the combinations of a comparison, and how that is told.

use super::file::Named;
use super::plan::{PlanError, Planned};
use crate::config::{METHODS, MethodConfig, Source, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::Table;

pub(super) fn combination(task: &str, method: &str) -> String {
    format!("task {task}, method {method}")
}

/// Faults, each once, with the combinations that have them.
pub(super) fn refused(file: &Path, faults: Vec<(String, String)>) -> PlanError {
    let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
    for (combination, fault) in faults {
        match grouped.iter_mut().find(|(known, _)| *known == fault) {
            Some((_, combinations)) if combinations.contains(&combination) => {}
            Some((_, combinations)) => combinations.push(combination),
            None => grouped.push((fault, vec![combination])),
        }
    }
    let told = |(fault, combinations): (String, Vec<String>)| match &combinations[..] {
        [first, others @ ..] if !others.is_empty() => {
            format!("{first} (and {} more): {fault}", others.len())
        }
        all => format!("{}: {fault}", all.join("")),
    };
    PlanError::Combinations {
        file: file.to_owned(),
        faults: grouped.into_iter().map(told).collect(),
    }
}

/// A method whose table is named after a kind of methods, but which trains one of another kind because nobody set it.
pub(super) fn wrongly_named(method: &Named, layers: &[(Table, Source)]) -> Option<String> {
    let Some(name) = METHODS.iter().find(|kind| **kind == method.table) else {
        // A table that says anything says what it is.
        let is_empty = method.layers.iter().all(|(table, _)| table.is_empty());
        let near = nearest(&method.table, METHODS.iter().copied()).filter(|_| is_empty)?;
        return Some(format!(
            "[methods.{}] sets nothing; did you mean [methods.{near}], with `method.kind = \"{near}\"`? Else write \
             `method.kind` into it",
            method.table
        ));
    };
    let kind = |(table, _): &(Table, Source)| {
        let kind = table.get("method")?.get("kind")?;
        Some(kind.as_str().unwrap_or_default().to_owned())
    };
    if method.layers.iter().any(|layer| kind(layer).is_some()) {
        return None;
    }
    // No preset chooses a method.
    let trained = layers.iter().rev().find_map(kind);
    let trained = trained.unwrap_or_else(|| MethodConfig::default().kind().to_owned());
    (trained != *name).then(|| {
        format!(
            "[methods.{name}] sets no `method.kind`, so that `{trained}` would be trained under this name: add \
             `method.kind = \"{name}\"` to it, or name it otherwise"
        )
    })
}

/// Methods of a task, or tasks of a method, that would be the same runs under two names.
pub(super) fn same_settings(runs: &[Planned]) -> Vec<(String, String)> {
    type Name = fn(&Planned) -> &str;
    let (task, method): (Name, Name) = (|run| &run.task, |run| &run.method);
    let mut known: BTreeMap<(&str, &str, u64, String), &Planned> = BTreeMap::new();
    let mut faults = Vec::new();
    for run in runs {
        let Ok(settings) = run.config.settings_that_matter() else {
            continue;
        };
        for (place, of, what, name) in [
            ("task", task, "methods", method),
            ("method", method, "tasks", task),
        ] {
            let key = (place, of(run), run.seed, settings.clone());
            let Some(first) = known.insert(key, run) else {
                continue;
            };
            faults.push((
                format!("{place} {}", of(run)),
                format!(
                    "the {what} {} and {} have the same settings, but for such as no result depends on: they would be the same \
                     run twice; leave one out",
                    name(first),
                    name(run)
                ),
            ));
        }
    }
    faults
}

/// Tasks that are not the same for all methods: no report compares runs whose [env] differ, and they would stand in one
/// table here. Each task once, with the first setting that differs.
pub(super) fn different_tasks(tasks: &[Named], runs: &[Planned]) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let mut known: BTreeMap<&str, &Planned> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for run in runs {
        let first = *known.entry(&run.task).or_insert(run);
        let differences = first.config.differences(&run.config).unwrap_or_default();
        let different = differences
            .iter()
            .find(|difference| difference.matters() && difference.path.starts_with("env."));
        let Some(different) = different.filter(|_| told.insert(&run.task)) else {
            continue;
        };
        let (path, name) = (&different.path, &run.task);
        let [one, other] = different.shown();
        let preset = tasks.iter().find(|task| task.name == *name);
        let preset = match preset.and_then(|task| task.preset.as_deref()) {
            Some(preset) => format!("`preset = \"{preset}\"`"),
            None => format!("what [tasks.{name}] has"),
        };
        faults.push((
            format!("task {name}"),
            format!(
                "`{path}` is {one} for the method {} and {other} for {}, so that their tasks differ and cannot stand under \
                 one name: take `{path}` out of [methods] and [sweep], and name each task, such as [tasks.{name}-2] with \
                 {preset} and a `{path}` of its own",
                first.method, run.method
            ),
        ));
    }
    faults
}
