//! What a run has written to its folder, read back.

use crate::record::{self, Evaluation, Line};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A run as its folder tells it: `config.toml` and `metrics.jsonl`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunLog {
    /// The folder.
    pub folder: PathBuf,
    /// The configuration, as it is written.
    pub config: String,
    /// The same as a table.
    pub settings: toml::Table,
    /// In the order of the steps.
    pub iterations: Vec<Iteration>,
    /// In the order of the steps.
    pub evaluations: Vec<Evaluation>,
    /// Lines of the metrics that say nothing, from 1: spoiled ones, and one that a kill has cut.
    pub unreadable: Vec<usize>,
}

/// An iteration of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    /// Its number.
    pub number: u64,
    /// Environment steps behind it.
    pub steps: u64,
    /// All its numbers, by their path in the line: `return`, `metrics.success`, `losses.policy`,
    /// `receiving.open_rate`, `seconds.update`. A number that is `null` there, as everything that is not
    /// finite is, is NaN here.
    pub numbers: BTreeMap<String, f64>,
}

/// The path of the share of an agent's steps in which it receives.
pub(crate) const OPEN_RATE: &str = "receiving.open_rate";

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file is missing, or cannot be read.
    #[error(
        "cannot read {}: a run's folder, such as `commformer train` makes, has one",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The final evaluation is not as this version writes it.
    #[error("{} holds no evaluation that this version knows", path.display())]
    Outcome {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The configuration is no TOML.
    #[error("{} is damaged", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: toml::de::Error,
    },
}

impl RunLog {
    /// The run's configuration within its folder.
    pub const CONFIG: &str = "config.toml";
    /// Its metrics.
    pub const METRICS: &str = "metrics.jsonl";
    /// What was not finite, of a run that failed.
    pub const FAILURE: &str = "failure.json";
    /// What a process that trains there has locked; its number is in it.
    pub const LOCK: &str = ".lock";
    /// What the time of an iteration goes into, beside the rest.
    pub(crate) const PHASES: [&str; 3] = ["environment", "act", "update"];

    /// Reads the run in a folder. A run that has not ended a single iteration has none.
    ///
    /// # Errors
    ///
    /// [`LogError`] if the folder holds no run.
    pub fn read(folder: &Path) -> Result<Self, LogError> {
        let mut log = Self::begun(folder)?;
        // A run writes it a moment after its configuration.
        let path = folder.join(Self::METRICS);
        if path.exists() {
            for (number, line) in (1..).zip(read(&path)?.lines()) {
                if !log.take(line) {
                    log.unreadable.push(number);
                }
            }
        }
        Ok(log)
    }

    /// The run in a folder without what its metrics say.
    pub(crate) fn begun(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join(Self::CONFIG);
        let config = read(&path)?;
        let settings = toml::from_str(&config).map_err(|source| LogError::Config {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            config,
            settings,
            ..Self::default()
        })
    }

    /// The seed of the run, if its configuration names one.
    pub fn seed(&self) -> Option<i64> {
        self.setting("run", "seed")?.as_integer()
    }

    /// A setting of the configuration, if it is there.
    pub(crate) fn setting(&self, section: &str, key: &str) -> Option<&toml::Value> {
        self.settings.get(section)?.get(key)
    }

    /// Environment steps of training behind it.
    pub fn steps(&self) -> u64 {
        self.iterations.last().map_or(0, |last| last.steps)
    }

    /// The seconds that went into each of its [`PHASES`](Self::PHASES), as far as they are known.
    pub(crate) fn phases(&self) -> [f64; 3] {
        Self::PHASES.map(|phase| {
            let path = format!("seconds.{phase}");
            let told = self.iterations.iter();
            let told = told.filter_map(|at| at.numbers.get(&path));
            told.filter(|seconds| seconds.is_finite()).sum()
        })
    }

    /// Whether there is more to tell of its gates in these iterations than that all are open.
    pub(crate) fn is_gated(&self, iterations: &[Iteration]) -> bool {
        let mode = self.setting("gate", "mode");
        let asks = mode.is_some_and(|mode| mode.as_str() != Some("off"));
        let number = |of: &Iteration, path| of.numbers.get(path).copied();
        let shuts = |of: &Iteration| {
            number(of, OPEN_RATE).is_some_and(|rate| rate != 1.0)
                || number(of, "receiving.price.message").is_some()
        };
        asks || iterations.iter().any(shuts)
    }

