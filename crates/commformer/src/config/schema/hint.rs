//! What to say of a key, or of a name, that there is not.

use super::Section;
use crate::config::env::{TaskConfig, kinds};
use crate::config::{METHODS, MethodConfig};
use commformer_env::settings::Setting;

/// What there is in the place of a key, or of a section, that a configuration of this task and this method does not have.
pub(crate) fn hint(
    schema: &[Section],
    path: &str,
    env: &TaskConfig,
    method: &MethodConfig,
) -> String {
    if path == "env.agents" {
        return env.size_hint();
    }
    let name = path.rsplit('.').next().unwrap_or(path);
    let elsewhere: Vec<String> = schema
        .iter()
        .filter(|section| section.find(name).is_some())
        .map(|section| format!("`{}.{name}`", section.name))
        .collect();
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let section = schema.iter().find(|section| section.name == first);
    let of_others = [("env", env.kind()), ("method", method.kind())]
        .into_iter()
        .filter(|(section, _)| path == format!("{section}.{name}") || path == name)
        .find_map(|(section, own)| {
            let kinds = kinds_with(section, name);
            let (one, others) = kinds.split_first().filter(|_| elsewhere.is_empty())?;
            let mut named = format!("`{section}.kind = \"{one}\"`");
            for (number, other) in others.iter().enumerate() {
                let is_last = number + 1 == others.len();
                named += if is_last { " or " } else { ", " };
                named += &format!("`\"{other}\"`");
            }
            Some(format!(
                "`{section}.{name}` is a setting of {named}, and this one is `{own}`"
            ))
        });
    let nearest = if !elsewhere.is_empty() {
        format!("did you mean {}?", elsewhere.join(" or "))
    } else if let Some(section) = section.filter(|_| !rest.is_empty()) {
        let known = || section.settings.iter().map(|setting| setting.name.as_str());
        match nearest(name, known()) {
            Some(nearest) => format!("did you mean `{first}.{nearest}`?"),
            None => format!("[{first}] has {}", list(known())),
        }
    } else {
        let known = || schema.iter().map(|section| section.name);
        match nearest(first, known()) {
            Some(nearest) => format!("did you mean the section [{nearest}]?"),
            None => format!("the sections are {}", list(known())),
        }
    };
    let told = of_others.into_iter().chain([nearest]);
    told.collect::<Vec<_>>().join("; ")
}

/// The kinds of a section that have a key of their own of this name.
pub(crate) fn kinds_with(section: &str, key: &str) -> Vec<&'static str> {
    let has = |settings: &[Setting]| settings.iter().any(|setting| setting.name == key);
    match section {
        "env" => kinds()
            .into_iter()
            .filter(|kind| TaskConfig::of_kind(kind).is_some_and(|task| has(task.settings())))
            .collect(),
        "method" => (METHODS.iter().copied())
            .filter(|kind| MethodConfig::of_kind(kind).is_some_and(|method| has(method.settings())))
            .collect(),
        _ => Vec::new(),
    }
}

/// How many sections have a key of this name, with any task and method.
pub(crate) fn sections_with(key: &str) -> usize {
    let has = |section: &&Section| {
        section.find(key).is_some() || !kinds_with(section.name, key).is_empty()
    };
    super::sections("", "").iter().filter(has).count()
}

/// The known name that `found` stands for, if any: the most like it, whatever its capitals, or its initials, as `lr` is of
/// `learning_rate`.
pub(crate) fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let initials: String = found
        .split(['_', '-'])
        .filter_map(|word| word.chars().next())
        .collect();
    let likeness = |name: &str| {
        if name == initials {
            1.0
        } else {
            strsim::jaro_winkler(&found.to_lowercase(), &name.to_lowercase())
        }
    };
    known
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.sort();
    names.join(", ")
}
