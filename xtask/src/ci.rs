//! `cargo xtask ci`: everything that must hold before a change is taken in, cheapest first.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::skips::Skips;
use crate::{Failure, cargo, links, packages, python, recipes, scripts, setup, supply_chain, test};

/// Runs every step and stops at the first that fails. What is skipped for want of a program is listed at the end, or,
/// if everything is required, a failure.
pub fn run(root: &Path, require: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let skips = Skips::begin(root, require)?;
    step("formatting", || check(formatting(root)))?;
    step("links", || links::check(root))?;
    match scripts::command(root) {
        Some(command) => step("scripts", || check(command))?,
        None => skips.skip("scripts", scripts::MISSING)?,
    }
    step("without libtorch", || without_libtorch(root))?;
    step("libtorch", || setup::run(root))?;
    step("lints", || {
        check(lints(root, &["--workspace", "--all-targets"]))?;
        // All targets are those that are tested with the workspace.
        check(lints(
            root,
            &["--package", "commformer-c", "--test", "programs"],
        ))
    })?;
    // Looks at what the lints had downloaded.
    match supply_chain::command(root, &skips)? {
        Some(command) => step("supply chain", || check(command))?,
        None => skips.skip("supply chain", supply_chain::MISSING)?,
    }
    step("packages", || packages::check(root))?;
    step("documentation", || check(documentation(root)))?;
    step("python", || python::ensure(root))?;
    step("tests", || {
        let mut tests = test::command(root, &[]);
        skips.tell(&mut tests);
        check(tests)
    })?;
    step("programs outside the workspace", || packages::scratch(root))?;
    step("recipes", || recipes::check(root))?;
    step("tests in Python", || {
        python::test(root, |mut tests| {
            skips.tell(&mut tests);
            check(tests)
        })
    })?;
    print!("{}", skips.summary());
    println!(
        "\nci: all steps passed in {:.1} s.",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn formatting(root: &Path) -> Command {
    let mut command = cargo::command(root, "fmt");
    command.args(["--all", "--check"]);
    command
}

fn lints(root: &Path, targets: &[&str]) -> Command {
    let mut command = cargo::command(root, "clippy");
    command.arg("--locked").args(targets);
    command.args(["--", "-D", "warnings"]);
    command
}

/// After a step that failed.
pub const ADVICE: &str = "correct what is printed above and run `cargo xtask ci` again.";

/// Where no libtorch is.
const HIDDEN: &str = "/libtorch-is-hidden";

/// Networks and agents that run alone need no libtorch: none is there yet, or it is hidden.
fn without_libtorch(root: &Path) -> Result<(), Failure> {
    let with_feature = ["commformer-model", "commformer-gate", "commformer-methods"];
    let without = [
        "commformer-env",
        "commformer-bridge",
        "commformer-c",
        "commformer-python",
        "commformer-view",
    ];
    for package in with_feature.iter().chain(&without) {
        let alone = ["--locked", "--package", package, "--no-default-features"];
        let mut tree = cargo::command(root, "tree");
        tree.args(alone).args(["--edges", "normal"]);
        let listed = tree
            .output()
            .map_err(|error| Failure::new(format!("cargo tree did not start: {error}")))?;
        if !listed.status.success() {
            return Err(Failure::new(format!("cargo tree failed for {package}.")));
        }
        let listed = String::from_utf8_lossy(&listed.stdout);
        if let Some(line) = listed.lines().find(|line| line.contains("tch v")) {
            return Err(Failure::new(format!(
                "{package} depends on tch, without a feature `torch`: {line}"
            )));
        }
        if with_feature.contains(package) {
            let mut build = cargo::command(root, "build");
            build.args(alone).env("LIBTORCH", HIDDEN);
            check(build)?;
        }
    }
    let mut tests = cargo::command(root, "test");
    tests.args(["--locked", "--package", "commformer-nn"]);
    for mut tests in [tests, test::in_c(root)] {
        tests.env("LIBTORCH", HIDDEN);
        check(tests)?;
    }
    Ok(())
}

fn documentation(root: &Path) -> Command {
    let mut command = cargo::command(root, "doc");
    command.args(["--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// Prints a heading and the time around one step.
fn step(name: &str, run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    println!("\n== {name}");
    let start = Instant::now();
    let outcome = run();
    let seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => {
            println!("== {name}: passed in {seconds:.1} s");
            Ok(())
        }
        Err(failure) => Err(Failure::new(format!(
            "ci stopped at {name} after {seconds:.1} s: {failure}"
        ))),
    }
}

/// Runs one command of a step to its end.
fn check(command: Command) -> Result<(), Failure> {
    cargo::carry_out(command, ADVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_named_with_its_reason() {
        let failure = step("lints", || Err(Failure::new("too many."))).expect_err("a failure");
        let text = failure.to_string();
        assert!(text.starts_with("ci stopped at lints after "), "{text}");
        assert!(text.ends_with(" s: too many."), "{text}");
    }
}
