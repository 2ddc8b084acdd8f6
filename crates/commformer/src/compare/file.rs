//! The file of a comparison: which tables it has, and what they may hold. Settings in them are checked later, in every
//! combination.

use super::reader::Reader;
use crate::config::{ConfigError, Source, parse_toml, read_text};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Keys of the file.
pub(super) const KEYS: [&str; 7] = [
    "seeds",
    "folder",
    "processes",
    "settings",
    "tasks",
    "methods",
    "sweep",
];

/// The most runs of a comparison: what is beyond is a slip of the pen in a sweep.
pub(super) const MOST_RUNS: usize = 100_000;

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
    /// Two tasks, or two methods or variants, have one name.
    #[error(
        "{} names `{name}` twice, where capitals make no difference: give one of the two another name",
        file.display()
    )]
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
    /// What its table is called; a variant's name has the values behind it.
    pub table: String,
    /// Of a task.
    pub preset: Option<String>,
    /// Of a task: the scores that are 0 and 1 on the common scale of the report.
    pub scale: Option<[f64; 2]>,
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
        let processes = table.get("processes").map(|value| {
            let number = value
                .as_integer()
                .and_then(|number| usize::try_from(number).ok());
            let number = number.filter(|number| *number > 0);
            number.ok_or_else(|| reader.wrong("processes", value, "a number from 1 on"))
        });
        let processes = processes.transpose()?;
        let seeds = reader.seeds(&table)?;
        let common = reader.layer(&table, "settings")?;
        let sweep = reader.sweep(&table, "sweep")?;
        let tasks = reader.tasks(&table, common.as_ref())?;
        let methods = reader.methods(&table, &sweep)?;
        let runs = [tasks.len(), methods.len(), seeds.len()];
        reader.check_number(runs.into_iter().fold(1, usize::saturating_mul))?;
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

#[cfg(test)]
mod tests;
