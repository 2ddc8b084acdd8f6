//! The one error type of this crate.

use std::path::PathBuf;

/// Why something asked of libtorch could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// libtorch itself refused, reported by tch.
    #[error("libtorch could not {operation}: {source}")]
    Tch {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// What tch reported.
        source: tch::TchError,
    },

    /// libtorch itself refused, reported by this crate's C++ functions.
    #[error("libtorch could not {operation}: {message}")]
    Libtorch {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// The exception's text, without its backtrace.
        message: String,
    },

    /// libtorch's CUDA half lies there and cannot be loaded.
    #[error(
        "{} is there but cannot be loaded: {reason}; \
         the libraries it needs must match this machine's driver and lie on LD_LIBRARY_PATH",
        path.display()
    )]
    LoadCuda {
        /// The library that was to be loaded.
        path: PathBuf,
        /// The dynamic linker's own words.
        reason: String,
    },

    /// A device's name that nobody knows.
    #[error("there is no device called {asked:?}; write cpu, cuda, cuda:N (as in cuda:0) or auto")]
    UnknownDevice {
        /// What was written.
        asked: String,
    },

    /// A CUDA device that this machine or this libtorch lacks.
    #[error("the device {asked:?} was asked for, but {there}")]
    MissingDevice {
        /// What was written.
        asked: String,
        /// What is there instead, and what to do.
        there: String,
    },

    /// A number given to a function is outside its range.
    #[error("{name} must be {expected}, but is {found}")]
    OutOfRange {
        /// The number's name.
        name: &'static str,
        /// The range, in words.
        expected: &'static str,
        /// What was given.
        found: f64,
    },

    /// A list holds too few or too many tensors.
    #[error("expected {expected} {what}, found {found}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// A name appears twice, is missing or is not known.
    #[error("the tensor {name:?} {problem}")]
    Name {
        /// The tensor's name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A tensor is not what it must be.
    #[error("{tensor}: expected {expected}, found {found}")]
    Mismatch {
        /// Which tensor.
        tensor: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },

    /// Bytes that are no safetensors file, or one that is not accepted.
    #[error("these bytes are not weights that can be read: {reason}")]
    Format {
        /// What is wrong with them.
        reason: String,
    },

    /// The store of a group of processes needs a socket, which the system refused.
    #[error("cannot listen there: {0}")]
    Listen(std::io::Error),

    /// Shared memory was asked for as a slice while tensors on it are alive.
    #[error(
        "{aliases} other handle(s) on this memory are alive; drop every tensor made from it, \
         views and autograd graphs included, before asking for a slice"
    )]
    Aliased {
        /// How many handles besides the owner's.
        aliases: usize,
    },
}

/// Names the operation that failed.
pub(crate) trait During<T> {
    /// Turns tch's error into ours; `operation` is a verb phrase.
    fn during(self, operation: &'static str) -> Result<T, TorchError>;
}

impl<T> During<T> for Result<T, tch::TchError> {
    fn during(self, operation: &'static str) -> Result<T, TorchError> {
        self.map_err(|source| TorchError::Tch { operation, source })
    }
}
