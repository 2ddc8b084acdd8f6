//! What can be wrong with a task's settings and with how environments of it are used.

use std::borrow::Cow;
use std::fmt::Display;

use crate::{ActionSpace, MetricNameError, Spec};

/// A setting of a task that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {found}, but must be {allowed}")]
pub struct ConfigError {
    /// The setting's name, as in the configuration.
    pub field: Cow<'static, str>,
    /// The value it has.
    pub found: String,
    /// The values it may have.
    pub allowed: String,
}

/// An error about `field` unless `holds`.
pub(crate) fn require(
    holds: bool,
    field: &'static str,
    found: impl Display,
    allowed: impl Display,
) -> Result<(), ConfigError> {
    if holds {
        return Ok(());
    }
    Err(ConfigError {
        field: field.into(),
        found: found.to_string(),
        allowed: allowed.to_string(),
    })
}

/// Bytes that are no state of a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StateError(String);

impl StateError {
    /// Says what is wrong with them.
    pub fn new(what: impl Display) -> Self {
        Self(what.to_string())
    }
}

/// What a [`VecEnv`](crate::VecEnv) cannot do. Except after [`Remote`](Self::Remote) nothing was stepped when one of
/// these is returned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum VecEnvError {
    /// It was given no environment.
    #[error("a vector environment needs at least one environment, but got none")]
    NoEnvs,
    /// Its environments are not environments of one task.
    #[error(
        "environment {env} has {found:?}, but environment 0 has {expected:?}: use one task for all environments"
    )]
    SpecsDiffer {
        /// The first environment that differs.
        env: usize,
        /// What it looks like.
        found: Box<Spec>,
        /// What environment 0 looks like.
        expected: Box<Spec>,
    },
    /// Its task has no agents, shows them nothing or lets them do nothing.
    #[error(
        "a task needs at least one agent, one number of observation and one action, but has {spec:?}"
    )]
    EmptySpec {
        /// What the task looks like.
        spec: Box<Spec>,
    },
    /// What its environments show is more than there is memory for.
    #[error(
        "{envs} environments of {} agents, each with {} numbers of observation and {} actions, need more memory than \
         there is: have fewer environments or agents, or let agents see less",
        .spec.agents, .spec.obs_dim, .spec.actions.size()
    )]
    Memory {
        /// Environments (C).
        envs: usize,
        /// What each looks like.
        spec: Box<Spec>,
    },
    /// A metric of its task cannot be called so.
    #[error(transparent)]
    MetricName(#[from] MetricNameError),
    /// It was stepped before its first reset.
    #[error("the environments have no episode to step yet: call `reset` first")]
    NotReset,
    /// The task tells an agent to receive from one that does not exist.
    #[error(
        "`sources` lets agent {agent} receive from agent {found}, but there are only agents 0 to {}", .agents - 1
    )]
    NoSuchSource {
        /// The agent that must receive.
        agent: usize,
        /// The one that it must receive from.
        found: usize,
        /// How many agents there are.
        agents: usize,
    },
    /// A buffer, or an answer that the task knows, does not fit.
    #[error("`{buffer}` has {found} elements, but needs {expected}")]
    Length {
        /// Which one.
        buffer: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// Indices were passed where vectors are needed, or the other way round.
    #[error("the task takes {expected:?} actions, but got the other kind")]
    ActionKind {
        /// What the task takes.
        expected: ActionSpace,
    },
    /// An index names no action.
    #[error("agent {agent} of environment {env} takes action {found}, but there are only actions 0 to {}", .count - 1)]
    NoSuchAction {
        /// The environment.
        env: usize,
        /// The agent in it.
        agent: usize,
        /// The index.
        found: i64,
        /// How many actions there are.
        count: usize,
    },
    /// An environment does not go on from a saved state.
    #[error("environment {env} does not go on from its saved state: {source}")]
    State {
        /// The environment.
        env: usize,
        /// Why.
        source: StateError,
    },
    /// An environment that lives elsewhere failed. Other environments may have been stepped.
    #[error("environment {env}: {what}")]
    Remote {
        /// The environment.
        env: usize,
        /// What happened to it.
        what: String,
    },
    /// An action's number is infinite or not a number.
    #[error(
        "agent {agent} of environment {env} acts with {found}, but actions must be finite: check the policy's output"
    )]
    NotFinite {
        /// The environment.
        env: usize,
        /// The agent in it.
        agent: usize,
        /// The number.
        found: f32,
    },
}
