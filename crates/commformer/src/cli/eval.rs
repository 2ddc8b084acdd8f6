//! `commformer eval`.

use super::episodes::{Checkpoint, EpisodeOptions, GateOptions};
use super::opened::TaskOptions;
use super::options::count;
use super::warn;
use crate::compose;
use crate::evaluation::{self, Alone, Comparison, EvaluationError, Request};
use clap::Args;
use commformer_train::{CheckpointStore, Which};
use commformer_view::numbers::grouped;
use commformer_view::record::Outcome;
use serde::Serialize;
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(flatten)]
    options: EpisodeOptions,
    /// Episodes, each in an environment of its own; by default as the run's configuration says
    #[arg(long, value_parser = count::<{ u32::MAX }>, allow_negative_numbers = true)]
    episodes: Option<u32>,
    /// Run every agent alone, given its own observation, the messages along open edges and, where
    /// `policy.previous_action` is `always`, the action of the agent before it. The same episodes are played with all agents
    /// at once too; it is an error if they differ, or if other bytes were delivered than the formula says
    #[arg(long)]
    decentralised: bool,
    #[command(flatten)]
    gates: GateOptions,
    #[command(flatten)]
    task: TaskOptions,
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
        let options = &self.options;
        let opened = (self.task).open(options.trust, &options.run, options.device.as_ref())?;
        let (folder, config) = (&opened.folder, &opened.config);
        let device = compose::device(config)?;
        let episodes = self.episodes.map(|episodes| episodes as usize);
        let episodes = episodes.unwrap_or(config.eval.final_episodes);
        let request = Request {
            target_rate: self.gates.target_rate,
            ..self.options.request(config.run.seed, episodes)
        };
        let store = CheckpointStore::open(folder.path())?;
        let named = |error| match &error {
            EvaluationError::Checkpoint(damage)
                if damage.is_damage()
                    && matches!(self.options.checkpoint, Checkpoint::Best)
                    && store.load(Which::Latest).is_ok() =>
            {
                anyhow::anyhow!("{error}; `--checkpoint latest` takes the weights of the end")
            }
            _ => opened.explained(error),
        };
        let (evaluated, alone) = if self.decentralised {
            let Comparison { evaluated, alone } =
                evaluation::compare(config, &store, &request, device).map_err(named)?;
            (evaluated, Some(alone))
        } else {
            let evaluated = evaluation::run(config, &store, &request, device);
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
