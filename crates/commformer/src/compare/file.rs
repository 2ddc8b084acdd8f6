//! The file of a comparison: which tables it has, and what they may hold. Settings in them are checked later, in every
//! combination.

use super::names;
use crate::config::{ConfigError, Source, nearest, parse_toml, presets, read_text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::de::DeTable;
use toml::{Table, Value};

/// Keys of the file.
const KEYS: [&str; 7] = [
    "seeds",
    "folder",
    "processes",
    "settings",
    "tasks",
    "methods",
    "sweep",
];

/// The most runs of a comparison: what is beyond is a slip of the pen in a sweep.
const MOST_RUNS: usize = 100_000;

/// Why the file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It cannot be read, is no TOML, or a key of it is unknown or has a value that cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A table is named as none can be.
    #[error("[{table}] of {} needs {expected}: it is the name of a folder, too", file.display())]
    Name {
        /// The file.
        file: PathBuf,
        /// The table.
        table: String,
        /// What would do.
        expected: &'static str,
    },
    /// A task of which nothing is known.
    #[error(
        "[tasks.{name}] of {} names no task: add `preset = \"...\"` or `env.kind = \"...\"`{}",
        file.display(),
        hint.as_ref().map_or(String::new(), |near| format!(", or did you mean [tasks.{near}]?"))
    )]
    NoTask {
        /// The file.
        file: PathBuf,
        /// The task's name.
        name: String,
        /// The preset with the nearest name.
        hint: Option<String>,
    },
    /// Two methods or variants have one name.
    #[error("two variants of {} are called `{name}`: give their methods other names", file.display())]
    TwoOfOneName {
        /// The file.
        file: PathBuf,
        /// The name.
        name: String,
    },
    /// More than anybody wants.
    #[error("{} asks for more than {MOST_RUNS} runs; leave some of its lists shorter", file.display())]
    TooMany {
        /// The file.
        file: PathBuf,
    },
}

/// What the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// The file.
    pub file: PathBuf,
    /// Where the runs are, relative to where the user stands.
    pub folder: PathBuf,
    /// Runs at a time; `None` leaves it to the program.
    pub processes: Option<usize>,
    /// Seeds, in their order.
    pub seeds: Vec<u64>,
    /// In the order of the file.
    pub(super) tasks: Vec<Named>,
    /// Methods with each of their variants, in the order of the file.
    pub(super) methods: Vec<Named>,
}

/// A task or a variant of a method: its name, and the settings that make it, each above those before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub name: String,
    /// Of a task.
    pub preset: Option<String>,
    pub layers: Vec<(Table, Source)>,
}

