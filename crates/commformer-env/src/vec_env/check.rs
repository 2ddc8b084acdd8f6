//! Whether what a caller hands to a [`VecEnv`](crate::VecEnv) fits it.

use crate::{ActionSpace, Actions, Batch, Spec, VecEnvError};

/// Numbers of observation from which the system is asked whether there is memory for them.
const LARGE: usize = 1 << 28;

/// Refuses environments whose observations, (C, N, O), are more than the system has memory for. Without this, to
/// take the memory would end the process.
pub fn memory(envs: usize, spec: &Spec) -> Result<(), VecEnvError> {
    let sizes = [spec.agents, spec.obs_dim];
    let numbers = sizes.into_iter().try_fold(envs, usize::checked_mul);
    let fits = |numbers| {
        let mut room: Vec<f32> = Vec::new();
        let fits = room.try_reserve_exact(numbers).is_ok();
        // Without a use of it, the compiler may leave out the memory, and the question.
        std::hint::black_box(&room);
        fits
    };
    match numbers {
        Some(numbers) if numbers < LARGE || fits(numbers) => Ok(()),
        _ => Err(VecEnvError::Memory {
            envs,
            agents: spec.agents,
            obs_dim: spec.obs_dim,
        }),
    }
}

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

/// Errors name an environment by its number among all, that of the first here being `first`.
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
