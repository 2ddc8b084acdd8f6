//! What several programs of this package share; the tests across crates live in `tests/`.

pub mod hostile;
pub mod memory;
