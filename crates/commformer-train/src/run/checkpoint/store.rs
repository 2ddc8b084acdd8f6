//! A run's checkpoints on disk.

use super::disk;
use super::manifest::{Entry, Manifest};
use super::{Checkpoint, CheckpointError, TrainState, decode_state, encode_state};
use commformer_torch::weights;
use std::fs;
use std::path::{Path, PathBuf};

const WEIGHTS: &str = "weights.safetensors";
const STATE: &str = "state.bin";
const MANIFEST: &str = "manifest.json";

/// How the state files of format 2, which had no manifest, begin.
const FORMAT_2: &[u8] = b"CFSTATE\0\x02";

/// One of a run's checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest that is whole.
    Latest,
    /// The one that did best in its evaluation; of equals, the newest.
    Best,
}

/// A checkpoint that was read, and what was in its way.
#[derive(Debug)]
pub struct Found {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// What is wrong with each newer one, the newest first.
    pub damaged: Vec<CheckpointError>,
}

/// The checkpoints of a run.
#[derive(Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
}

impl CheckpointStore {
    /// The checkpoints of the run in `run`, whose folder is made if there is none. The newest `keep`
    /// of them stay, at least one, and what each of these calls the best.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Io`] if the folder cannot be made.
    pub fn create(run: &Path, keep: usize) -> Result<Self, CheckpointError> {
        let folder = run.join("checkpoints");
        disk::create_folders(&folder)?;
        let keep = keep.max(1);
        Ok(Self { folder, keep })
    }

    /// The checkpoints of the run in `run`, to read.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Missing`] if there are none.
    pub fn open(run: &Path) -> Result<Self, CheckpointError> {
        let folder = run.join("checkpoints");
        let store = Self { folder, keep: 1 };
        match store.folder.is_dir() && !store.is_empty()? {
            true => Ok(store),
            false => Err(CheckpointError::Missing(run.to_owned())),
        }
    }

    /// Whether nothing was saved yet.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Io`] if the folder cannot be listed.
    pub fn is_empty(&self) -> Result<bool, CheckpointError> {
        Ok(self.iterations()?.is_empty())
    }

