//! Tasks as bytes, in the middle of an episode.

use crate::StateError;
use serde::{Serialize, de::DeserializeOwned};

/// No state of a task is larger; a length beyond it is damage, not data.
const LIMIT: usize = 1 << 30;

/// A task as bytes.
pub(crate) fn encode(task: &impl Serialize) -> Option<Vec<u8>> {
    bincode::serde::encode_to_vec(task, bincode::config::standard()).ok()
}

/// A task from bytes, if it has the settings that it must have.
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    fits: impl FnOnce(&T) -> bool,
) -> Result<T, StateError> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (task, read) = bincode::serde::decode_from_slice(bytes, config).map_err(StateError::new)?;
    if read != bytes.len() {
        let all = bytes.len();
        return Err(StateError::new(format!(
            "only {read} of {all} bytes have a meaning"
        )));
    }
    if !fits(&task) {
        return Err(StateError::new("it was saved under other settings"));
    }
    Ok(task)
}
