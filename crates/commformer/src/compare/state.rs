//! How far a run is, as its folder tells it.

use super::plan::Planned;
use crate::run_dir::RunDir;
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
    /// Numbers were not finite: it would end there again. What it said.
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
        if folder.join(RunLog::FAILURE).exists() {
            let said = last_words(&run.beside("log"), 0);
            let known = "numbers were not finite; failure.json in its folder says which";
            return Self::Failed(said.unwrap_or_else(|| known.to_owned()));
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

/// The last error that a run has written to its log from some byte on.
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
    let error = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("error: "));
    let panicked = || text.lines().rev().find(|line| line.contains("panicked at"));
    error.or_else(panicked).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_of_this_attempt_counts() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(last_words(&log, 0), None);
        let first = "error: the disk is full\n";
        std::fs::write(
            &log,
            format!("{first}1 of 2 steps\nerror: no memory\nbye\n"),
        )
        .unwrap();
        assert_eq!(last_words(&log, 0).as_deref(), Some("no memory"));
        std::fs::write(&log, format!("{first}1 of 2 steps\n")).unwrap();
        assert_eq!(last_words(&log, 0).as_deref(), Some("the disk is full"));
        assert_eq!(last_words(&log, first.len() as u64), None);
    }
}
