//! What the trainer tells while it runs.

use crate::{MessageStats, Price};
use commformer_env::{Episode, Spec};
use std::ops::AddAssign;

/// Seconds spent in each phase of an iteration. Those of a rollout, in which workers act and step side by
/// side, are dealt out by what the workers did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// Stepping environments.
    pub environment: f64,
    /// Choosing actions.
    pub act: f64,
    /// Advantages, lower and upper steps.
    pub update: f64,
}

impl AddAssign for Phases {
    fn add_assign(&mut self, other: Self) {
        self.environment += other.environment;
        self.act += other.act;
        self.update += other.update;
    }
}

impl Phases {
    /// All of them together.
    pub fn total(&self) -> f64 {
        self.environment + self.act + self.update
    }
}

/// Means over the lower steps of an iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Clipped surrogate, without the entropy bonus.
    pub policy: f64,
    /// Clipped Huber loss of the normalised value.
    pub value: f64,
    /// Mean entropy of an agent's distribution, nats.
    pub entropy: f64,
    /// Share of samples whose ratio left the clip range.
    pub clipped: f64,
    /// Estimate of the divergence from the rollout's policy: mean of ratio - 1 - ln ratio.
    pub kl: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// The same of receive gates that are part of the joint action, without a norm of their own.
    pub gate: Option<GateLosses>,
}

/// Means of the gates' terms over the lower steps of an iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GateLosses {
    /// Clipped surrogate of the decisions.
    pub policy: f64,
    /// Clipped Huber loss of the normalised value before the decisions.
    pub value: f64,
    /// Mean entropy of an agent's decisions, nats.
    pub entropy: f64,
    /// Share of decisions whose ratio left the clip range.
    pub clipped: f64,
    /// Estimate of the divergence from the rollout's gates.
    pub kl: f64,
}

impl Losses {
    /// From the terms of a [`Loss`](crate::Loss).
    pub(crate) fn of_terms(terms: &[f64]) -> Self {
        let term = |at: usize| terms.get(at).copied().unwrap_or(0.0);
        Self {
            policy: term(0),
            value: term(1),
            entropy: term(2),
            clipped: term(3),
            kl: term(4),
            grad_norm: 0.0,
            gate: (terms.len() > 5).then(|| GateLosses {
                policy: term(5),
                value: term(6),
                entropy: term(7),
                clipped: term(8),
                kl: term(9),
            }),
        }
    }

    /// The terms of the loss by their names.
    pub(crate) fn terms(&self) -> Vec<(&'static str, f64)> {
        let mut terms = vec![
            ("policy", self.policy),
            ("value", self.value),
            ("entropy", self.entropy),
            ("clipped", self.clipped),
            ("kl", self.kl),
        ];
        if let Some(gate) = &self.gate {
            terms.extend([
                ("gate.policy", gate.policy),
                ("gate.value", gate.value),
                ("gate.entropy", gate.entropy),
                ("gate.clipped", gate.clipped),
                ("gate.kl", gate.kl),
            ]);
        }
        terms
    }

    /// The mean of several steps'; zeros if there are none.
    pub fn mean(steps: &[Losses]) -> Self {
        let count = steps.len().max(1) as f64;
        let terms: Vec<_> = steps.iter().map(Losses::terms).collect();
        let longest = terms.iter().map(Vec::len).max().unwrap_or(0);
        let mean = |at: usize| {
            terms
                .iter()
                .filter_map(|of| Some(of.get(at)?.1))
                .sum::<f64>()
                / count
        };
        Self {
            grad_norm: steps.iter().map(|step| step.grad_norm).sum::<f64>() / count,
            ..Self::of_terms(&(0..longest).map(mean).collect::<Vec<_>>())
        }
    }
}

