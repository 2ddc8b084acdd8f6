//! Why a team cannot be made.

use commformer_env::settings;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a team cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MethodError {
    /// A setting is out of its range.
    #[error("`{section}.{}` is {}, but must be {}", .error.field, .error.found, .error.allowed)]
    Setting {
        /// The section of a configuration that has it.
        section: &'static str,
        /// Which one, and what is wrong.
        error: commformer_env::ConfigError,
    },
    /// The settings of the network, or of its gate, cannot be.
    #[error(transparent)]
    Policy(#[from] commformer_model::ModelError),
    /// The graph that is given is not one of this team.
    #[error("`graph.edges`: found {found} numbers, expected {agents} rows of {agents}")]
    Edges {
        /// Numbers in all rows.
        found: usize,
        /// Agents of the team.
        agents: usize,
    },
    /// The budget's settings cannot be.
    #[error("[gate]: {0}")]
    Budget(#[from] commformer_gate::BudgetError),
    /// Its agents need libtorch.
    #[error("this team cannot be exported: {0}")]
    Portable(String),
    /// Its weights cannot be written down.
    #[error(transparent)]
    Weights(#[from] commformer_torch::TorchError),
    /// The trainer refuses.
    #[error(transparent)]
    Train(#[from] commformer_train::TrainError),
    /// libtorch refuses.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// Refuses the first number of a section that is out of its range.
pub(crate) fn check_section<C: Serialize + JsonSchema + 'static>(
    section: &'static str,
    settings: &C,
) -> Result<(), MethodError> {
    settings::check(settings).map_err(|error| MethodError::Setting { section, error })
}
