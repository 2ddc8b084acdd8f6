//! `commformer bench`: how fast things are on this machine. Whole runs here; `cargo bench` has the
//! single parts.

mod act;
mod axis;
mod env;
mod machine;
mod measure;
mod repeat;
mod sweep;
mod table;
mod train;

use clap::{Args, Subcommand};
use std::io::Write;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    train: train::Train,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Training, and where its time goes; what `bench` alone does
    Train(train::Train),
    /// Choosing actions, without environments and updates
    Act(act::Act),
    /// Stepping environments, with random actions
    Env(env::Env),
}

impl Bench {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        match &self.what {
            None => self.train.run(out),
            Some(What::Train(train)) => train.run(out),
            Some(What::Act(act)) => act.run(out),
            Some(What::Env(env)) => env.run(out),
        }
    }
}
