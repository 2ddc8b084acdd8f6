//! What can go wrong while training.

use crate::{CheckpointError, Diverged, EnvironmentFault, NotFinite};
use std::borrow::Cow;

/// Why training could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting cannot work.
    #[error("{field} is {found}, expected {expected}")]
    Setting {
        /// Its name in the configuration.
        field: Cow<'static, str>,
        /// Its value.
        found: String,
        /// What would work.
        expected: String,
    },
    /// The environments refused a call.
    #[error(transparent)]
    Environment(#[from] commformer_env::VecEnvError),
    /// The environments of an evaluation could not be made.
    #[error("cannot make the environments of an evaluation")]
    Make(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The environments wrote what nobody can learn from.
    #[error(transparent)]
    Fault(#[from] EnvironmentFault),
    /// A loss or its gradient is no longer finite; the weights are those before the step.
    #[error("{0}")]
    NotFinite(Box<NotFinite>),
    /// Weights are no longer finite.
    #[error("{0}")]
    Diverged(Diverged),
    /// A policy whose weights are finite found no finite probability for what it did.
    #[error(
        "the policy gives a log-probability of {found} to an action that it took: its weights are finite, but too large; \
         take an earlier checkpoint, or train with a lower ppo.lr"
    )]
    Senseless {
        /// What it gave.
        found: f64,
    },
    /// The policy returned what does not fit the call.
    #[error("the policy's `{what}` is {found}, expected {expected}: correct the policy")]
    Returned {
        /// What was returned, by its name in the traits.
        what: &'static str,
        /// Its shape, kind or value.
        found: String,
        /// What would fit.
        expected: String,
    },
    /// Evaluation episodes did not end.
    #[error(
        "{unfinished} of {episodes} evaluation episodes had not ended after {steps} steps; \
         set an episode limit (env.episode_limit or eval.episode_limit)"
    )]
    Endless {
        /// Episodes still running.
        unfinished: usize,
        /// Episodes begun.
        episodes: usize,
        /// Steps taken.
        steps: usize,
    },
    /// A checkpoint is of a run with other settings.
    #[error("the checkpoint does not fit this run: {0}")]
    Mismatch(String),
    /// Code that the run called gave up.
    #[error(
        "a worker panicked: {0}; this is a mistake in the environment, the policy or commformer"
    )]
    Panicked(String),
    /// An iteration of this trainer failed, and nobody may go on with what it left.
    #[error(
        "an iteration of this trainer failed before ({0}), which left its state half-written: make a new trainer and \
         restore a checkpoint"
    )]
    Failed(String),
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Whoever listens to the run failed.
    #[error("cannot record the run: {0}")]
    Listener(#[from] std::io::Error),
    /// The processes of the run do not meet, or lost each other.
    #[error(transparent)]
    Group(Box<commformer_torch::group::GroupError>),
    /// Another process of the run does something else than this one.
    #[error(
        "rank {rank} of the run {what}: start all of them with the same program, the same configuration and the same checkpoint"
    )]
    Ranks {
        /// Its number.
        rank: usize,
        /// What it does.
        what: String,
    },
    /// The policy refused a call.
    #[error("the policy: {0}")]
    Policy(#[from] Box<dyn std::error::Error + Send + Sync>),
    /// libtorch refused a call.
    #[error(transparent)]
    Torch(#[from] commformer_torch::TorchError),
    /// tch refused a call.
    #[error(transparent)]
    Tch(#[from] tch::TchError),
}

impl From<commformer_torch::group::GroupError> for TrainError {
    fn from(error: commformer_torch::group::GroupError) -> Self {
        Self::Group(Box::new(error))
    }
}