impl Format {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`FormatError`], which names the file and the key.
    pub fn read(path: &Path) -> Result<Self, FormatError> {
        Self::parse(&read_text(path)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, FormatError> {
        let table = parse_toml(text, Source::File(path.to_owned()))?;
        let reader = Reader { path, text };
        for key in table.keys() {
            if !KEYS.contains(&key.as_str()) {
                return Err(reader.unknown(key).into());
            }
        }
        let folder = match table.get("folder") {
            Some(Value::String(folder)) if !folder.is_empty() => PathBuf::from(folder),
            Some(other) => return Err(reader.wrong("folder", other, "a path in quotes").into()),
            None => Path::new("runs").join(path.file_stem().unwrap_or_default()),
        };
        let processes = match table.get("processes") {
            None => None,
            Some(value) => match value.as_integer().map(usize::try_from) {
                Some(Ok(number @ 1..)) => Some(number),
                _ => {
                    return Err(reader
                        .wrong("processes", value, "a number from 1 on")
                        .into());
                }
            },
        };
        let seeds = reader.seeds(&table)?;
        let common = reader.layer(&table, "settings")?;
        let sweep = reader.sweep(&table, "sweep")?;
        let tasks = reader.tasks(&table, common.as_ref())?;
        let methods = reader.methods(&table, &sweep)?;
        let runs = [tasks.len(), methods.len(), seeds.len()];
        let all = runs
            .iter()
            .try_fold(1usize, |all, more| all.checked_mul(*more));
        if all.is_none_or(|all| all > MOST_RUNS) {
            let file = path.to_owned();
            return Err(FormatError::TooMany { file });
        }
        Ok(Self {
            file: path.to_owned(),
            folder,
            processes,
            seeds,
            tasks,
            methods,
        })
    }
}

/// A key that is swept, with its values.
type Swept = (String, Vec<Value>);

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn source(&self, table: &str) -> Source {
        Source::Table(format!("[{table}] of {}", self.path.display()))
    }

    fn unknown(&self, key: &str) -> ConfigError {
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

    fn wrong(&self, key: &str, found: &Value, expected: &str) -> ConfigError {
        ConfigError::Value {
            path: key.to_owned(),
            found: found.to_string(),
            expected: expected.to_owned(),
            source_of: Source::File(self.path.to_owned()),
            about: "".into(),
        }
    }

    fn seeds(&self, table: &Table) -> Result<Vec<u64>, ConfigError> {
        const EXPECTED: &str = "a list of different seeds from 0 on, such as [1, 2, 3]";
        let none = Value::String("not set".to_owned());
        let found = table.get("seeds").unwrap_or(&none);
        let wrong = || self.wrong("seeds", found, EXPECTED);
        let list = found.as_array().filter(|list| !list.is_empty());
        let seed = |value: &Value| u64::try_from(value.as_integer()?).ok();
        let seeds: Option<Vec<u64>> = list.ok_or_else(wrong)?.iter().map(seed).collect();
        let seeds = seeds.ok_or_else(wrong)?;
        let different = seeds.iter().collect::<BTreeSet<_>>().len() == seeds.len();
        different.then_some(seeds).ok_or_else(wrong)
    }

    /// A table's settings, if it is there.
    fn layer(&self, table: &Table, name: &str) -> Result<Option<(Table, Source)>, ConfigError> {
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
            if let Some(expected) = names::wrong(name) {
                let file = self.path.to_owned();
                let table = path;
                return Err(FormatError::Name {
                    file,
                    table,
                    expected,
                });
            }
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

    fn tasks(
        &self,
        table: &Table,
        common: Option<&(Table, Source)>,
    ) -> Result<Vec<Named>, FormatError> {
        let mut tasks = Vec::new();
        for (name, mut settings) in self.tables(table, "tasks")? {
            let place = format!("tasks.{name}");
            let mut preset = self.text(&mut settings, &place, "preset")?;
            let config = self.config(&mut settings, &place)?;
            let kind = settings.get("env").and_then(|env| env.get("kind"));
            if preset.is_none() && config.is_none() && kind.is_none() {
                // Most tasks are named as their presets.
                preset = Some(self.preset_called(&name)?);
            }
            let own = (settings, self.source(&place));
            let layers = config.into_iter().chain(common.cloned()).chain([own]);
            tasks.push(Named {
                name,
                preset,
                layers: layers.collect(),
            });
        }
        match tasks.is_empty() {
            true => {
                let none = Value::String("not set".to_owned());
                Err(self
                    .wrong("tasks", &none, "at least one table such as [tasks.signal]")
                    .into())
            }
            false => Ok(tasks),
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
    fn methods(&self, table: &Table, all: &[Swept]) -> Result<Vec<Named>, FormatError> {
        let mut tables = self.tables(table, "methods")?;
        if tables.is_empty() {
            tables.push((String::new(), Table::new()));
        }
        let mut methods: Vec<Named> = Vec::new();
        // Some file systems do not tell capitals from small letters.
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
            if methods.len().saturating_add(count) > MOST_RUNS {
                let file = self.path.to_owned();
                return Err(FormatError::TooMany { file });
            }
            for values in combinations(&swept) {
                let named: Vec<_> = (values.iter())
                    .map(|(path, value, _)| ((*path).clone(), (*value).clone()))
                    .collect();
                let variant = names::variant(&name, &named);
                let file = self.path.to_owned();
                if let Some(expected) = names::wrong(&variant) {
                    let table = format!("methods.{variant}");
                    return Err(FormatError::Name {
                        file,
                        table,
                        expected,
                    });
                }
                if !taken.insert(variant.to_ascii_lowercase()) {
                    let name = variant;
                    return Err(FormatError::TwoOfOneName { file, name });
                }
                let above = values
                    .into_iter()
                    .map(|(path, value, source)| (nested(path, value.clone()), source.clone()));
                let below = [(settings.clone(), self.source(&place))];
                methods.push(Named {
                    name: variant,
                    preset: None,
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
    fn sweep(&self, table: &Table, name: &str) -> Result<Vec<Swept>, ConfigError> {
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
                Value::Array(values) if !values.is_empty() => into.push((path, values.clone())),
                other => return Err(self.wrong(&format!("{name}.{path}"), other, EXPECTED)),
            }
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests;
