//! Folders that tests write to.

use std::env;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// An empty folder, removed at the end of the test, also of one that fails. Names tell the folders of tests apart, which
/// run at the same time.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes it in the temporary folder.
    pub fn new(name: &str) -> Self {
        let name = format!("commformer-xtask-{}-{name}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder in the temporary folder");
        Self(path)
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
