//! What happened to a worker, in words.

use crate::config::PythonConfig;
use std::fmt;

/// What happened to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The worker: its number and process.
    pub worker: String,
    /// What makes the environment, as `env.make` says.
    pub make: String,
    /// What went wrong, and where: the step, the environment.
    pub what: String,
    /// Python's traceback, or the last that the worker printed; can be empty.
    pub said: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worker,
            make,
            what,
            said,
        } = self;
        write!(f, "{worker} of `{make}` {what}")?;
        match said.is_empty() {
            true => Ok(()),
            false => write!(f, "; it said:\n{said}"),
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// A fault of a worker that does not run, and so has said nothing.
    pub(crate) fn of_absent(
        worker: impl Into<String>,
        config: &PythonConfig,
        what: String,
    ) -> Self {
        Self {
            worker: worker.into(),
            make: config.make.clone(),
            what,
            said: String::new(),
        }
    }
}
