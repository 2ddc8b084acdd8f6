//! Files that are whole or absent, whenever the process or the machine stops.

use super::CheckpointError;
use super::fault::{before, before_writing};
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Tells the tests of what was done.
macro_rules! note {
    ($what:ident($($part:expr),+)) => {
        #[cfg(test)]
        log::note(log::Operation::$what($($part.to_owned()),+));
    };
}

/// Replaces a file as a whole: whoever reads it sees the old bytes or the new ones. A symbolic link of its name is
/// replaced, and what it points to left alone.
///
/// # Errors
///
/// [`CheckpointError::Io`]; then the old file is still there.
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let beside = beside(path);
    let written = write(&beside, bytes).and_then(|()| rename(&beside, path));
    if written.is_err() {
        // A disk may be full of such. That it goes, too, is not promised.
        let _ = fs::remove_file(&beside);
    }
    // Nobody knows the name beside.
    written.map_err(|error| match error {
        CheckpointError::Io { cause, .. } => failed("write", path)(cause),
        error => error,
    })?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// A name beside a file's that nobody can foresee, and so nobody has.
fn beside(path: &Path) -> PathBuf {
    let random = RandomState::new().build_hasher().finish();
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{random:016x}.tmp"));
    path.with_file_name(name)
}

/// Makes a folder and those above it where they are missing, each down to the disk: without its name above, a folder is lost
/// with all that was synced in it.
///
/// # Errors
///
/// [`CheckpointError::Io`].
pub fn create_folders(path: &Path) -> Result<(), CheckpointError> {
    let missing: Vec<&Path> = (path.ancestors())
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        .collect();
    for folder in missing.into_iter().rev() {
        match create_folder(folder) {
            // Somebody was faster.
            Err(CheckpointError::Io { cause, .. })
                if cause.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        folder.parent().map_or(Ok(()), sync_folder)?;
    }
    Ok(())
}

/// Writes a file that is not there yet, down to the disk. A link of its name is refused like a file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    File::create_new(path)
        .and_then(|mut file| {
            before_writing(&mut file, bytes)?;
            file.write_all(bytes)?;
            note!(Write(path, bytes));
            file.sync_all()?;
            note!(SyncFile(path));
            Ok(())
        })
        .map_err(failed("write", path))
}

pub(super) fn create_folder(path: &Path) -> Result<(), CheckpointError> {
    before()
        .and_then(|()| fs::create_dir(path))
        .map_err(failed("create", path))?;
    note!(CreateFolder(path));
    Ok(())
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), CheckpointError> {
    before()
        .and_then(|()| fs::rename(from, to))
        .map_err(failed("rename", from))?;
    note!(Rename(from, to));
    Ok(())
}

/// Brings new and changed names in a folder down to the disk.
///
/// # Errors
///
/// [`CheckpointError::Io`].
pub fn sync_folder(path: &Path) -> Result<(), CheckpointError> {
    // The folder of a name without one is where we are.
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    before()
        .and_then(|()| File::open(path)?.sync_all())
        .map_err(failed("sync", path))?;
    note!(SyncFolder(path));
    Ok(())
}

/// Removes a folder and all in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> Result<(), CheckpointError> {
    match before().and_then(|()| fs::remove_dir_all(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result.map_err(failed("remove", path))?,
    }
    note!(RemoveFolder(path));
    Ok(())
}

/// Whether there is a folder of this name, and not a link to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Opens a file to read, or what a link of its name leads to. Whatever else is there is damage: a pipe, say, for whose
/// other end one could wait for ever.
fn open(path: &Path) -> Result<File, CheckpointError> {
    let found = fs::metadata(path).map_err(failed("read", path))?;
    match found.is_file() {
        true => File::open(path).map_err(failed("read", path)),
        false => Err(CheckpointError::Damaged {
            path: path.to_owned(),
            what: "it is no file".to_owned(),
        }),
    }
}

/// Reads a file, but not more than `limit` bytes of it.
pub(super) fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = Vec::new();
    let file = open(path)?;
    file.take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    Ok(bytes)
}

