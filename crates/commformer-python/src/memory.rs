//! Whether there is memory for so many environments: asked before any is made, since a process that takes all of it takes
//! the machine with it.

use commformer_env::{Environment, heap};
use sysinfo::System;

/// Fewer environments are not measured: they are made as fast.
const FEW: usize = 4 * heap::COPIES;

/// Refuses environments for which there is not enough memory, by what a few that `make` makes take. Where the system does not
/// say how much there is or is taken, none are refused.
pub fn check<E: Environment>(
    envs: usize,
    make: impl FnMut() -> Result<E, String>,
) -> Result<(), String> {
    if envs <= FEW {
        return Ok(());
    }
    let (Some(of_an_environment), Some(free)) = (heap::of_an_environment(make)?, free()) else {
        return Ok(());
    };
    let needed = envs as f64 * of_an_environment;
    if needed <= free as f64 {
        return Ok(());
    }
    let gigabytes = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    let most = (free as f64 / of_an_environment).floor();
    Err(format!(
        "num_envs is {envs}: they would take about {} of memory, and {} are free; at most {most} fit",
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
