//! What a run looks like, for people: [what it writes](record), its [log](RunLog) and [outcome](record::Outcome) read
//! back from its folder, its episodes [played again](replay), and a [report](Report) of runs with [statistics] over their
//! seeds and [drawings](chart) in the colours of one [theme].
//!
//! Nothing here knows a policy or libtorch: whatever is shown is data, from a run's folder or handed over.

pub mod chart;
mod log;
pub mod numbers;
mod outcome;
pub mod record;
pub mod replay;
mod report;
pub mod statistics;
pub mod text;
pub mod theme;
pub mod watch;

pub use log::{Iteration, LogError, RunLog};
pub use report::{Compared, Kinds, Report, ReportError};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
