//! Tasks as bytes, in the middle of an episode.

use crate::{Environment, StateError};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error},
};

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
    let unreadable = |why: String| {
        StateError::new(format!(
            "{why}: it is damaged, or of another version of the program; go on with the program that saved it, or train anew"
        ))
    };
    let (task, read) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|error| unreadable(format!("it cannot be read ({error})")))?;
    if read != bytes.len() {
        let all = bytes.len();
        return Err(unreadable(format!(
            "only {read} of {all} bytes have a meaning"
        )));
    }
    if !fits(&task) {
        return Err(StateError::new("it was saved under other settings"));
    }
    Ok(task)
}

/// A text among the settings of a task. Of a state it is read byte by byte: as a text, it would be given whatever room a
/// hostile state claims.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    if from.is_human_readable() {
        return Option::deserialize(from);
    }
    let bytes = Option::<Vec<u8>>::deserialize(from)?;
    bytes
        .map(String::from_utf8)
        .transpose()
        .map_err(D::Error::custom)
}

/// `save` and `restore` of an [`Environment`](crate::Environment) that is written as a whole and has its settings in
/// `config`. The method named shows the present state.
macro_rules! save_whole {
    ($show:ident) => {
        fn save(&self) -> Option<Vec<u8>> {
            $crate::saved::encode(self)
        }

        fn restore(
            &mut self,
            state: &[u8],
            out: $crate::Observation<'_>,
        ) -> Result<(), $crate::StateError> {
            *self = $crate::saved::decode(state, |saved: &Self| saved.config == self.config)?;
            self.$show(out);
            Ok(())
        }
    };
}
pub(crate) use save_whole;

/// What is written of a task that wraps another.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wrapped<T> {
    pub task: Vec<u8>,
    /// What the wrapper remembers itself.
    pub own: T,
}

/// A task that wraps another as bytes, with what it remembers itself.
pub(crate) fn encode_around(task: &impl Environment, own: &impl Serialize) -> Option<Vec<u8>> {
    let task = task.save()?;
    encode(&Wrapped { task, own })
}

/// Checks how many numbers a wrapper remembers, all its agents together. `advice` says which setting to restore.
pub(crate) fn check_remembered(
    found: usize,
    expected: usize,
    what: &str,
    advice: &str,
) -> Result<(), StateError> {
    if found == expected {
        return Ok(());
    }
    Err(StateError::new(format!(
        "it was saved under other settings: it remembers {found} {what}, not {expected}; {advice}"
    )))
}
