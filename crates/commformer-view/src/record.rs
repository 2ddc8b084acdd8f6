//! What a run writes to its folder, for those who write it and those who read it: the [lines](Line) of
//! `metrics.jsonl`, and the [evaluation](Outcome) in `final.json`.
//!
//! JSON has no number that is not finite. Such a number is written as `null`, and read as NaN.
//!
//! ```
//! use commformer_view::record::Line;
//!
//! let text = r#"{"kind":"evaluation","steps":800,"episodes":20,"metrics":{"return":{"mean":0.5,"low":0.25,"high":null}},"graph":[[0.0,1.0],[1.0,0.0]],"seconds":{"elapsed":1.5}}"#;
//! let Line::Evaluation(evaluation) = serde_json::from_str(text)? else { panic!() };
//! assert_eq!(evaluation.metrics.get("return").unwrap().mean, 0.5);
//! assert_eq!(serde_json::to_string(&Line::Evaluation(evaluation))?, text);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod metrics;

pub use metrics::{Metrics, is_share_of_episodes};

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Settings that make no other run. No result depends on threads, on workers and how long they are waited for, and on how many
/// checkpoints are kept. Another machine may have another device, which may round differently, and its Python in another
/// place.
pub const NEUTRAL: [&str; 7] = [
    "run.threads",
    "run.device",
    "run.keep",
    "env.python",
    "env.workers",
    "env.timeout",
    "env.start_timeout",
];

/// A line of `metrics.jsonl`.
///
/// Everything that a clock says is in the field `seconds`. Two runs of one configuration are equal,
/// byte for byte, once that field is taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// Of an iteration of training.
    Iteration(Box<Iteration>),
    /// Of an evaluation while training.
    Evaluation(Evaluation),
}

impl Line {
    /// Environment steps of training behind it.
    pub fn steps(&self) -> u64 {
        match self {
            Self::Iteration(iteration) => iteration.steps,
            Self::Evaluation(evaluation) => evaluation.steps,
        }
    }
}

/// An iteration of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// Its number, from 1.
    #[serde(rename = "iteration")]
    pub number: u64,
    /// Environment steps behind it.
    pub steps: u64,
    /// Episodes that ended.
    pub episodes: usize,
    /// Mean return of the episodes that ended; `None` where none did.
    #[serde(rename = "return")]
    pub episode_return: Option<f64>,
    /// Mean length of the episodes that ended; `None` where none did.
    pub episode_steps: Option<f64>,
    /// Means of the environment's metrics over the episodes that ended.
    #[serde(deserialize_with = "numbers")]
    pub metrics: BTreeMap<String, f64>,
    /// Means over the updates.
    pub losses: Losses,
    /// Message statistics; the oldest runs have none.
    #[serde(alias = "listening", skip_serializing_if = "Option::is_none")]
    pub receiving: Option<Receiving>,
    /// Edges that are others than in the iteration before.
    pub graph_changes: usize,
    /// Share of the graph's edges in the graphs on which the team acted; older runs, and those that draw none, have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_agreement: Option<f64>,
    /// What a clock says.
    pub seconds: IterationSeconds,
}

/// Losses of the updates of an iteration, and what is recorded beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Of the actions.
    #[serde(deserialize_with = "number")]
    pub policy: f64,
    /// Of the values.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// Entropy of the actions' distributions, nats.
    #[serde(deserialize_with = "number")]
    pub entropy: f64,
    /// Share of ratios that were clipped.
    #[serde(deserialize_with = "number")]
    pub clipped: f64,
    /// Divergence from the rollout's policy (KL), nats.
    #[serde(deserialize_with = "number")]
    pub kl: f64,
    /// Norm of the gradient before it is clipped.
    #[serde(deserialize_with = "number")]
    pub grad_norm: f64,
    /// Of the gates, where they are learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateLosses>,
}

/// The same of learned gates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateLosses {
    /// Of the decisions.
    #[serde(deserialize_with = "number")]
    pub policy: f64,
    /// Of the values.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// Entropy of the decisions' distributions, nats.
    #[serde(deserialize_with = "number")]
    pub entropy: f64,
    /// Share of ratios that were clipped.
    #[serde(deserialize_with = "number")]
    pub clipped: f64,
    /// Divergence from the rollout's gates (KL), nats.
    #[serde(deserialize_with = "number")]
    pub kl: f64,
}

