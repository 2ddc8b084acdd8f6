//! `[env]`: which task, and its settings. How many of its observations are shown is in `stack.rs`.

use commformer_bridge::{Fault, PythonConfig};
use commformer_env::settings::{Setting, settings};
use commformer_env::{BuiltIn, Environment, Spec, TASKS};
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
    /// The task of this kind with its defaults.
    pub(crate) fn of_kind(kind: &str) -> Option<Self> {
        match kind {
            PYTHON => Some(Self::Python(PythonConfig::default())),
            _ => BuiltIn::of_kind(kind).map(Self::BuiltIn),
        }
    }

    /// Its name in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BuiltIn(task) => task.kind(),
            Self::Python(_) => PYTHON,
        }
    }

    /// What it is, in a sentence.
    pub(super) fn about(&self) -> &'static str {
        match self {
            Self::BuiltIn(task) => task.about(),
            Self::Python(_) => "Any environment in Python.",
        }
    }

    /// The settings that it has.
    pub(super) fn settings(&self) -> &'static [Setting] {
        match self {
            Self::BuiltIn(task) => task.settings(),
            Self::Python(_) => settings::<PythonConfig>(),
        }
    }

    /// The kind, and of a task in Python what makes it.
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Python(config) => &config.make,
            _ => self.kind(),
        }
    }

    /// A name for runs of the task: its kind, or of one in Python the module, the file or the scenario that makes it.
    pub(crate) fn name(&self) -> String {
        let Self::Python(config) = self else {
            return self.kind().to_owned();
        };
        let (maker, what) = config.make.rsplit_once(':').unwrap_or(("", &config.make));
        let named = match maker {
            "" | "pettingzoo" | "gfootball" | "smac" => what,
            module => module.strip_suffix(".py").unwrap_or(module),
        };
        let last = named.rsplit(['.', '/']).next().unwrap_or_default();
        let plain = |letter: char| match letter.is_alphanumeric() || letter == '_' {
            true => letter,
            false => '-',
        };
        last.chars().map(plain).collect()
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

    pub(super) fn envs(&self, count: usize) -> Result<Vec<Box<dyn Environment>>, TaskError> {
        match self {
            Self::Python(config) => {
                let envs = commformer_bridge::envs(config, count)?.into_iter();
                Ok(envs
                    .map(|env| Box::new(env) as Box<dyn Environment>)
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

    /// How many episodes are played at once if there are so many: environments of a task in Python may be large, so that there
    /// are those of a rollout. For fewer episodes, too: sums are rounded by the size of a batch, and what an episode
    /// returns must not depend on how many there are.
    pub(crate) fn at_once(&self, episodes: usize, rollout_envs: usize) -> usize {
        match self {
            Self::Python(_) => rollout_envs,
            _ => episodes,
        }
    }

    /// Bytes of memory that so many environments share with another process.
    pub(crate) fn shared_bytes(&self, envs: usize) -> f64 {
        match self {
            Self::Python(config) => {
                commformer_bridge::known(config).map_or(0.0, |task| task.shared_bytes(envs))
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

    /// The keys that say how many agents there are.
    pub fn size_keys(&self) -> &'static [&'static str] {
        match self {
            Self::BuiltIn(task) => task.task().size_keys(),
            // What they mean to it, only the task knows.
            Self::Python(_) => &["options", "make"],
        }
    }

    /// Which keys say how many agents there are, in words.
    pub(super) fn size_hint(&self) -> String {
        let keys = self.size_keys().iter().map(|key| format!("`env.{key}`"));
        let keys = keys.collect::<Vec<_>>().join(" and ");
        format!("the size of the team of `{}` is set by {keys}", self.kind())
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

    /// Steps after which an episode is truncated; 0 for never, or where a task in Python decides.
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
    fn every_kind_knows_its_name() {
        for kind in kinds() {
            assert_eq!(TaskConfig::of_kind(kind).unwrap().kind(), kind);
        }
        assert_eq!(TaskConfig::of_kind("chess"), None);
    }

    #[test]
    fn every_built_in_task_is_in_the_book() {
        let book = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src");
        let rules = std::fs::read_to_string(format!("{book}/environments.md")).unwrap();
        for kind in TASKS {
            assert!(rules.contains(&format!("(`kind = \"{kind}\"`)")), "{kind}");
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
    fn keys_of_the_size_are_settings_of_the_task() {
        for kind in kinds() {
            let task = TaskConfig::of_kind(kind).unwrap();
            let has = |key: &&str| task.settings().iter().any(|setting| setting.name == **key);
            assert!(task.size_keys().iter().all(has), "{kind}");
            assert_eq!(has(&"agents"), task.size_keys() == ["agents"], "{kind}");
        }
    }

    #[test]
    fn labels_tell_the_roles() {
        let labels = TaskConfig::of_kind("predator-capture-prey")
            .unwrap()
            .labels();
        assert_eq!(labels, ["P0", "P1", "C2"]);
        assert_eq!(EnvConfig::default().labels(), ["0", "1", "2"]);
    }
}
