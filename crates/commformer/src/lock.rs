//! The lock of a run's folder: only one process trains there.

use crate::links;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The lock of a run's folder.
#[derive(Clone, Debug)]
pub struct Lock {
    file: Arc<File>,
    path: PathBuf,
    /// Whether the file system knows locks: on some network disks nobody is kept out.
    pub holds: bool,
}

impl Lock {
    /// Takes the lock of the file of this name, which is made if it is not there, and writes down who has it. If another
    /// process does: its number, where it can be read.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn take(path: &Path) -> io::Result<Result<Self, String>> {
        let mut file = links::append(path)?;
        let holds = match try_lock(&file) {
            Ok(()) => true,
            Err(TryLockError::Error(error)) if knows_no_locks(&error) => false,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                let process = fs::read_to_string(path).unwrap_or_default();
                return Ok(Err(process.trim().to_owned()));
            }
        };
        // For the message to the others only.
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        let lock = Self {
            file: Arc::new(file),
            path: path.to_owned(),
            holds,
        };
        // It may have been taken away between its opening and its locking.
        lock.check()?;
        Ok(Ok(lock))
    }

    /// Makes sure that the lock file is still the one that is held: another process locks the one that has its name,
    /// and would train here, too.
    ///
    /// # Errors
    ///
    /// If it was removed or replaced.
    pub fn check(&self) -> io::Result<()> {
        let own = self.file.metadata()?;
        match fs::symlink_metadata(&self.path) {
            Ok(named) if same(&named, &own) => Ok(()),
            _ => Err(io::Error::other(format!(
                "{} was removed or replaced while this process held it: another one may train in the same folder. \
                 Nothing more is written; make sure that nobody else does, and let the run go on",
                self.path.display()
            ))),
        }
    }
}

fn same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether the file system refused a lock because it knows none.
fn knows_no_locks(error: &io::Error) -> bool {
    let no_lock = rustix::io::Errno::NOLCK.raw_os_error();
    error.raw_os_error() == Some(no_lock) || error.kind() == io::ErrorKind::Unsupported
}

/// Takes the lock unless a process keeps it. Whoever looks whether one does, as `commformer watch`, has it
/// for a moment, which is no reason to refuse.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 1..TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    lock.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_locks_is_told_from_one_that_refuses() {
        use rustix::io::Errno;
        let known =
            |errno: Errno| knows_no_locks(&io::Error::from_raw_os_error(errno.raw_os_error()));
        for errno in [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP] {
            assert!(known(errno), "{errno}");
        }
        assert!(!known(Errno::ACCESS) && !known(Errno::IO));
    }
}
