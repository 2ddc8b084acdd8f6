//! The tables of a comparison's file: seeds, tasks, methods, and every combination of what is swept.

use super::file::{FormatError, KEYS, MOST_RUNS, Named};
use super::names;
use crate::config::{ConfigError, Source, nearest, parse_toml, presets, read_text};
use std::collections::BTreeSet;
use std::path::Path;
use toml::de::DeTable;
use toml::{Table, Value};

/// A key that is swept, with its values.
pub(super) type Swept = (String, Vec<Value>);

/// Reads the tables of a file.
pub(super) struct Reader<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl Reader<'_> {
    fn source(&self, table: &str) -> Source {
        Source::Table(format!("[{table}] of {}", self.path.display()))
    }

    pub fn unknown(&self, key: &str) -> ConfigError {
        let known = KEYS.map(|key| format!("`{key}`")).join(", ");
        let hint = match nearest(key, KEYS.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            // It may be a section of a run's configuration.
            None => format!("a comparison has {known}; settings of all runs go into [settings]"),
        };
        ConfigError::UnknownKey {
            path: key.to_owned(),
            source_of: Source::File(self.path.to_owned()),
            hint,
        }
    }

    pub fn wrong(&self, key: &str, found: &Value, expected: &str) -> ConfigError {
        self.refused(key, found.to_string(), expected)
    }

    fn missing(&self, key: &str, expected: &str) -> ConfigError {
        self.refused(key, "missing".to_owned(), expected)
    }

    fn refused(&self, key: &str, found: String, expected: &str) -> ConfigError {
        ConfigError::Value {
            path: key.to_owned(),
            found,
            expected: expected.to_owned(),
            source_of: Source::File(self.path.to_owned()),
            about: "".into(),
        }
    }

    pub fn seeds(&self, table: &Table) -> Result<Vec<u64>, ConfigError> {
        const EXPECTED: &str = "a list of different seeds from 0 on, such as [1, 2, 3]";
        let found = table
            .get("seeds")
            .ok_or_else(|| self.missing("seeds", EXPECTED))?;
        let wrong = || self.wrong("seeds", found, EXPECTED);
        let list = found.as_array().filter(|list| !list.is_empty());
        let seed = |value: &Value| u64::try_from(value.as_integer()?).ok();
        let seeds: Option<Vec<u64>> = list.ok_or_else(wrong)?.iter().map(seed).collect();
        let seeds = seeds.ok_or_else(wrong)?;
        let different = seeds.iter().collect::<BTreeSet<_>>().len() == seeds.len();
        different.then_some(seeds).ok_or_else(wrong)
    }

    /// A table's settings, if it is there.
    pub fn layer(&self, table: &Table, name: &str) -> Result<Option<(Table, Source)>, ConfigError> {
        match table.get(name) {
            None => Ok(None),
            Some(Value::Table(settings)) => Ok(Some((settings.clone(), self.source(name)))),
            Some(other) => Err(self.wrong(name, other, &format!("a table, [{name}]"))),
        }
    }

    /// The tables within `[kind]`, in the order of the file.
    fn tables(&self, table: &Table, kind: &str) -> Result<Vec<(String, Table)>, FormatError> {
        let Some(value) = table.get(kind) else {
            return Ok(Vec::new());
        };
        let expected = format!("tables such as [{kind}.NAME]");
        let Value::Table(all) = value else {
            return Err(self.wrong(kind, value, &expected).into());
        };
        let mut found = Vec::new();
        for (name, value) in all {
            let path = format!("{kind}.{name}");
            let Value::Table(settings) = value else {
                return Err(self
                    .wrong(&path, value, &format!("a table, [{path}]"))
                    .into());
            };
            self.check_name(name, path)?;
            found.push((name.clone(), settings.clone()));
        }
        let places = self.places(kind);
        found.sort_by_key(|(name, _)| places.iter().position(|known| known == name));
        Ok(found)
    }

    /// Names in a table as they stand in the file, which its reader has in another order.
    fn places(&self, kind: &str) -> Vec<String> {
        let Ok(document) = DeTable::parse(self.text) else {
            return Vec::new();
        };
        let table = document
            .get_ref()
            .get(kind)
            .and_then(|table| table.get_ref().as_table());
        let keys = table.into_iter().flat_map(|table| table.keys());
        let mut keys: Vec<_> = keys
            .map(|key| (key.span().start, key.get_ref().to_string()))
            .collect();
        keys.sort();
        keys.into_iter().map(|(_, name)| name).collect()
    }

    /// Takes a text out of a table.
    fn text(
        &self,
        from: &mut Table,
        table: &str,
        key: &str,
    ) -> Result<Option<String>, ConfigError> {
        match from.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(&format!("{table}.{key}"), &other, "a name in quotes")),
        }
    }

    /// Takes the ends of a task's scale out of its table.
    fn scale(&self, from: &mut Table, table: &str) -> Result<Option<[f64; 2]>, ConfigError> {
        const EXPECTED: &str = "the scores that are 0 and 1 in the report's means over all tasks, the lower one first, such as \
                                [0.0, 20.0]";
        let Some(value) = from.remove("scale") else {
            return Ok(None);
        };
        let number = |value: &Value| match value {
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) if number.is_finite() => Some(*number),
            _ => None,
        };
        let ends: Option<Vec<f64>> = value
            .as_array()
            .and_then(|ends| ends.iter().map(number).collect());
        match ends.as_deref() {
            Some(&[low, high]) if low < high => Ok(Some([low, high])),
            _ => Err(self.wrong(&format!("{table}.scale"), &value, EXPECTED)),
        }
    }

    /// Takes the file that a table names, relative to this one, and reads it.
    fn config(
        &self,
        from: &mut Table,
        table: &str,
    ) -> Result<Option<(Table, Source)>, ConfigError> {
        let Some(named) = self.text(from, table, "config")? else {
            return Ok(None);
        };
        let path = self.path.parent().unwrap_or(Path::new("")).join(named);
        let source = Source::File(path.clone());
        Ok(Some((
            parse_toml(&read_text(&path)?, source.clone())?,
            source,
        )))
    }

    pub fn tasks(
        &self,
        table: &Table,
        common: Option<&(Table, Source)>,
    ) -> Result<Vec<Named>, FormatError> {
        let mut tasks = Vec::new();
        let mut taken = BTreeSet::new();
        for (name, mut settings) in self.tables(table, "tasks")? {
            let place = format!("tasks.{name}");
            self.take(&mut taken, &name)?;
            let mut preset = self.text(&mut settings, &place, "preset")?;
            let scale = self.scale(&mut settings, &place)?;
            let config = self.config(&mut settings, &place)?;
            let own = (settings, self.source(&place));
            let layers = config.into_iter().chain(common.cloned()).chain([own]);
            let layers: Vec<(Table, Source)> = layers.collect();
            let sets_kind = |(table, _): &(Table, Source)| {
                let env = table.get("env");
                env.is_some_and(|env| env.get("kind").is_some())
            };
            if preset.is_none() && !layers.iter().any(sets_kind) {
                // Most tasks are named as their presets. Any other would be the default task under its name.
                preset = Some(self.preset_called(&name)?);
            }
            tasks.push(Named {
                table: name.clone(),
                name,
                preset,
                scale,
                layers,
            });
        }
        match tasks.is_empty() {
            true => {
                const EXPECTED: &str = "at least one table such as [tasks.signal]";
                Err(match table.get("tasks") {
                    None => self.missing("tasks", EXPECTED),
                    Some(found) => self.wrong("tasks", found, EXPECTED),
                }
                .into())
            }
            false => Ok(tasks),
        }
    }

    /// Refuses a name that another has already. Some file systems do not tell capitals from small letters.
    fn take(&self, taken: &mut BTreeSet<String>, name: &str) -> Result<(), FormatError> {
        match taken.insert(name.to_ascii_lowercase()) {
            true => Ok(()),
            false => Err(FormatError::TwoOfOneName {
                file: self.path.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// Refuses a name that no folder can have.
    fn check_name(&self, name: &str, table: String) -> Result<(), FormatError> {
        names::wrong(name).map_or(Ok(()), |expected| {
            Err(FormatError::Name {
                file: self.path.to_owned(),
                table,
                expected,
            })
        })
    }

    /// Refuses more runs than anybody wants.
    pub fn check_number(&self, runs: usize) -> Result<(), FormatError> {
        match runs > MOST_RUNS {
            true => Err(FormatError::TooMany {
                file: self.path.to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn preset_called(&self, name: &str) -> Result<String, FormatError> {
        let mut names = presets::ALL.iter().map(|preset| preset.name);
        match names.clone().any(|known| known == name) {
            true => Ok(name.to_owned()),
            false => Err(FormatError::NoTask {
                file: self.path.to_owned(),
                name: name.to_owned(),
                hint: nearest(name, &mut names).map(String::from),
            }),
        }
    }

    /// Every variant of every method; without methods the one that the tasks' settings make.
    pub fn methods(&self, table: &Table, all: &[Swept]) -> Result<Vec<Named>, FormatError> {
        let mut tables = self.tables(table, "methods")?;
        if tables.is_empty() {
            tables.push((String::new(), Table::new()));
        }
        let mut methods: Vec<Named> = Vec::new();
        let mut taken = BTreeSet::new();
        for (name, mut settings) in tables {
            let place = format!("methods.{name}");
            let config = self.config(&mut settings, &place)?;
            let own_place = format!("{place}.sweep");
            let own = self
                .sweep(&settings, "sweep")
                .map_err(|error| within(error, &place))?;
            settings.remove("sweep");
            let own_keys: BTreeSet<&String> = own.iter().map(|(key, _)| key).collect();
            // A method's own list goes over that of all methods.
            let others = all.iter().filter(|(key, _)| !own_keys.contains(key));
            let others = others.map(|swept| (swept, self.source("sweep")));
            let own = own.iter().map(|swept| (swept, self.source(&own_place)));
            let swept: Vec<(&Swept, Source)> = others.chain(own).collect();
            let count = swept.iter().map(|((_, values), _)| values.len());
            let count = count.fold(1usize, usize::saturating_mul);
            self.check_number(methods.len().saturating_add(count))?;
            for mut values in combinations(&swept) {
                let named: Vec<_> = (values.iter())
                    .map(|(path, value, _)| ((*path).clone(), (*value).clone()))
                    .collect();
                let variant = names::variant(&name, &named);
                self.check_name(&variant, format!("methods.{variant}"))?;
                self.take(&mut taken, &variant)?;
                // A layer that changes a kind drops the settings of the former one, so that kinds come before what is set for
                // them.
                let is_kind = |path: &str| matches!(path, "env.kind" | "method.kind");
                values.sort_by_key(|(path, ..)| !is_kind(path));
                let above = values
                    .into_iter()
                    .map(|(path, value, source)| (nested(path, value.clone()), source.clone()));
                let below = [(settings.clone(), self.source(&place))];
                methods.push(Named {
                    name: variant,
                    table: name.clone(),
                    preset: None,
                    scale: None,
                    layers: config
                        .clone()
                        .into_iter()
                        .chain(below)
                        .chain(above)
                        .collect(),
                });
            }
        }
        Ok(methods)
    }

    /// The keys of a table of lists.
    pub fn sweep(&self, table: &Table, name: &str) -> Result<Vec<Swept>, ConfigError> {
        let mut found = Vec::new();
        if let Some((table, _)) = self.layer(table, name)? {
            self.swept(name, "", &table, &mut found)?;
        }
        Ok(found)
    }

    fn swept(
        &self,
        name: &str,
        path: &str,
        table: &Table,
        into: &mut Vec<Swept>,
    ) -> Result<(), ConfigError> {
        const EXPECTED: &str = "a list of values, such as [1e-3, 3e-4]";
        for (key, value) in table {
            let path = format!("{path}{key}");
            match value {
                Value::Table(inner) => self.swept(name, &format!("{path}."), inner, into)?,
                Value::Array(values) if !values.is_empty() => {
                    if let Some(twice) = twice(values) {
                        let expected = format!("each value once: {twice} stands twice");
                        return Err(self.wrong(&format!("{name}.{path}"), value, &expected));
                    }
                    into.push((path, values.clone()));
                }
                other => return Err(self.wrong(&format!("{name}.{path}"), other, EXPECTED)),
            }
        }
        Ok(())
    }
}

/// The first value that stands before it already, however it is written.
fn twice(values: &[Value]) -> Option<&Value> {
    let again = |(at, value): &(usize, &Value)| values[..*at].contains(value);
    values
        .iter()
        .enumerate()
        .find(again)
        .map(|(_, value)| value)
}

/// The same error of a key within a table.
fn within(error: ConfigError, place: &str) -> ConfigError {
    match error {
        ConfigError::Value {
            path,
            found,
            expected,
            source_of,
            about,
        } => ConfigError::Value {
            path: format!("{place}.{path}"),
            found,
            expected,
            source_of,
            about,
        },
        other => other,
    }
}

/// A key, a value of it, and the table that has it.
type Chosen<'a> = (&'a String, &'a Value, &'a Source);

/// Every choice of one value of each key; the last key changes first.
fn combinations<'a>(
    swept: &'a [(&'a Swept, Source)],
) -> Box<dyn Iterator<Item = Vec<Chosen<'a>>> + 'a> {
    let Some((((path, values), source), rest)) = swept.split_first() else {
        return Box::new(std::iter::once(Vec::new()));
    };
    Box::new(values.iter().flat_map(move |value| {
        combinations(rest).map(move |chosen| {
            std::iter::once((path, value, source))
                .chain(chosen)
                .collect()
        })
    }))
}

/// The table that says that a key has this value.
fn nested(path: &str, value: Value) -> Table {
    let value = match path.split_once('.') {
        Some((first, rest)) => (first, Value::Table(nested(rest, value))),
        None => (path, value),
    };
    Table::from_iter([(value.0.to_owned(), value.1)])
}
