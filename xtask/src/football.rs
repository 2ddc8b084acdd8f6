//! `cargo xtask football setup`: builds Google Research Football's real engine into `.football/`, a virtual
//! environment of its own, from Python packages. What the system must have is named and asked for, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, cargo, python, tools};

/// What pip installs, stage by stage. The engine's build needs tools of its time, and `gym` as it was before 0.26.
const STAGES: [&[&str]; 3] = [
    &[
        "pip==24.0",
        "setuptools==65.5.0",
        "wheel==0.38.4",
        "psutil==7.2.2",
        "six==1.17.0",
    ],
    &["--no-build-isolation", "gym==0.21.0"],
    &["--no-build-isolation", "gfootball==2.10.2"],
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
    if fs::read_to_string(&stamp).is_ok_and(|pins| pins == pins_text()) {
        println!("The engine is set up. {}", next());
        return Ok(());
    }
    let python = system_python()?;
    if let Some(missing) = missing(&PACKAGES, is_installed) {
        return Err(Failure::new(missing));
    }
    println!(
        "Building Google Research Football's engine into .football/: 6 to 15 minutes on two cores, 650 MB."
    );
    let mut venv = Command::new(&python);
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    carry_out(venv)?;
    for stage in STAGES {
        let mut pip = python::pip(&folder)?;
        pip.args(stage);
        carry_out(pip)?;
    }
    let mut trial = Command::new(folder.join("bin/python"));
    trial.args(["-c", TRIAL]);
    // It says much of what it draws with, and nothing that matters.
    trial.stdout(Stdio::null()).stderr(Stdio::null());
    carry_out(trial)?;
    // Last: what has it is whole.
    fs::write(&stamp, pins_text()).map_err(|error| {
        Failure::new(format!(
            "cannot write {} ({error}); make room and repeat the command.",
            stamp.display()
        ))
    })?;
    println!("The engine is set up. {}", next());
    Ok(())
}

fn next() -> &'static str {
    "Next: `cargo xtask train football-3_vs_1`."
}

fn pins_text() -> String {
    STAGES.map(|stage| stage.join(" ")).join("\n")
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
fn missing(packages: &[&str], is_installed: impl Fn(&str) -> bool) -> Option<String> {
    let absent: Vec<&str> = packages
        .iter()
        .copied()
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

fn carry_out(command: Command) -> Result<(), Failure> {
    cargo::carry_out(
        command,
        "what it printed says why, and the command can be repeated.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_in_a_line_to_copy() {
        let sentence = missing(&PACKAGES, |package| !package.starts_with("libsdl2"))
            .expect("some are missing");
        let line = "`sudo apt install --no-install-recommends libsdl2-dev libsdl2-gfx-dev libsdl2-image-dev libsdl2-ttf-dev`";
        assert!(sentence.contains(line), "{sentence}");
        assert_eq!(missing(&PACKAGES, |_| true), None);
    }

    #[test]
    fn every_package_is_pinned_and_a_stamp_tells_them_all() {
        let packages = STAGES.concat();
        let packages: Vec<_> = packages
            .into_iter()
            .filter(|word| !word.starts_with("--"))
            .collect();
        assert!(packages.iter().all(|package| package.contains("==")));
        assert!(packages.iter().all(|package| pins_text().contains(package)));
    }
}
