//! What `metrics.jsonl` says of a run so far.

use commformer_train::Phases;
use commformer_view::record::Line;
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
            let read = serde_json::from_slice::<Line>(&line).ok();
            if let Some(read) = read.filter(|read| read.steps() <= steps && line.ends_with(b"\n")) {
                kept = end;
                match read {
                    Line::Iteration(iteration) => {
                        let seconds = &iteration.seconds;
                        past.iterations += 1;
                        past.phases.environment += seconds.environment;
                        past.phases.act += seconds.act;
                        past.phases.update += seconds.update;
                        past.elapsed = seconds.elapsed;
                    }
                    Line::Evaluation(evaluation) => past.elapsed = evaluation.seconds.elapsed,
                }
            }
            line.clear();
        }
        Ok((past, kept))
    }
}
