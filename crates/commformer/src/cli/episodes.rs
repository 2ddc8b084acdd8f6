//! Options of the commands that play episodes of a trained team.

use super::options::whole;
use super::trust::Trust;
use crate::evaluation::Request;
use clap::{Args, ValueEnum};
use commformer_train::Which;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct EpisodeOptions {
    /// The run's folder
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Draw actions instead of acting greedily
    #[arg(long)]
    pub sampled: bool,
    /// Seed of the episodes; by default the run's, which repeats those of its final evaluation
    #[arg(long, value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Which weights
    #[arg(long, value_enum, default_value_t = Checkpoint::Best)]
    pub checkpoint: Checkpoint,
    /// Where tensors live: auto, cpu, cuda or cuda:N; by default as in the run
    #[arg(long)]
    pub device: Option<String>,
    #[command(flatten)]
    pub trust: Trust,
}

impl EpisodeOptions {
    /// So many episodes, of a run with this seed.
    pub fn request(&self, seed: u64, episodes: usize) -> Request {
        Request {
            which: self.checkpoint.into(),
            episodes,
            seed: self.seed.unwrap_or(seed),
            sampled: self.sampled,
            target_rate: None,
        }
    }
}

/// An option of the commands that run a trained team at another price of messages.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct GateOptions {
    /// Share of their steps in which agents receive, 0 to 1, in the place of that to which the run's learned gates were set:
    /// their threshold is set to it anew, in other episodes. What they have learned stays as it is
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true)]
    pub target_rate: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1, such as 0.25".to_owned())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Checkpoint {
    /// Those of the best evaluation: by the return, with gates first by whether they keep to the budget
    Best,
    /// Those of the end
    Latest,
}

impl From<Checkpoint> for Which {
    fn from(checkpoint: Checkpoint) -> Self {
        match checkpoint {
            Checkpoint::Best => Self::Best,
            Checkpoint::Latest => Self::Latest,
        }
    }
}
