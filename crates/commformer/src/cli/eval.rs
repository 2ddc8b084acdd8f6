//! `commformer eval`.

use super::episodes::{Checkpoint, EpisodeOptions};
use super::{misfit, note, warn};
use crate::compose;
use crate::config::{Config, Overrides, split_assignment};
use crate::evaluation::{self, Alone, Comparison, EvaluationError};
use crate::run_dir::RunDir;
use clap::Args;
use commformer_train::{CheckpointStore, TrainError, Which};
use commformer_view::numbers::grouped;
use commformer_view::record::Outcome;
use serde::Serialize;
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(flatten)]
    options: EpisodeOptions,
    /// Episodes, each in an environment of its own; by default as the run's configuration says
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    episodes: Option<u32>,
    /// Run every agent alone, given its own observation, the messages along open edges and, where
    /// `policy.previous_action` is `always`, the action of the agent before it. The same episodes are played with all agents
    /// at once too; it is an error if they differ, or if other bytes were delivered than the formula says
    #[arg(long)]
    decentralised: bool,
    /// A setting of the task in the place of the run's, such as env.episode_limit=50; can be repeated
    #[arg(long, value_name = "env.KEY=VALUE")]
    set: Vec<String>,
    /// Print one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Output {
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    decentralised: Option<Alone>,
}

impl Eval {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let folder = RunDir::open(&self.options.run)?;
        let settings = |set: &[String]| {
            let own = Overrides {
                file: Some(folder.config()),
                set: set.to_owned(),
                device: self.options.device.clone(),
                ..Overrides::default()
            };
            Config::resolve_with_notes(None, &own)
        };
        // What the run names must be trusted; what the user sets in its place is the user's.
        let (there, of_run) = settings(&[])?;
        let keys = there.env.size_keys();
        for set in &self.set {
            anyhow::ensure!(
                set.starts_with("env."),
                "--set {set}: an evaluation can change the task alone, by keys such as env.{}",
                keys.first().unwrap_or(&"kind")
            );
        }
        (self.options.trust).check(folder.path(), &there)?;
        let (mut config, notes) = settings(&self.set)?;
        for told in notes.iter().filter(|told| !of_run.contains(told)) {
            note(told);
        }
        let limits = |set: &String| {
            split_assignment(set).is_some_and(|(keys, _)| keys == ["env", "episode_limit"])
        };
        if let Some(limit) = self.set.iter().rfind(|set| limits(set)) {
            // What the user says now counts more than what the run says of its evaluations.
            config.eval.episode_limit = 0;
            anyhow::ensure!(
                !config.env.is_endless(),
                "--set {limit}: evaluated episodes might never end; name a limit, such as env.episode_limit=50, or leave \
                 that of the run"
            );
        }
        let device = compose::device(&config)?;
        let episodes = self.episodes.map(|episodes| episodes as usize);
        let episodes = episodes.unwrap_or(config.eval.final_episodes);
        let request = self.options.request(config.run.seed, episodes);
        let store = CheckpointStore::open(folder.path())?;
        let named = |error| match (&error, misfit::why(&there, &config)) {
            (
                EvaluationError::Weights(_) | EvaluationError::Evaluate(TrainError::Mismatch(_)),
                Some(why),
            ) => anyhow::anyhow!("{error} ({why})"),
            (EvaluationError::Checkpoint(damage), _)
                if damage.is_damage()
                    && matches!(self.options.checkpoint, Checkpoint::Best)
                    && store.load(Which::Latest).is_ok() =>
            {
                anyhow::anyhow!("{error}; `--checkpoint latest` takes the weights of the end")
            }
            _ => anyhow::Error::new(error),
        };
        let (evaluated, alone) = if self.decentralised {
            let Comparison { evaluated, alone } =
                evaluation::compare(&config, &store, &request, device).map_err(named)?;
            (evaluated, Some(alone))
        } else {
            let evaluated = evaluation::run(&config, &store, &request, device);
            (evaluated.map_err(named)?, None)
        };
        for damage in &evaluated.damaged {
            warn(damage);
        }
        if self.json {
            let told = Output {
                outcome: evaluated.outcome(),
                decentralised: alone,
            };
            writeln!(out, "{}", serde_json::to_string(&told)?)?;
            return Ok(());
        }
        writeln!(
            out,
            "{} after {} steps, {} episodes, {} actions, seed {}:\n{}",
            folder.path().display(),
            grouped(evaluated.trained_steps),
            request.episodes,
            if request.sampled { "sampled" } else { "greedy" },
            request.seed,
            evaluated.metrics
        )?;
        if let Some(alone) = alone {
            writeln!(
                out,
                "every agent alone: all {} episodes are those of all agents at once\n\
                 delivered {} messages of {} bytes, by the formula {} of {}; {:.0} us for a step of an agent",
                request.episodes,
                grouped(alone.delivered.messages),
                grouped(alone.delivered.bytes),
                grouped(alone.by_formula.messages),
                grouped(alone.by_formula.bytes),
                alone.agent_step_us,
            )?;
        }
        Ok(())
    }
}
