//! Whether there is memory for so many environments: asked before any is made, since a process that takes all of it takes
//! the machine with it.

use crate::Envs;
use commformer_env::Spec;
use sysinfo::System;

/// Refuses environments for which there is not enough memory. Where the system does not say how much there is, none are
/// refused.
pub fn check(spec: &Spec, envs: usize) -> Result<(), String> {
    let (needed, Some(free)) = (bytes(spec, envs), free()) else {
        return Ok(());
    };
    if needed <= free as f64 {
        return Ok(());
    }
    let gigabytes = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    let most = (free as f64 / bytes(spec, 1)).floor();
    Err(format!(
        "num_envs is {envs}: they would take about {} of memory, and {} are free; at most {most} fit",
        gigabytes(needed),
        gigabytes(free as f64),
    ))
}

/// The environments themselves, and the arrays that Python has of them.
fn bytes(spec: &Spec, envs: usize) -> f64 {
    let arrays = spec.agents * (4 * spec.obs_dim + 5) + spec.available_len() + 1;
    Envs::bytes(spec, envs) + envs as f64 * arrays as f64
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
