//! `[eval]` and `[run]`: how often a run is evaluated, how long it lasts and where.

use commformer_model::Precision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::path::PathBuf;

/// The largest seed and the most steps: the largest whole number of TOML.
pub(super) const MOST: i64 = i64::MAX;

/// Evaluations: each episode is one environment, the greedy action is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// Environment steps of training between two evaluations.
    #[default = 40_000]
    #[schemars(range(min = 1))]
    pub every: u64,
    /// Episodes of each.
    #[default = 50]
    #[schemars(range(min = 1))]
    pub episodes: usize,
    /// Episodes of the one after training, and of `commformer eval`.
    #[default = 200]
    #[schemars(range(min = 1))]
    pub final_episodes: usize,
    /// Steps after which an evaluated episode is truncated; 0: as `env.episode_limit` says.
    pub episode_limit: u32,
}

/// Length, seed and machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    /// Everything random follows from it.
    #[default = 1]
    #[schemars(range(max = MOST))]
    pub seed: u64,
    /// Environment steps, over all environments, after which the run ends.
    #[default = 600_000]
    #[schemars(range(min = 1, max = MOST))]
    pub steps: u64,
    /// The folder of another run with whose best weights this one begins. Repeating it needs that run as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Threads of rollout and update; 0 means one for each core. No result depends on it.
    #[schemars(range(max = 4096))]
    pub threads: usize,
    /// Where tensors live: `auto`, `cpu`, `cuda` or `cuda:NUMBER`.
    #[default(Device::Cpu)]
    #[schemars(with = "String")]
    pub device: Device,
    /// The numbers in which the network's linear layers multiply.
    #[default(Precision::Float32)]
    pub precision: Precision,
    /// Environment steps between two checkpoints; every evaluation leaves one too.
    #[default = 40_000]
    #[schemars(range(min = 1))]
    pub save_every: u64,
    /// Checkpoints that stay, the newest ones; what each of them calls the best stays besides.
    #[default = 3]
    #[schemars(range(min = 1))]
    pub keep: usize,
}

/// A device by name: `auto`, `cpu`, `cuda` or `cuda:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The program chooses.
    Auto,
    /// The processor.
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

impl TryFrom<String> for Device {
    /// What would have been right.
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().map(Self::Cuda);
        match name.as_str() {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            other => other.strip_prefix("cuda:").and_then(number),
        }
        .ok_or_else(|| "auto, cpu, cuda or cuda:NUMBER".to_owned())
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        match device {
            Device::Auto => "auto".into(),
            Device::Cpu => "cpu".into(),
            Device::Cuda(number) => format!("cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_and_steps_are_up_to_the_largest_whole_number_of_toml() {
        use commformer_env::settings::check;

        let of = |seed, steps| RunSettings {
            seed,
            steps,
            ..RunSettings::default()
        };
        let most = MOST as u64;
        assert!(check(&of(most, most)).is_ok());
        for (wrong, key) in [(of(most + 1, 1), "seed"), (of(1, most + 1), "steps")] {
            let told = check(&wrong).unwrap_err().to_string();
            assert!(
                told.contains(key) && told.contains(" to 9223372036854775807"),
                "{told}"
            );
        }
    }

    #[test]
    fn devices_are_read_and_written() {
        let read = |name: &str| Device::try_from(name.to_owned());
        assert_eq!(read("cuda"), Ok(Device::Cuda(0)));
        assert_eq!(read("cuda:3"), Ok(Device::Cuda(3)));
        for device in [Device::Auto, Device::Cpu, Device::Cuda(3)] {
            assert_eq!(Device::try_from(String::from(device)), Ok(device));
        }
        for wrong in ["gpu", "cuda:", "cuda:x", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
