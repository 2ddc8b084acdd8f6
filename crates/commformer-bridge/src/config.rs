//! Which Python task, and how it is run.

use crate::options;
use serde::{Deserialize, Serialize};
use toml::Table;

/// The settings of a task in Python.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PythonConfig {
    /// What makes it: `pettingzoo:MODULE`, `gfootball:SCENARIO`, `smac:MAP`, `MODULE:FUNCTION` or `FILE:FUNCTION`.
    pub make: String,
    /// What it is made with: keyword arguments.
    pub options: Table,
    /// The interpreter, 3.10 or later, that has numpy and the environment.
    pub python: String,
    /// Worker processes; 0: one for each core. No result depends on it.
    pub workers: usize,
    /// Seconds that a step or a reset of a worker's copies may take.
    pub timeout: f64,
    /// Seconds that a worker may take to import the environment and to make its copies.
    pub start_timeout: f64,
    /// How often a worker that failed is started anew before the run gives up.
    pub restarts: u32,
    /// Steps after which an episode is cut; 0: the environment decides alone.
    pub episode_limit: u32,
}

impl Default for PythonConfig {
    fn default() -> Self {
        Self {
            make: String::new(),
            options: Table::new(),
            python: "python3".into(),
            workers: 0,
            timeout: 60.0,
            start_timeout: 120.0,
            restarts: 0,
            episode_limit: 0,
        }
    }
}

/// A setting that cannot be: its name, its value, and what would work.
pub type Refused = (&'static str, String, &'static str);

impl PythonConfig {
    /// Looks at what can be judged without starting Python.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be.
    pub fn check(&self) -> Result<(), Refused> {
        let parts = self.make.split_once(':');
        if !parts.is_some_and(|(module, function)| !module.is_empty() && !function.is_empty()) {
            let expected =
                "MODULE:FUNCTION, FILE:FUNCTION, pettingzoo:MODULE, gfootball:SCENARIO or smac:MAP";
            return Err(("make", format!("`{}`", self.make), expected));
        }
        if let Some((found, expected)) = options::problem(&self.options) {
            return Err(("options", found, expected));
        }
        if self.python.is_empty() {
            return Err(("python", "``".into(), "the name or path of an interpreter"));
        }
        for (name, seconds) in [
            ("timeout", self.timeout),
            ("start_timeout", self.start_timeout),
        ] {
            // A bound, so that it is a duration: eleven days.
            if !(seconds > 0.0 && seconds <= 1e6) {
                return Err((
                    name,
                    seconds.to_string(),
                    "above 0 and at most 1000000 (seconds)",
                ));
            }
        }
        if self.workers > 1024 {
            return Err((
                "workers",
                self.workers.to_string(),
                "at most 1024; 0 means one for each core",
            ));
        }
        Ok(())
    }

    /// How many workers hold so many copies.
    pub(crate) fn workers_for(&self, copies: usize) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let asked = if self.workers == 0 {
            cores
        } else {
            self.workers
        };
        asked.clamp(1, copies.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named() {
        let good = PythonConfig {
            make: "a:b".into(),
            ..PythonConfig::default()
        };
        assert_eq!(good.check(), Ok(()));
        let most = PythonConfig {
            workers: 1024,
            timeout: 1e6,
            ..good.clone()
        };
        assert_eq!(most.check(), Ok(()));
        let refused = |change: fn(&mut PythonConfig)| {
            let mut config = good.clone();
            change(&mut config);
            config.check().unwrap_err().0
        };
        assert_eq!(refused(|config| config.make.clear()), "make");
        assert_eq!(refused(|config| config.make = "module:".into()), "make");
        assert_eq!(refused(|config| config.python.clear()), "python");
        assert_eq!(
            refused(|config| config.options = "a = 23:59:60".parse().unwrap()),
            "options"
        );
        assert_eq!(refused(|config| config.timeout = 0.0), "timeout");
        assert_eq!(
            refused(|config| config.start_timeout = f64::NAN),
            "start_timeout"
        );
        assert_eq!(refused(|config| config.workers = 5000), "workers");
    }

    #[test]
    fn nobody_waits_for_a_worker_without_copies() {
        let config = PythonConfig {
            workers: 4,
            ..PythonConfig::default()
        };
        assert_eq!(
            [1, 3, 4, 90].map(|copies| config.workers_for(copies)),
            [1, 3, 4, 4]
        );
    }
}
