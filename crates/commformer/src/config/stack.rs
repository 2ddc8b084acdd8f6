//! What can be had of every task: how many of its observations agents are shown, what they are told besides, and how
//! its rewards are scaled.

use super::env::{TaskConfig, TaskError};
use commformer_env::{Environment, MOST_STACKED, RewardScale, Spec, Stacked, Telling, Told};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// A task, and what is wrapped around it. A key that has its default is not written, so that runs of before there was
/// such a key and runs of now say the same of the same task.
///
/// It reads as its task wherever that makes no difference. What wrappers change has a method here, and the task
/// alone offers none of these outside of the configuration: nobody plays it unwrapped by mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvConfig {
    /// Observations that an agent is shown: the present one and those before it.
    #[serde(default = "unstacked", skip_serializing_if = "is_unstacked")]
    pub stack: usize,
    /// Whether an agent is told which of them it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent_id: bool,
    /// Whether an agent is told what it did last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_action: bool,
    /// What rewards are multiplied by.
    #[serde(default = "unscaled", skip_serializing_if = "is_unscaled")]
    pub reward_scale: f64,
    /// The task. It refuses the keys that are not its own.
    #[serde(flatten)]
    pub task: TaskConfig,
}

fn unstacked() -> usize {
    1
}

fn is_unstacked(stack: &usize) -> bool {
    *stack == unstacked()
}

fn unscaled() -> f64 {
    1.0
}

fn is_unscaled(scale: &f64) -> bool {
    *scale == unscaled()
}

impl Default for EnvConfig {
    fn default() -> Self {
        TaskConfig::default().into()
    }
}

impl From<TaskConfig> for EnvConfig {
    fn from(task: TaskConfig) -> Self {
        Self {
            stack: unstacked(),
            agent_id: false,
            last_action: false,
            reward_scale: unscaled(),
            task,
        }
    }
}

impl Deref for EnvConfig {
    type Target = TaskConfig;

    fn deref(&self) -> &TaskConfig {
        &self.task
    }
}

impl EnvConfig {
    /// The settings of a kind with every optional key present: what may be configured. `None` if
    /// there is no such kind.
    pub(crate) fn complete(kind: &str) -> Option<Self> {
        TaskConfig::complete(kind).map(|task| Self {
            stack: MOST_STACKED,
            agent_id: true,
            last_action: true,
            reward_scale: 0.5,
            task,
        })
    }

    /// One copy of the task; its constructor checks the settings.
    ///
    /// # Errors
    ///
    /// [`TaskError`].
    pub fn build(&self) -> Result<Box<dyn Environment>, TaskError> {
        self.wrapped(self.task.build()?)
    }

    /// So many copies of the task; of one in Python, dealt out to workers that begin at the same time.
    ///
    /// # Errors
    ///
    /// [`TaskError`].
    pub fn copies(&self, count: usize) -> Result<Vec<Box<dyn Environment>>, TaskError> {
        let copies = self.task.copies(count)?.into_iter();
        copies.map(|copy| self.wrapped(copy)).collect()
    }

    /// What the task looks like.
    ///
    /// # Errors
    ///
    /// [`TaskError`].
    pub fn spec(&self) -> Result<Spec, TaskError> {
        let spec = self.task.spec()?;
        Ok(spec.stacked(self.stack).told(self.telling()))
    }

    /// The same task, its episodes cut after `limit` steps. A limit of 0 changes nothing.
    pub fn with_limit(&self, limit: u32) -> Self {
        Self {
            task: self.task.with_limit(limit),
            ..self.clone()
        }
    }

    fn telling(&self) -> Telling {
        Telling {
            agent_id: self.agent_id,
            last_action: self.last_action,
        }
    }

    /// What an agent is told is told once, behind all that it is shown.
    fn wrapped(&self, mut copy: Box<dyn Environment>) -> Result<Box<dyn Environment>, TaskError> {
        if !is_unscaled(&self.reward_scale) {
            copy = Box::new(RewardScale::new(copy, self.reward_scale as f32)?);
        }
        if !is_unstacked(&self.stack) {
            copy = Box::new(Stacked::new(copy, self.stack)?);
        }
        if !self.telling().is_nothing() {
            copy = Box::new(Told::new(copy, self.telling()));
        }
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kinds;

    fn parsed(text: &str) -> Result<EnvConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn every_kind_can_be_stacked_and_keeps_its_other_keys() {
        for kind in kinds() {
            let config = EnvConfig {
                stack: 3,
                ..EnvConfig::from(TaskConfig::complete(kind).unwrap())
            };
            let text = toml::to_string(&config).unwrap();
            assert_eq!(parsed(&text).unwrap(), config, "{text}");
            // A run of before there was such a key, and one of now, say the same.
            let old = text.replace("stack = 3\n", "");
            let unstacked = EnvConfig { stack: 1, ..config };
            assert_eq!(parsed(&old).unwrap(), unstacked, "{old}");
            assert_eq!(toml::to_string(&unstacked).unwrap(), old);
            let unknown = format!("stak = 3\n{old}");
            let error = parsed(&unknown).unwrap_err().to_string();
            assert!(error.contains("unknown field `stak`"), "{error}");
        }
        // Options of a task in Python are a table of their own, and may have a `stack` of their own.
        let text = "stack = 2\nkind = 'python'\nmake = 'a:b'\n[options]\nstack = 5\nname = 'x'\n";
        let config = parsed(text).unwrap();
        let TaskConfig::Python(task) = &config.task else {
            panic!("another task")
        };
        assert_eq!(config.stack, 2);
        assert_eq!(task.options["stack"].as_integer(), Some(5));
        assert_eq!(
            parsed(&toml::to_string(&config).unwrap()).unwrap(),
            config.clone()
        );
    }

    #[test]
    fn a_stacked_task_says_so_wherever_it_is_made() {
        let plain = EnvConfig::default();
        let stacked = EnvConfig {
            stack: 3,
            ..plain.clone()
        };
        assert_eq!(plain.spec().unwrap().obs_dim, 261);
        let expected = stacked.spec().unwrap();
        assert_eq!(expected.obs_dim, 3 * 261);
        assert_ne!(expected.obs_version, plain.spec().unwrap().obs_version);
        let told = EnvConfig {
            agent_id: true,
            last_action: true,
            reward_scale: 0.5,
            ..stacked.clone()
        };
        assert_eq!(told.spec().unwrap().obs_dim, 3 * 261 + 3 + 5);
        assert_eq!(*told.build().unwrap().spec(), told.spec().unwrap());
        let text = toml::to_string(&told).unwrap();
        assert_eq!(parsed(&text).unwrap(), told, "{text}");
        let limited = stacked.with_limit(5);
        let built = limited.build().unwrap();
        let copies = limited.copies(2).unwrap();
        for copy in copies.iter().chain([&built]) {
            assert_eq!(*copy.spec(), expected);
        }
    }
}
