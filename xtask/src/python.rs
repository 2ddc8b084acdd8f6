//! The Python that tests use: a virtual environment in `target/python`, with the packages that `python.txt` names.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, cargo};

/// What is installed, in pip's form.
const PINS: &str = include_str!("python.txt");

/// Its interpreter.
pub fn interpreter(root: &Path) -> PathBuf {
    folder(root).join("bin/python")
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/python")
}

/// Makes it where it is missing or has other packages.
pub fn ensure(root: &Path) -> Result<(), Failure> {
    let stamp = folder(root).join("commformer-pins.txt");
    if fs::read_to_string(&stamp).is_ok_and(|pins| pins == PINS) {
        return Ok(());
    }
    eprintln!("Getting numpy, PettingZoo and maturin into target/python/ (60 MB, for tests) ...");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder(root));
    quietly(venv)?;
    let mut pip = pip(&folder(root))?;
    pip.args(["--quiet", "--requirement"]);
    pip.arg(root.join("xtask/src/python.txt"));
    quietly(pip)?;
    // Last: what has it is whole.
    fs::write(&stamp, PINS).map_err(|error| {
        let stamp = stamp.display();
        Failure::new(format!(
            "cannot write {stamp} ({error}); make room and repeat the command."
        ))
    })
}

/// Makes it if that is possible, and says whether it is there; what is skipped, if not.
pub fn try_ensure(root: &Path) -> bool {
    let made = ensure(root);
    if let Err(failure) = &made {
        eprintln!("Tests that need Python's numpy or PettingZoo are skipped: {failure}");
    }
    made.is_ok()
}

fn quietly(mut command: Command) -> Result<(), Failure> {
    command.stdout(Stdio::null());
    cargo::carry_out(
        command,
        "Debian and Ubuntu have venv in a package of its own: `sudo apt install python3-venv`.",
    )
}

/// The tests that are written in Python, after what they test is installed.
pub fn tests(root: &Path) -> Result<Vec<Command>, Failure> {
    let of = |folder: &str| {
        let mut command = Command::new(interpreter(root));
        command.arg(root.join("xtask/src/unittests.py"));
        command.arg(root.join(folder));
        command
    };
    Ok(vec![
        of("crates/commformer-bridge/python"),
        wheel(root)?,
        of("crates/commformer-python/tests"),
    ])
}

/// Builds the wheel as a user's pip does, and installs it.
fn wheel(root: &Path) -> Result<Command, Failure> {
    let mut pip = pip(&folder(root))?;
    // Locked, like every build here; without isolation the pinned maturin is used.
    pip.args(["--quiet", "--no-build-isolation", "--no-deps"]);
    pip.args(["--force-reinstall"]);
    pip.arg(root.join("crates/commformer-python"));
    pip.env("MATURIN_PEP517_ARGS", "--locked");
    Ok(pip)
}

/// `pip install` of a virtual environment, whose programs what it builds finds first.
pub fn pip(venv: &Path) -> Result<Command, Failure> {
    let bin = venv.join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([bin.clone()].into_iter().chain(env::split_paths(&path)));
    let path: OsString =
        path.map_err(|error| Failure::new(format!("PATH cannot be extended ({error}).")))?;
    let mut pip = Command::new(bin.join("python"));
    pip.args(["-m", "pip", "install", "--no-input"]);
    pip.arg("--disable-pip-version-check").env("PATH", path);
    Ok(pip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn every_folder_of_tests_is_there() {
        let commands = tests(&crate::root()).expect("commands");
        let runs = |word: &OsStr| word.to_string_lossy().ends_with("unittests.py");
        let is_unittest = |command: &&Command| command.get_args().any(runs);
        assert_eq!(commands.iter().filter(is_unittest).count(), 2);
        for command in commands.iter().filter(is_unittest) {
            let folder = command.get_args().last().expect("a folder");
            let entries = fs::read_dir(folder).expect("the folder").flatten();
            let is_test = |name: &str| name.starts_with("test") && name.ends_with(".py");
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            assert!(names.filter(|name| is_test(name)).count() > 0, "{folder:?}");
        }
    }

    #[test]
    fn what_pip_builds_finds_the_environments_programs_first() {
        let pip = pip(Path::new("/x/.football")).expect("a command");
        let path = pip
            .get_envs()
            .find(|(name, _)| *name == "PATH")
            .and_then(|(_, value)| value);
        let first = path.and_then(|path| env::split_paths(path).next());
        assert_eq!(first, Some(PathBuf::from("/x/.football/bin")));
    }

    /// The tests of a folder, of which one is skipped.
    fn skipping(folder: &Path, environment: &[(&str, &Path)]) -> bool {
        let mut tests = Command::new("python3");
        let runner = crate::root().join("xtask/src/unittests.py");
        tests.arg(runner).arg(folder);
        for variable in ["COMMFORMER_SKIPS", "COMMFORMER_REQUIRE"] {
            tests.env_remove(variable);
        }
        tests.envs(environment.iter().copied());
        let output = tests.output().expect("Python");
        output.status.success()
    }

    #[test]
    fn what_python_skips_is_counted_or_refused() {
        let folder = env::temp_dir().join(format!("xtask-unittests-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let code = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        \
                    self.skipTest('no such\\nthing')\n\n    def test_b(self):\n        pass\n";
        fs::write(folder.join("test_skipping.py"), code).expect("written");
        let skips = folder.join("skips.txt");
        assert!(skipping(&folder, &[("COMMFORMER_SKIPS", &skips)]));
        let text = fs::read_to_string(&skips).expect("the list");
        assert!(
            text.starts_with("test_a") && text.ends_with(": no such thing\n"),
            "{text}"
        );
        assert!(!skipping(
            &folder,
            &[("COMMFORMER_REQUIRE", Path::new("1"))]
        ));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