/// Message statistics of the rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receiving {
    /// Share of steps in which agents received.
    #[serde(deserialize_with = "number")]
    pub open_rate: f64,
    /// Messages received, per agent per step.
    #[serde(deserialize_with = "number")]
    pub messages: f64,
    /// Bytes received, per agent per step.
    #[serde(deserialize_with = "number")]
    pub bytes: f64,
    /// Bytes as a share of those with everybody hearing everybody.
    #[serde(deserialize_with = "number")]
    pub traffic: f64,
    /// What receiving costs, while it costs anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What receiving costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Of a message, in units of reward.
    #[serde(deserialize_with = "number")]
    pub message: f64,
    /// Of receiving everything, in standard deviations of the returns.
    #[serde(alias = "listening", deserialize_with = "number")]
    pub receiving: f64,
}

/// Seconds of an iteration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IterationSeconds {
    /// In environments.
    #[serde(deserialize_with = "number")]
    pub environment: f64,
    /// In choosing actions.
    #[serde(deserialize_with = "number")]
    pub act: f64,
    /// In updates.
    #[serde(deserialize_with = "number")]
    pub update: f64,
    /// Since the run began, without those in which it did not run.
    #[serde(deserialize_with = "number")]
    pub elapsed: f64,
}

/// Metrics of each episode by name, such as `return`, in the order of the episodes.
pub type Episodes = BTreeMap<String, Vec<f64>>;

/// An evaluation while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Environment steps of training behind it.
    pub steps: u64,
    /// Episodes played.
    pub episodes: usize,
    /// By name, such as `return`.
    #[serde(alias = "figures")]
    pub metrics: Metrics,
    /// The metrics of every episode, of which the means are; older runs have none.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "lists"
    )]
    pub each_episode: Episodes,
    /// The learned graph, (N, N): 1 where the receiver (row) hears the sender (column).
    pub graph: Vec<Vec<f32>>,
    /// What a clock says.
    pub seconds: EvaluationSeconds,
}

/// Seconds at an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationSeconds {
    /// Since the run began, without those in which it did not run.
    #[serde(deserialize_with = "number")]
    pub elapsed: f64,
}

/// What a checkpoint does in episodes that it was not chosen by: `final.json`, and what `commformer eval --json` prints,
/// each of which adds fields of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// By name, such as `return`. Other fields that this version does not know are left out.
    #[serde(flatten, deserialize_with = "metrics::among")]
    pub metrics: Metrics,
    /// Which checkpoint: `best` or `latest`.
    pub checkpoint: String,
    /// Environment steps of training behind it.
    pub trained_steps: u64,
    /// Episodes played.
    pub episodes: usize,
    /// Seed of the episodes and of the intervals.
    pub seed: u64,
    /// Whether actions were drawn, instead of the most likely ones.
    pub sampled: bool,
    /// The graph, (N, N): 1 where the receiver (row) hears the sender (column).
    pub graph: Vec<Vec<f32>>,
    /// The metrics of every episode, of which the means are; older runs have none.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "lists"
    )]
    pub each_episode: Episodes,
}

/// The rows of a square matrix.
pub fn rows(matrix: &[f32]) -> Vec<Vec<f32>> {
    let width = matrix.len().isqrt().max(1);
    matrix.chunks(width).map(<[f32]>::to_vec).collect()
}

/// A number that is written as `null` where it is not finite.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let numbers = BTreeMap::<String, Option<f64>>::deserialize(from)?;
    let number = |(name, number): (String, Option<f64>)| (name, number.unwrap_or(f64::NAN));
    Ok(numbers.into_iter().map(number).collect())
}

fn lists<'de, D: Deserializer<'de>>(from: D) -> Result<Episodes, D::Error> {
    let lists = BTreeMap::<String, Vec<Option<f64>>>::deserialize(from)?;
    let list = |(name, list): (String, Vec<Option<f64>>)| {
        let numbers = list.into_iter().map(|number| number.unwrap_or(f64::NAN));
        (name, numbers.collect())
    };
    Ok(lists.into_iter().map(list).collect())
}

#[cfg(test)]
mod tests;
