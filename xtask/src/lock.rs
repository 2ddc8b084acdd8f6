//! The lock of what set-up makes: only one `cargo xtask` changes `.libtorch/`, `target/python/` or `.football/`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Failure, cargo, files};

/// Held until it is dropped and every program that was started with it has ended. A process that takes it twice waits
/// for itself.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits until no other process has it.
    pub fn take(root: &Path) -> Result<Self, Failure> {
        // This file lasts, so that nobody locks one that another process then removes.
        let path = root.join("xtask/libtorch-cpu.txt");
        Self::of(&path).map_err(|error| files::cannot("lock", path.display(), &error))
    }

    fn of(path: &Path) -> io::Result<Self> {
        // NFS locks only what is open for writing.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let locked = match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                eprintln!("Waiting for another `cargo xtask` that sets up or tests ...");
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
        };
        match locked {
            Err(error) if !knows_no_locks(&error) => Err(error),
            // Without locks, two processes are not kept apart.
            _ => Ok(Self { file }),
        }
    }

    /// The standard input of a program that shall keep the lock as long as it runs, even if this process is killed.
    pub fn stdin(&self) -> Stdio {
        self.file
            .try_clone()
            .map_or_else(|_| Stdio::null(), Stdio::from)
    }

    /// Runs a command that keeps the lock to its end; a failure names it and says what is advised.
    pub fn carry_out(&self, mut command: Command, advice: &str) -> Result<(), Failure> {
        command.stdin(self.stdin());
        cargo::carry_out_reading(command, advice)
    }
}

/// Whether the file system refused a lock because it knows none.
fn knows_no_locks(error: &io::Error) -> bool {
    // ENOLCK has no kind.
    let no_lock = cfg!(target_os = "linux") && error.raw_os_error() == Some(37);
    no_lock || error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::fs;
    use std::io::Write;

    #[test]
    fn the_lock_lasts_as_long_as_what_was_started_with_it() {
        let scratch = Scratch::new("lock");
        let path = scratch.join("pins");
        fs::write(&path, "pins").expect("written");
        let lock = Lock::of(&path).expect("a lock");
        // A descriptor that is only read refuses even this.
        assert!((&lock.file).write(b"").is_ok(), "open for writing");
        let mut sleep = Command::new("sleep");
        let mut child = sleep.arg("60").stdin(lock.stdin()).spawn().expect("sleep");
        let other = File::open(&path).expect("the file");
        let is_locked = || matches!(other.try_lock(), Err(TryLockError::WouldBlock));
        assert!(is_locked(), "while this process has it");
        drop((lock, sleep));
        assert!(is_locked(), "while the program runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
        // What another test starts at this moment may have the file for an instant.
        let freed = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            !is_locked()
        });
        assert!(freed, "afterwards");
        assert_eq!(fs::read_to_string(&path).expect("text"), "pins");
    }

    #[test]
    fn a_file_system_without_locks_keeps_nobody_out() {
        assert!(knows_no_locks(&io::ErrorKind::Unsupported.into()));
        assert!(!knows_no_locks(&io::ErrorKind::PermissionDenied.into()));
        if cfg!(target_os = "linux") {
            assert!(knows_no_locks(&io::Error::from_raw_os_error(37)));
        }
    }
}
