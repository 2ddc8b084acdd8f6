//! From a team's settings to its trainer.

use crate::{Method, MethodError, Team, TeamConfig};
use commformer_env::{Environment, VecEnv};
use commformer_train::{Settings, Trainer};

/// A trainer at its start, of the team that `config` describes in these environments: with the graph that its method gives it,
/// and with the gates of those methods that decide who talks to whom. The team lies on the device of `settings`.
///
/// # Errors
///
/// [`MethodError`], if the settings make no team for such environments, or the trainer refuses them.
pub fn trainer<E: Environment>(
    config: &TeamConfig,
    settings: Settings,
    environments: VecEnv<E>,
) -> Result<Trainer<Box<dyn Team>, E>, MethodError> {
    trainer_of(config.method.method(), config, settings, environments)
}

/// The same of any method: one of your own, say. `config.method` counts for nothing.
///
/// # Errors
///
/// Those of [`trainer`].
pub fn trainer_of<E: Environment>(
    method: &dyn Method,
    config: &TeamConfig,
    settings: Settings,
    environments: VecEnv<E>,
) -> Result<Trainer<Box<dyn Team>, E>, MethodError> {
    let spec = environments.spec();
    let device = settings.run.device;
    let graph = method.graph(config, spec.agents, device)?;
    let team = method.team(config, spec, device)?;
    let trainer = Trainer::new(settings, graph, team, environments)?;
    Ok(trainer.with_gates(method.gates(config)?)?)
}
