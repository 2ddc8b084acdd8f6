//! The settings of the methods.

use super::methods::{Methods, flat, value};
use super::page::{Section, Table};
use std::collections::BTreeSet;

/// What differs from the defaults, then all of it.
pub(super) fn section(methods: &Methods, defaults: &toml::Table) -> Section {
    let defaults = flat(defaults);
    let set = methods.list.iter().flat_map(|method| {
        method
            .settings
            .iter()
            .filter(|(key, value)| defaults.get(*key) != Some(*value))
            .map(|(key, _)| key)
    });
    let keys: BTreeSet<&String> = set.collect();
    let mut head = vec!["Setting".to_owned(), "Default".to_owned()];
    head.extend(methods.list.iter().map(|method| match methods.list.len() {
        1 => "Here".to_owned(),
        _ => method.name.clone(),
    }));
    let row = |key: &&String| {
        let of = methods
            .list
            .iter()
            .map(|method| value(&method.settings, key));
        [(*key).clone(), value(&defaults, key)]
            .into_iter()
            .chain(of)
            .collect()
    };
    let table = Table {
        caption: "What is not as it is by default".to_owned(),
        head,
        rows: keys.iter().map(row).collect(),
        folded: false,
    };
    // Without defaults everything would differ from them.
    let (text, shown) = match (defaults.is_empty(), table.rows.is_empty()) {
        (true, _) => (
            "This version does not know the task, and so not its defaults.",
            Vec::new(),
        ),
        (false, true) => ("Every setting is as it is by default.", Vec::new()),
        (false, false) => ("", vec![table]),
    };
    let folded = methods.list.iter().filter_map(|method| {
        let run = method.runs.first()?;
        Some((
            format!("All of it: {}/config.toml", run.name()),
            run.log.config.clone(),
        ))
    });
    Section {
        id: "configuration".to_owned(),
        title: "Configuration".to_owned(),
        text: [text]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(String::from)
            .collect(),
        shown,
        folded: folded.collect(),
        ..Section::default()
    }
}
