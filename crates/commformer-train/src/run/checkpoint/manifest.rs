//! `manifest.json`: what a whole checkpoint consists of.

use super::CheckpointError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

/// Version of a checkpoint's layout on disk.
pub(super) const FORMAT: u32 = 3;

/// The files of a checkpoint, by length and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// The two files.
    pub files: Files,
}

/// One entry for each file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The weights.
    #[serde(rename = "weights.safetensors")]
    pub weights: Entry,
    /// The rest.
    #[serde(rename = "state.bin")]
    pub state: Entry,
}

/// What one file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its length.
    pub bytes: u64,
    /// Its digest, in hexadecimal.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Manifest {
    /// A manifest has some 300 bytes, one of a newer format perhaps more; a longer file is none.
    pub(super) const LIMIT: usize = 1 << 20;

    /// Of these two files.
    pub fn new(weights: &[u8], state: &[u8]) -> Self {
        Self {
            format: FORMAT,
            files: Files {
                weights: Entry::of(weights),
                state: Entry::of(state),
            },
        }
    }

    /// The bytes of `manifest.json`.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Json`]; it is not known to happen.
    pub fn encode(&self) -> Result<Vec<u8>, CheckpointError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the bytes of a `manifest.json`; `path` is for the error. Only what
    /// [`encode`](Self::encode) writes is one, to the byte: a manifest has nobody to vouch for it.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Version`] for another format, [`CheckpointError::Damaged`] for anything that
    /// is no manifest.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let damaged = |what: &dyn std::fmt::Display| CheckpointError::Damaged {
            path: path.to_owned(),
            what: what.to_string(),
        };
        let Format { format } = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if format != FORMAT {
            return Err(CheckpointError::Version {
                path: path.to_owned(),
                found: format,
            });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        match manifest.encode()? == bytes {
            true => Ok(manifest),
            false => Err(damaged(&"it was changed after it was written")),
        }
    }
}

impl Entry {
    fn of(bytes: &[u8]) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Self {
            bytes: bytes.len() as u64,
            sha256,
        }
    }

    /// Whether these bytes are the file's.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Self::of(bytes)
    }
}