    /// Takes a line of the metrics, if it is one.
    pub(crate) fn take(&mut self, line: &str) -> bool {
        match serde_json::from_str(line) {
            Ok(Line::Iteration(line)) => self.iterations.push(Iteration::of(&line)),
            Ok(Line::Evaluation(line)) => self.evaluations.push(line),
            Err(_) => return false,
        }
        true
    }
}

impl Iteration {
    fn of(line: &record::Iteration) -> Self {
        let mut numbers = BTreeMap::new();
        // Its names are words, and its numbers are numbers: it has a JSON.
        if let Ok(Value::Object(line)) = serde_json::to_value(line) {
            flatten("", &line, &mut numbers);
        }
        Self {
            number: line.number,
            steps: line.steps,
            numbers,
        }
    }
}

fn flatten(path: &str, object: &Map<String, Value>, into: &mut BTreeMap<String, f64>) {
    for (name, value) in object {
        let name = format!("{path}{name}");
        match value {
            Value::Object(inner) => flatten(&format!("{name}."), inner, into),
            Value::Null => drop(into.insert(name, f64::NAN)),
            Value::Number(number) => into.extend(number.as_f64().map(|number| (name, number))),
            _ => {}
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<String, LogError> {
    let bytes = std::fs::read(path).map_err(|source| LogError::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITERATION: &str = r#"{"kind":"iteration","iteration":1,"steps":2000,"episodes":3,"return":null,"episode_steps":null,"metrics":{"success":1.0},"losses":{"policy":0.5,"value":0.5,"entropy":0.5,"clipped":0.5,"kl":0.5,"grad_norm":0.5,"gate":{"policy":0.25,"value":0.25,"entropy":0.25,"clipped":0.25,"kl":0.25}},"graph_changes":0,"seconds":{"environment":0.5,"act":0.5,"update":0.5,"elapsed":2.0}}"#;
    const EVALUATION: &str = r#"{"kind":"evaluation","steps":2000,"episodes":20,"metrics":{"return":{"mean":-1.0,"low":-2.0,"high":null}},"graph":[[0.0,1.0],[1.0,0.0]],"seconds":{"elapsed":3.0}}"#;

    fn folder(metrics: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "[run]\nseed = 7\n").unwrap();
        if let Some(metrics) = metrics {
            std::fs::write(folder.path().join(RunLog::METRICS), metrics).unwrap();
        }
        folder
    }

    #[test]
    fn a_run_is_read_with_numbers_by_their_path() {
        let text = [ITERATION, "spoiled", EVALUATION, &ITERATION[..40]].join("\n");
        let folder = folder(Some(&text));
        let log = RunLog::read(folder.path()).unwrap();
        assert_eq!(log.seed(), Some(7));
        assert_eq!(log.unreadable, [2, 4]);
        let [iteration] = &log.iterations[..] else {
            panic!("{:?}", log.iterations);
        };
        assert_eq!((iteration.number, iteration.steps), (1, 2000));
        assert_eq!(iteration.numbers["losses.gate.kl"], 0.25);
        assert_eq!(iteration.numbers["metrics.success"], 1.0);
        assert!(iteration.numbers["return"].is_nan());
        let [evaluation] = &log.evaluations[..] else {
            panic!("{:?}", log.evaluations);
        };
        assert_eq!(evaluation.graph, [[0.0, 1.0], [1.0, 0.0]]);
        assert_eq!(evaluation.metrics.get("return").unwrap().low, -2.0);
        assert!(evaluation.metrics.get("return").unwrap().high.is_nan());
    }

    #[test]
    fn a_run_that_has_just_begun_is_empty() {
        let folder = folder(None);
        let log = RunLog::read(folder.path()).unwrap();
        assert!(log.iterations.is_empty() && log.evaluations.is_empty());
    }

    #[test]
    fn a_folder_without_a_run_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = RunLog::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("config.toml"), "{error}");
    }
}
