//! Whether there is memory for so many environments: asked before they are made, since a process that takes all of it takes
//! the machine with it.

use commformer_env::{Environment, Spec, heap};
use sysinfo::System;

/// So few environments, or fewer, are not measured: to make them all is as fast.
const FEW: usize = 4 * heap::MEASURED_ENVS;

/// Observations of this many bytes must fit, however few the environments are.
const LARGE: f64 = 1e9;

/// Refuses environments for which there is not enough memory: by their observations, and where these fit, by what a few
/// environments that `make` makes take. Where the system does not say how much there is, none are refused.
pub fn check<E: Environment>(
    envs: usize,
    spec: &Spec,
    make: impl FnMut() -> Result<E, String>,
) -> Result<(), String> {
    // What agents see, and what they saw last.
    let observations = 2.0 * size_of::<f32>() as f64 * spec.agents as f64 * spec.obs_dim as f64;
    let least = envs as f64 * observations;
    if envs <= FEW && least < LARGE {
        return Ok(());
    }
    let Some(free) = free() else {
        return Ok(());
    };
    let of_an_environment = match envs > FEW && least <= free as f64 {
        true => heap::of_an_environment(make)?.unwrap_or(observations),
        false => observations,
    };
    let needed = envs as f64 * of_an_environment;
    if needed <= free as f64 {
        return Ok(());
    }
    let gigabytes = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    let most = (free as f64 / of_an_environment).floor();
    Err(format!(
        "num_envs is {envs}: they would take about {} of memory, and {} are free; at most {most} fit with these settings",
        gigabytes(needed),
        gigabytes(free as f64),
    ))
}

/// What the system can give, or what is left of this process's control group (a container's) if that is less.
fn free() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let group = system.cgroup_limits();
    let left = group.map(|group| group.total_memory.saturating_sub(group.rss));
    let free = Some(system.available_memory()).filter(|&free| free > 0);
    free.into_iter().chain(left).min()
}