    /// Writes a checkpoint, then removes those that no longer count. It appears by one rename, when
    /// all of it is on the disk. One of the same iteration that is whole is left as it is: a run that is
    /// repeated gives the same.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Taken`] beside checkpoints of another run, and other [`CheckpointError`]s; whatever was saved before
    /// is still there.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let iteration = checkpoint.state.iteration;
        checkpoint.check_finite(&self.folder_of(iteration))?;
        let mut newer = self
            .iterations()?
            .into_iter()
            .take_while(|newer| *newer > iteration);
        if let Some(newer) = newer.find(|newer| self.load_iteration(*newer).is_ok()) {
            return Err(self.taken(newer));
        }
        match self.load_iteration(iteration) {
            Ok(found) if encode_state(&found.state)? != encode_state(&checkpoint.state)? => {
                return Err(self.taken(iteration));
            }
            Ok(_) => {}
            Err(error) if error.is_damage() => self.write(checkpoint).inspect_err(|_| {
                // A disk may be full of it. That it goes, too, is not promised.
                let _ = fs::remove_dir_all(self.beside(iteration));
            })?,
            Err(error) => return Err(error),
        }
        let best = checkpoint.state.best.map(|best| best.iteration);
        self.prune(iteration, best)
    }

    fn taken(&self, iteration: u64) -> CheckpointError {
        CheckpointError::Taken {
            folder: self.folder.clone(),
            iteration,
        }
    }

    /// Reads a checkpoint and checks every byte of it. The best is the one that the newest whole one
    /// names. Damaged ones are passed over; one that cannot be read, or is of another format, is not damaged, and
    /// nobody may go on from before it.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if there is none, none is whole, or the best is not.
    pub fn load(&self, which: Which) -> Result<Found, CheckpointError> {
        let mut listed = self.iterations()?;
        loop {
            let found = self.load_among(&listed, which);
            if found.as_ref().is_ok_and(|found| found.damaged.is_empty()) {
                return found;
            }
            // What seems damaged may be what a run that trains has removed meanwhile.
            let now = self.iterations()?;
            if now == listed {
                return found;
            }
            listed = now;
        }
    }

    fn load_among(&self, iterations: &[u64], which: Which) -> Result<Found, CheckpointError> {
        let mut damaged = Vec::new();
        for &iteration in iterations {
            match self.load_iteration(iteration) {
                Err(error) if error.is_damage() => damaged.push(error),
                Err(error) => return Err(error),
                Ok(checkpoint) => {
                    let best = match (which, checkpoint.state.best) {
                        (Which::Latest, _) => None,
                        (Which::Best, None) => {
                            return Err(CheckpointError::NotEvaluated(self.folder.clone()));
                        }
                        (Which::Best, Some(best)) => {
                            Some(best.iteration).filter(|best| *best != iteration)
                        }
                    };
                    let checkpoint = match best {
                        None => checkpoint,
                        Some(best) => self.load_iteration(best)?,
                    };
                    return Ok(Found {
                        checkpoint,
                        damaged,
                    });
                }
            }
        }
        let count = damaged.len();
        Err(match damaged.into_iter().next() {
            None => CheckpointError::Missing(self.folder.clone()),
            Some(newest) => CheckpointError::NoneWhole {
                folder: self.folder.clone(),
                count,
                newest: Box::new(newest),
            },
        })
    }

    fn write(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let weights = weights::encode(&checkpoint.weights, &[])?;
        let state = encode_state(&checkpoint.state)?;
        let manifest = Manifest::new(&weights, &state).encode()?;
        let folder = self.folder_of(checkpoint.state.iteration);
        let beside = self.beside(checkpoint.state.iteration);
        disk::remove_folder(&beside)?;
        disk::create_folder(&beside)?;
        disk::write(&beside.join(WEIGHTS), &weights)?;
        disk::write(&beside.join(STATE), &state)?;
        disk::write(&beside.join(MANIFEST), &manifest)?;
        disk::sync_folder(&beside)?;
        // What has the name is damaged.
        disk::remove_folder(&folder)?;
        disk::rename(&beside, &folder)?;
        disk::sync_folder(&self.folder)
    }

    /// The checkpoint of an iteration, every byte of it checked.
    fn load_iteration(&self, iteration: u64) -> Result<Checkpoint, CheckpointError> {
        let manifest = self.manifest(iteration)?;
        let state = self.state(iteration, &manifest)?;
        let (bytes, _) = self.read(iteration, WEIGHTS, &manifest.files.weights)?;
        let checkpoint = Checkpoint {
            weights: weights::decode(&bytes)?.tensors,
            state,
        };
        checkpoint.check_finite(&self.folder_of(iteration))?;
        Ok(checkpoint)
    }

    /// A checkpoint without its weights.
    fn state(&self, iteration: u64, manifest: &Manifest) -> Result<TrainState, CheckpointError> {
        let (bytes, path) = self.read(iteration, STATE, &manifest.files.state)?;
        let state = decode_state(&bytes, &path)?;
        match state.iteration == iteration {
            true => Ok(state),
            false => Err(CheckpointError::Damaged {
                path,
                what: format!("it is of iteration {}", state.iteration),
            }),
        }
    }

    /// One file of a checkpoint, every byte of it checked.
    fn read(
        &self,
        iteration: u64,
        name: &str,
        entry: &Entry,
    ) -> Result<(Vec<u8>, PathBuf), CheckpointError> {
        let path = self.folder_of(iteration).join(name);
        let bytes = disk::read_exactly(&path, entry.bytes)?;
        match entry.matches(&bytes) {
            true => Ok((bytes, path)),
            false => Err(CheckpointError::Damaged {
                path,
                what: "its SHA-256 is not the one in its manifest".into(),
            }),
        }
    }

    /// What a checkpoint says that it consists of.
    fn manifest(&self, iteration: u64) -> Result<Manifest, CheckpointError> {
        let folder = self.folder_of(iteration);
        let path = folder.join(MANIFEST);
        match disk::read_at_most(&path, Manifest::LIMIT) {
            Ok(bytes) => Manifest::decode(&bytes, &path),
            Err(error) => match disk::read_at_most(&folder.join(STATE), FORMAT_2.len()) {
                Ok(bytes) if bytes == FORMAT_2 => Err(CheckpointError::Version {
                    path: folder,
                    found: 2,
                }),
                _ => Err(error),
            },
        }
    }

    fn folder_of(&self, iteration: u64) -> PathBuf {
        self.folder.join(format!("{iteration:08}"))
    }

    /// Where the checkpoint of an iteration is written before it has its name.
    fn beside(&self, iteration: u64) -> PathBuf {
        self.folder_of(iteration).with_extension("tmp")
    }

    /// The iterations of all checkpoints, whole or not, the newest first.
    fn iterations(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut iterations: Vec<u64> = (self.entries()?.iter())
            .filter_map(|path| {
                let iteration = path.file_name()?.to_str()?.parse().ok()?;
                (*path == self.folder_of(iteration)).then_some(iteration)
            })
            .collect();
        iterations.sort_unstable_by(|a, b| b.cmp(a));
        Ok(iterations)
    }

    fn entries(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let failed = || disk::failed("list", &self.folder);
        let entries = fs::read_dir(&self.folder).map_err(failed())?;
        entries
            .map(|entry| Ok(entry.map_err(failed())?.path()))
            .collect()
    }

    /// Leaves the newest ones up to `newest`, the best, and the best that the others name, should the newest be damaged one
    /// day. Those after it are damaged, or the run would have gone on from there.
    fn prune(&self, newest: u64, best: Option<u64>) -> Result<(), CheckpointError> {
        let (after, upto): (Vec<u64>, Vec<u64>) =
            (self.iterations()?.into_iter()).partition(|iteration| *iteration > newest);
        let (kept, old) = upto.split_at(self.keep.min(upto.len()));
        let named = |iteration: &u64| {
            let manifest = self.manifest(*iteration).ok()?;
            Some(self.state(*iteration, &manifest).ok()?.best?.iteration)
        };
        let others = kept.iter().filter(|kept| **kept != newest);
        let bests: Vec<u64> = best.into_iter().chain(others.filter_map(named)).collect();
        let old = old.iter().filter(|old| self.may_go(**old));
        let after = after.iter().filter(|after| self.is_damaged(**after));
        for iteration in after.chain(old) {
            if !bests.contains(iteration) {
                disk::remove_folder(&self.folder_of(*iteration))?;
            }
        }
        // What a process that was killed had begun to write. Other names are not ours.
        for path in self.entries()? {
            let iteration = path
                .file_stem()
                .and_then(|name| name.to_str()?.parse().ok());
            let ours = iteration.is_some_and(|iteration| self.beside(iteration) == path);
            if ours && disk::is_folder(&path) {
                disk::remove_folder(&path)?;
            }
        }
        Ok(())
    }

    /// Whether a checkpoint is a folder that holds other bytes than were written.
    fn is_damaged(&self, iteration: u64) -> bool {
        let found = self.load_iteration(iteration);
        found.is_err_and(|error| error.is_damage()) && disk::is_folder(&self.folder_of(iteration))
    }

    /// Whether an old checkpoint is one of ours, whole or damaged, and not one that we cannot read.
    fn may_go(&self, iteration: u64) -> bool {
        match self.manifest(iteration) {
            Ok(_) => true,
            Err(error) => error.is_damage() && disk::is_folder(&self.folder_of(iteration)),
        }
    }
}
