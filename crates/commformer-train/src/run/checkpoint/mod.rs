//! Checkpoints: weights as safetensors, all else that a trainer knows beside them.
//!
//! On disk, `checkpoints/00000040/` is the one of iteration 40: `weights.safetensors`, `state.bin` and
//! `manifest.json`, which says how long the two are and what their SHA-256 is. A checkpoint is written
//! beside, synced, and renamed, so that what has a name is whole; what is damaged later is noticed.

#[cfg(test)]
mod crash;
mod disk;
mod fault;
mod manifest;
mod store;

pub use disk::{create_folders, sync_folder, write_beside};
pub use manifest::Manifest;
pub use store::{CheckpointStore, Found, Which};

use crate::update::not_finite::{list, not_finite};
use crate::{TrainError, ValueNorm};
use commformer_env::{EnvState, Spec};
use commformer_torch::{AdamState, TorchError};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Bytes that no state exceeds; a length beyond it is damage, not data.
const LIMIT: usize = 1 << 32;

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The folder holds no checkpoint.
    #[error(
        "{} holds no checkpoint; a run writes its first at its first evaluation: train, or wait for it, or name another run",
        .0.display()
    )]
    Missing(PathBuf),
    /// The folder is another run's, or the same run's that was not gone on with.
    #[error(
        "{} holds a checkpoint of another run, of iteration {iteration}; load the latest and go on from there, or save into \
         another folder",
        folder.display()
    )]
    Taken {
        /// Where checkpoints lie.
        folder: PathBuf,
        /// Of the one that is in the way.
        iteration: u64,
    },
    /// No checkpoint was evaluated yet, so none is the best.
    #[error(
        "no checkpoint in {} was evaluated yet, so none is the best; take the latest",
        .0.display()
    )]
    NotEvaluated(PathBuf),
    /// A file is not what was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There are checkpoints, all of them damaged.
    #[error(
        "none of the {count} checkpoints in {} is whole, so train anew in another folder; the newest: {newest}",
        folder.display()
    )]
    NoneWhole {
        /// Where they lie.
        folder: PathBuf,
        /// How many.
        count: usize,
        /// What is wrong with the newest.
        newest: Box<CheckpointError>,
    },
    /// Weights are not finite: no policy can act with them.
    #[error(
        "{} has weights that are not finite, in {weights}: nobody can act by them; take an earlier checkpoint, or \
         train anew with a lower ppo.lr",
        path.display()
    )]
    NotFinite {
        /// The checkpoint's folder.
        path: PathBuf,
        /// Their names, shapes and counts.
        weights: String,
    },
    /// A checkpoint of another format.
    #[error(
        "{} has checkpoint format {found}, this program reads {}; use the program that wrote it",
        path.display(),
        manifest::FORMAT
    )]
    Version {
        /// The file or folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The state could not be encoded.
    #[error("cannot encode the trainer's state: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// The manifest could not be encoded.
    #[error("cannot encode the manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// A tensor could not be encoded or decoded.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

/// What the trainer knows beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// Iterations done.
    pub iteration: u64,
    /// Environment steps done, over all environments.
    pub steps: u64,
    /// [`Spec::obs_version`](commformer_env::Spec::obs_version) of the observations that the policy knows.
    pub obs_version: u32,
    /// Optimiser of the lower level.
    pub lower: AdamState,
    /// Optimiser of the upper level.
    pub upper: AdamState,
    /// Moments of the returns.
    pub value_norm: ValueNorm,
    /// The graph of execution, row by row (N x N); empty for a team without one.
    pub graph: Vec<f32>,
    /// Whether the receive gates were in force.
    pub gated: bool,
    /// State of the gates' budget; empty without one.
    pub budget: Vec<f64>,
    /// The best evaluation so far.
    pub best: Option<Best>,
    /// Where the environments are; `None` if their task cannot be saved.
    pub envs: Option<Vec<EnvState>>,
    /// What the agents carry into the next step, (C, N, M); empty if nothing.
    pub recurrent: Vec<f32>,
}

