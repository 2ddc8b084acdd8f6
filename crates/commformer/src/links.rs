//! A run's folder may come from somebody else, and a symbolic link in it lead anywhere: nothing is written through one.

use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Opens a file to go on with, made if it is not there; fails if its name is a symbolic link.
///
/// # Errors
///
/// If the system refuses.
pub fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options.open(path).map_err(|error| match is_link(path) {
        true => io::Error::other(refusal(path)),
        false => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
    })
}

/// What is wrong with a link, and what to do.
pub fn refusal(link: &Path) -> String {
    let to = fs::read_link(link).unwrap_or_default();
    format!(
        "{} is a symbolic link, to {}, and nothing is written through one in a run's folder: put what it leads to in \
         its place, or remove it",
        link.display(),
        to.display()
    )
}

/// The first symbolic link among these, in a folder, and in the folders that they are.
///
/// # Errors
///
/// If a folder cannot be read.
pub fn find(folder: &Path, names: &[&str]) -> io::Result<Option<PathBuf>> {
    let mut left: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    while let Some(path) = left.pop() {
        let Ok(what) = fs::symlink_metadata(&path) else {
            continue;
        };
        if what.is_symlink() {
            return Ok(Some(path));
        }
        if what.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        }
    }
    Ok(None)
}

/// Whether a name is that of a symbolic link.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|what| what.is_symlink())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_written_through_a_link_and_it_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let outside = scratch.path().join("outside");
        for there in [false, true] {
            if there {
                fs::write(&outside, "mine").unwrap();
            }
            let link = scratch.path().join(format!("link-{there}"));
            symlink(&outside, &link).unwrap();
            let said = append(&link).unwrap_err().to_string();
            assert!(
                said.contains("symbolic link") && said.contains("outside"),
                "{said}"
            );
            assert_eq!(outside.exists(), there);
        }
        append(&outside).unwrap();
    }

    #[test]
    fn a_link_is_found_however_deep_it_lies_but_not_what_nobody_asks_for() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        fs::create_dir_all(folder.join("a/b")).unwrap();
        symlink("/", folder.join("notes")).unwrap();
        assert_eq!(find(folder, &["a", "missing"]).unwrap(), None);
        symlink("/", folder.join("a/b/c")).unwrap();
        assert_eq!(find(folder, &["a"]).unwrap(), Some(folder.join("a/b/c")));
        assert_eq!(
            find(folder, &["notes"]).unwrap(),
            Some(folder.join("notes"))
        );
    }
}
