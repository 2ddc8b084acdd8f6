//! How far a run is, as its folder tells it.

use super::plan::Planned;
use crate::run_dir::RunDir;
use commformer_train::{CheckpointStore, Which};
use commformer_view::RunLog;
use commformer_view::record::Outcome;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not begun.
    New,
    /// Begun, and so many steps of training behind it.
    Begun(u64),
    /// At its end.
    Finished(Box<Outcome>),
    /// Numbers were not finite, and it would end there again. What it said.
    Failed(String),
}

impl State {
    /// That of a run.
    pub fn of(run: &Planned) -> Self {
        let folder = &run.folder;
        if !RunDir::holds_run(folder) {
            return Self::New;
        }
        if let Ok(Some(outcome)) = Outcome::read(folder) {
            return Self::Finished(Box::new(outcome));
        }
        if folder.join(RunLog::FAILURE).exists() && repeats(folder) {
            let known = "numbers were not finite; failure.json in its folder says which";
            return Self::Failed(run.last_failure().unwrap_or_else(|| known.to_owned()));
        }
        let log = RunLog::read(folder).unwrap_or_default();
        Self::Begun(log.steps())
    }

    /// Whether there is nothing left to do.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Finished(_) | Self::Failed(_))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => write!(f, "to do"),
            Self::Begun(steps) => {
                let steps = commformer_view::numbers::grouped(*steps);
                write!(f, "begun, {steps} steps")
            }
            Self::Finished(_) => write!(f, "finished"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// Whether a run that goes on does what it did before: environments that cannot be saved begin other episodes.
fn repeats(folder: &Path) -> bool {
    let newest = CheckpointStore::open(folder).and_then(|store| store.load(Which::Latest));
    newest.map_or(true, |newest| newest.checkpoint.state.envs.is_some())
}

/// The error with which a run ended, as it stands in its log from some byte on: all of its lines, of which the last can be
/// those of an environment in Python.
pub(super) fn last_words(log: &Path, from: u64) -> Option<String> {
    /// An error is not longer.
    const LONGEST: u64 = 16_384;
    let mut file = File::open(log).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(LONGEST))))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let begin = text.strip_prefix("error: ");
    let error = begin.or_else(|| Some(text.split_once("\nerror: ")?.1));
    let panicked = || text.lines().rev().find(|line| line.contains("panicked at"));
    error
        .map(str::trim_end)
        .or_else(panicked)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_error_of_this_attempt_counts() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(last_words(&log, 0), None);
        let first = "error: the disk is full\n";
        let second = "worker 0 failed; it said:\nerror: no display\nNoDisplay: :0";
        std::fs::write(&log, format!("{first}1 of 2 steps\nerror: {second}\n")).unwrap();
        let from = first.len() as u64;
        assert_eq!(last_words(&log, from).as_deref(), Some(second));
        std::fs::write(&log, first).unwrap();
        assert_eq!(last_words(&log, 0).as_deref(), Some("the disk is full"));
        assert_eq!(last_words(&log, from), None);
    }
}
