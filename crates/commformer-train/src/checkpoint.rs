//! Checkpoints: weights as safetensors, the rest of the trainer's state behind a versioned,
//! checksummed header.
//!
//! On disk, `checkpoints/index.json` names the newest and the best checkpoint, each a folder with
//! `weights.safetensors` and `state.bin`. A checkpoint is written beside, synced, and renamed; the
//! index is replaced last, so that it always names whole ones.

use crate::ValueNorm;
use commformer_torch::{AdamState, weights};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tch::Tensor;

const MAGIC: [u8; 8] = *b"CFSTATE\0";
const VERSION: u32 = 2;
const HEADER: usize = 8 + 4 + 8 + 32;
/// No state is larger; a length beyond it is damage, not data.
const LIMIT: usize = 1 << 32;

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds no checkpoint.
    #[error("{0} holds no checkpoint; train first, or name another run")]
    Missing(PathBuf),
    /// A file is not what was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file of another version.
    #[error(
        "{path} has state format {found}, this program reads {VERSION}; use the program that wrote it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The state could not be encoded.
    #[error("cannot encode the trainer's state: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// The index could not be encoded.
    #[error("cannot encode the index of checkpoints: {0}")]
    Index(#[from] serde_json::Error),
    /// A tensor could not be encoded.
    #[error(transparent)]
    Torch(#[from] commformer_torch::TorchError),
}

/// What the trainer knows beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// Iterations done.
    pub iteration: u64,
    /// Environment steps done, over all copies.
    pub steps: u64,
    /// Optimiser of the lower level.
    pub lower: AdamState,
    /// Optimiser of the upper level.
    pub upper: AdamState,
    /// Moments of the returns.
    pub value_norm: ValueNorm,
    /// Mean return of the evaluation that came with it.
    pub evaluation_return: f64,
    /// The graph of execution, row by row (N x N).
    pub graph: Vec<f32>,
    /// Whether the receive gates were in force.
    pub gated: bool,
    /// State of the gates' budget; empty without one.
    pub budget: Vec<f64>,
    /// SHA-256 of `weights.safetensors`.
    pub weights_sha256: [u8; 32],
}

/// Weights and state.
#[derive(Debug)]
pub struct Checkpoint {
    /// Weights under their names on disk.
    pub weights: Vec<(String, Tensor)>,
    /// The rest.
    pub state: TrainState,
}

/// One of a run's checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Latest,
    /// The one with the highest mean return in its evaluation; of equals, the newest.
    Best,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    latest: String,
    best: String,
}

/// The checkpoints of a run.
#[derive(Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
}

impl CheckpointStore {
    /// The checkpoints of the run in `run`, whose folder is made if there is none.
    pub fn create(run: &Path) -> Result<Self, CheckpointError> {
        let folder = run.join("checkpoints");
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        Ok(Self { folder })
    }

    /// The checkpoints of the run in `run`, which must have some.
    pub fn open(run: &Path) -> Result<Self, CheckpointError> {
        let store = Self {
            folder: run.join("checkpoints"),
        };
        if store.index_path().is_file() {
            Ok(store)
        } else {
            Err(CheckpointError::Missing(run.to_owned()))
        }
    }

    /// Writes a checkpoint and makes it the latest, and the best if `best`. Fills in the state's
    /// digest of the weights. Checkpoints that the index no longer names are removed.
    pub fn save(&self, checkpoint: &mut Checkpoint, best: bool) -> Result<(), CheckpointError> {
        let weights = weights::encode(&checkpoint.weights, &[])?;
        checkpoint.state.weights_sha256 = Sha256::digest(&weights).into();
        let name = format!("{:08}", checkpoint.state.iteration);
        let (beside, folder) = (
            self.folder.join(format!("{name}.tmp")),
            self.folder.join(&name),
        );
        for leftover in [&beside, &folder] {
            if leftover.exists() {
                fs::remove_dir_all(leftover).map_err(failed("remove", leftover))?;
            }
        }
        fs::create_dir(&beside).map_err(failed("create", &beside))?;
        write_synced(&beside.join("weights.safetensors"), &weights)?;
        write_synced(&beside.join("state.bin"), &encode_state(&checkpoint.state)?)?;
        sync_folder(&beside)?;
        fs::rename(&beside, &folder).map_err(failed("rename", &beside))?;
        sync_folder(&self.folder)?;

        let best_before = self
            .index()
            .map(|index| index.best)
            .unwrap_or_else(|_| name.clone());
        let index = Index {
            best: if best { name.clone() } else { best_before },
            latest: name,
        };
        write_beside(&self.index_path(), &serde_json::to_vec(&index)?)?;
        self.prune(&index)
    }