/// What happened in one iteration: a rollout and its updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IterationReport {
    /// 1 for the first.
    pub iteration: u64,
    /// Environment steps so far, over all environments.
    pub steps: u64,
    /// Episodes that ended in this rollout.
    pub episodes: usize,
    /// Mean team return of those episodes; `None` if none ended.
    pub episode_return: Option<f64>,
    /// Mean length of those episodes, steps.
    pub episode_steps: Option<f64>,
    /// Mean of each of the environment's episode metrics, by name.
    pub metrics: Vec<(String, f64)>,
    /// Means over the lower steps.
    pub losses: Losses,
    /// Statistics of the rollout's messages.
    pub traffic: MessageStats,
    /// The price of receiving in it; `None` while the gates are not in force.
    pub price: Option<Price>,
    /// Edges by which the exact graph differs from the one an iteration before.
    pub graph_changes: usize,
    /// Share of the exact graph's edges in the graphs on which the team acted: near that of any other graph of as many edges
    /// while nothing is decided, and 1 when all is. `None` where no graph was drawn.
    pub graph_agreement: Option<f64>,
    /// Where the time went.
    pub phases: Phases,
}

impl IterationReport {
    /// What the episodes that ended in an iteration tell; the rest is zero.
    pub(crate) fn of_episodes(episodes: &[Episode], spec: &Spec) -> Self {
        let mean = |number: &dyn Fn(&Episode) -> f64| {
            (!episodes.is_empty())
                .then(|| episodes.iter().map(number).sum::<f64>() / episodes.len() as f64)
        };
        Self {
            episodes: episodes.len(),
            episode_return: mean(&|episode| f64::from(episode.team_return)),
            episode_steps: mean(&|episode| f64::from(episode.steps)),
            metrics: (spec.metrics.iter().enumerate())
                .filter_map(|(at, name)| {
                    Some((name.to_string(), mean(&|e| f64::from(e.metrics[at]))?))
                })
                .collect(),
            ..Self::default()
        }
    }
}

/// One evaluated episode.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeRecord {
    /// Sum over steps of the mean reward over agents.
    pub team_return: f64,
    /// Length, steps.
    pub steps: u32,
    /// Statistics of its messages.
    pub traffic: MessageStats,
    /// Share of the agents' steps in which they received exactly when they must, where the environment
    /// knows when.
    pub gates_right: Option<f64>,
    /// Rounds of messages in all of its steps, in each of which agents wait for those whom they hear.
    pub message_rounds: f64,
    /// Steps that its environment took before it in this evaluation: of episodes that were
    /// [lost](commformer_env::VecEnv::lost).
    pub lost_steps: u32,
    /// The environment's metrics, in the order of its `Spec`.
    pub metrics: Vec<f64>,
}

/// An evaluation: rounds of exactly one episode in each environment.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationReport {
    /// Environment steps of training before it.
    pub steps: u64,
    /// One record for each episode.
    pub episodes: Vec<EpisodeRecord>,
    /// Names of the metrics in the records.
    pub metric_names: Vec<String>,
    /// The graph it used, row by row (N x N), 1 where the receiver hears the sender; empty for a team without
    /// one.
    pub graph: Vec<f32>,
    /// Whether receive gates decided who receives.
    pub gated: bool,
    /// Share of the agents that hear the one they must, where the environment knows whom.
    pub sources_heard: Option<f64>,
}

impl EvaluationReport {
    /// Mean of a number over the episodes; 0 without any.
    pub fn mean(&self, number: impl Fn(&EpisodeRecord) -> f64) -> f64 {
        self.episodes.iter().map(number).sum::<f64>() / self.episodes.len().max(1) as f64
    }

    /// Statistics of the messages of all episodes.
    pub fn message_stats(&self) -> MessageStats {
        let mut all = MessageStats::default();
        for episode in &self.episodes {
            all.add(&episode.traffic);
        }
        all
    }

    /// The column of a metric, if the environment has it.
    pub fn metric(&self, name: &str) -> Option<usize> {
        self.metric_names.iter().position(|known| known == name)
    }
}

/// Whoever wants to know how a run goes.
pub trait Listener {
    /// An iteration is over. An error ends the run.
    fn iteration(&mut self, report: &IterationReport) -> std::io::Result<()>;
    /// An evaluation is over. An error ends the run.
    fn evaluated(&mut self, report: &EvaluationReport) -> std::io::Result<()>;
    /// A checkpoint is about to be written: what was reported so far must be on the disk before it. An
    /// error ends the run.
    fn saving(&mut self) -> std::io::Result<()> {
        Ok(())
    }
    /// Whether the run is to be saved after this iteration, and ended.
    fn stop(&self) -> bool {
        false
    }
}
