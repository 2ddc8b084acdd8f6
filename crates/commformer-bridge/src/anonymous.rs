//! Memory as a file that has no name: it goes with the processes that have it, whatever ends them.

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// A file of so many bytes, all of them there: no later write can find the memory full.
///
/// # Errors
///
/// If there is less memory than that, with the numbers, or files cannot be had.
pub fn file(bytes: usize) -> io::Result<File> {
    // Reserving takes what there is and more: the system would end a process to find it.
    if let Some(free) = free().filter(|free| *free < bytes as u64) {
        return Err(io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!("{} MiB of memory are free", free >> 20),
        ));
    }
    let file = open()?;
    loop {
        match fallocate(&file, FallocateFlags::empty(), 0, bytes as u64) {
            Ok(()) => break,
            Err(Errno::INTR) => {}
            // A file system without it: the file is as long as it should be, and no more is known.
            Err(Errno::OPNOTSUPP) => break file.set_len(bytes as u64)?,
            Err(error) => return Err(error.into()),
        }
    }
    seal(&file);
    Ok(file)
}

/// A file in memory, which no mount's size limits; one without a name in a folder where the system has none.
#[cfg(target_os = "linux")]
fn open() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create("commformer", flags) {
        Ok(file) => Ok(file.into()),
        Err(_) => tempfile::tempfile(),
    }
}

#[cfg(not(target_os = "linux"))]
fn open() -> io::Result<File> {
    tempfile::tempfile()
}

/// Whoever has the file cannot cut it short, which would end this process with a signal at its next access.
#[cfg(target_os = "linux")]
fn seal(file: &File) {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    // A file in a folder has no seals.
    let _ = fcntl_add_seals(file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL);
}

#[cfg(not(target_os = "linux"))]
fn seal(_: &File) {}

/// What the system can give without ending anyone, bytes; `None` where it does not say.
fn free() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn all_of_it_is_there_and_nobody_can_take_it_away() {
        let file = file(3 << 20).unwrap();
        let told = file.metadata().unwrap();
        assert_eq!((told.len(), told.blocks() * 512), (3 << 20, 3 << 20));
        assert_eq!(told.nlink(), 0, "it has a name");
        assert!(file.set_len(1).is_err() && file.set_len(4 << 20).is_err());
    }

    #[test]
    fn more_than_there_is_is_not_asked_for() {
        let error = file(1 << 60).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(
            error.to_string().contains("MiB of memory are free"),
            "{error}"
        );
    }
}
