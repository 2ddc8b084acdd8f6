//! A panic of code that the trainer calls is an error like others.

use crate::TrainError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` comes to; [`TrainError::Panicked`] if it panics. What it was changing is then half-written: the caller sees
/// to it that nobody goes on with that.
pub fn caught<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(TrainError::Panicked(message_of(&*panic))))
}

/// What a panic said.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".into())
}
