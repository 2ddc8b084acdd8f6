//! From a configuration to the things it describes: environments, a policy, a trainer.

mod budget;
mod decentralised;
mod gate;
mod graph;
pub mod memory;
mod team;

pub use decentralised::{Decentralised, Delivered};
pub use graph::plan;
pub use team::{Insight, TeamPolicy};

use crate::config::{Config, ConfigError, EnvConfig, GateEstimator, GateMode, TaskError};
use commformer_env::{Environment, VecEnv, VecEnvError};
use commformer_torch::TorchError;
use commformer_train::{
    GatePlan, GraphPlan, LearnedGraph, Payment, Purpose, RunConfig, Settings, TrainError, Trainer,
    seed_for,
};

/// Copies of any of the tasks.
pub type Copies = VecEnv<Box<dyn Environment>>;

/// A trainer for any of the tasks.
pub type TeamTrainer = Trainer<TeamPolicy, Box<dyn Environment>>;

/// Why a configuration cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The task cannot be made.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Settings do not fit the team that a task in Python has.
    #[error(transparent)]
    Team(#[from] ConfigError),
    /// Its copies do not fit together.
    #[error(transparent)]
    Copies(#[from] VecEnvError),
    /// The policy's settings cannot be.
    #[error(transparent)]
    Policy(#[from] commformer_model::ModelError),
    /// The gate's settings cannot be.
    #[error(transparent)]
    Gate(#[from] commformer_gate::GateError),
    /// The budget's settings cannot be.
    #[error("[gate]: {0}")]
    Budget(#[from] commformer_gate::BudgetError),
    /// The memory does not suffice.
    #[error(transparent)]
    Memory(#[from] memory::Shortage),
    /// The trainer refuses.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// The device that a configuration asks for. CUDA is looked for here, and libtorch told not to split
/// operations over threads (the trainer's workers share the cores, and idle threads of libtorch's would
/// spin on them): call this before anything else that uses tensors.
///
/// # Errors
///
/// If the device is not there.
pub fn device(config: &Config) -> Result<tch::Device, TorchError> {
    let device = commformer_torch::cuda::device(&String::from(config.run.device))?;
    commformer_torch::threads::set_intra_op(1)?;
    Ok(device)
}

/// Copies of a task.
///
/// # Errors
///
/// [`ComposeError::Task`], [`ComposeError::Copies`], or [`ComposeError::Memory`] for more than there is
/// room for.
pub fn environments(task: &EnvConfig, copies: usize, seed: u64) -> Result<Copies, ComposeError> {
    copies_of(task, copies, seed, |copy| copy)
}

fn copies_of<E: Environment>(
    task: &EnvConfig,
    copies: usize,
    seed: u64,
    made: impl Fn(Box<dyn Environment>) -> E,
) -> Result<VecEnv<E>, ComposeError> {
    memory::check_copies(task, copies)?;
    let copies = task.copies(copies)?.into_iter().map(made).collect();
    Ok(VecEnv::new(copies, seed)?)
}

/// Copies for an evaluation of a run: one for each episode, cut as `eval.episode_limit` says. Of a task in Python
/// there are as many as in a rollout: its episodes are played in rounds.
///
/// # Errors
///
/// Those of [`environments`].
pub fn evaluation(
    config: &Config,
    episodes: usize,
    seed: u64,
    purpose: Purpose,
) -> Result<Copies, ComposeError> {
    let copies = config.env.at_once(episodes, config.rollout.copies);
    evaluation_of(config, copies, seed, purpose, |copy| copy)
}

/// So many of these copies, each of them `made` into something that behaves like it.
///
/// # Errors
///
/// Those of [`environments`].
pub fn evaluation_of<E: Environment>(
    config: &Config,
    copies: usize,
    seed: u64,
    purpose: Purpose,
    made: impl Fn(Box<dyn Environment>) -> E,
) -> Result<VecEnv<E>, ComposeError> {
    let task = config.env.with_limit(config.eval.episode_limit);
    copies_of(&task, copies, seed_for(seed, purpose), made)
}

/// The graph with which a team with these weights is sent out, row by row.
///
/// # Errors
///
/// [`ComposeError`] if the device refuses it.
pub fn execution_graph(
    config: &Config,
    policy: &TeamPolicy,
    device: tch::Device,
) -> Result<Vec<f32>, ComposeError> {
    let graph = match plan(config, device) {
        GraphPlan::None => return Ok(Vec::new()),
        GraphPlan::Fixed(graph) => graph,
        GraphPlan::Learned(_) => tch::no_grad(|| policy.exact()).map_err(TrainError::Policy)?,
    };
    let graph = graph
        .f_to_device(tch::Device::Cpu)
        .map_err(TrainError::Tch)?;
    Ok(Vec::try_from(graph.contiguous().view(-1)).map_err(TrainError::Tch)?)
}

/// A trainer at its start.
///
/// # Errors
///
/// [`ComposeError`].
pub fn trainer(config: &Config, device: tch::Device) -> Result<TeamTrainer, ComposeError> {
    let seed = seed_for(config.run.seed, Purpose::Environments);
    let copies = environments(&config.env, config.rollout.copies, seed)?;
    trainer_in(config, device, copies)
}

/// A trainer at its start, in copies that were made elsewhere: of a task that is not built in, say.
///
/// # Errors
///
/// [`ComposeError`].
pub fn trainer_in(
    config: &Config,
    device: tch::Device,
    copies: Copies,
) -> Result<TeamTrainer, ComposeError> {
    config.check_team()?;
    let policy = TeamPolicy::new(config, copies.spec(), device)?;
    let settings = Settings {
        rollout: config.rollout.clone(),
        ppo: config.ppo.clone(),
        run: RunConfig {
            seed: config.run.seed,
            steps: config.run.steps,
            threads: config.run.threads,
            device,
            eval_every: config.eval.every,
            eval_episodes: Some(config.eval.episodes),
            save_every: config.run.save_every,
        },
    };
    let trainer = Trainer::new(settings, plan(config, device), policy, copies)?;
    if config.gate.mode == GateMode::Off {
        return Ok(trainer);
    }
    Ok(trainer.with_gates(GatePlan {
        start: config.gate.start,
        ramp: config.gate.ramp,
        entropy_coef: config.gate.entropy_coef,
        budget: Box::new(budget::TeamBudget::new(&config.gate)?),
        payment: match (config.gate.mode, config.gate.estimator) {
            (GateMode::Learned, GateEstimator::StraightThrough) => Payment::Loss,
            _ => Payment::Rewards,
        },
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{TaskConfig, presets};

    #[test]
    fn every_preset_becomes_a_trainer() {
        for preset in presets::ALL {
            let mut config = preset.config().unwrap();
            if matches!(config.env.task, TaskConfig::Python(_)) {
                continue; // Needs what is not built in.
            }
            config.run.threads = 1;
            let trainer = trainer(&config, tch::Device::Cpu);
            assert!(trainer.is_ok(), "{}: {:?}", preset.name, trainer.err());
        }
    }
}
