//! Tests of the whole policy: golden vectors, and properties over random configurations.

mod active;
mod common;
mod decentralised;
mod explain;
mod gate;
mod golden;
mod gradients;
mod listed;
mod members;
mod native;
mod precision;
mod properties;
mod state;
