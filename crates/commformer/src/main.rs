//! The `commformer` program.
fn main() {}
