//! What the command line puts over a preset.

use super::error::{ConfigError, Source};
use super::run::MOST;
use std::path::PathBuf;
use toml::{Table, Value};

/// What a user puts over a preset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Assignments such as `ppo.lr=3e-4`; of two for the same key the later counts.
    pub set: Vec<String>,
    /// `method.kind`.
    pub method: Option<String>,
    /// `run.seed`.
    pub seed: Option<u64>,
    /// `run.steps`.
    pub steps: Option<u64>,
    /// `run.weights`.
    pub weights: Option<PathBuf>,
    /// `run.threads`.
    pub threads: Option<usize>,
    /// `run.device`.
    pub device: Option<String>,
}

impl Overrides {
    /// These assignments, and nothing else.
    pub fn set(texts: &[&str]) -> Self {
        Self {
            set: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The layer of the options that have a name of their own.
    pub(super) fn options(&self) -> Result<Table, ConfigError> {
        let whole = |name: &str, number: u64| {
            i64::try_from(number)
                .map(Value::Integer)
                .map_err(|_| ConfigError::Value {
                    path: format!("run.{name}"),
                    found: number.to_string(),
                    expected: format!("at most {MOST}"),
                    source_of: Source::Argument(format!("--{name}")),
                    about: "".into(),
                })
        };
        let numbers = [
            ("seed", self.seed),
            ("steps", self.steps),
            ("threads", self.threads.map(|threads| threads as u64)),
        ];
        let mut run = Table::new();
        for (name, number) in numbers {
            if let Some(number) = number {
                run.insert(name.to_owned(), whole(name, number)?);
            }
        }
        if let Some(device) = &self.device {
            run.insert("device".to_owned(), Value::String(device.clone()));
        }
        if let Some(weights) = &self.weights {
            let weights = Value::try_from(weights).map_err(|_| ConfigError::Value {
                path: "run.weights".to_owned(),
                found: weights.display().to_string(),
                expected: "a path of valid UTF-8".to_owned(),
                source_of: Source::Argument("--weights".to_owned()),
                about: "".into(),
            })?;
            run.insert("weights".to_owned(), weights);
        }
        let mut options = Table::from_iter([("run".to_owned(), Value::Table(run))]);
        if let Some(method) = &self.method {
            let kind = ("kind".to_owned(), Value::String(method.clone()));
            options.insert("method".to_owned(), Value::Table(Table::from_iter([kind])));
        }
        Ok(options)
    }
}
