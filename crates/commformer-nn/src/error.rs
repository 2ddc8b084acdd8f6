//! What can go wrong when a network is made, loaded or called.

use thiserror::Error;

/// Why a network cannot be made, loaded or called. Every message says what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive] // With libtorch there are more.
pub enum NetworkError {
    /// A setting is outside its range, or two settings contradict each other.
    #[error("setting `{setting}`: {problem}")]
    Config {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },

    /// An input has the wrong shape.
    #[error("`{input}` has shape {found:?}, expected {expected}")]
    Shape {
        /// The argument's name.
        input: &'static str,
        /// The shape that was expected, in words such as `(B, 3, 17)`.
        expected: String,
        /// The shape that was given.
        found: Vec<i64>,
    },

    /// An input's numbers are of the wrong kind, lie elsewhere, or are none that can be used.
    #[error("`{input}`: {problem}")]
    Input {
        /// The argument's name.
        input: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },

    /// What was saved does not fit this configuration.
    #[cfg(feature = "torch")]
    #[error(transparent)]
    State(#[from] commformer_torch::named::StateError),

    /// libtorch refused an operation.
    #[cfg(feature = "torch")]
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl NetworkError {
    /// Refuses a team's file.
    #[doc(hidden)] // of this workspace's crates
    pub fn of_file(problem: impl ToString) -> Self {
        Self::Input {
            input: "file",
            problem: problem.to_string(),
        }
    }
}
