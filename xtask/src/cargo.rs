//! The cargo that xtask starts, and other programs.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::libtorch::Found;
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
    point_at_libtorch(
        &mut command,
        root,
        env::var_os("LIBTORCH"),
        &Found::look(root),
    );
    // As `.cargo/config.toml` does, which cargo reads only inside the checkout.
    command.env("PYO3_BUILD_EXTENSION_MODULE", "1");
    command
}

/// Sets `LIBTORCH`, of which this is the value, unless the user did.
fn point_at_libtorch(command: &mut Command, root: &Path, value: Option<OsString>, found: &Found) {
    // The cargo that started xtask set it before libtorch was there. Unset, the next cargo reads the configuration
    // anew.
    if value.is_some_and(|value| libtorch::is_projects(root, &value)) {
        command.env_remove("LIBTORCH");
    }
    // Outside the checkout cargo reads no configuration of ours.
    if *found == Found::Ours {
        command.env("LIBTORCH", libtorch::folder(root));
    }
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
    command.stdin(Stdio::null());
    carry_out_reading(command, advice)
}

/// The same for a command with a standard input of its own.
pub fn carry_out_reading(mut command: Command, advice: &str) -> Result<(), Failure> {
    let status = command.status();
    let status = status.map_err(|error| not_started(&command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(&command, status, advice))
}

/// The failure of a command that ended so.
pub fn failed(command: &Command, status: ExitStatus, advice: &str) -> Failure {
    let program = Path::new(command.get_program()).file_name();
    let words = program.into_iter().chain(command.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    Failure::new(format!("`{}` failed ({status}); {advice}", line.join(" ")))
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
    fn libtorch_is_found_from_any_folder_unless_the_user_chose_one() {
        let root = Path::new("/repo");
        // What a command does to LIBTORCH: leaves it, unsets it, or sets it.
        let of = |value: Option<&str>, found: &Found| {
            let mut command = Command::new("cargo");
            point_at_libtorch(&mut command, root, value.map(OsString::from), found);
            let mut envs = command.get_envs();
            envs.next().map(|(name, value)| {
                assert_eq!(name, "LIBTORCH");
                value.map(|value| value.to_string_lossy().into_owned())
            })
        };
        let ours = Some(Some("/repo/.libtorch".to_owned()));
        for value in [None, Some(""), Some("/repo/.cargo/libtorch-missing")] {
            assert_eq!(of(value, &Found::Ours), ours, "{value:?}");
        }
        assert_eq!(of(None, &Found::Missing), None);
        assert_eq!(of(Some("/repo/.libtorch"), &Found::Missing), Some(None));
        let users = Found::Users("LIBTORCH=/opt".to_owned());
        assert_eq!(of(Some("/opt"), &users), None);
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
