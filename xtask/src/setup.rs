//! `cargo xtask setup`: gets libtorch from pinned Python packages.
//!
//! Everything happens in `.libtorch.tmp/`, under a lock that ends with the last process of it, and
//! `.libtorch/` appears by one rename: it is whole or absent.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::Command;

use crate::libtorch::Found;
use crate::lock::Lock;
use crate::{Failure, cargo, files, libtorch, tools};

/// Python that takes headers and libraries out of the wheels.
const UNPACK: &str = include_str!("unpack.py");

/// cargo's `[env]` for a workspace with libtorch, in `.libtorch/cargo.toml`.
const CARGO_TOML: &str = "[env]\nLIBTORCH = { value = \".libtorch\", relative = true }\n";

/// torch-sys links to `libtorch.so`. The wheel's own needs CUDA; this linker script does not.
const LINKER_SCRIPT: &str = "INPUT ( libtorch_cpu.so )\n";

/// Gets libtorch where it is missing, and says what is the case.
pub fn run(root: &Path) -> Result<(), Failure> {
    match Found::look(root) {
        Found::Users(choice) => println!(
            "{choice} is set, so the build uses that libtorch (it must be {}) and there is \
             nothing to set up; unset it to get one with `cargo xtask setup`.",
            libtorch::release()
        ),
        Found::Ours => println!("libtorch {} is set up.", libtorch::VERSION),
        Found::Missing => get(root)?,
    }
    Ok(())
}

/// Gets libtorch where it is missing, and is silent where it is not.
pub fn ensure(root: &Path) -> Result<(), Failure> {
    match Found::look(root) {
        Found::Users(_) | Found::Ours => Ok(()),
        Found::Missing => get(root),
    }
}

/// Downloads and unpacks; all it says goes to the standard error stream, because it may precede
/// a command whose output is wanted.
fn get(root: &Path) -> Result<(), Failure> {
    if !cfg!(all(
        target_os = "linux",
        target_arch = "x86_64",
        target_env = "gnu"
    )) {
        return Err(Failure::new(format!(
            "set-up knows libtorch only for Linux with glibc on x86-64, and this is {} on {}; \
             unpack libtorch {} for it yourself and set LIBTORCH to its folder.",
            env::consts::OS,
            env::consts::ARCH,
            libtorch::release()
        )));
    }
    tools::check()?;

    let lock = Lock::take(root)?;
    let target = libtorch::folder(root);
    if libtorch::is_complete(&target) {
        eprintln!("The other one did it.");
        return Ok(());
    }

    eprintln!(
        "Getting libtorch {} into .libtorch/: about 540 MB to download; 500 MB on disk, and as \
         much again while it is unpacked.",
        libtorch::VERSION
    );
    let work = root.join(".libtorch.tmp");
    let wheels = work.join("wheels");
    make_folder(&work)?;
    download(&lock, &work, &wheels)?;
    eprintln!("Unpacking (ten seconds to a minute) ...");
    let fresh = work.join("libtorch");
    unpack(&lock, &wheels, &fresh)?;
    replace(&fresh, &target, &work.join("old"))?;
    // What is left costs disk space and nothing else.
    let _ = fs::remove_dir_all(&work);
    eprintln!("libtorch {} is set up.", libtorch::VERSION);
    Ok(())
}

/// Fills `wheels` with the packages that the pins name. Packages that an interrupted set-up
/// completed are kept: pip checks their hashes.
fn download(lock: &Lock, work: &Path, wheels: &Path) -> Result<(), Failure> {
    let pins = work.join("pins.txt");
    if fs::read_to_string(&pins).is_ok_and(|text| text != libtorch::PINS) {
        remove_folder(wheels)?;
    }
    files::write(&pins, libtorch::PINS)?;
    // pip's own temporary files go beside, because /tmp is often a small disk in memory.
    let scratch = work.join("pip");
    remove_folder(&scratch)?;
    make_folder(&scratch)?;

    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-input", "--no-cache-dir"])
        .arg("--disable-pip-version-check")
        .args(["--no-deps", "--require-hashes", "--only-binary=:all:"])
        // The running Python's version does not matter: nothing of the package's Python is used.
        .args(["--python-version=3.12", "--implementation=cp"])
        .arg("--platform=manylinux_2_28_x86_64")
        .arg("--platform=manylinux_2_25_x86_64")
        .arg("--platform=manylinux_2_17_x86_64")
        .arg(if io::stderr().is_terminal() {
            "--progress-bar=on"
        } else {
            "--progress-bar=off"
        })
        .arg("--dest")
        .arg(wheels)
        .arg("--requirement")
        .arg(&pins)
        .env("TMPDIR", &scratch)
        .env("PIP_REQUIRE_VIRTUALENV", "0");
    finish(
        lock,
        pip,
        "pip could not download libtorch, for the reason above; check the network (and that \
         pip is 20.3 or newer) and repeat the command.",
    )
}

/// Fills `fresh` with everything that belongs into `.libtorch/`, the stamp last.
fn unpack(lock: &Lock, wheels: &Path, fresh: &Path) -> Result<(), Failure> {
    remove_folder(fresh)?;
    make_folder(fresh)?;
    let mut python = Command::new("python3");
    python.args(["-c", UNPACK]).arg(wheels).arg(fresh);
    finish(
        lock,
        python,
        "libtorch could not be unpacked, for the reason above; make room on the disk if it is \
         full, or delete .libtorch.tmp, and repeat the command.",
    )?;
    files::write(&fresh.join("lib/libtorch.so"), LINKER_SCRIPT)?;
    files::write(
        &fresh.join("build-version"),
        &format!("{}\n", libtorch::VERSION),
    )?;
    files::write(&fresh.join("cargo.toml"), CARGO_TOML)?;
    files::write(&libtorch::stamp(fresh), libtorch::PINS)
}

/// Gives `fresh` the name `target`; what had the name before (other pins) goes away.
fn replace(fresh: &Path, target: &Path, old: &Path) -> Result<(), Failure> {
    remove_folder(old)?;
    // A link that leads nowhere is in the way, too.
    if target.symlink_metadata().is_ok() {
        fs::rename(target, old).map_err(|error| files::cannot("move", target.display(), &error))?;
    }
    fs::rename(fresh, target).map_err(|error| files::cannot("write", target.display(), &error))
}

/// Runs a step whose words go to the standard error stream.
fn finish(lock: &Lock, mut command: Command, failed: &str) -> Result<(), Failure> {
    command.stdin(lock.stdin()).stdout(io::stderr());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::new(failed)),
        Err(error) => Err(cargo::not_started(&command, &error)),
    }
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| files::cannot("make", path.display(), &error))
}

fn remove_folder(path: &Path) -> Result<(), Failure> {
    files::remove_folder(path).map_err(|error| files::cannot("remove", path.display(), &error))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_link_that_leads_nowhere_is_replaced() {
        let folder = Scratch::new("replace");
        let at = |name: &str| folder.join(name);
        fs::create_dir_all(at("fresh")).expect("a folder");
        std::os::unix::fs::symlink(at("nowhere"), at("target")).expect("a link");
        assert_eq!(replace(&at("fresh"), &at("target"), &at("old")), Ok(()));
        assert!(at("target").is_dir());
        // Another interrupted set-up may leave it, and the next one removes it.
        assert_eq!(replace(&at("target"), &at("other"), &at("old")), Ok(()));
    }
}
