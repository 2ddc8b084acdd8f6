//! The cargo that xtask starts.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::{Failure, libtorch};

/// `cargo SUBCOMMAND` for the workspace at `root`, in the user's own folder, so that relative
/// paths mean what the user meant.
pub fn command(root: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand);
    command.arg("--manifest-path").arg(root.join("Cargo.toml"));
    // The cargo that started xtask set LIBTORCH before libtorch was there. Unset, the next
    // cargo reads the configuration anew.
    if env::var_os("LIBTORCH").is_some_and(|value| libtorch::is_projects(root, &value)) {
        command.env_remove("LIBTORCH");
    }
    command
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
}
