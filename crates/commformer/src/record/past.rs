//! What `metrics.jsonl` says of a run so far.

use commformer_train::Phases;
use serde::Deserialize;
use std::io::{self, BufRead, BufReader, Read};

/// What the lines that are kept say of a run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Past {
    /// Iterations with a line.
    pub iterations: u64,
    /// Seconds in each phase.
    pub phases: Phases,
    /// Seconds since the run began, without those in which it did not run.
    pub elapsed: f64,
}

/// What is read of a line.
#[derive(Deserialize)]
struct Kept {
    steps: u64,
    iteration: Option<u64>,
    #[serde(default)]
    seconds: KeptSeconds,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KeptSeconds {
    environment: f64,
    act: f64,
    update: f64,
    elapsed: f64,
}

impl Past {
    /// Reads the lines of the first `steps` environment steps, and how many bytes lie up to their end.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn read(file: impl Read, steps: u64) -> io::Result<(Self, u64)> {
        let mut lines = BufReader::new(file);
        let (mut line, mut past) = (Vec::new(), Past::default());
        let (mut end, mut kept) = (0, 0);
        while lines.read_until(b'\n', &mut line)? > 0 {
            end += line.len() as u64;
            // A line that somebody else has spoiled stays if others follow it.
            let read = serde_json::from_slice::<Kept>(&line).ok();
            if let Some(of) = read.filter(|of| of.steps <= steps && line.ends_with(b"\n")) {
                kept = end;
                past.iterations += u64::from(of.iteration.is_some());
                past.phases.environment += of.seconds.environment;
                past.phases.act += of.seconds.act;
                past.phases.update += of.seconds.update;
                past.elapsed = of.seconds.elapsed;
            }
            line.clear();
        }
        Ok((past, kept))
    }
}
