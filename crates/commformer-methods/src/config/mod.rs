//! What a team is made of. All of it can be read from TOML.

mod gate;
mod graph;
mod policy;

pub use gate::{GateBudget, GateConfig, GateEstimator, GateMode};
pub use graph::{GraphConfig, GraphMode};
pub use policy::{ObsNormName, PolicySettings, PreviousActionName};

use crate::MethodConfig;
use commformer_model::Precision;

/// Everything that a team follows from, but its task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TeamConfig {
    /// How it acts and learns.
    pub method: MethodConfig,
    /// CommFormer's network.
    pub policy: PolicySettings,
    /// CommFormer's graph.
    pub graph: GraphConfig,
    /// CommFormer's gates.
    pub gate: GateConfig,
    /// What all randomness follows from.
    pub seed: u64,
    /// The numbers in which libtorch multiplies.
    pub precision: Precision,
    /// Whether the numbers of the task's observations are fit for a layer norm, as those of the built-in tasks are. Of
    /// others nobody knows, so that actor-critics, and CommFormer with `obs_norm = auto`, learn their scales.
    pub known_scales: bool,
}
