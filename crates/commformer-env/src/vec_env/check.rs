//! Whether what a caller hands to a [`VecEnv`](crate::VecEnv) fits it.

use crate::{ActionSpace, Actions, Batch, Spec, VecEnvError, heap};

/// Refuses environments whose observations, (C, N, O), masks and global states are more than the system has memory for.
pub fn memory(envs: usize, spec: &Spec) -> Result<(), VecEnvError> {
    let shown = spec.agents.saturating_mul(spec.obs_dim);
    let of_one = [spec.available_len(), spec.state_dim];
    let of_one = of_one.into_iter().fold(shown, usize::saturating_add);
    match heap::has_room(&[envs, of_one]) {
        true => Ok(()),
        false => Err(VecEnvError::Memory {
            envs,
            spec: Box::new(spec.clone()),
        }),
    }
}

/// Refuses a buffer of another length than it must have.
pub fn len(buffer: &'static str, found: usize, expected: usize) -> Result<(), VecEnvError> {
    if found == expected {
        return Ok(());
    }
    Err(VecEnvError::Length {
        buffer,
        found,
        expected,
    })
}

/// Refuses a batch that does not fit so many environments.
pub fn batch(out: &Batch<'_>, envs: usize, spec: &Spec) -> Result<(), VecEnvError> {
    let rows = envs * spec.agents;
    len("obs", out.obs.len(), rows * spec.obs_dim)?;
    len(
        "available",
        out.available.len(),
        envs * spec.available_len(),
    )?;
    len("active", out.active.len(), rows)
}

/// Refuses actions of another kind or number than the environments take, and those that do not exist. Errors name an
/// environment by its number among all; `first` is that of the first one here.
pub fn actions(
    actions: Actions<'_>,
    first: usize,
    envs: usize,
    spec: &Spec,
) -> Result<(), VecEnvError> {
    let rows = envs * spec.agents;
    let place = |row: usize| (first + row / spec.agents, row % spec.agents);
    match (actions, spec.actions) {
        (Actions::Discrete(found), ActionSpace::Discrete(count)) => {
            len("actions", found.len(), rows)?;
            let fits = |&action: &i64| usize::try_from(action).is_ok_and(|action| action < count);
            let Some(row) = found.iter().position(|action| !fits(action)) else {
                return Ok(());
            };
            let (env, agent) = place(row);
            Err(VecEnvError::NoSuchAction {
                env,
                agent,
                found: found[row],
                count,
            })
        }
        (Actions::Continuous(found), ActionSpace::Continuous(width)) => {
            len("actions", found.len(), rows * width)?;
            let Some(index) = found.iter().position(|number| !number.is_finite()) else {
                return Ok(());
            };
            let (env, agent) = place(index / width);
            Err(VecEnvError::NotFinite {
                env,
                agent,
                found: found[index],
            })
        }
        (_, expected) => Err(VecEnvError::ActionKind { expected }),
    }
}
