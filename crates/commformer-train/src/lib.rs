//! Parallel rollouts, PPO and the bi-level schedule, over any environment and any policy.
//!
//! # A tour
//!
//! 1. [`Trainer::iterate`] is the algorithm: collect, advantages, lower steps, upper steps, report.
//!    [`Trainer::run`] repeats it, and adds evaluations and checkpoints.
//! 2. A buffer is the memory that environments write and tensors read (`rollout/buffer.rs`).
//! 3. [`gae`], [`ValueNorm`] and [`loss`] are the arithmetic of the lower level: proximal policy
//!    optimisation with generalised advantages and normalised values.
//! 4. A [`GraphPlan`] says whom the agents receive from: a fixed graph, one that the upper level
//!    learns by the schedule of a [`BilevelConfig`], or none.
//!    A graph to learn ([`LearnedGraph`]) and gates ([`ReceiveGates`]) are what a policy may offer.
//! 5. [`evaluate`] plays rounds of exactly one episode in each environment.
//! 6. A [`CheckpointStore`] keeps the newest and the best weights, and whatever else a trainer knows.
//!
//! What is deliberately absent: a concrete policy (implement [`Policy`]), a concrete environment
//! (implement `commformer_env::Environment`), configuration files, and output. A [`Listener`] hears
//! what happens.
//!
//! ```
//! use commformer_env::{Environment, VecEnv};
//! use commformer_train::{
//!     GraphPlan, Policy, PpoConfig, RolloutConfig, RunConfig, Settings, TrainError, Trainer,
//! };
//! use tch::{Device, Kind, Tensor};
//!
//! /// Trains any team for a hundred thousand steps, everybody hearing everybody.
//! fn teach<P: Policy, E: Environment>(
//!     policy: P,
//!     environments: VecEnv<E>,
//! ) -> Result<Trainer<P, E>, TrainError> {
//!     let agents = environments.spec().agents as i64;
//!     let full = Tensor::ones([agents, agents], (Kind::Float, Device::Cpu));
//!     let settings = Settings {
//!         rollout: RolloutConfig { num_envs: environments.num_envs(), ..RolloutConfig::default() },
//!         ppo: PpoConfig::default(),
//!         run: RunConfig { steps: 100_000, ..RunConfig::default() },
//!     };
//!     let mut trainer = Trainer::new(settings, GraphPlan::Fixed(full), policy, environments)?;
//!     while trainer.progress() < 1.0 {
//!         let report = trainer.iterate()?;
//!         println!("{} steps, return {:?}", report.steps, report.episode_return);
//!     }
//!     Ok(trainer)
//! }
//! ```

mod check;
mod config;
mod error;
mod gate;
mod panics;
mod policy;
mod pool;
mod ranks;
mod report;
mod returned;
mod rollout;
mod run;
mod seeds;
mod trainer;
mod update;

pub use config::{
    BilevelConfig, Estimator, Fallen, GradientExchange, GraphPlan, PpoConfig, RolloutConfig,
    RolloutGraph, RunConfig, UpperData, workers,
};
pub use error::TrainError;
pub use gate::{Budget, GatePlan, GateTerms, Payment, Price};
pub use policy::capability::{LearnedGraph, ReceiveGates, SampledGraphs};
pub use policy::message_sizes::MessageSizes;
pub use policy::{
    Act, Actor, Evaluation, GateEvaluation, GateSamples, Gates, Gating, Level, Needs, ObsBatch,
    Policy, PolicyResult, Samples, Sequence, TeamGraphs, by_autograd,
};
pub use report::{
    EpisodeRecord, EvaluationReport, GateLosses, IterationReport, Listener, Losses, Phases,
};
pub use rollout::boundary::{EnvironmentFault, FaultKind};
#[doc(hidden)] // of the program's benchmark of acting
pub use rollout::buffer::Buffer;
pub use rollout::gae::gae;
pub use rollout::message_stats::MessageStats;
#[doc(hidden)]
pub use rollout::noise::Drawn;
pub use rollout::value_norm::ValueNorm;
pub use run::calibrate::calibrate;
pub use run::checkpoint::{
    Best, Checkpoint, CheckpointError, CheckpointStore, Found, Manifest, TrainState, Which,
    create_folders, decode_state, encode_state, sync_folder, write_beside,
};
pub use run::evaluate::{EvaluateOptions, evaluate};
pub use run::{MakeEnvironments, Outcome};
pub use seeds::{Purpose, seed_for};
pub use trainer::{Settings, Trainer};
pub use update::bilevel::Conflict;
pub use update::not_finite::{Diverged, Entries, NotFinite, Term};
pub use update::ppo::{GateTargets, Loss, Targets, loss};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
