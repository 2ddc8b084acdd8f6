//! `cargo xtask test`: every test.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::{Failure, cargo, python, setup};

/// Gets libtorch, and the packages of tests in Python, where they are missing. Runs all tests, those in C and Python last, or,
/// with arguments, becomes `cargo test`. Where the packages cannot be had, all other tests run, and that is a failure
/// at the end.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    setup::ensure(root)?;
    let has_python = python::try_ensure(root);
    let advice = "what it printed above says which tests.";
    let tests = command(root, arguments);
    if !arguments.is_empty() {
        return cargo::become_command(tests);
    }
    both(
        || {
            cargo::carry_out(tests, advice)?;
            cargo::carry_out(in_c(root), advice)
        },
        has_python,
        || python::test(root, |tests| cargo::carry_out(tests, advice)),
    )
}

/// Runs the tests in Rust and C, then those in Python; if there is no Python for them, that is the failure after the first.
fn both(
    rust: impl FnOnce() -> Result<(), Failure>,
    has_python: Result<(), Failure>,
    python: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    rust()?;
    has_python.map_err(|why| {
        Failure::new(format!(
            "the tests in Rust and C passed, and those that need Python did not run: {why}"
        ))
    })?;
    python()
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

/// The tests of programs in C. They are a command of their own: in the workspace, other crates ask for libtorch, which is
/// no part of the library for C.
pub fn in_c(root: &Path) -> Command {
    let mut command = cargo::command(root, "test");
    command.args(["--package", "commformer-c", "--test", "programs"]);
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
    fn tests_that_could_not_run_are_a_failure_after_the_others() {
        let done = std::cell::RefCell::new(Vec::new());
        let runs = |name| {
            done.borrow_mut().push(name);
            Ok(())
        };
        let whole = both(|| runs("Rust"), Ok(()), || runs("Python"));
        assert_eq!((whole, done.take()), (Ok(()), vec!["Rust", "Python"]));

        let no_python = Err(Failure::new("no network."));
        let failed = both(|| runs("Rust"), no_python, || runs("Python"));
        let said = failed.expect_err("a failure").to_string();
        assert!(said.ends_with("did not run: no network."), "{said}");
        assert_eq!(done.take(), ["Rust"]);

        let wrong = Failure::new("a test failed.");
        let failed = both(|| Err(wrong), Err(Failure::new("no network.")), || Ok(()));
        assert_eq!(failed.expect_err("a failure").to_string(), "a test failed.");
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
