//! Comparisons: methods x tasks x seeds from one file.
//!
//! [`Plan::read`] reads the file and resolves every combination before anything starts. [`run`] trains them, each in a
//! process of its own, and tells [what happens](Event). Whatever is known of a run lies in its folder: a comparison that was
//! killed goes on from there, and nothing else is to be kept.

mod event;
mod faults;
mod file;
mod names;
mod orphans;
mod part;
mod plan;
mod pool;
mod reader;
mod state;
mod unused;

pub use event::{Event, Happened};
pub use file::{Format, FormatError};
pub use part::Part;
pub use plan::{Plan, PlanError, Planned};
pub use pool::{Pool, Summary, run};
pub use state::State;
