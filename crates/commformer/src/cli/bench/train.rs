//! `commformer bench train`.

use super::axis::{self, Axis};
use super::measure::{Budget, measure};
use super::repeat::seconds;
use super::sweep;
use crate::cli::options::{ConfigOptions, count};
use clap::Args;
use std::io::Write;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Peak memory is that of the process, while it trains. GFLOP/s are those of the policy's matrix
products in updates, forward and backward; a plain matrix product is timed in the same process.
With --over, every row has a process of its own: one that fails is a row that says why.

Examples:
  bench --over threads=1,2 --over width=32,64,128
  bench signal --over agents=3,10,50 --over senders=1,2 --seconds 5 --json
  bench train --set env.dim=11 --set rollout.steps=10 --over agents=3,5,10,27,50,100";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Train {
    #[command(flatten)]
    config: ConfigOptions,
    /// Iterations that are timed, after one that is not
    #[arg(long, default_value_t = 5, value_parser = count::<{ u32::MAX }>)]
    iterations: u32,
    /// No further iteration is begun after so many seconds; one is always timed
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// A row for each value of a setting: agents, senders, width, envs, chunk, threads or any key;
    /// can be repeated, for a row for each combination
    #[arg(long, value_name = "KEY=VALUE,...")]
    over: Vec<Axis>,
    /// Print one JSON object besides, on the last line
    #[arg(long)]
    json: bool,
}

impl Train {
    /// The preset that was named, or goes without saying.
    pub fn preset(&self) -> Option<&str> {
        self.config.base.preset()
    }

    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let budget = Budget {
            iterations: self.iterations,
            seconds: self.seconds,
        };
        if self.over.is_empty() {
            let measured = measure(self.config.name(), &self.config.resolve()?, budget)?;
            measured.print(out)?;
            return print_json(self.json, &measured, out);
        }
        let points = axis::points(&self.over)?;
        let options: anyhow::Result<Vec<_>> = points
            .iter()
            .map(|point| axis::at(&self.config, point))
            .collect();
        let rows = sweep::run(&self.over, points.into_iter().zip(options?), budget, out)?;
        let failed = rows.iter().all(|row| row.result.is_err());
        print_json(self.json, &sweep::printed(&self.config.name(), &rows), out)?;
        anyhow::ensure!(!failed, "no row could be measured; each says why");
        Ok(())
    }
}

/// Prints `told` on a line if it is asked for.
pub(super) fn print_json(
    asked: bool,
    told: &impl serde::Serialize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if asked {
        writeln!(out, "{}", serde_json::to_string(told)?)?;
    }
    Ok(())
}
