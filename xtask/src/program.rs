//! `cargo xtask train` and all commands that the `commformer` program carries out.

use std::ffi::OsString;
use std::path::Path;

use crate::{Failure, cargo, setup};

/// Builds the program with optimisation and becomes it.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    setup::ensure(root)?;
    let mut command = cargo::command(root, "run");
    command.args([
        "--release",
        "--package",
        "commformer",
        "--bin",
        "commformer",
        "--",
    ]);
    command.args(arguments);
    // What the program tells the user to type next.
    command.env("COMMFORMER_COMMAND", "cargo xtask");
    cargo::become_command(command)
}
