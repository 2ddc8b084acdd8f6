//! The crate's tests from outside, as one program.

mod anchors;
mod augmented;
mod check;
mod conformance;
mod draw;
mod foraging;
mod global_state;
mod golden;
mod grid;
mod grid_rewards;
mod marker;
mod metric_names;
mod restore;
mod shown;
mod signal;
mod single;
mod smac;
mod stacked;
mod traffic_junction;
mod vec_env;
mod warehouse;
mod wrapping;
