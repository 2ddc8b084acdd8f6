//! What happens in a comparison, as `--json` tells it.

use super::plan::Planned;
use commformer_view::record::Metrics;
use serde::Serialize;
use std::path::PathBuf;

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// What.
    #[serde(flatten)]
    pub happened: Happened,
    /// The run's task.
    pub task: String,
    /// Its method, or its variant.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Its folder.
    pub run: PathBuf,
}

/// What happens to a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Happened {
    /// With `--dry-run`: how far it is.
    Planned {
        /// In words.
        state: String,
    },
    /// It begins, or goes on.
    Started {
        /// Environment steps behind it.
        steps: u64,
    },
    /// Another process trains in its folder.
    Waiting,
    /// An evaluation. Those of before a restart are told again, so that whoever listens has all.
    Evaluated {
        /// Environment steps behind it.
        steps: u64,
        /// Means with their intervals.
        metrics: Metrics,
    },
    /// It is at its end.
    Finished {
        /// Whether it was before this comparison began.
        before: bool,
        /// Of its final evaluation.
        metrics: Metrics,
    },
    /// It ended before its end.
    Failed {
        /// Whether it had before this comparison began.
        before: bool,
        /// What it said.
        why: String,
    },
    /// It was told to stop, and goes on when the comparison does.
    Stopped {
        /// Environment steps behind it.
        steps: u64,
    },
}

impl Event {
    /// Of a run.
    pub(crate) fn new(run: &Planned, happened: Happened) -> Self {
        Self {
            happened,
            task: run.task.clone(),
            method: run.method.clone(),
            seed: run.seed,
            run: run.folder.clone(),
        }
    }

    /// What a message calls the run.
    pub fn name(&self) -> String {
        format!("{}/{}/seed-{}", self.task, self.method, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_of_json() {
        let event = Event {
            happened: Happened::Failed {
                before: false,
                why: "no\nmemory".into(),
            },
            task: "signal".into(),
            method: "mat".into(),
            seed: 3,
            run: "runs/signal/mat/seed-3".into(),
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event":"failed","before":false,"why":"no\nmemory","task":"signal","method":"mat","seed":3,"run":"runs/signal/mat/seed-3"}"#
        );
    }
}
