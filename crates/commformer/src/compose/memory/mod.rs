//! What a run will take of memory, said before it begins: a run that cannot fit is refused with the numbers,
//! instead of being killed after hours.
//!
//! The estimate is the most that the process holds at a time, in parts that a setting stands behind. It is measured:
//! small runs of the configuration are made, and what they hold, by the C library's own [count](commformer_env::heap),
//! is scaled to the run's sizes. They change no bit of it: whatever is random comes of the run's seed. Of a task in
//! Python none is started; environments that look like its own take their place, and what it shares with its workers follows
//! from its sizes. On devices other than the CPU only what lies in the host's memory is estimated; what a GPU must hold
//! is for its own allocator to refuse. Where nothing counts (a C library other than glibc 2.33 or later), there is no
//! estimate, and no run is refused but one that is too large by its sizes alone.
//!
//! ```
//! use commformer::{compose::memory, config::{Config, Overrides}};
//!
//! let config = Config::resolve(Some("predator-prey"), &Overrides::default())?;
//! let estimate = memory::estimate(&config, tch::Device::Cpu)?;
//! assert!(estimate.is_none_or(|estimate| (200e6..400e6).contains(&estimate.bytes())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod available;
mod estimate;
mod probe;
mod watched;

pub use estimate::{Estimate, Part, estimate, estimate_envs, estimate_evaluation};

use super::ComposeError;
use crate::config::{Config, EnvConfig};
use available::Room;
use commformer_train::RolloutConfig;
use std::fmt;

/// What would take more memory than there is.
#[derive(Debug, thiserror::Error)]
#[error(
    "this would take about {} of memory, and {} are available: {estimate}; lower {}",
    size(estimate.bytes()), size(*available as f64), estimate.largest_setting()
)]
pub struct Shortage {
    /// What it would take.
    pub estimate: Estimate,
    /// What there is, bytes: swap is not counted, and a container's limit is.
    pub available: u64,
}

/// Refuses a run that would take more memory than there is. Where the system does not say how much there is,
/// none is refused.
///
/// # Errors
///
/// [`ComposeError::Memory`], which names the parts and the setting to lower; [`ComposeError`] if the task or the team
/// cannot be made.
pub fn check(config: &Config, device: tch::Device) -> Result<(), ComposeError> {
    check_sizes(config, device)?;
    available(estimate(config, device)?)
}

/// Refuses what is too large by its sizes alone. Nothing but the task is made for it.
///
/// # Errors
///
/// As for [`check`].
pub fn check_sizes(config: &Config, device: tch::Device) -> Result<(), ComposeError> {
    let spec = config.env.spec()?;
    available(Some(estimate::at_least(config, &spec, device)))
}

/// The same for evaluating a checkpoint over so many episodes at once.
///
/// # Errors
///
/// As for [`check`].
pub fn check_evaluation(
    config: &Config,
    episodes: usize,
    device: tch::Device,
) -> Result<(), ComposeError> {
    let one = RolloutConfig {
        num_envs: 1,
        steps: 1,
        ..config.rollout
    };
    let network = Config {
        rollout: one,
        ..config.clone()
    };
    check_sizes(&network, device)?;
    available(estimate_evaluation(config, episodes, device)?)
}

/// The same for so many environments of a task.
///
/// # Errors
///
/// As for [`check`].
pub fn check_envs(task: &EnvConfig, envs: usize) -> Result<(), ComposeError> {
    available(estimate_envs(task, envs)?)
}

fn available(estimate: Option<Estimate>) -> Result<(), ComposeError> {
    match (estimate, Room::now()) {
        (Some(estimate), Some(room)) => Ok(fits(estimate, room.all)?),
        _ => Ok(()),
    }
}

fn fits(estimate: Estimate, available: u64) -> Result<(), Shortage> {
    if estimate.bytes() <= available as f64 {
        return Ok(());
    }
    Err(Shortage {
        estimate,
        available,
    })
}

/// The parts, the largest first.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} for {}", size(part.bytes), part.what)?;
        }
        Ok(())
    }
}

/// Bytes as people say them.
fn size(bytes: f64) -> String {
    let units = ["MB", "GB", "TB", "PB", "EB"];
    let mut size = bytes / 1e6;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < units.len() {
        size /= 1e3;
        unit += 1;
    }
    let digits = if unit > 0 && size < 99.95 { 1 } else { 0 };
    format!("{size:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_three_digits() {
        let said = [
            0.0,
            1_600_000.0,
            999_400_000.0,
            999_600_000.0,
            99_900_000_000.0,
            1e21,
        ]
        .map(size);
        assert_eq!(
            said,
            ["0 MB", "2 MB", "999 MB", "1.0 GB", "99.9 GB", "1000 EB"]
        );
    }

    #[test]
    fn a_refusal_names_the_numbers_the_parts_and_the_setting() {
        let overrides = crate::config::Overrides::set(&["rollout.num_envs=8000000"]);
        let config = Config::resolve(None, &overrides).unwrap();
        let estimate = estimate::at_least(&config, &config.env.spec().unwrap(), tch::Device::Cpu);
        let bytes = estimate.bytes();
        assert!(fits(estimate.clone(), bytes as u64 + 1).is_ok());
        let message = fits(estimate, 2_000_000_000).unwrap_err().to_string();
        // 400 million samples of 3 agents that see 261 numbers.
        let start = "this would take about 1.3 TB of memory, and 2.0 GB are available: 1.3 TB for the rollout, ";
        assert!(message.starts_with(start), "{message}");
        for part in [
            " for the program and libtorch",
            "; lower `rollout.num_envs` or `rollout.steps`",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
