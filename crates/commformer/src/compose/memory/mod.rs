//! What a run will take of memory, said before it begins: a run that cannot fit is refused with the numbers,
//! instead of being killed after hours.
//!
//! The estimate is the most that the process holds at a time, in parts that a setting stands behind. It is
//! made of what each crate says of its own: [`VecEnv::bytes`](commformer_env::VecEnv::bytes),
//! [`Buffer::bytes`](commformer_train::Buffer::bytes), [`commformer_train::memory`],
//! [`PolicyConfig::pass_bytes`](commformer_model::PolicyConfig::pass_bytes). On devices other than the CPU
//! only what lies in the host's memory is estimated; what a GPU must hold is for its own allocator to refuse.
//!
//! ```
//! use commformer::{compose::memory, config::{Config, Overrides}};
//!
//! let config = Config::resolve(Some("predator-prey"), &Overrides::default())?;
//! let estimate = memory::estimate(&config, tch::Device::Cpu)?;
//! assert!((250e6..350e6).contains(&estimate.bytes()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod available;
mod estimate;

pub use estimate::{Estimate, Part, estimate, estimate_envs, estimate_evaluation};

use super::ComposeError;
use crate::config::{Config, EnvConfig};
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
/// [`ComposeError::Memory`], which names the parts and the setting to lower; [`ComposeError::Task`].
pub fn check(config: &Config, device: tch::Device) -> Result<(), ComposeError> {
    available(estimate(config, device)?)
}

/// The same for judging a checkpoint over so many episodes at once.
///
/// # Errors
///
/// As for [`check`].
pub fn check_evaluation(
    config: &Config,
    episodes: usize,
    device: tch::Device,
) -> Result<(), ComposeError> {
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

fn available(estimate: Estimate) -> Result<(), ComposeError> {
    match available::bytes() {
        Some(available) => Ok(fits(estimate, available)?),
        None => Ok(()),
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
        let overrides = crate::config::Overrides {
            set: vec!["rollout.num_envs=8000000".into()],
            ..Default::default()
        };
        let config = Config::resolve(None, &overrides).unwrap();
        let estimate = estimate(&config, tch::Device::Cpu).unwrap();
        let bytes = estimate.bytes();
        assert!(fits(estimate.clone(), bytes as u64 + 1).is_ok());
        let message = fits(estimate, 2_000_000_000).unwrap_err().to_string();
        let start = format!(
            "this would take about {} of memory, and 2.0 GB are available: 1.4 TB for the rollout, ",
            size(bytes)
        );
        assert!(message.starts_with(&start), "{message}");
        for part in [
            " for the program and libtorch",
            "; lower `rollout.num_envs` or `rollout.steps`",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
