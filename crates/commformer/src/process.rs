//! This program, started once more.

use anyhow::Context;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A command that starts it. At its path may be another one by now, since cargo builds anew there, or none while it
/// does: Linux names the file that runs.
pub(crate) fn again() -> anyhow::Result<Command> {
    let named = env::current_exe().context("cannot find this program")?;
    let running = Path::new("/proc/self/exe");
    let mut command = Command::new(if running.exists() { running } else { &named });
    command.arg0(named);
    Ok(command)
}
