//! Files and folders, and the failures of what cannot be done with them.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

use crate::Failure;

/// Removes a folder with all that is in it, if it is there.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a file.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| not_written(path, &error))
}

/// The failure of a file that could not be written.
pub fn not_written(path: &Path, error: &io::Error) -> Failure {
    no_room(format_args!("cannot write {}", path.display()), error)
}

/// The failure of what probably found no room on the disk.
pub fn no_room(what: impl Display, error: &io::Error) -> Failure {
    Failure::new(format!(
        "{what} ({error}); make room and repeat the command."
    ))
}

/// The failure of what the user has to look into.
pub fn cannot(act: &str, what: impl Display, error: &io::Error) -> Failure {
    Failure::new(format!(
        "cannot {act} {what} ({error}); correct that and repeat the command."
    ))
}
