//! `cargo xtask football setup`: builds Google Research Football's real engine into `.football/`, a virtual
//! environment of its own, from Python packages. What the system must have is named and asked for, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lock::Lock;
use crate::{Failure, cargo, files, python, tools};

/// What pip installs, stage by stage, each with its files' hashes: the tools that the engine is built with, then the
/// engine.
const STAGES: [(&str, &str); 2] = [
    ("football-tools.txt", include_str!("football-tools.txt")),
    ("football.txt", include_str!("football.txt")),
];

/// Debian's packages that the engine is built with and linked to.
const PACKAGES: [&str; 14] = [
    "build-essential",
    "cmake",
    "libboost-filesystem-dev",
    "libboost-python-dev",
    "libboost-system-dev",
    "libboost-thread-dev",
    "libegl1-mesa-dev",
    "libgl1-mesa-dev",
    "libsdl2-dev",
    "libsdl2-gfx-dev",
    "libsdl2-image-dev",
    "libsdl2-ttf-dev",
    "python3.11-dev",
    "python3.11-venv",
];

/// Plays a step, so that whatever is missing is missed now.
const TRIAL: &str = "\
import gfootball.env as football
env = football.create_environment('academy_3_vs_1_with_keeper', representation='raw', number_of_left_players_agent_controls=3)
env.reset()
env.step([0, 0, 0])
";

/// Builds the engine where it is missing, and says what is the case.
pub fn setup(root: &Path) -> Result<(), Failure> {
    let folder = root.join(".football");
    let stamp = folder.join("commformer-pins.txt");
    if is_whole(&stamp) {
        println!("The engine is set up. {}", next());
        return Ok(());
    }
    let python = system_python()?;
    if let Some(missing) = missing(is_installed) {
        return Err(Failure::new(missing));
    }
    let lock = Lock::take(root)?;
    if is_whole(&stamp) {
        println!("Another process set the engine up. {}", next());
        return Ok(());
    }
    println!(
        "Building Google Research Football's engine into .football/: 6 to 15 minutes on two cores, 650 MB."
    );
    let mut venv = Command::new(&python);
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    lock.carry_out(venv, ADVICE)?;
    for (file, _) in STAGES {
        let mut pip = python::pip(&folder)?;
        pip.args(["--no-build-isolation", "--requirement"]);
        pip.arg(root.join("xtask/src").join(file));
        lock.carry_out(pip, ADVICE)?;
    }
    let mut trial = Command::new(folder.join("bin/python"));
    trial.args(["-c", TRIAL]);
    try_out(trial)?;
    // Last: what has it is whole.
    files::write(&stamp, &pins_text())?;
    println!("The engine is set up. {}", next());
    Ok(())
}

fn next() -> &'static str {
    "Next: `cargo xtask train football-3_vs_1`."
}

fn pins_text() -> String {
    STAGES.map(|(_, pins)| pins).concat()
}

/// The Python of the system: the engine is linked to Boost's library for exactly this version.
fn system_python() -> Result<PathBuf, Failure> {
    let known = ["/usr/bin/python3.11", "python3.11"];
    let works = |python: &&str| tools::first_line(&[*python, "--version"]).is_some();
    let found = known.into_iter().find(works);
    found.map(PathBuf::from).ok_or_else(|| {
        Failure::new(
            "the engine needs Python 3.11, which did not run; install with `sudo apt install python3.11` (Debian 12) \
             and repeat the command.",
        )
    })
}

/// Whether dpkg knows a package as installed; where there is no dpkg, the build will tell.
fn is_installed(package: &str) -> bool {
    let status = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Status}", package])
        .stderr(Stdio::null())
        .output();
    status.map_or(true, |output| output.stdout.ends_with(b" installed"))
}

/// The sentence that names the packages that are missing.
fn missing(is_installed: impl Fn(&str) -> bool) -> Option<String> {
    let absent: Vec<&str> = PACKAGES
        .into_iter()
        .filter(|package| !is_installed(package))
        .collect();
    (!absent.is_empty()).then(|| {
        format!(
            "the engine is built with packages of the system that are missing; install with `sudo apt install \
             --no-install-recommends {}` (Debian 12) and repeat the command.",
            absent.join(" ")
        )
    })
}

const ADVICE: &str = "what it printed says why, and the command can be repeated.";

fn is_whole(stamp: &Path) -> bool {
    fs::read_to_string(stamp).is_ok_and(|pins| pins == pins_text())
}

/// Runs a trial, and shows its errors if it fails: one that works says much of what it draws with, and nothing that
/// matters.
fn try_out(mut trial: Command) -> Result<(), Failure> {
    let output = trial.stdin(Stdio::null()).output();
    let output = output.map_err(|error| cargo::not_started(&trial, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let advice = format!("it said:\n{}\nThe command can be repeated.", errors.trim());
    Err(cargo::failed(&trial, output.status, &advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_in_a_line_to_copy() {
        let sentence =
            missing(|package| !package.starts_with("libsdl2")).expect("some are missing");
        let line = "`sudo apt install --no-install-recommends libsdl2-dev libsdl2-gfx-dev libsdl2-image-dev libsdl2-ttf-dev`";
        assert!(sentence.contains(line), "{sentence}");
        assert_eq!(missing(|_| true), None);
    }

    #[test]
    fn a_trial_that_fails_says_why() {
        let shell = |code: &str| {
            let mut trial = Command::new("sh");
            trial.args(["-c", code]);
            try_out(trial)
        };
        assert_eq!(shell("echo much >&2"), Ok(()));
        let failed = shell("echo no libGL >&2; exit 3").expect_err("a failure");
        let said = failed.to_string();
        assert!(said.contains("it said:\nno libGL\n"), "{said}");
    }

    #[test]
    fn every_package_is_pinned_with_its_hashes() {
        let of_tests = include_str!("python.txt");
        for pins in STAGES.map(|(_, pins)| pins).into_iter().chain([of_tests]) {
            // A package, and on the lines after it, indented, the hashes of its files.
            let mut packages = pins
                .lines()
                .filter(|line| !line.starts_with('#'))
                .peekable();
            while let Some(package) = packages.next() {
                assert!(
                    package.contains("==") && package.ends_with('\\'),
                    "{package}"
                );
                let hash = |line: &&str| line.trim_start().starts_with("--hash=sha256:");
                assert!(packages.next_if(hash).is_some(), "{package}");
                while packages.next_if(hash).is_some() {}
            }
        }
        assert!(pins_text().contains("gfootball==") && pins_text().contains("setuptools=="));
    }
}
