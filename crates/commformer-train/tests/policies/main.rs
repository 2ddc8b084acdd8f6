//! Policies of several kinds are trained, saved and go on to the bit: the smallest that there is, one that is shown
//! the global state, and a recurrent one.

mod bent;
mod common;
mod global_state;
mod lost;
mod memory;
mod misfits;
mod panics;
mod plain;
mod plain_policy;
mod recurrent;
mod unsaved;
mod without_graph;
