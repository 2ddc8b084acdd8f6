//! A run's folder: what lies where, that no run is ever overwritten, and that only one process trains in
//! it.

use crate::config::{Config, ConfigError, Overrides};
use crate::links;
use crate::lock::Lock;
use commformer_train::{CheckpointError, create_folders, sync_folder};
use commformer_view::{RunLog, record::Outcome};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Keeps other processes from training here as long as it is open.
    lock: Option<Lock>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// It holds something else.
    #[error(
        "{} holds files of a run but no {}; name another folder with --run, or leave --run out to get a \
         new one",
        path.display(),
        RunDir::CONFIG
    )]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// It is none.
    #[error("{} is a file, and a run has a folder; name that with --run", path.display())]
    File {
        /// The file.
        path: PathBuf,
    },
    /// It holds none.
    #[error("{} holds no run ({} is missing); `commformer train` makes one", path.display(), RunDir::CONFIG)]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The configuration of its run is gone.
    #[error(
        "{} is empty, where it said all that made the run: put it back from a copy, or train anew in another folder",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Another process trains there.
    #[error(
        "process {process} trains in {}; wait for its end or stop it, or name another folder with --run",
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The number of the process, where it can be read.
        process: String,
    },
    /// Something that a run writes to is a symbolic link.
    #[error("{}", links::refusal(link))]
    Link {
        /// The link.
        link: PathBuf,
    },
    /// A folder could not be made.
    #[error(transparent)]
    Create(#[from] CheckpointError),
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
    const CONFIG: &str = RunLog::CONFIG;
    /// Whatever a run writes: a folder with any of them is taken.
    const CONTENTS: [&str; 6] = [
        Self::CONFIG,
        RunLog::METRICS,
        "tensorboard",
        "checkpoints",
        Outcome::FILE,
        "graph.svg",
    ];

    const LOCK: &str = RunLog::LOCK;
    const FAILURE: &str = RunLog::FAILURE;

    /// The files that a run appends to, and the folders that it writes into: links there are refused. Other files are
    /// replaced.
    const WRITTEN: [&str; 4] = [Self::LOCK, RunLog::METRICS, "tensorboard", "checkpoints"];

    /// Makes a folder for a new run, to train in. It may be there, but must not hold a run.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Taken`], [`RunDirError::Locked`] or [`RunDirError::Io`].
    pub fn create(path: &Path) -> Result<Self, RunDirError> {
        if path.is_file() {
            return Err(RunDirError::File {
                path: path.to_owned(),
            });
        }
        create_folders(path)?;
        let folder = Self::locked(path)?;
        match Self::CONTENTS.iter().any(|name| path.join(name).exists()) {
            true => Err(RunDirError::Taken {
                path: path.to_owned(),
            }),
            false => Ok(folder),
        }
    }

    /// Makes `parent/name`, or `parent/name-2` and so on if that is there: a new folder in any case,
    /// even if several programs ask at once.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`].
    pub fn create_named(parent: &Path, name: &str) -> Result<Self, RunDirError> {
        create_folders(parent)?;
        let names = std::iter::once(name.to_owned())
            .chain((2u32..).map(|number| format!("{name}-{number}")));
        for name in names {
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => {
                    sync_folder(parent)?;
                    return Self::locked(&path);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(&path)(error)),
            }
        }
        Err(RunDirError::Taken {
            path: parent.join(name),
        })
    }

    /// The folder of a run that was made before, to read.
    ///
    /// # Errors
    ///
    /// [`RunDirError::NoRun`] or [`RunDirError::Empty`].
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let config = path.join(Self::CONFIG);
        match fs::metadata(&config) {
            Ok(found) if found.is_file() && found.len() == 0 => {
                Err(RunDirError::Empty { path: config })
            }
            Ok(found) if found.is_file() => Ok(Self {
                path: path.to_owned(),
                lock: None,
            }),
            _ => Err(RunDirError::NoRun {
                path: path.to_owned(),
            }),
        }
    }

    /// The folder of a run that was made before, to train in.
    ///
    /// # Errors
    ///
    /// [`RunDirError::NoRun`], [`RunDirError::Locked`] or [`RunDirError::Io`].
    pub fn resume(path: &Path) -> Result<Self, RunDirError> {
        let Self { path, .. } = Self::open(path)?;
        Self::locked(&path)
    }

    /// Whether a run was begun in a folder.
    pub fn holds_run(path: &Path) -> bool {
        path.join(Self::CONFIG).is_file()
    }

    /// The folder of the run that a file is a part of, or would be: nothing else is written there.
    pub fn made_of(file: &Path) -> Option<&Path> {
        let is_part = |folder: &Path| {
            let first = file.strip_prefix(folder).ok()?.iter().next()?;
            let mut parts = Self::CONTENTS
                .into_iter()
                .chain([Self::LOCK, Self::FAILURE]);
            parts.find(|part| first == *part)
        };
        let is_run = |folder: &Path| Self::holds_run(folder) || folder.join("checkpoints").is_dir();
        let mut folders = file.ancestors().skip(1);
        folders.find(|folder| is_part(folder).is_some() && is_run(folder))
    }

    fn locked(path: &Path) -> Result<Self, RunDirError> {
        if let Some(link) = links::find(path, &Self::WRITTEN).map_err(at(path))? {
            return Err(RunDirError::Link { link });
        }
        let name = path.join(Self::LOCK);
        let path = path.to_owned();
        match Lock::take(&name).map_err(at(&name))? {
            Ok(lock) => Ok(Self {
                path,
                lock: Some(lock),
            }),
            Err(process) => Err(RunDirError::Locked { path, process }),
        }
    }

    /// The lock, in a folder to train in.
    pub fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join(Self::CONFIG)
    }

    /// The configuration that it was begun with, with `own` options over it, whose file is not read.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key.
    pub fn settings(&self, own: Overrides) -> Result<Config, ConfigError> {
        let overrides = Overrides {
            file: Some(self.config()),
            ..own
        };
        Config::resolve(None, &overrides)
    }

    /// A line for each iteration and each evaluation.
    pub fn metrics(&self) -> PathBuf {
        self.path.join(RunLog::METRICS)
    }

    /// Event files for TensorBoard.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// The last evaluation.
    pub fn final_evaluation(&self) -> PathBuf {
        self.path.join(Outcome::FILE)
    }

    /// What was not finite when the run failed.
    pub fn failure(&self) -> PathBuf {
        self.path.join(Self::FAILURE)
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
    use std::fs::File;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    #[test]
    fn a_second_run_gets_a_folder_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let names = [(); 3].map(|()| {
            let folder = RunDir::create_named(parent.path(), "signal-1").unwrap();
            folder
                .path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        });
        assert_eq!(names, ["signal-1", "signal-1-2", "signal-1-3"]);
    }

    #[test]
    fn a_folder_that_holds_a_run_is_not_made_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("new/run");
        drop(RunDir::create(&path).unwrap());
        // A folder that is there and holds something else will do.
        fs::write(path.join("notes.txt"), "mine").unwrap();
        let folder = RunDir::create(&path).unwrap();
        let message = |result: Result<RunDir, RunDirError>| result.unwrap_err().to_string();
        assert!(message(RunDir::resume(&path)).contains("holds no run"));
        fs::write(folder.config(), "[run]").unwrap();
        drop(folder);
        let said = message(RunDir::create(&path));
        assert!(
            said.contains("holds files of a run") && said.contains("--run"),
            "{said}"
        );
        assert_eq!(RunDir::resume(&path).unwrap().path(), path);
    }

    #[test]
    fn only_one_trains_in_a_folder_but_anybody_may_look() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run");
        let first = RunDir::create(&path).unwrap();
        fs::write(first.config(), "[run]").unwrap();
        let message = RunDir::resume(&path).unwrap_err().to_string();
        let own = format!("process {} trains in", std::process::id());
        assert!(message.contains(&own), "{message}");
        assert_eq!(RunDir::open(&path).unwrap().path(), path);
        drop(first);
        assert!(RunDir::resume(&path).is_ok());
    }

    #[test]
    fn whoever_looks_at_the_lock_keeps_nobody_from_training() {
        let scratch = tempfile::tempdir().unwrap();
        let run = RunDir::create(scratch.path()).unwrap();
        fs::write(run.config(), "[run]").unwrap();
        drop(run);
        let looks = AtomicBool::new(true);
        let lock = File::open(scratch.path().join(".lock")).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while looks.load(Ordering::Relaxed) {
                    if lock.try_lock_shared().is_ok() {
                        lock.unlock().unwrap();
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let refused = (0..20).find_map(|_| RunDir::resume(scratch.path()).err());
            looks.store(false, Ordering::Relaxed);
            assert!(refused.is_none(), "{refused:?}");
        });
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = RunDir::create(file.path()).unwrap_err().to_string();
        assert!(message.contains(file.path().to_str().unwrap()), "{message}");
    }
}
