//! Whether a run goes on.

use crate::log::RunLog;
use crate::record::Outcome;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// What goes on in a run's folder.
#[derive(Clone, Debug, PartialEq)]
pub enum Life {
    /// A process trains there; its number, where it can be read.
    Training(String),
    /// The run has come to its end.
    Ended,
    /// It has met numbers that are not finite.
    Failed,
    /// It was stopped before its end, by whatever.
    Stopped,
    /// This file system knows no locks, so nothing tells whether a process trains there.
    Unknown,
}

impl Life {
    /// Looks into the folder.
    pub fn of(folder: &Path) -> Self {
        let lock = folder.join(RunLog::LOCK);
        // Shared, for a moment: others who look do not mind, and a run that begins just now tries again.
        match File::open(&lock).map(|file| file.try_lock_shared()) {
            Ok(Err(TryLockError::WouldBlock)) => {
                let process = fs::read_to_string(&lock).unwrap_or_default();
                Self::Training(process.trim().to_owned())
            }
            _ if folder.join(Outcome::FILE).exists() => Self::Ended,
            _ if folder.join(RunLog::FAILURE).exists() => Self::Failed,
            Ok(Ok(())) => Self::Stopped,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Stopped,
            Ok(Err(TryLockError::Error(_))) | Err(_) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_trains_as_long_as_its_folder_is_locked() {
        let folder = tempfile::tempdir().unwrap();
        let life = || Life::of(folder.path());
        assert_eq!(life(), Life::Stopped);
        let path = folder.path().join(".lock");
        fs::write(&path, "123\n").unwrap();
        let lock = File::open(&path).unwrap();
        lock.lock().unwrap();
        // Of an earlier end: it has gone on.
        fs::write(folder.path().join("final.json"), "{}").unwrap();
        assert_eq!(life(), Life::Training("123".into()));
        lock.unlock().unwrap();
        assert_eq!(life(), Life::Ended);
        // Two who look at once.
        lock.lock_shared().unwrap();
        assert_eq!(life(), Life::Ended);
        fs::remove_file(folder.path().join("final.json")).unwrap();
        fs::write(folder.path().join("failure.json"), "{}").unwrap();
        assert_eq!(life(), Life::Failed);
    }
}
