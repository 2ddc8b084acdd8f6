//! Which Python task, and how it is run.

use crate::options;
use commformer_env::{ConfigError, settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::collections::BTreeMap;
use toml::Table;

/// The settings of a task in Python.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct PythonConfig {
    /// What makes the environment: `pettingzoo:MODULE`, `gfootball:SCENARIO`, `smac:MAP`, `MODULE:FUNCTION` or
    /// `FILE:FUNCTION`. See [Environments in Python](python.md#what-envmake-names).
    pub make: String,
    /// The keyword arguments that it is made with.
    #[schemars(with = "BTreeMap<String, ()>")]
    pub options: Table,
    /// The interpreter, 3.10 or later, that has numpy and the environment.
    #[default = "python3"]
    pub python: String,
    /// Worker processes; 0 means one for each core. No result depends on it.
    #[schemars(range(max = 1024))]
    pub workers: usize,
    /// Seconds that a step or a reset of a worker's environments may take.
    #[default = 60.0]
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0.0))]
    pub timeout: f64,
    /// Seconds that a worker may take to import the environment and to make its instances of it.
    #[default = 120.0]
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0.0))]
    pub start_timeout: f64,
    /// How often a worker that failed is started anew before the run gives up.
    pub restarts: u32,
    /// Whether methods whose critics know more than an agent sees, such as `mappo`, are shown the environment's global
    /// state: what `state()` returns.
    pub global_state: bool,
    /// Steps after which an episode is truncated; 0: the environment decides alone.
    pub episode_limit: u32,
}

fn refused(field: &'static str, found: String, allowed: &str) -> ConfigError {
    ConfigError {
        field: field.into(),
        found,
        allowed: allowed.into(),
    }
}

impl PythonConfig {
    /// Checks what can be checked without starting Python.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let parts = self.make.split_once(':');
        if !parts.is_some_and(|(module, function)| !module.is_empty() && !function.is_empty()) {
            let expected =
                "MODULE:FUNCTION, FILE:FUNCTION, pettingzoo:MODULE, gfootball:SCENARIO or smac:MAP";
            return Err(refused("make", format!("`{}`", self.make), expected));
        }
        if let Some((found, expected)) = options::problem(&self.options) {
            return Err(refused("options", found, expected));
        }
        if self.python.is_empty() {
            let expected = "the name or path of an interpreter";
            return Err(refused("python", "``".into(), expected));
        }
        settings::check(self)
    }

    /// How many workers hold so many environments.
    pub(crate) fn workers_for(&self, envs: usize) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let asked = if self.workers == 0 {
            cores
        } else {
            self.workers
        };
        asked.clamp(1, envs.max(1))
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
            config.check().unwrap_err().field
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
    fn nobody_waits_for_a_worker_without_environments() {
        let config = PythonConfig {
            workers: 4,
            ..PythonConfig::default()
        };
        assert_eq!(
            [1, 3, 4, 90].map(|envs| config.workers_for(envs)),
            [1, 3, 4, 4]
        );
    }
}
