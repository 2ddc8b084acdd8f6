//! What can go wrong when a policy is built, loaded or called.

use thiserror::Error;

/// An error of this crate. Every message says what was expected and what was found.
#[derive(Debug, Error)]
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

    /// A saved policy lacks tensors that this configuration has.
    #[error(
        "the saved policy lacks {}; was it saved under another configuration \
         (agents, heads, blocks, shared head, action space)?",
        list(names)
    )]
    MissingTensors {
        /// The missing names.
        names: Vec<String>,
    },

    /// A saved policy has tensors that this configuration does not know.
    #[error(
        "the saved policy holds {}, which this configuration does not know; was it saved under \
         another configuration (agents, heads, blocks, shared head, action space)?",
        list(names)
    )]
    UnexpectedTensors {
        /// The unexpected names.
        names: Vec<String>,
    },

    /// A saved tensor has another shape than this configuration's.
    #[error(
        "the saved tensor `{name}` has shape {found:?}, but this configuration needs {expected:?}"
    )]
    MisshapenTensor {
        /// The tensor's name.
        name: String,
        /// The shape under this configuration.
        expected: Vec<i64>,
        /// The shape in the saved policy.
        found: Vec<i64>,
    },

    /// A name occurs twice in a saved policy.
    #[error("the saved policy holds `{name}` twice; keep one of them")]
    DuplicateTensor {
        /// The tensor's name.
        name: String,
    },

    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// The first few names, and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
