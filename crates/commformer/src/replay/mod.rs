//! A checkpoint's episodes once more, with all that went on in them: what `commformer replay` shows.

mod episode;
mod task;
mod team;

use crate::compose;
use crate::config::Config;
use crate::evaluation::{Evaluated, EvaluationError, Loaded, Request};
use commformer_env::{ActionSpace, Environment};
use commformer_train::{Actor, CheckpointStore, Purpose, Which};
use commformer_view::numbers::grouped;
use commformer_view::replay::{Gates, Run};
use episode::Recordings;
use task::RecordedTask;
use tch::Device;
use team::RecordedTeam;

/// Plays the episodes that [`evaluation`](crate::evaluation::run) plays, and keeps them, with what it says of them.
///
/// # Errors
///
/// Those of [`evaluation`](crate::evaluation::run).
pub fn record(
    name: &str,
    config: &Config,
    store: &CheckpointStore,
    request: &Request,
    device: Device,
) -> Result<(Run, Evaluated), EvaluationError> {
    let (team, loaded) = Loaded::load(config, store, request, device)?;
    let Request { episodes, seed, .. } = *request;
    let purpose = Purpose::FinalEvaluation;
    let at_once = config.env.at_once(episodes, config.rollout.num_envs);
    let mut envs = compose::evaluation_of(config, at_once, seed, purpose, RecordedTask::new)?;
    let agents = envs.spec().agents;
    let edge = |place: usize| loaded.edges.get(place).is_some_and(|edge| *edge > 0.5);
    let row = |receiver| (0..agents).map(move |sender| receiver * agents + sender);
    // Nobody hears anybody in a team without a graph.
    let graph: Vec<Vec<bool>> = (0..agents)
        .map(|receiver| row(receiver).map(edge).collect())
        .collect();
    let links = Run::links_of(&graph);
    let recorded = RecordedTeam::new(team, agents, &links, device);
    let evaluated = loaded.play(&recorded, &mut envs)?;
    let (team, steps) = recorded.into_parts();

    let attentions = team.attentions();
    let first = envs.env(0);
    let names = first.map_or_else(Vec::new, RecordedTask::agent_names);
    let mut run = Run {
        name: name.to_owned(),
        facts: facts(config, &evaluated),
        agents: named(names, agents, "agent"),
        actions: match envs.spec().actions {
            ActionSpace::Discrete(count) => {
                let names = first.map_or_else(Vec::new, RecordedTask::action_names);
                named(names, count, "action")
            }
            ActionSpace::Continuous(_) => Vec::new(),
        },
        graph,
        links,
        attention: attentions.names,
        heads: attentions.heads,
        gates: match team.needs().gate {
            0 => None,
            1 => Some(Gates::Receiver),
            _ => Some(Gates::Edge),
        },
        metrics: evaluated.report.metric_names.clone(),
        episodes: Vec::new(),
    };
    let recordings = Recordings {
        run: &run,
        steps: &steps,
        envs: at_once,
        value_norm: &loaded.value_norm,
    };
    let records = evaluated.report.episodes.iter().enumerate();
    let episodes = records.filter_map(|(episode, record)| {
        let [round, env] = [episode / at_once, episode % at_once];
        let recorded = envs.env(env)?.rounds.get(round)?;
        Some(recordings.episode(env, recorded, record))
    });
    run.episodes = episodes.collect();
    Ok((run, evaluated))
}

/// A task's own names, or, where it has not as many, numbers.
fn named(names: Vec<String>, count: usize, what: &str) -> Vec<String> {
    match names.len() == count {
        true => names,
        false => (0..count)
            .map(|number| format!("{what} {number}"))
            .collect(),
    }
}

/// What is to be read beside the picture.
fn facts(config: &Config, evaluated: &Evaluated) -> Vec<(String, String)> {
    let request = &evaluated.request;
    let checkpoint = match request.which {
        Which::Best => "best",
        Which::Latest => "latest",
    };
    let trained = grouped(evaluated.trained_steps);
    let actions = if request.sampled { "sampled" } else { "greedy" };
    let facts = [
        ("task", config.env.kind().to_owned()),
        ("checkpoint", format!("{checkpoint}, after {trained} steps")),
        ("actions", actions.to_owned()),
        ("seed", request.seed.to_string()),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}
