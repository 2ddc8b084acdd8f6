//! What can go wrong when a policy is built, loaded or called.

use commformer_nn::inputs::Misfit;
use thiserror::Error;

/// An error of this crate. Every message says what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive] // With libtorch there are more.
pub enum ModelError {
    /// A setting is outside its range, or two settings contradict each other.
    #[error("policy setting `{setting}`: {problem}")]
    Config {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },

    /// An input tensor has the wrong shape.
    #[error("`{input}` has shape {found:?}, expected {expected}")]
    Shape {
        /// The argument's name.
        input: &'static str,
        /// The shape that was expected, in words such as `(B, 3, 17)`.
        expected: String,
        /// The shape that was given.
        found: Vec<i64>,
    },

    /// An input is there that the action space has no use for, or lacks what it needs.
    #[error("`{input}`: {problem}")]
    Input {
        /// The argument's name.
        input: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },

    /// A saved policy does not fit this configuration.
    #[cfg(feature = "torch")]
    #[error(transparent)]
    State(#[from] commformer_torch::named::StateError),

    /// libtorch refused an operation.
    #[cfg(feature = "torch")]
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl From<Misfit> for ModelError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Shape {
                input,
                expected,
                found,
            } => Self::Shape {
                input,
                expected,
                found,
            },
            Misfit::Input { input, problem } => Self::Input { input, problem },
        }
    }
}

impl ModelError {
    /// Refuses a team's file.
    #[doc(hidden)] // of this workspace's crates
    pub fn of_file(problem: impl ToString) -> Self {
        Self::Input {
            input: "file",
            problem: problem.to_string(),
        }
    }
}
