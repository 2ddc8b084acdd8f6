//! Why a team cannot be made.

/// Why a team cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MethodError {
    /// A setting of the method is out of its range.
    #[error("`method.{}` is {}, but must be {}", .0.field, .0.found, .0.allowed)]
    Setting(#[from] commformer_env::ConfigError),
    /// The network's settings cannot be.
    #[error(transparent)]
    Policy(#[from] commformer_model::ModelError),
    /// The gate's settings cannot be.
    #[error(transparent)]
    Gate(#[from] commformer_gate::GateError),
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
    /// libtorch refuses.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
