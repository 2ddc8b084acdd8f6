//! What `[graph]` must be, alone and with the rest.

use super::Checker;
use crate::config::{Config, ConfigError, GraphMode};
use commformer_train::{Estimator, RolloutGraph, UpperData};

/// Refuses the first setting of the graph that cannot work.
pub(super) fn all(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let graph = &config.graph;
    check.together(
        graph.mode == GraphMode::Given || graph.edges.is_empty(),
        &["graph.edges", "graph.mode"],
        "`graph.edges` is only used with `graph.mode = \"given\"`; set that too, or leave the edges out",
    )?;
    match graph.mode {
        GraphMode::Learned => learned(config, check),
        GraphMode::Full | GraphMode::None | GraphMode::Random | GraphMode::Given => Ok(()),
    }
}

/// Refuses a graph that does not fit the number of agents.
pub(super) fn team(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let (graph, agents) = (&config.graph, config.env.agents());
    match graph.mode_for(agents) {
        GraphMode::Learned => senders(config, check, graph.self_edge.most_senders(agents)),
        GraphMode::Random => senders(config, check, agents.saturating_sub(1)),
        GraphMode::Given => given(&graph.edges, agents, check),
        GraphMode::Full | GraphMode::None => Ok(()),
    }
}

fn senders(config: &Config, check: &Checker<'_>, most: usize) -> Result<(), ConfigError> {
    let agents = config.env.agents();
    let senders = config.graph.senders(agents);
    check.together(
        senders <= most,
        &["graph.sparsity", "graph.self_edge"],
        format!(
            "each agent would hear {senders} others, but a team of {agents} has only {most} to offer; \
             lower `graph.sparsity`, or set `graph.mode = \"full\"`"
        ),
    )
}

fn learned(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let (graph, copies) = (&config.graph, config.rollout.copies);
    check.together(
        graph.upper_every <= config.ppo.epochs,
        &["graph.upper_every", "ppo.epochs"],
        format!(
            "the graph would never learn: every {}th epoch is an upper step, but there are {}",
            graph.upper_every, config.ppo.epochs
        ),
    )?;
    check.together(
        graph.upper_every > 1,
        &["graph.upper_every"],
        "the policy would never learn: with `graph.upper_every = 1` every epoch is an upper step",
    )?;
    let score_function = graph.estimator == Estimator::ScoreFunction;
    check.together(
        !(score_function && graph.rollout == RolloutGraph::Exact),
        &["graph.estimator", "graph.rollout"],
        "the score function compares graphs on which the team has acted, so it needs \
         `graph.rollout = \"sampled\"`; or set `graph.estimator = \"straight-through\"`",
    )?;
    let groups = if graph.groups == 0 {
        copies
    } else {
        graph.groups
    };
    check.together(
        !score_function || (2..=copies).contains(&groups),
        &["graph.groups", "rollout.copies"],
        format!(
            "the score function compares at least 2 graphs, each in a copy of its own, but there are \
             {groups} groups and {copies} copies"
        ),
    )?;
    let kept = held_out_copies(graph.held_out, copies);
    check.together(
        graph.upper_data == UpperData::Same || (1..copies).contains(&kept),
        &["graph.held_out", "rollout.copies"],
        format!(
            "`graph.held_out = {}` of {copies} copies would keep {kept} apart for upper steps; \
             each level needs at least one",
            graph.held_out
        ),
    )
}

fn given(edges: &[Vec<i64>], agents: usize, check: &Checker<'_>) -> Result<(), ConfigError> {
    let shape = format!("{agents} rows of {agents} numbers, one for each agent");
    let wrong_row = edges.iter().position(|row| row.len() != agents);
    let found = match wrong_row {
        Some(row) => format!("a matrix whose row {row} has {} numbers", edges[row].len()),
        None => format!("a matrix of {} rows", edges.len()),
    };
    check.value(
        "graph.edges",
        edges.len() == agents && wrong_row.is_none(),
        found,
        shape,
    )?;
    let wrong = edges.iter().flatten().find(|edge| !(0..=1).contains(*edge));
    let found = wrong.map_or(String::new(), |edge| format!("a matrix with a {edge}"));
    check.value("graph.edges", wrong.is_none(), found, "of 0 and 1")
}

/// Minibatches cannot outnumber the samples that the lower level has.
pub(super) fn minibatches(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let (ppo, rollout) = (&config.ppo, &config.rollout);
    let samples = lower_copies(config).saturating_mul(rollout.steps);
    check.together(
        ppo.minibatches <= samples,
        &["ppo.minibatches", "rollout.copies", "rollout.steps"],
        format!(
            "{} minibatches cannot be made of {samples} samples, copies x steps of a rollout",
            ppo.minibatches
        ),
    )
}

/// Copies from which the lower level learns.
fn lower_copies(config: &Config) -> usize {
    let (copies, graph) = (config.rollout.copies, &config.graph);
    let learned = config.method.reads("graph") && graph.mode == GraphMode::Learned;
    if learned && graph.upper_data == UpperData::HeldOut {
        copies.saturating_sub(held_out_copies(graph.held_out, copies))
    } else {
        copies
    }
}

fn held_out_copies(share: f64, copies: usize) -> usize {
    (share * copies as f64).round() as usize
}
