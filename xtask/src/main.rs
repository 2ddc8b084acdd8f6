//! `cargo xtask`: set-up, the program's commands, tests and the whole check, with nothing but
//! the standard library, so that it builds in seconds and before libtorch is there.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::Request;

mod args;
mod cargo;
mod ci;
mod doctor;
mod files;
mod football;
#[cfg(test)]
mod fuzz_lock;
mod libtorch;
mod links;
mod lock;
mod packages;
mod program;
mod python;
mod recipes;
#[cfg(test)]
mod scratch;
mod scripts;
mod setup;
mod skips;
mod supply_chain;
mod test;
mod tools;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    match args::parse(&arguments).and_then(|request| run(request, &root())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.code)
        }
    }
}

fn run(request: Request, root: &Path) -> Result<(), Failure> {
    match request {
        Request::Help => {
            print!("{}", args::HELP);
            Ok(())
        }
        Request::Setup => setup::run(root),
        Request::FootballSetup => football::setup(root),
        Request::Program { arguments } => program::run(root, &arguments),
        Request::Doctor { arguments } => doctor::run(root, &arguments),
        Request::Test { arguments } => test::run(root, &arguments),
        Request::Ci { require } => ci::run(root, require),
    }
}

/// The workspace's folder: cargo names this package's folder, and the workspace is its parent.
fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// Why a command stopped: a sentence for the user, and the exit code.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Something did not work (exit code 1).
    pub fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, code: 1 }
    }

    /// The command line was not understood (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, code: 2 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
