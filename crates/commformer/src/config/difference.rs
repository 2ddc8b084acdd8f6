//! A setting in which two configurations differ.

use super::{Config, ConfigError};
use toml::Value;

/// A key that has two values in two configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key, such as `ppo.lr`.
    pub path: String,
    /// Its values as TOML; `None` where it is not set.
    pub values: [Option<String>; 2],
}

/// What may differ from a run that goes on: no result depends on threads, and another machine may have another device.
const FREE: [&str; 2] = ["run.threads", "run.device"];

/// What may differ, besides, between the processes of a run: what the first alone does, and where a machine has its Python.
const OF_ONE: [&str; 3] = ["run.keep", "run.weights", "env.python"];

impl Config {
    /// The settings that make another run of a run, as TOML.
    ///
    /// # Errors
    ///
    /// As for [`to_toml`](Self::to_toml).
    pub(crate) fn settings_that_matter(&self) -> Result<String, ConfigError> {
        self.without(&FREE)
    }

    /// The settings that all processes of a run have in common, as TOML.
    ///
    /// # Errors
    ///
    /// As for [`to_toml`](Self::to_toml).
    pub(crate) fn settings_of_ranks(&self) -> Result<String, ConfigError> {
        self.without(&[&FREE[..], &OF_ONE].concat())
    }

    fn without(&self, paths: &[&str]) -> Result<String, ConfigError> {
        let mut settings = self.to_table()?;
        for path in paths {
            let (section, key) = path.split_once('.').unwrap_or((path, ""));
            if let Some(Value::Table(section)) = settings.get_mut(section) {
                section.remove(key);
            }
        }
        Ok(toml::to_string(&settings)?)
    }
}

impl Difference {
    /// Whether it makes another run of a run.
    pub fn matters(&self) -> bool {
        !FREE.contains(&self.path.as_str())
    }

    /// Both values in words.
    pub fn shown(&self) -> [&str; 2] {
        (self.values.each_ref()).map(|value| value.as_deref().unwrap_or("not set"))
    }

    /// The same in a sentence, the first as that of a run that is there.
    pub fn told(&self) -> String {
        let [own, asked] = self.shown();
        format!("{} is {own} there and {asked} here", self.path)
    }
}
