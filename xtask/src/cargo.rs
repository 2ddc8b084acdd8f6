//! The cargo that xtask starts, and other programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, libtorch};

/// `cargo SUBCOMMAND` for the workspace at `root`, in the user's own folder, so that relative
/// paths mean what the user meant.
pub fn command(root: &Path, subcommand: &str) -> Command {
    command_in(root, root, subcommand)
}

/// The same for another workspace of the repository, whose folder this is.
pub fn command_in(root: &Path, workspace: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand);
    command
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"));
    // The cargo that started xtask set LIBTORCH before libtorch was there. Unset, the next
    // cargo reads the configuration anew.
    if env::var_os("LIBTORCH").is_some_and(|value| libtorch::is_projects(root, &value)) {
        command.env_remove("LIBTORCH");
    }
    command
}

/// Where cargo builds the workspace.
pub fn target_folder(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Lets the command take this process's place, so that its signals and exit code are the user's;
/// returns only where it could not start.
#[cfg(unix)]
pub fn become_command(mut command: Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(not_started(&command, &error))
}

/// Runs the command and ends this process with its exit code.
#[cfg(not(unix))]
pub fn become_command(mut command: Command) -> Result<(), Failure> {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => Err(not_started(&command, &error)),
    }
}

/// Runs the command to its end; a failure names it and says what is advised.
pub fn carry_out(mut command: Command, advice: &str) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| not_started(&command, &error))?;
    if status.success() {
        return Ok(());
    }
    let program = Path::new(command.get_program()).file_name();
    let words = program.into_iter().chain(command.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    Err(Failure::new(format!(
        "`{}` failed ({status}); {advice}",
        line.join(" ")
    )))
}

/// The failure of a program that could not be started.
pub fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "`{}` did not start ({error}); check that it is installed and on PATH.",
        command.get_program().to_string_lossy()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_named_from_any_folder() {
        let command = command(Path::new("/repo"), "test");
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["test", "--manifest-path", "/repo/Cargo.toml"]);
        assert_eq!(command.get_current_dir(), None);
    }

    #[test]
    fn a_command_that_fails_or_does_not_start_is_a_failure() {
        assert_eq!(carry_out(Command::new("true"), ""), Ok(()));
        let mut failing = Command::new("/bin/false");
        failing.arg("now");
        let failed = carry_out(failing, "try again.").expect_err("a failure");
        let text = failed.to_string();
        assert!(text.starts_with("`false now` failed ("), "{text}");
        assert!(text.ends_with("); try again."), "{text}");
        let absent = carry_out(Command::new("commformer-no-such-program"), "");
        let absent = absent.expect_err("absent").to_string();
        assert!(absent.contains("did not start"), "{absent}");
    }
}
