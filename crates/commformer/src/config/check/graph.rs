//! What `[graph]` must be, alone and with the rest.

use super::Checker;
use crate::config::{Config, ConfigError, GraphMode};

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
    let (epochs, envs) = (config.ppo.epochs, config.rollout.num_envs);
    let samples = envs.saturating_mul(config.rollout.steps).max(1) as u64;
    let iterations = config.run.steps.div_ceil(samples);
    match config.graph.schedule.conflict(epochs, envs, iterations) {
        None => Ok(()),
        Some(conflict) => check.together(false, &conflict.settings, conflict.problem),
    }
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
    let samples = lower_envs(config).saturating_mul(rollout.steps);
    check.together(
        ppo.minibatches <= samples,
        &["ppo.minibatches", "rollout.num_envs", "rollout.steps"],
        format!(
            "{} minibatches cannot be made of {samples} samples, environments x steps of a rollout",
            ppo.minibatches
        ),
    )
}

/// Environments from which the lower level learns.
fn lower_envs(config: &Config) -> usize {
    let (envs, graph) = (config.rollout.num_envs, &config.graph);
    let learned = config.method.reads("graph") && graph.mode == GraphMode::Learned;
    match learned {
        true => graph.schedule.lower_envs(envs),
        false => envs,
    }
}
