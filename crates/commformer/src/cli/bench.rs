//! `commformer bench`: how fast a configuration trains on this machine.

use super::options::ConfigOptions;
use crate::compose;
use crate::record::progress::grouped;
use clap::Args;
use commformer_train::Phases;
use serde::Serialize;
use std::io::Write;
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(flatten)]
    config: ConfigOptions,
    /// Iterations that are timed, after one that is not
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    iterations: u32,
    /// Print one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    iterations: u32,
    steps: u64,
    steps_per_second: f64,
    seconds: f64,
    shares: Shares,
}

/// Shares of the time; what lies between the phases makes them up to 1.
#[derive(Debug, Serialize)]
struct Shares {
    environment: f64,
    act: f64,
    update: f64,
}

impl Bench {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let config = self.config.resolve()?;
        let device = compose::device(&config)?;
        let mut trainer = compose::trainer(&config, device)?;
        // The first iteration pays for memory and caches.
        trainer.iterate()?;
        let (start, steps_before) = (Instant::now(), trainer.steps());
        let mut phases = Phases::default();
        for _ in 0..self.iterations {
            let report = trainer.iterate()?;
            phases.environment += report.phases.environment;
            phases.act += report.phases.act;
            phases.update += report.phases.update;
        }
        let seconds = start.elapsed().as_secs_f64();
        let steps = trainer.steps() - steps_before;
        let measured = Measured {
            name: self.config.name(),
            iterations: self.iterations,
            steps,
            steps_per_second: steps as f64 / seconds,
            seconds,
            shares: Shares {
                environment: phases.environment / seconds,
                act: phases.act / seconds,
                update: phases.update / seconds,
            },
        };
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&measured)?)?;
        } else {
            measured.print(out)?;
        }
        Ok(())
    }
}

impl Measured {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let speed = grouped(self.steps_per_second as u64);
        let (steps, seconds) = (grouped(self.steps), self.seconds);
        writeln!(
            out,
            "{}: {speed} steps/s ({steps} steps in {seconds:.2} s)",
            self.name
        )?;
        let shares = [
            ("environment", self.shares.environment),
            ("act", self.shares.act),
            ("update", self.shares.update),
        ];
        for (phase, share) in shares {
            writeln!(out, "  {phase:12} {:>5.1} %", 100.0 * share)?;
        }
        Ok(())
    }
}
