//! `commformer doctor`: what this program is, what it runs on, and whether it works here, as a text for
//! a bug report.

mod checkpoint;
mod facts;
mod kernels;
mod report;
mod training;

use super::bench::seconds;
use crate::config::{Config, ConfigError, Overrides};
use anyhow::Context;
use clap::Args;
use report::Report;
use std::io::Write;

/// What `--help` ends with.
const ABOUT: &str = "\
Every line begins with four spaces, so that an issue shows the text as it is. Folders and the values of some environment \
variables are in it: read it before you publish it.

A check says ok or FAILED, and one that failed does not keep the next from being made; the exit code is then 1. Checks \
leave nothing behind in the current folder, where the checkpoint is tried.";

#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct Doctor {
    /// About how long the self-test takes; a few seconds in any case
    #[arg(long, default_value_t = 10.0, value_parser = seconds, allow_negative_numbers = true)]
    seconds: f64,
}

impl Doctor {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let folder = std::env::current_dir().context(
            "the current folder cannot be used; go to another one and repeat the command",
        )?;
        let mut report = Report::begin(out)?;
        facts::tell(&mut report, &folder)?;
        report.space()?;
        report.check("kernels", kernels::agree)?;
        // Early, because its peak memory is that of the whole process.
        report.check("speed", || training::speed(self.seconds / 2.5))?;
        report.check("repeatable", || training::repeats(self.seconds / 8.0))?;
        report.check("learning", training::learns)?;
        report.check("checkpoint", || checkpoint::survives(&folder))?;
        report.check("GPU", training::on_a_gpu)?;
        report.end()
    }
}

/// A preset with settings over it, on the CPU.
fn config(preset: &str, set: &[&str]) -> Result<Config, ConfigError> {
    Config::resolve(Some(preset), &Overrides::set(set))
}