/// Reads a file that must have `length` bytes; of a longer one not more than that is read.
pub(super) fn read_exactly(path: &Path, length: u64) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = Vec::new();
    let file = open(path)?;
    let found = (file.metadata())
        .and_then(|found| {
            file.take(length).read_to_end(&mut bytes)?;
            Ok(found.len())
        })
        .map_err(failed("read", path))?;
    if found == length && bytes.len() as u64 == length {
        return Ok(bytes);
    }
    Err(CheckpointError::Damaged {
        path: path.to_owned(),
        what: format!("it has {found} bytes, its manifest says {length}"),
    })
}

pub(super) fn failed(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |cause| CheckpointError::Io {
        action,
        path,
        cause,
    }
}

/// What this thread did, for tests.
#[cfg(test)]
pub(super) mod log {
    use std::cell::RefCell;
    use std::path::PathBuf;

    /// An operation that was done.
    #[derive(Clone, Debug)]
    pub enum Operation {
        CreateFolder(PathBuf),
        Write(PathBuf, Vec<u8>),
        SyncFile(PathBuf),
        SyncFolder(PathBuf),
        Rename(PathBuf, PathBuf),
        RemoveFolder(PathBuf),
    }

    thread_local! {
        static LOG: RefCell<Option<Vec<Operation>>> = const { RefCell::new(None) };
    }

    /// From now on operations are noted.
    pub fn begin() {
        LOG.set(Some(Vec::new()));
    }

    pub fn note(operation: Operation) {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.push(operation.clone())));
    }

    /// How many there were.
    pub fn count() -> usize {
        LOG.with_borrow(|log| log.as_ref().map_or(0, Vec::len))
    }

    /// All of them.
    pub fn end() -> Vec<Operation> {
        LOG.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::log::Operation;
    use super::*;
    use std::time::{Duration, Instant};

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_replaced_by_one_that_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let [path, old] = ["file", "old"].map(|name| folder.path().join(name));
        fs::write(&path, "before").unwrap();
        fs::hard_link(&path, &old).unwrap();
        log::begin();
        write_beside(&path, b"after").unwrap();
        let done = log::end();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::read(&old).unwrap(), b"before", "it was written over");
        assert_eq!(names(folder.path()).len(), 2);
        let [
            Operation::Write(written, bytes),
            Operation::SyncFile(synced),
            Operation::Rename(from, to),
            Operation::SyncFolder(in_folder),
        ] = &done[..]
        else {
            panic!("{done:?}")
        };
        assert!(written == synced && synced == from && bytes == b"after");
        assert_eq!((&**to, &**in_folder), (&*path, folder.path()));
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in the way");
        fs::create_dir(&path).unwrap();
        let said = write_beside(&path, b"x").unwrap_err().to_string();
        assert_eq!(names(folder.path()), ["in the way"]);
        let asked = format!("cannot write {}: Is a directory", path.display());
        assert!(said.starts_with(&asked), "{said}");
        let path = folder.path().join("none/file");
        let said = write_beside(&path, b"x").unwrap_err().to_string();
        let asked = format!("cannot write {}: No such file", path.display());
        assert!(said.starts_with(&asked), "{said}");
    }

    #[test]
    fn what_is_in_the_way_of_a_folder_is_said() {
        let scratch = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| scratch.path().join(name));
        fs::write(&file, "x").unwrap();
        // Where it leads there is nothing.
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for path in [&file, &file.join("below"), &link] {
            create_folders(path).unwrap_err();
        }
        remove_folder(&file).unwrap_err();
        assert_eq!(fs::read(&file).unwrap(), b"x");
        remove_folder(&scratch.path().join("none")).unwrap();
    }

    #[test]
    fn whoever_makes_the_same_folders_at_the_same_time_has_them() {
        let scratch = tempfile::tempdir().unwrap();
        // Who looks while another makes them finds some, and is late for others.
        let deep = "a/".repeat(20);
        let until = Instant::now() + Duration::from_secs(1);
        let make = |round: i32| {
            let path = scratch.path().join(round.to_string()).join(&deep);
            let made = create_folders(&path).and_then(|()| sync_folder(&path));
            (Instant::now() < until).then_some(made)
        };
        let all = std::thread::scope(|scope| {
            let threads =
                [(); 4].map(|()| scope.spawn(|| (0..).map_while(make).collect::<Result<(), _>>()));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    }
}
