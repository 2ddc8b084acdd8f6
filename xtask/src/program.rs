//! `cargo xtask train` and all commands that the `commformer` program carries out.

use std::ffi::OsString;
use std::path::Path;

use crate::libtorch::Found;
use crate::{Failure, args, cargo, setup};

/// Builds the program with optimisation and becomes it.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    let verb = arguments.first().map(|verb| verb.to_string_lossy());
    worth_getting(&Found::look(root), &verb.unwrap_or_default())?;
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

/// Nothing is downloaded for a command that help does not list; where libtorch is there, the program says what it
/// thinks of it.
fn worth_getting(libtorch: &Found, verb: &str) -> Result<(), Failure> {
    match libtorch {
        Found::Missing if !args::is_listed(verb) => Err(Failure::usage(format!(
            "there is no command `{verb}`; `cargo xtask help` lists them."
        ))),
        Found::Missing | Found::Users(_) | Found::Ours => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_downloaded_for_an_unknown_command() {
        let failure = worth_getting(&Found::Missing, "trian").expect_err("no such command");
        assert_eq!(failure.code, 2);
        assert!(failure.message.contains("cargo xtask help"), "{failure}");
        assert_eq!(worth_getting(&Found::Missing, "train"), Ok(()));
        assert_eq!(worth_getting(&Found::Ours, "trian"), Ok(()));
    }
}