impl TrainState {
    /// Refuses a task whose observations mean something else than those that the policy knows.
    ///
    /// # Errors
    ///
    /// [`TrainError::Mismatch`].
    pub fn check_observations(&self, spec: &Spec) -> Result<(), TrainError> {
        let (found, expected) = (self.obs_version, spec.obs_version);
        match found == expected {
            true => Ok(()),
            false => Err(TrainError::Mismatch(format!(
                "its policy knows version {found} of the task's observations, this program makes \
                 version {expected}; use the program that trained it"
            ))),
        }
    }
}

/// The best evaluation of a run so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The iteration after which it was made.
    pub iteration: u64,
    /// Whether the team kept to its budget of messages. This counts first.
    pub within_budget: bool,
    /// The mean return, less what the messages cost.
    pub score: f64,
}

/// Weights and state.
#[derive(Debug)]
pub struct Checkpoint {
    /// Weights under their names on disk.
    pub weights: Vec<(String, Tensor)>,
    /// The rest.
    pub state: TrainState,
}

impl CheckpointError {
    /// Whether a file is not what was written, or is not there, which the checkpoint before may make up for. What
    /// cannot be read just now, or by this program, may be whole.
    pub fn is_damage(&self) -> bool {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
        match self {
            Self::Io { cause, .. } => {
                matches!(cause.kind(), NotFound | NotADirectory | IsADirectory)
            }
            Self::Version { found, .. } => *found < manifest::FORMAT,
            Self::Encode(_) | Self::Json(_) => false,
            _ => true,
        }
    }
}

impl Checkpoint {
    /// Refuses weights that are not finite; `path` is for the error.
    fn check_finite(&self, path: &Path) -> Result<(), CheckpointError> {
        let (names, tensors): (Vec<_>, Vec<_>) = (self.weights.iter())
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
            .unzip();
        let found = not_finite(&names, &tensors).map_err(|source| TorchError::Tch {
            operation: "look through the weights",
            source,
        })?;
        match found.is_empty() {
            true => Ok(()),
            false => Err(CheckpointError::NotFinite {
                path: path.to_owned(),
                weights: list(&found),
            }),
        }
    }
}

/// The bytes of `state.bin`.
///
/// # Errors
///
/// [`CheckpointError::Encode`]; it is not known to happen.
pub fn encode_state(state: &TrainState) -> Result<Vec<u8>, CheckpointError> {
    Ok(bincode::serde::encode_to_vec(
        state,
        bincode::config::standard(),
    )?)
}

/// Reads the bytes of a `state.bin`; `path` is for the error.
///
/// # Errors
///
/// [`CheckpointError::Damaged`] for anything but a state.
pub fn decode_state(bytes: &[u8], path: &Path) -> Result<TrainState, CheckpointError> {
    let damaged = |what: String| CheckpointError::Damaged {
        path: path.to_owned(),
        what,
    };
    let config = bincode::config::standard().with_limit::<LIMIT>();
    match bincode::serde::borrow_decode_from_slice(bytes, config) {
        Ok((state, read)) if read == bytes.len() => Ok(state),
        Ok((_, read)) => Err(damaged(format!(
            "only {read} of {} bytes have a meaning",
            bytes.len()
        ))),
        Err(error) => Err(damaged(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The suite may run as root, whom no permission stops.
    #[test]
    fn what_cannot_be_read_just_now_is_not_damaged() {
        let because = |kind: io::ErrorKind| CheckpointError::Io {
            action: "read",
            path: PathBuf::new(),
            cause: kind.into(),
        };
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::Other] {
            assert!(!because(kind).is_damage(), "{kind}");
        }
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory] {
            assert!(because(kind).is_damage(), "{kind}");
        }
        // What cannot be written says nothing of what is there.
        let unwritten = bincode::error::EncodeError::Other("too much");
        assert!(!CheckpointError::from(unwritten).is_damage());
    }
}
