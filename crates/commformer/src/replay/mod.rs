//! A checkpoint's episodes once more, with all that went on in them: what `commformer replay` shows.

mod episode;
mod film;
mod witness;

use crate::compose;
use crate::config::Config;
use crate::judge::{Candidate, JudgeError, Judgement, Verdict};
use commformer_env::{ActionSpace, Environment};
use commformer_train::{Actor, CheckpointStore, Purpose, Which};
use commformer_view::numbers::grouped;
use commformer_view::replay::{Gates, Run};
use episode::Told;
use film::Filmed;
use tch::Device;
use witness::Witness;

/// Plays the episodes that [`judge`](crate::judge::judge) plays, and keeps them, with what it says of them.
///
/// # Errors
///
/// Those of [`judge`](crate::judge::judge).
pub fn record(
    name: &str,
    config: &Config,
    store: &CheckpointStore,
    judgement: &Judgement,
    device: Device,
) -> Result<(Run, Verdict), JudgeError> {
    let (team, candidate) = Candidate::load(config, store, judgement, device)?;
    let Judgement { episodes, seed, .. } = *judgement;
    let purpose = Purpose::FinalEvaluation;
    let mut copies = compose::evaluation_of(config, episodes, seed, purpose, Filmed::new)?;
    let agents = copies.spec().agents;
    let edge = |place: usize| candidate.edges.get(place).is_some_and(|edge| *edge > 0.5);
    let row = |receiver| (0..agents).map(move |sender| receiver * agents + sender);
    // Nobody hears anybody in a team without a graph.
    let graph: Vec<Vec<bool>> = (0..agents)
        .map(|receiver| row(receiver).map(edge).collect())
        .collect();
    let links = Run::links_of(&graph);
    let witness = Witness::new(team, agents, &links, device);
    let verdict = candidate.play(&witness, &mut copies)?;
    let (team, steps) = witness.tell();

    let attentions = team.attentions();
    let first = copies.copy(0);
    let names = first.map_or_else(Vec::new, Filmed::agent_names);
    let mut run = Run {
        name: name.to_owned(),
        facts: facts(config, &verdict),
        agents: named(names, agents, "agent"),
        actions: match copies.spec().actions {
            ActionSpace::Discrete(count) => {
                let names = first.map_or_else(Vec::new, Filmed::action_names);
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
        metrics: verdict.report.metric_names.clone(),
        episodes: Vec::new(),
    };
    let told = Told {
        run: &run,
        steps: &steps,
        copies: episodes,
        value_norm: &candidate.value_norm,
    };
    let records = verdict.report.episodes.iter().enumerate();
    let episodes = records.filter_map(|(copy, record)| {
        let film = copies.copy(copy)?;
        Some(told.episode(copy, film, record))
    });
    run.episodes = episodes.collect();
    Ok((run, verdict))
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
fn facts(config: &Config, verdict: &Verdict) -> Vec<(String, String)> {
    let judgement = &verdict.judgement;
    let checkpoint = match judgement.which {
        Which::Best => "best",
        Which::Latest => "latest",
    };
    let trained = grouped(verdict.trained_steps);
    let actions = if judgement.sampled {
        "sampled"
    } else {
        "likeliest"
    };
    let facts = [
        ("task", config.env.kind().to_owned()),
        ("checkpoint", format!("{checkpoint}, after {trained} steps")),
        ("actions", actions.to_owned()),
        ("seed", judgement.seed.to_string()),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}
