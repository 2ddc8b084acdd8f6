//! Parallel rollouts, PPO and the bi-level schedule, over any environment and policy.

mod bilevel;
mod buffer;
mod check;
mod checkpoint;
mod config;
mod error;
mod evaluate;
mod experience;
mod gae;
mod learner;
mod policy;
mod ppo;
mod report;
mod rollout;
mod run;
mod seeds;
mod trainer;
mod update;
mod value_norm;

pub use buffer::Buffer;
pub use checkpoint::{
    Checkpoint, CheckpointError, CheckpointStore, TrainState, Which, decode_state, encode_state,
    write_beside,
};
pub use config::{
    BilevelConfig, Estimator, GraphPlan, PpoConfig, RolloutConfig, RolloutGraph, RunConfig,
    UpperData,
};
pub use error::TrainError;
pub use evaluate::{EvaluateOptions, evaluate};
pub use gae::gae;
pub use policy::{Act, Evaluation, Policy, PolicyResult, SampledGraphs, Samples};
pub use ppo::{Loss, Targets, loss};
pub use report::{EpisodeRecord, EvaluationReport, IterationReport, Listener, Losses, Phases};
pub use seeds::{Purpose, seed_for};
pub use trainer::{Settings, Trainer};
pub use value_norm::ValueNorm;
