//! A run's folder: what lies where, and that no run is ever overwritten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// It holds a run.
    #[error(
        "{} already holds a run; name another folder with --run, or leave --run out to get a new one",
        path.display()
    )]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// It holds none.
    #[error("{} holds no run ({} is missing); `commformer train` makes one", path.display(), RunDir::CONFIG)]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RunDir {
    const CONFIG: &str = "config.toml";
    /// Whatever a run writes: a folder with any of them is taken.
    const CONTENTS: [&str; 6] = [
        Self::CONFIG,
        "metrics.jsonl",
        "tensorboard",
        "checkpoints",
        "final.json",
        "graph.svg",
    ];

    /// Makes a folder for a new run. It may be there, but must not hold a run.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Taken`] or [`RunDirError::Io`].
    pub fn create(path: &Path) -> Result<Self, RunDirError> {
        if Self::CONTENTS.iter().any(|name| path.join(name).exists()) {
            return Err(RunDirError::Taken {
                path: path.to_owned(),
            });
        }
        fs::create_dir_all(path).map_err(at(path))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Makes `parent/name`, or `parent/name-2` and so on if that is there: a new folder in any case,
    /// even if several programs ask at once.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`].
    pub fn create_named(parent: &Path, name: &str) -> Result<Self, RunDirError> {
        fs::create_dir_all(parent).map_err(at(parent))?;
        let names = std::iter::once(name.to_owned())
            .chain((2u32..).map(|number| format!("{name}-{number}")));
        for name in names {
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(&path)(error)),
            }
        }
        Err(RunDirError::Taken {
            path: parent.join(name),
        })
    }

    /// The folder of a run that was made before.
    ///
    /// # Errors
    ///
    /// [`RunDirError::NoRun`].
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        if !path.join(Self::CONFIG).is_file() {
            return Err(RunDirError::NoRun {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join(Self::CONFIG)
    }

    /// A line for each iteration and each evaluation.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Event files for TensorBoard.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// The last evaluation.
    pub fn final_evaluation(&self) -> PathBuf {
        self.path.join("final.json")
    }

    /// A picture of the graph.
    pub fn graph(&self) -> PathBuf {
        self.path.join("graph.svg")
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RunDirError {
    let path = path.to_owned();
    move |source| RunDirError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_gets_a_folder_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let names = [(); 3].map(|()| {
            let path = RunDir::create_named(parent.path(), "signal-1")
                .unwrap()
                .path;
            path.file_name().unwrap().to_str().unwrap().to_owned()
        });
        assert_eq!(names, ["signal-1", "signal-1-2", "signal-1-3"]);
    }

    #[test]
    fn a_folder_that_holds_a_run_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("new/run");
        let folder = RunDir::create(&path).unwrap();
        // A folder that is there and holds something else will do.
        fs::write(path.join("notes.txt"), "mine").unwrap();
        assert_eq!(RunDir::create(&path).unwrap(), folder);
        assert!(
            RunDir::open(&path)
                .unwrap_err()
                .to_string()
                .contains("holds no run")
        );
        fs::write(folder.config(), "[run]").unwrap();
        let message = RunDir::create(&path).unwrap_err().to_string();
        assert!(
            message.contains("already holds a run") && message.contains("--run"),
            "{message}"
        );
        assert_eq!(RunDir::open(&path).unwrap(), folder);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = RunDir::create(file.path()).unwrap_err().to_string();
        assert!(message.contains(file.path().to_str().unwrap()), "{message}");
    }
}