    /// Reads a checkpoint and checks every byte of it.
    pub fn load(&self, which: Which) -> Result<Checkpoint, CheckpointError> {
        let index = self.index()?;
        let folder = self.folder.join(match which {
            Which::Latest => &index.latest,
            Which::Best => &index.best,
        });
        let state_path = folder.join("state.bin");
        let state = decode_state(&read(&state_path)?, &state_path)?;
        let path = folder.join("weights.safetensors");
        let bytes = read(&path)?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        if digest != state.weights_sha256 {
            return Err(CheckpointError::Damaged {
                path,
                what: "its SHA-256 is not the one in state.bin".into(),
            });
        }
        Ok(Checkpoint {
            weights: weights::decode(&bytes)?.tensors,
            state,
        })
    }

    fn index_path(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    fn index(&self) -> Result<Index, CheckpointError> {
        let path = self.index_path();
        let damaged = |what: String| CheckpointError::Damaged {
            path: path.clone(),
            what,
        };
        let index: Index =
            serde_json::from_slice(&read(&path)?).map_err(|error| damaged(error.to_string()))?;
        // A name is eight digits or more: it cannot lead out of the folder.
        match [&index.latest, &index.best]
            .iter()
            .find(|name| !name.bytes().all(|byte| byte.is_ascii_digit()))
        {
            Some(name) => Err(damaged(format!("`{name}` is not the name of a checkpoint"))),
            None => Ok(index),
        }
    }

    fn prune(&self, index: &Index) -> Result<(), CheckpointError> {
        for entry in fs::read_dir(&self.folder).map_err(failed("list", &self.folder))? {
            let path = entry.map_err(failed("list", &self.folder))?.path();
            let named = path
                .file_name()
                .is_some_and(|name| *name == *index.latest || *name == *index.best);
            if path.is_dir() && !named {
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }
}

/// The bytes of `state.bin`: magic, version, length and SHA-256 of what follows.
pub fn encode_state(state: &TrainState) -> Result<Vec<u8>, CheckpointError> {
    let payload = bincode::serde::encode_to_vec(state, bincode::config::standard())?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&payload));
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Reads the bytes of a `state.bin`; `path` is for the error. Nothing is decoded before its digest
/// was right.
pub fn decode_state(bytes: &[u8], path: &Path) -> Result<TrainState, CheckpointError> {
    let damaged = |what: String| CheckpointError::Damaged {
        path: path.to_owned(),
        what,
    };
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        return Err(damaged(format!(
            "it has {} bytes, its header alone has {HEADER}",
            bytes.len()
        )));
    };
    let (magic, rest) = header.split_at(8);
    if magic != MAGIC {
        return Err(damaged("it does not begin like a state file".into()));
    }
    let (version, rest) = rest.split_at(4);
    let version = version.try_into().map(u32::from_le_bytes).unwrap_or(0);
    if version != VERSION {
        return Err(CheckpointError::Version {
            path: path.to_owned(),
            found: version,
        });
    }
    let (length, digest) = rest.split_at(8);
    let length = length.try_into().map(u64::from_le_bytes).unwrap_or(0);
    if length != payload.len() as u64 {
        return Err(damaged(format!(
            "{} bytes follow the header, which says {length}",
            payload.len()
        )));
    }
    if Sha256::digest(payload)[..] != *digest {
        return Err(damaged("its SHA-256 is not the one in its header".into()));
    }
    let config = bincode::config::standard().with_limit::<LIMIT>();
    match bincode::serde::borrow_decode_from_slice(payload, config) {
        Ok((state, read)) if read == payload.len() => Ok(state),
        Ok((_, read)) => Err(damaged(format!(
            "only {read} of {} bytes have a meaning",
            payload.len()
        ))),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Replaces a file as a whole: whoever reads it sees the old bytes or the new ones.
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let beside = path.with_extension("tmp");
    write_synced(&beside, bytes)?;
    fs::rename(&beside, path).map_err(failed("rename", &beside))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let mut file = File::create(path).map_err(failed("create", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed("write", path))
}

fn sync_folder(path: &Path) -> Result<(), CheckpointError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("sync", path))
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(failed("read", path))?;
    Ok(bytes)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io {
        action,
        path,
        source,
    }
}
