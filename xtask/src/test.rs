//! `cargo xtask test`: every test of the workspace.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::{Failure, cargo, python, setup};

/// Gets libtorch, and the packages of tests in Python, where they are missing. Runs all tests, those in Python last, or,
/// with arguments, becomes `cargo test`.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    setup::ensure(root)?;
    let has_python = python::try_ensure(root);
    let tests = command(root, arguments);
    if !has_python || !arguments.is_empty() {
        return cargo::become_command(tests);
    }
    let mut all = vec![tests];
    all.extend(python::tests(root)?);
    all.into_iter()
        .try_for_each(|tests| cargo::carry_out(tests, "what it printed above says which tests."))
}

/// `cargo test` for the packages that the arguments name, or for all: what `cargo xtask ci` runs.
pub fn command(root: &Path, arguments: &[OsString]) -> Command {
    let mut command = cargo::command(root, "test");
    if !name_packages(arguments) {
        command.arg("--workspace");
    }
    command.args(arguments);
    command
}

/// Whether arguments of `cargo test` choose packages, which `--workspace` would overrule.
fn name_packages(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .map(|argument| argument.to_string_lossy())
        .take_while(|argument| argument != "--")
        .any(|argument| {
            let short = argument.starts_with("-p");
            short || argument == "--package" || argument.starts_with("--package=")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &str) -> String {
        let arguments: Vec<_> = arguments.split_whitespace().map(OsString::from).collect();
        let command = command(Path::new("/repo"), &arguments);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }

    #[test]
    fn all_packages_are_tested_unless_some_are_named() {
        let start = "test --manifest-path /repo/Cargo.toml";
        assert_eq!(line(""), format!("{start} --workspace"));
        assert_eq!(
            line("gate -- -p"),
            format!("{start} --workspace gate -- -p")
        );
        for arguments in [
            "-p commformer",
            "-pcommformer",
            "--package=commformer",
            "--package a",
        ] {
            assert_eq!(line(arguments), format!("{start} {arguments}"));
        }
    }
}
