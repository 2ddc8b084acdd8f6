//! All built-in tasks. One that is added here can be configured, trained, benchmarked and used from Python, and the
//! tests that hold for every task go over it.

use crate::foraging::ForagingConfig;
use crate::predator_capture_prey::PredatorCapturePreyConfig;
use crate::predator_prey::PredatorPreyConfig;
use crate::rware::WarehouseConfig;
use crate::settings::{Setting, settings};
use crate::signal::SignalConfig;
use crate::smac::SmacConfig;
use crate::traffic_junction::TrafficJunctionConfig;
use crate::{ConfigError, Environment};
use serde::{Deserialize, Serialize};

/// The settings of a task, as they are known before one is made.
///
/// They are a struct with serde's derives, `#[serde(default, deny_unknown_fields)]`, `JsonSchema` and `SmartDefault`; a
/// setting is a field, with all that is known of it: see [`settings`](mod@crate::settings).
pub trait Task: Sync {
    /// One environment of the task.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be.
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError>;

    /// Agents in the team (N); 0 if the settings make none.
    fn agents(&self) -> usize;

    /// The keys that say how many agents there are.
    fn size_keys(&self) -> &'static [&'static str] {
        &["agents"]
    }

    /// Steps after which an episode is truncated, 0 for never.
    fn episode_limit(&self) -> u32;

    /// Sets [`episode_limit`](Self::episode_limit).
    fn set_episode_limit(&mut self, limit: u32);

    /// The initial of each agent's role, (N); empty texts, as here, where roles have no names.
    fn roles(&self) -> Vec<String> {
        vec![String::new(); self.agents()]
    }
}

macro_rules! tasks {
    ($($kind:literal => $task:ident($settings:ty): $about:literal),* $(,)?) => {
        /// A built-in task and its settings; `env.kind` names it.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum BuiltIn {
            $(
                #[doc = $about]
                #[serde(rename = $kind)]
                $task($settings),
            )*
        }

        /// Names of all built-in tasks, as `env.kind` takes them.
        pub const TASKS: &[&str] = &[$($kind),*];

        impl BuiltIn {
            /// The task of this name with its defaults.
            pub fn of_kind(kind: &str) -> Option<Self> {
                match kind {
                    $($kind => Some(Self::$task(<$settings>::default())),)*
                    _ => None,
                }
            }

            /// Its name in the configuration.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$task(_) => $kind),*
                }
            }

            /// What is known of each of its settings: name, type, default and range.
            pub fn settings(&self) -> &'static [Setting] {
                match self {
                    $(Self::$task(_) => settings::<$settings>()),*
                }
            }

            /// What it is, in a sentence.
            pub fn about(&self) -> &'static str {
                match self {
                    $(Self::$task(_) => $about),*
                }
            }

            /// The values of its settings.
            pub fn task(&self) -> &dyn Task {
                match self {
                    $(Self::$task(task) => task),*
                }
            }

            /// The values of its settings, to be changed.
            pub fn task_mut(&mut self) -> &mut dyn Task {
                match self {
                    $(Self::$task(task) => task),*
                }
            }
        }
    };
}

tasks! {
    "predator-prey" => PredatorPrey(PredatorPreyConfig): "Predators look for a prey that does not move.",
    "predator-capture-prey" => PredatorCapturePrey(PredatorCapturePreyConfig): "Some agents see, others capture.",
    "signal" => Signal(SignalConfig): "Every agent must name what its source saw.",
    "traffic-junction" => TrafficJunction(TrafficJunctionConfig): "Cars come and go where roads cross.",
    "smac" => Smac(SmacConfig): "Two teams fight.",
    "lbf" => Foraging(ForagingConfig): "Agents load food together.",
    "rware" => Warehouse(WarehouseConfig): "Robots bring the shelves that are requested, and put them back.",
}

impl Default for BuiltIn {
    fn default() -> Self {
        Self::PredatorPrey(PredatorPreyConfig::default())
    }
}
