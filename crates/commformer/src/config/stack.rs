//! What can be had of every task: how many of its observations agents are shown, what they are told besides, and how
//! its rewards are shared and scaled.

use super::env::{TaskConfig, TaskError};
use commformer_env::{
    Augment, Augmented, Environment, MOST_STACKED, RewardScale, Share, SharedReward, Spec, Stacked,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::ops::Deref;

/// A task, and what is wrapped around it. A key that has its default is not written: older runs do not have
/// it, and say the same of the same task.
///
/// It reads as its task wherever that makes no difference. What wrappers change has a method here, and the task
/// alone offers none of these outside of the configuration: nobody plays it unwrapped by mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default)]
pub struct EnvConfig {
    /// Observations that an agent sees: the present one and those before it. 1 shows agents what they see now, and nothing
    /// of before.
    #[default(UNSTACKED)]
    #[schemars(range(min = 1, max = MOST_STACKED), extend("default" = UNSTACKED))]
    #[serde(skip_serializing_if = "is_unstacked")]
    pub stack: usize,
    /// Whether an agent sees which of them it is.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub agent_id: bool,
    /// Whether an agent sees what it did last.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last_action: bool,
    /// What each agent is paid of what all are. Left out, it is paid its own reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_reward: Option<Share>,
    /// What rewards are multiplied by.
    #[default(UNSCALED)]
    #[schemars(extend("exclusiveMinimum" = 0.0, "default" = UNSCALED))]
    #[serde(skip_serializing_if = "is_unscaled")]
    pub reward_scale: f64,
    /// The task. It refuses the keys that are not its own.
    #[schemars(skip)]
    #[serde(flatten)]
    pub task: TaskConfig,
}

// Of what is not written, the default cannot be read off what is written: it is named.
const UNSTACKED: usize = 1;
const UNSCALED: f64 = 1.0;

fn is_unstacked(stack: &usize) -> bool {
    *stack == UNSTACKED
}

fn is_unscaled(scale: &f64) -> bool {
    *scale == UNSCALED
}

impl From<TaskConfig> for EnvConfig {
    fn from(task: TaskConfig) -> Self {
        Self {
            task,
            ..Self::default()
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
    /// One environment of the task; its constructor checks the settings.
    ///
    /// # Errors
    ///
    /// [`TaskError`].
    pub fn build(&self) -> Result<Box<dyn Environment>, TaskError> {
        self.wrapped(self.task.build()?)
    }

    /// So many environments of the task; of one in Python, dealt out to workers that begin at the same time.
    ///
    /// # Errors
    ///
    /// [`TaskError`].
    pub fn envs(&self, count: usize) -> Result<Vec<Box<dyn Environment>>, TaskError> {
        let envs = self.task.envs(count)?.into_iter();
        envs.map(|env| self.wrapped(env)).collect()
    }

    /// What the task looks like.
    ///
    /// # Errors
    ///
    /// [`TaskError`].
    pub fn spec(&self) -> Result<Spec, TaskError> {
        let spec = self.task.spec()?;
        Ok(spec.stacked(self.stack).augmented(self.augment()))
    }

    /// The same task, its episodes truncated after `limit` steps. A limit of 0 changes nothing.
    pub fn with_limit(&self, limit: u32) -> Self {
        Self {
            task: self.task.with_limit(limit),
            ..self.clone()
        }
    }

    fn augment(&self) -> Augment {
        Augment {
            agent_id: self.agent_id,
            last_action: self.last_action,
        }
    }

    /// What an agent is told is told once, behind all that it is shown.
    fn wrapped(&self, mut env: Box<dyn Environment>) -> Result<Box<dyn Environment>, TaskError> {
        if let Some(share) = self.shared_reward {
            env = Box::new(SharedReward::new(env, share));
        }
        if !is_unscaled(&self.reward_scale) {
            env = Box::new(RewardScale::new(env, self.reward_scale as f32)?);
        }
        if !is_unstacked(&self.stack) {
            env = Box::new(Stacked::new(env, self.stack)?);
        }
        if !self.augment().is_nothing() {
            env = Box::new(Augmented::new(env, self.augment()));
        }
        Ok(env)
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
                ..EnvConfig::from(TaskConfig::of_kind(kind).unwrap())
            };
            let text = toml::to_string(&config).unwrap();
            assert_eq!(parsed(&text).unwrap(), config, "{text}");
            // An older run, which has no such key, says the same.
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
            shared_reward: Some(Share::Sum),
            reward_scale: 0.5,
            ..stacked.clone()
        };
        assert_eq!(told.spec().unwrap().obs_dim, 3 * 261 + 3 + 5);
        assert_eq!(*told.build().unwrap().spec(), told.spec().unwrap());
        let text = toml::to_string(&told).unwrap();
        assert_eq!(parsed(&text).unwrap(), told, "{text}");
        let limited = stacked.with_limit(5);
        let built = limited.build().unwrap();
        let envs = limited.envs(2).unwrap();
        for env in envs.iter().chain([&built]) {
            assert_eq!(*env.spec(), expected);
        }
    }
}
