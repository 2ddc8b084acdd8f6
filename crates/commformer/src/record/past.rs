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
    /// The iteration in which the policy moved furthest.
    pub furthest: Option<Move>,
}

/// How far the policy moved in an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// Environment steps at the iteration's end.
    pub steps: u64,
    /// Mean divergence from the policy that acted, in nats.
    pub kl: f64,
}

impl Past {
    /// Adds an iteration, which ended after so many environment steps.
    pub fn add(&mut self, steps: u64, phases: Phases, kl: f64) {
        self.iterations += 1;
        self.phases += phases;
        if self.furthest.is_none_or(|furthest| kl > furthest.kl) {
            self.furthest = Some(Move { steps, kl });
        }
    }

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
                        let phases = Phases {
                            environment: seconds.environment,
                            act: seconds.act,
                            update: seconds.update,
                        };
                        past.add(iteration.steps, phases, iteration.losses.kl);
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
