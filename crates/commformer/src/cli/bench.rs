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

pub(super) use measure::{Budget, measure};
pub(super) use repeat::seconds;

use crate::config::{nearest, presets};
use clap::{Args, Subcommand};
use std::io::Write;

/// What can be measured, by name.
const PARTS: [&str; 3] = ["train", "act", "env"];

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
            None => {
                self.check_name()?;
                self.train.run(out)
            }
            Some(What::Train(train)) => train.run(out),
            Some(What::Act(act)) => act.run(out),
            Some(What::Env(env)) => env.run(out),
        }
    }

    /// Whoever mistypes one of the parts has named a preset, as far as the command line goes.
    fn check_name(&self) -> anyhow::Result<()> {
        let preset = self
            .train
            .preset()
            .filter(|name| presets::find(name).is_err());
        match preset.and_then(|name| Some((name, nearest(name, PARTS.into_iter())?))) {
            Some((name, part)) => {
                anyhow::bail!("there is no `bench {name}`; did you mean `bench {part}`?")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    #[test]
    fn a_mistyped_part_is_told_from_a_preset() {
        let check = |arguments: &[&str], meant: Option<&str>| {
            let line = Line::parse_from(["x"].iter().chain(arguments));
            let message = line.bench.check_name().err().map(|error| error.to_string());
            let meant = meant.map(|part| format!("did you mean `bench {part}`?"));
            match (&message, &meant) {
                (Some(message), Some(meant)) => assert!(message.ends_with(meant), "{message}"),
                _ => assert_eq!(message, meant, "{arguments:?}"),
            }
        };
        check(&["trian"], Some("train"));
        check(&["envs", "--json"], Some("env"));
        check(&[], None);
        check(&["signal"], None);
        check(&["--config", "trian.toml"], None);
        // Its own message names the nearest preset.
        check(&["signl"], None);
        for part in PARTS {
            assert!(Line::parse_from(["x", part]).bench.what.is_some(), "{part}");
        }
    }
}
