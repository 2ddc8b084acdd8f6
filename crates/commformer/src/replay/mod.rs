//! A checkpoint's episodes once more, with all that went on in them: what `commformer replay` shows.

mod episode;
mod film;
mod witness;

use crate::compose;
use crate::config::Config;
use crate::judge::{Candidate, JudgeError, Judgement, Verdict};
use crate::record::progress::grouped;
use commformer_env::{ActionSpace, Environment};
use commformer_train::{CheckpointStore, Purpose, Which};
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
    let (policy, candidate) = Candidate::load(config, store, judgement, device)?;
    let Judgement { episodes, seed, .. } = *judgement;
    let purpose = Purpose::FinalEvaluation;
    let mut copies = compose::evaluation_of(config, episodes, seed, purpose, Filmed::new)?;
    let witness = Witness::new(policy);
    let verdict = candidate.play(&witness, &mut copies)?;
    let (policy, steps) = witness.tell();

    let spec = copies.spec().clone();
    let names = |names: Vec<String>, count: usize, name: &str| match names.len() == count {
        true => names,
        false => (0..count)
            .map(|number| format!("{name} {number}"))
            .collect(),
    };
    let first = copies.copy(0);
    let agents = first.map_or_else(Vec::new, Filmed::agent_names);
    let actions = first.map_or_else(Vec::new, Filmed::action_names);
    let graph: Vec<Vec<bool>> = (verdict.report.graph.chunks(spec.agents))
        .map(|row| row.iter().map(|edge| *edge > 0.5).collect())
        .collect();
    let sizes = policy.model().config();
    let attention = policy.model().attention_names();
    let mut run = Run {
        name: name.to_owned(),
        facts: facts(config, &verdict),
        agents: names(agents, spec.agents, "agent"),
        actions: match spec.actions {
            ActionSpace::Discrete(count) => names(actions, count, "action"),
            ActionSpace::Continuous(_) => Vec::new(),
        },
        links: Run::links_of(&graph),
        graph,
        attention: attention.collect(),
        heads: sizes.heads,
        gates: policy.gate().map(|gate| match gate.width() {
            1 => Gates::Receiver,
            _ => Gates::Edge,
        }),
        metrics: verdict.report.metric_names.clone(),
        episodes: Vec::new(),
    };
    run.episodes = (verdict.report.episodes.iter().enumerate())
        .filter_map(|(copy, record)| {
            let film = copies.copy(copy)?;
            let told = Told {
                run: &run,
                steps: &steps,
                copies: episodes,
                value_norm: &candidate.value_norm,
            };
            Some(told.episode(copy, film, record))
        })
        .collect();
    Ok((run, verdict))
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
