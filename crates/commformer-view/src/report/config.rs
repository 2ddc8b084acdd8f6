//! The settings of the methods.

use super::methods::{Method, Methods, flat, value};
use super::page::{Section, Table};
use std::collections::{BTreeMap, BTreeSet};

/// The cell of a setting that a method does not have.
const NO_SUCH: &str = "–";

/// A method beside the defaults of its kind.
struct Column<'a> {
    method: &'a Method,
    /// `None` where this version does not know them.
    defaults: Option<BTreeMap<String, String>>,
}

/// What differs from the defaults, then all of it. `defaults` holds a table for each method; one that is not known has an
/// empty table.
pub(super) fn section(methods: &Methods, defaults: &[toml::Table]) -> Section {
    let columns = columns(methods, defaults);
    let keys: BTreeSet<&String> = columns.iter().flat_map(Column::changed).collect();
    let rows: Vec<Vec<String>> = keys.into_iter().map(|key| row(&columns, key)).collect();
    let mut text = unknown(&columns);
    let known = columns.iter().filter(|column| column.defaults.is_some());
    match known.count() {
        _ if !rows.is_empty() => {}
        0 => {}
        known if known < columns.len() => {
            text.push("Every setting of the other methods is as it is by default.".to_owned());
        }
        _ => text.push("Every setting is as it is by default.".to_owned()),
    }
    if rows.iter().flatten().any(|cell| cell == NO_SUCH) {
        text.push(format!(
            "{NO_SUCH} means that a method has no such setting."
        ));
    }
    let mut head = vec!["Setting".to_owned(), "Default".to_owned()];
    head.extend(methods.list.iter().map(|method| match methods.list.len() {
        1 => "Here".to_owned(),
        _ => method.name.clone(),
    }));
    let table = (!rows.is_empty()).then(|| Table {
        caption: "What is not as it is by default".to_owned(),
        head,
        rows,
        folded: false,
    });
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
        text,
        shown: table.into_iter().collect(),
        folded: folded.collect(),
        ..Section::default()
    }
}

fn columns<'a>(methods: &'a Methods, defaults: &[toml::Table]) -> Vec<Column<'a>> {
    // A method's own defaults name its own kind. The default of the kind itself is what a run without one has.
    let kind = flat(&toml::Table::new());
    let known = |table: &toml::Table| {
        let mut defaults = flat(table);
        defaults.extend(kind.clone());
        (!table.is_empty()).then_some(defaults)
    };
    let column = |(method, table)| Column {
        method,
        defaults: known(table),
    };
    methods.list.iter().zip(defaults).map(column).collect()
}

impl<'a> Column<'a> {
    /// The keys of settings that differ from their defaults; none where these are not known.
    fn changed(&self) -> Vec<&'a String> {
        let Some(defaults) = &self.defaults else {
            return Vec::new();
        };
        let settings = self.method.settings.iter();
        let changed = settings.filter(|(key, value)| defaults.get(*key) != Some(*value));
        changed.map(|(key, _)| key).collect()
    }

    /// Whether a method of this kind has the setting, be it set or not. `[method]` holds what only one kind has; of other
    /// sections a method has all settings or none.
    fn has(&self, all: &[Column<'_>], key: &str) -> bool {
        let keys = |column: &Column<'_>, is: &dyn Fn(&str) -> bool| {
            let own = column.method.settings.keys();
            let mut all = own.chain(column.defaults.iter().flat_map(BTreeMap::keys));
            all.any(|key| is(key))
        };
        match key.split_once('.') {
            Some(("method", _)) | None => {
                let kind = self.method.kind();
                let mut same = all.iter().filter(|other| other.method.kind() == kind);
                same.any(|other| keys(other, &|known| known == key))
            }
            Some((section, _)) => keys(self, &|known| {
                known.split_once('.').is_some_and(|(of, _)| of == section)
            }),
        }
    }
}

fn row(columns: &[Column<'_>], key: &str) -> Vec<String> {
    let cell = |column: &Column<'_>| match column.has(columns, key) {
        true => value(&column.method.settings, key),
        false => NO_SUCH.to_owned(),
    };
    let first = [key.to_owned(), default(columns, key)];
    first.into_iter().chain(columns.iter().map(cell)).collect()
}

/// A setting's default; where it is not the same in all kinds of methods, each with its kinds.
fn default(columns: &[Column<'_>], key: &str) -> String {
    let mut found: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for column in columns {
        let defaults = column.defaults.as_ref();
        let Some(value) = defaults.and_then(|defaults| defaults.get(key)) else {
            continue;
        };
        let kind = column.method.kind();
        match found.iter_mut().find(|(known, _)| known == value) {
            Some((_, kinds)) => drop(kinds.insert(kind)),
            None => found.push((value, BTreeSet::from([kind]))),
        }
    }
    let told = |(value, kinds): &(&str, BTreeSet<&str>)| {
        let kinds: Vec<&str> = kinds.iter().copied().collect();
        format!("{value} ({})", kinds.join(", "))
    };
    match &found[..] {
        [] => "not set".to_owned(),
        [(value, _)] => (*value).to_owned(),
        several => several.iter().map(told).collect::<Vec<_>>().join(", "),
    }
}

/// A sentence for each kind of method whose defaults are not known, or one for all.
fn unknown(columns: &[Column<'_>]) -> Vec<String> {
    let unknown = columns.iter().filter(|column| column.defaults.is_none());
    let kinds: BTreeSet<&str> = unknown.clone().map(|column| column.method.kind()).collect();
    if unknown.count() == columns.len() {
        let all = "This version does not know the task or the method, and so not the defaults.";
        return vec![all.to_owned()];
    }
    let told = |kind| {
        format!(
            "This version does not know the method {kind}, and so not its defaults: what differs in its runs alone is not \
             listed."
        )
    };
    kinds.into_iter().map(told).collect()
}
