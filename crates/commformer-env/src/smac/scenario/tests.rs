//! Tests of what scenario files say.

mod refusals;
mod spawns;
mod table;
