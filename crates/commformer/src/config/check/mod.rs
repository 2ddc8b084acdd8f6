//! Settings that do not go together. Each by itself, with its name, type and range, is checked before.

mod gate;
mod graph;
mod unused;

pub(crate) use unused::Unused;
pub(super) use unused::unused;

use super::error::ConfigError;
use super::layers::Layers;
use super::{Config, TaskConfig, TaskError, nearest};
use commformer_env::{BuiltIn, smac};
use std::fmt::Display;

/// Refuses the first setting, or combination of settings, that cannot work.
pub(super) fn all(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    let check = Checker { layers };
    task(config, &check)?;
    method(config, &check)?;
    if config.method.reads("policy") {
        policy(config, &check)?;
    }
    if config.method.reads("graph") {
        graph::all(config, &check)?;
        // How many agents a task in Python has, it tells only when it runs.
        if !matches!(config.env.task, TaskConfig::Python(_)) {
            graph::team(config, &check)?;
        }
    }
    graph::minibatches(config, &check)?;
    if config.method.reads("gate") {
        gate::all(config, &check)?;
    }
    evaluation(config, &check)
}

/// Refuses a graph that does not fit the team.
pub(super) fn team(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    match config.method.reads("graph") {
        true => graph::team(config, &Checker { layers }),
        false => Ok(()),
    }
}

struct Checker<'a> {
    layers: &'a Layers,
}

impl Checker<'_> {
    fn value(
        &self,
        path: &str,
        holds: bool,
        found: impl Display,
        expected: impl Display,
    ) -> Result<(), ConfigError> {
        if holds {
            return Ok(());
        }
        Err(ConfigError::Value {
            path: path.to_owned(),
            found: found.to_string(),
            expected: expected.to_string(),
            source_of: self.layers.source(path),
            about: "".into(),
        })
    }

    /// The error of a setting of a section.
    fn refused(
        &self,
        section: &str,
        error: commformer_env::ConfigError,
    ) -> Result<(), ConfigError> {
        let path = format!("{section}.{}", error.field);
        self.value(&path, false, error.found, error.allowed)
    }

    /// An error about several keys unless `holds`.
    fn together(
        &self,
        holds: bool,
        paths: &[&str],
        problem: impl Display,
    ) -> Result<(), ConfigError> {
        if holds {
            return Ok(());
        }
        let sources = paths
            .iter()
            .map(|path| format!("`{path}`: {}", self.layers.source(path)));
        Err(ConfigError::Conflict {
            problem: problem.to_string(),
            sources: sources.collect::<Vec<_>>().join(", "),
        })
    }
}

fn task(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    if let TaskConfig::Python(task) = &config.env.task {
        return task.check().or_else(|error| check.refused("env", error));
    }
    match config.env.build() {
        Err(TaskError::Settings(mut error)) => {
            if let TaskConfig::BuiltIn(BuiltIn::Smac(battle)) = &config.env.task
                && error.field == "map"
                && let Some(near) = nearest(&battle.map, smac::names())
            {
                error.allowed = format!("the name of a built-in map; did you mean `{near}`?");
            }
            check.refused("env", error)
        }
        Ok(_) | Err(TaskError::Python(_)) => Ok(()),
    }
}

fn method(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let found = config.method.method().check();
    found.or_else(|error| check.refused("method", error))
}

fn policy(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let policy = &config.policy;
    check.together(
        policy.embed_dim.is_multiple_of(policy.heads),
        &["policy.heads", "policy.embed_dim"],
        format!(
            "`policy.heads` must divide `policy.embed_dim`, but {} does not divide {}",
            policy.heads, policy.embed_dim
        ),
    )?;
    let message = policy.message.unwrap_or(policy.embed_dim);
    check.together(
        message <= policy.embed_dim,
        &["policy.message", "policy.embed_dim"],
        format!(
            "messages of {message} numbers are wider than what they are made of, `policy.embed_dim` = {}; leave \
             `policy.message` out, or make it smaller",
            policy.embed_dim
        ),
    )?;
    check.together(
        policy.message_bits.is_none() || policy.message.is_some(),
        &["policy.message_bits"],
        "only narrow messages are rounded; set `policy.message` as well, such as 8, or leave `policy.message_bits` out",
    )
}

fn evaluation(config: &Config, check: &Checker<'_>) -> Result<(), ConfigError> {
    let eval = &config.eval;
    check.together(
        eval.episode_limit > 0 || !config.env.is_endless(),
        &["env.episode_limit", "eval.episode_limit"],
        "evaluated episodes might never end: set `env.episode_limit`, or `eval.episode_limit` for evaluations alone",
    )
}

#[cfg(test)]
mod tests;
