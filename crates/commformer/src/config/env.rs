//! `[env]`: which task, and its settings. How many of its observations are shown is in `stack.rs`.

use commformer_bridge::{Fault, PythonConfig};
use commformer_env::{BuiltIn, Choice, Environment, Spec, TASKS};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// A task and its settings; `env.kind` names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "Table")]
pub enum TaskConfig {
    /// Any task in Python.
    Python(PythonConfig),
    /// One that is built in; it has its own `kind`.
    #[serde(untagged)]
    BuiltIn(BuiltIn),
}

/// Why a task cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Its settings cannot be.
    #[error("[env]: {0}")]
    Settings(#[from] commformer_env::ConfigError),
    /// It is a task in Python, and its workers did not come up.
    #[error(transparent)]
    Python(#[from] Fault),
}

const PYTHON: &str = "python";

/// Names of all kinds, as `env.kind` takes them: the built-in ones, then Python.
pub fn kinds() -> Vec<&'static str> {
    [TASKS, &[PYTHON]].concat()
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self::BuiltIn(BuiltIn::default())
    }
}

impl From<BuiltIn> for TaskConfig {
    fn from(task: BuiltIn) -> Self {
        Self::BuiltIn(task)
    }
}

impl TryFrom<Table> for TaskConfig {
    type Error = String;

    fn try_from(mut table: Table) -> Result<Self, String> {
        let read = match table.get("kind").and_then(Value::as_str) {
            Some(PYTHON) => {
                table.remove("kind");
                table.try_into().map(Self::Python)
            }
            _ => table.try_into().map(Self::BuiltIn),
        };
        read.map_err(|error: toml::de::Error| error.message().to_owned())
    }
}

impl TaskConfig {
    pub(super) fn complete(kind: &str) -> Option<Self> {
        match kind {
            PYTHON => Some(Self::Python(PythonConfig {
                make: "module:function".into(),
                ..PythonConfig::default()
            })),
            _ => BuiltIn::complete(kind).map(Self::BuiltIn),
        }
    }

