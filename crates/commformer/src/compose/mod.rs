//! From a configuration to the things it describes: environments, a policy, a trainer.

pub mod memory;

use crate::config::{Config, ConfigError, EnvConfig, TaskError};
use commformer_env::{Environment, Spec, VecEnv, VecEnvError};
use commformer_methods::{MethodError, Team, TeamConfig};
use commformer_torch::TorchError;
use commformer_train::{
    GraphPlan, Policy, Purpose, RunConfig, Settings, TrainError, Trainer, seed_for,
};

/// Environments of any of the tasks.
pub type Envs = VecEnv<Box<dyn Environment>>;

/// A trainer for any of the tasks.
pub type TeamTrainer = Trainer<Box<dyn Team>, Box<dyn Environment>>;

/// Why a configuration cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The task cannot be made.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Settings do not fit the team that a task in Python has.
    #[error(transparent)]
    Team(#[from] ConfigError),
    /// Its environments do not fit together.
    #[error(transparent)]
    Envs(#[from] VecEnvError),
    /// The method's settings make no team.
    #[error(transparent)]
    Method(#[from] MethodError),
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
    device_of_rank(config, 0)
}

/// The same for one of several processes of a machine that train together, each on a GPU of its own as long as there are
/// as many.
///
/// # Errors
///
/// As [`device`].
pub fn device_of_rank(config: &Config, local_rank: usize) -> Result<tch::Device, TorchError> {
    let name = String::from(config.run.device);
    let device = commformer_torch::cuda::device_of_rank(&name, local_rank)?;
    commformer_torch::threads::set_intra_op(1)?;
    Ok(device)
}

/// Environments of a task.
///
/// # Errors
///
/// [`ComposeError::Task`], [`ComposeError::Envs`], or [`ComposeError::Memory`] for more than there is
/// room for.
pub fn environments(task: &EnvConfig, envs: usize, seed: u64) -> Result<Envs, ComposeError> {
    memory::check_envs(task, envs)?;
    envs_of(task, envs, seed, |env| env)
}

fn envs_of<E: Environment>(
    task: &EnvConfig,
    envs: usize,
    seed: u64,
    made: impl Fn(Box<dyn Environment>) -> E,
) -> Result<VecEnv<E>, ComposeError> {
    let envs = task.envs(envs)?.into_iter().map(made).collect();
    Ok(VecEnv::new(envs, seed)?)
}

/// Environments for an evaluation of a run: one for each episode, truncated as `eval.episode_limit` says. Of a task in Python
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
) -> Result<Envs, ComposeError> {
    let envs = config.env.at_once(episodes, config.rollout.num_envs);
    evaluation_of(config, envs, seed, purpose, |env| env)
}

/// So many of these environments, each of them `made` into something that behaves like it.
///
/// # Errors
///
/// Those of [`environments`].
pub fn evaluation_of<E: Environment>(
    config: &Config,
    envs: usize,
    seed: u64,
    purpose: Purpose,
    made: impl Fn(Box<dyn Environment>) -> E,
) -> Result<VecEnv<E>, ComposeError> {
    envs_of(&config.evaluated(), envs, seed_for(seed, purpose), made)
}

/// Whom the agents of a configuration's team hear, and whether that is learned.
///
/// # Errors
///
/// [`ComposeError::Method`].
pub fn plan(config: &Config, device: tch::Device) -> Result<GraphPlan, ComposeError> {
    let method = config.method.method();
    Ok(method.graph(&config.team(), config.env.agents(), device)?)
}

/// A new team for a task that looks like `spec`.
///
/// # Errors
///
/// [`ComposeError::Method`].
pub fn team(
    config: &Config,
    spec: &Spec,
    device: tch::Device,
) -> Result<Box<dyn Team>, ComposeError> {
    let of_team = config.team();
    Ok(config.method.method().team(&of_team, spec, device)?)
}

/// The graph with which a team with these weights is sent out, (N, N); (0, 0) for a team without one.
///
/// # Errors
///
/// [`ComposeError`] if the device refuses it.
pub fn execution_graph(
    config: &Config,
    policy: &dyn Policy,
    device: tch::Device,
) -> Result<tch::Tensor, ComposeError> {
    let agents = config.env.agents();
    Ok(plan(config, device)?.executed(policy, agents, device)?)
}

/// A trainer at its start.
///
/// # Errors
///
/// [`ComposeError`]. Whether there is memory for it, [`memory::check`] says before.
pub fn trainer(config: &Config, device: tch::Device) -> Result<TeamTrainer, ComposeError> {
    let seed = seed_for(config.run.seed, Purpose::Environments);
    let envs = envs_of(&config.env, config.rollout.num_envs, seed, |env| env)?;
    config.check_team()?;
    let settings = settings(config, device);
    Ok(commformer_methods::trainer(&config.team(), settings, envs)?)
}

/// A trainer at its start, in environments that were made elsewhere: of a task that is not built in, say. What `[env]` says
/// counts for nothing, so that `policy.obs_norm = "auto"` learns the scales of observations.
///
/// # Errors
///
/// [`ComposeError`].
pub fn trainer_in(
    config: &Config,
    device: tch::Device,
    envs: Envs,
) -> Result<TeamTrainer, ComposeError> {
    let team = TeamConfig {
        known_scales: false,
        ..config.team()
    };
    let settings = settings(config, device);
    Ok(commformer_methods::trainer(&team, settings, envs)?)
}

/// What a trainer needs to know beside its team and its environments.
fn settings(config: &Config, device: tch::Device) -> Settings {
    Settings {
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
    }
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
