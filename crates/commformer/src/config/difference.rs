//! A setting in which two configurations differ.

use super::{Config, ConfigError, EnvConfig};
use commformer_env::settings::settings;
use commformer_view::record::NEUTRAL;
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// A key that has two values in two configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key, such as `ppo.lr`.
    pub path: String,
    /// Its values as TOML; `None` where it is not set.
    pub values: [Option<String>; 2],
}

/// What may differ, besides, between the processes of a run: what the first alone does.
const OF_ONE: &str = "run.weights";

/// What chooses the other keys of its section.
const KINDS: [&str; 2] = ["env.kind", "method.kind"];

impl Config {
    /// The keys in which two configurations differ, with both values: kinds first, and without what differs because they do.
    ///
    /// # Errors
    ///
    /// As for [`to_toml`](Self::to_toml).
    pub fn differences(&self, other: &Self) -> Result<Vec<Difference>, ConfigError> {
        let keys = |config: &Self| -> Result<BTreeMap<String, String>, ConfigError> {
            let sections = config.to_table()?.into_iter();
            Ok(sections
                .flat_map(|(section, keys)| {
                    let keys = keys.as_table().cloned().unwrap_or_default();
                    keys.into_iter()
                        .map(move |(key, value)| (format!("{section}.{key}"), value.to_string()))
                })
                .collect())
        };
        let (mine, theirs) = (keys(self)?, keys(other)?);
        let paths: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        let difference = |path: &String| {
            let of = |keys: &BTreeMap<String, String>| keys.get(path).cloned();
            (of(&mine) != of(&theirs)).then(|| Difference {
                path: path.clone(),
                values: [of(&mine), of(&theirs)],
            })
        };
        let paths = paths
            .into_iter()
            .filter(|path| !self.is_of_kind(other, path));
        let mut found: Vec<_> = paths.filter_map(difference).collect();
        found.sort_by_key(|difference| !KINDS.contains(&&*difference.path));
        Ok(found)
    }

    /// Whether a key has another meaning, or is there in one of two configurations alone, because their kinds differ.
    fn is_of_kind(&self, other: &Self, path: &str) -> bool {
        let (section, key) = path.split_once('.').unwrap_or((path, ""));
        match section {
            _ if KINDS.contains(&path) => false,
            "env" => {
                let wrappers = settings::<EnvConfig>();
                let is_wrapper = wrappers.iter().any(|setting| setting.name == key);
                self.env.kind() != other.env.kind() && !is_wrapper
            }
            "method" => self.method.kind() != other.method.kind(),
            section => self.method.reads(section) != other.method.reads(section),
        }
    }

    /// The settings that make another run of a run, as TOML.
    ///
    /// # Errors
    ///
    /// As for [`to_toml`](Self::to_toml).
    pub(crate) fn settings_that_matter(&self) -> Result<String, ConfigError> {
        self.without(&NEUTRAL)
    }

    /// The settings that all processes of a run have in common, as TOML.
    ///
    /// # Errors
    ///
    /// As for [`to_toml`](Self::to_toml).
    pub(crate) fn settings_of_ranks(&self) -> Result<String, ConfigError> {
        self.without(&[&NEUTRAL[..], &[OF_ONE]].concat())
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
        !NEUTRAL.contains(&self.path.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn what_no_result_depends_on_does_not_matter() {
        let of = |set: &[&str]| Config::resolve(None, &Overrides::set(set)).unwrap();
        let python = ["env.kind='python'", "env.make='mine:make'"];
        let free = [
            "env.python='/opt/python'",
            "env.timeout=300",
            "env.start_timeout=300",
            "env.workers=2",
            "run.threads=3",
            "run.keep=9",
        ];
        let plain = of(&python);
        let other = of(&[&python[..], &free].concat());
        let differences = plain.differences(&other).unwrap();
        assert_eq!(differences.len(), free.len(), "{differences:?}");
        assert!(!differences.iter().any(Difference::matters));
        let settings = [&plain, &other].map(|config| config.settings_that_matter().unwrap());
        assert_eq!(settings[0], settings[1]);
        let slower = of(&[&python[..], &["ppo.lr=1e-5"]].concat());
        assert!(plain.differences(&slower).unwrap()[0].matters());
    }
}
