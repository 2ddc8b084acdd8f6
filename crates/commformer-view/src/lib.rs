//! What a run looks like, for people: its [log](RunLog) read back from its folder.
//!
//! Nothing here knows a policy or libtorch: whatever is shown is data, from a run's folder or handed over.

mod log;
pub mod statistics;
pub mod theme;

pub use log::{Evaluation, Figure, Iteration, LogError, RunLog};
