//! The Python that tests use: a virtual environment in `target/python`, with the packages that `python.txt` names.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lock::Lock;
use crate::{Failure, files, tools};

/// What is installed, in pip's form.
const PINS: &str = include_str!("python.txt");

/// Its interpreter.
pub fn interpreter(root: &Path) -> PathBuf {
    folder(root).join("bin/python")
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/python")
}

/// Makes it where it is missing, has other packages, or was made by another Python.
pub fn ensure(root: &Path) -> Result<(), Failure> {
    let version = tools::first_line(&["python3", "--version"]).unwrap_or_default();
    if is_whole(root, &version) {
        return Ok(());
    }
    let lock = Lock::take(root)?;
    if is_whole(root, &version) {
        // Another process did it.
        return Ok(());
    }
    eprintln!("Getting numpy, PettingZoo and maturin into target/python/ (60 MB, for tests) ...");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder(root));
    venv.stdout(Stdio::null());
    lock.carry_out(venv, VENV_ADVICE)?;
    let mut pip = pip(&folder(root))?;
    pip.args(["--quiet", "--requirement"]);
    pip.arg(root.join("xtask/src/python.txt"));
    pip.stdout(Stdio::null());
    lock.carry_out(pip, &pip_advice(&version))?;
    // Last: what has it is whole.
    files::write(&stamp(root), &stamp_text(&version))
}

/// Makes it if that is possible; says what is skipped, if not.
pub fn try_ensure(root: &Path) -> Result<(), Failure> {
    ensure(root).inspect_err(|failure| {
        eprintln!("Tests that need Python's numpy or PettingZoo are skipped: {failure}");
    })
}

const VENV_ADVICE: &str =
    "Debian and Ubuntu have venv in a package of its own: `sudo apt install python3-venv`.";

/// What to do where pip fails, with the Python of that version.
fn pip_advice(version: &str) -> String {
    format!(
        "its reason is above; check the network, and that `python3` is Python 3.11 or later (it is {version}), and \
         repeat the command."
    )
}

/// Whether it was made with these packages, by the Python of that version.
fn is_whole(root: &Path, version: &str) -> bool {
    fs::read_to_string(stamp(root)).is_ok_and(|text| text == stamp_text(version))
}

fn stamp(root: &Path) -> PathBuf {
    folder(root).join("commformer-pins.txt")
}

fn stamp_text(version: &str) -> String {
    format!("# {version}\n{PINS}")
}

/// Runs the tests that are written in Python, after what they test is installed. No other `cargo xtask` installs there
/// meanwhile.
pub fn test(root: &Path, run: impl Fn(Command) -> Result<(), Failure>) -> Result<(), Failure> {
    let _lock = Lock::take(root)?;
    tests(root)?.into_iter().try_for_each(run)
}

fn tests(root: &Path) -> Result<Vec<Command>, Failure> {
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
    use crate::scratch::Scratch;
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
    fn an_environment_of_another_python_or_of_other_packages_is_made_anew() {
        let root = Scratch::new("python");
        fs::create_dir_all(folder(&root)).expect("a folder");
        assert!(!is_whole(&root, "Python 3.12.1"), "no stamp");
        fs::write(stamp(&root), stamp_text("Python 3.12.1")).expect("written");
        assert!(is_whole(&root, "Python 3.12.1"));
        assert!(!is_whole(&root, "Python 3.13.0"));
        fs::write(stamp(&root), PINS).expect("written");
        assert!(!is_whole(&root, "Python 3.12.1"));
    }

    #[test]
    fn pip_and_venv_have_advice_of_their_own() {
        let advice = pip_advice("Python 3.10.12");
        assert!(advice.contains("network") && advice.contains("(it is Python 3.10.12)"));
        assert!(!advice.contains("venv") && VENV_ADVICE.contains("python3-venv"));
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
        let folder = Scratch::new("unittests");
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
    }
}