    /// Its name in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BuiltIn(task) => task.kind(),
            Self::Python(_) => PYTHON,
        }
    }

    /// The keys that take one of a few names, each with those.
    pub(super) fn choices(&self) -> Vec<Choice> {
        match self {
            Self::BuiltIn(task) => task.choices(),
            Self::Python(_) => Vec::new(),
        }
    }

    /// The kind, and of a task in Python what makes it.
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Python(config) => &config.make,
            _ => self.kind(),
        }
    }

    /// A name for runs of a task in Python, from what makes it.
    pub(crate) fn make_name(&self) -> Option<String> {
        let Self::Python(config) = self else {
            return None;
        };
        let last = config.make.rsplit([':', '.']).next().unwrap_or_default();
        let plain = |letter: char| match letter.is_alphanumeric() || letter == '_' {
            true => letter,
            false => '-',
        };
        Some(last.chars().map(plain).collect())
    }

    /// What the user should know of the task, such as what was padded.
    pub(crate) fn notes(&self) -> Vec<String> {
        match self {
            Self::Python(config) => {
                commformer_bridge::known(config).map_or_else(Vec::new, |task| task.notes)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn build(&self) -> Result<Box<dyn Environment>, TaskError> {
        Ok(match self {
            Self::BuiltIn(task) => task.task().build()?,
            Self::Python(config) => Box::new(commformer_bridge::one(config)?),
        })
    }

    pub(super) fn copies(&self, count: usize) -> Result<Vec<Box<dyn Environment>>, TaskError> {
        match self {
            Self::Python(config) => {
                let copies = commformer_bridge::copies(config, count)?.into_iter();
                Ok(copies
                    .map(|copy| Box::new(copy) as Box<dyn Environment>)
                    .collect())
            }
            _ => (0..count).map(|_| self.build()).collect(),
        }
    }

    pub(super) fn spec(&self) -> Result<Spec, TaskError> {
        match self {
            Self::Python(config) => Ok(commformer_bridge::spec(config)?.spec()),
            _ => Ok(self.build()?.spec().clone()),
        }
    }

    /// How many episodes are played at once if there are so many: copies of a task in Python may be large, so that there
    /// are those of a rollout. For fewer episodes, too: sums are rounded by the size of a batch, and what an episode
    /// returns must not depend on how many there are.
    pub(crate) fn at_once(&self, episodes: usize, rollout_copies: usize) -> usize {
        match self {
            Self::Python(_) => rollout_copies,
            _ => episodes,
        }
    }

    /// Bytes of memory that so many copies share with another process.
    pub(crate) fn shared_bytes(&self, copies: usize) -> f64 {
        match self {
            Self::Python(config) => {
                commformer_bridge::known(config).map_or(0.0, |task| task.shared_bytes(copies))
            }
            _ => 0.0,
        }
    }

    /// Agents in the team (N); 0 if its map does not exist, and of a task in Python until its first worker has
    /// [told](super::EnvConfig::spec).
    pub fn agents(&self) -> usize {
        match self {
            Self::BuiltIn(task) => task.task().agents(),
            Self::Python(config) => commformer_bridge::known(config).map_or(0, |task| task.agents),
        }
    }

    /// What a picture calls each agent: its number, and the initial of its role where roles have names.
    pub fn labels(&self) -> Vec<String> {
        let roles = match self {
            Self::BuiltIn(task) => task.task().roles(),
            Self::Python(_) => vec![String::new(); self.agents()],
        };
        let number = |(agent, role): (usize, String)| format!("{role}{agent}");
        roles.into_iter().enumerate().map(number).collect()
    }

    /// Steps after which an episode is cut; 0 for never, or where a task in Python decides.
    pub fn episode_limit(&self) -> u32 {
        match self {
            Self::BuiltIn(task) => task.task().episode_limit(),
            Self::Python(config) => config.episode_limit,
        }
    }

    /// Whether an episode can go on for ever, as far as is known here.
    pub fn is_endless(&self) -> bool {
        self.episode_limit() == 0 && !matches!(self, Self::Python(_))
    }

    pub(super) fn with_limit(&self, limit: u32) -> Self {
        let mut limited = self.clone();
        if limit > 0 {
            match &mut limited {
                Self::BuiltIn(task) => task.task_mut().set_episode_limit(limit),
                Self::Python(config) => config.episode_limit = limit,
            }
        }
        limited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EnvConfig;

    #[test]
    fn every_kind_is_complete_and_knows_its_name() {
        for kind in kinds() {
            assert_eq!(EnvConfig::complete(kind).unwrap().kind(), kind);
        }
        assert_eq!(EnvConfig::complete("chess"), None);
    }

    #[test]
    fn every_built_in_task_and_each_of_its_keys_is_in_the_book() {
        let book = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src");
        let page = |name| std::fs::read_to_string(format!("{book}/{name}")).unwrap();
        let (rules, keys) = (page("environments.md"), page("configuration.md"));
        for kind in TASKS {
            assert!(rules.contains(&format!("(`kind = \"{kind}\"`)")), "{kind}");
            let row = keys
                .lines()
                .find(|line| line.starts_with(&format!("| `{kind}` |")));
            let row = row.unwrap_or_else(|| panic!("no row of keys for {kind}"));
            for key in Table::try_from(TaskConfig::complete(kind).unwrap())
                .unwrap()
                .keys()
            {
                assert!(
                    key == "kind" || row.contains(&format!("`{key}`")),
                    "{kind}: {key}"
                );
            }
        }
    }

    #[test]
    fn a_limit_of_zero_changes_nothing() {
        let text = "kind = 'predator-prey'\nepisode_limit = 0";
        let endless: EnvConfig = toml::from_str(text).unwrap();
        assert!(endless.with_limit(0).is_endless());
        assert!(!endless.with_limit(20).is_endless());
        assert!(!EnvConfig::default().is_endless());
    }

    #[test]
    fn labels_tell_the_roles() {
        let labels = EnvConfig::complete("predator-capture-prey")
            .unwrap()
            .labels();
        assert_eq!(labels, ["P0", "P1", "C2"]);
        assert_eq!(EnvConfig::default().labels(), ["0", "1", "2"]);
    }
}
