//! Judging a checkpoint: what `commformer eval` does, and `commformer train` at its end.

mod decentralised;

pub use decentralised::{Alone, Comparison, compare};

use crate::compose::{self, ComposeError, Copies, TeamPolicy};
use crate::config::Config;
use crate::figures::Figures;
use crate::record::metrics::rows;
use commformer_env::{Environment, VecEnv};
use commformer_torch::threads;
use commformer_train::{
    Actor, CheckpointError, CheckpointStore, EvaluateOptions, EvaluationReport, Found, Policy,
    Purpose, TrainError, ValueNorm, Which, evaluate, seed_for,
};
use serde::Serialize;
use tch::{Device, Tensor};

/// What is judged, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The checkpoint.
    pub which: Which,
    /// Episodes, each in a copy of its own where the task can have so many.
    pub episodes: usize,
    /// Seed of the episodes and of the intervals. The episodes are others than those by which a run
    /// with this seed chose its best checkpoint.
    pub seed: u64,
    /// Draw actions instead of taking the likeliest.
    pub sampled: bool,
}

/// What came out.
#[derive(Debug)]
pub struct Verdict {
    /// What was asked.
    pub judgement: Judgement,
    /// Environment steps of training behind the checkpoint.
    pub trained_steps: u64,
    /// Every episode.
    pub report: EvaluationReport,
    /// Figures over all of them.
    pub figures: Figures,
    /// What is wrong with each checkpoint that is newer than the newest whole one.
    pub damaged: Vec<String>,
}

/// Why a checkpoint cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// It cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The configuration cannot be put together.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// Its weights belong to another configuration.
    #[error("the checkpoint does not fit the configuration: {0}")]
    Weights(String),
    /// The evaluation failed.
    #[error(transparent)]
    Evaluate(#[from] TrainError),
    /// Agents that ran alone did something else than the policy over all of them.
    #[error("with every agent alone {0}")]
    Decentralised(String),
}

/// Plays the episodes.
///
/// # Errors
///
/// [`JudgeError`].
pub fn judge(
    config: &Config,
    store: &CheckpointStore,
    judgement: &Judgement,
    device: Device,
) -> Result<Verdict, JudgeError> {
    let (policy, candidate) = Candidate::load(config, store, judgement, device)?;
    candidate.play(&policy, &mut copies(config, judgement)?)
}

/// Fresh copies for the episodes: always the same.
fn copies(config: &Config, judgement: &Judgement) -> Result<Copies, ComposeError> {
    let Judgement { episodes, seed, .. } = *judgement;
    compose::evaluation(config, episodes, seed, Purpose::FinalEvaluation)
}

/// What a checkpoint says of its episodes.
pub(crate) struct Candidate {
    judgement: Judgement,
    trained_steps: u64,
    /// (N, N)
    graph: Tensor,
    /// Its entries, row by row.
    pub(crate) edges: Vec<f32>,
    /// By which the critic's values become returns.
    pub(crate) value_norm: ValueNorm,
    options: EvaluateOptions,
    damaged: Vec<String>,
}

impl Candidate {
    pub(crate) fn load(
        config: &Config,
        store: &CheckpointStore,
        judgement: &Judgement,
        device: Device,
    ) -> Result<(TeamPolicy, Self), JudgeError> {
        // As in training, so that an evaluation repeats that of the run's end; and what a team computes
        // in a step is little for threads.
        threads::set_intra_op(1).map_err(TrainError::from)?;
        compose::memory::check_evaluation(config, judgement.episodes, device)?;
        let Found {
            checkpoint,
            damaged,
        } = store.load(judgement.which)?;
        let seed = judgement.seed;
        let copies = compose::evaluation(config, 1, seed, Purpose::FinalEvaluation)?;
        checkpoint.state.check_observations(copies.spec())?;
        let mut policy = TeamPolicy::new(config, copies.spec(), device)?;
        policy
            .load_state(&checkpoint.weights)
            .map_err(|error| JudgeError::Weights(error.to_string()))?;
        let agents = copies.spec().agents;
        let mut edges = checkpoint.state.graph;
        let found = edges.len();
        if found != agents * agents {
            if !config.policy.shared_head {
                return Err(JudgeError::Weights(format!(
                    "its graph has {found} entries, not {agents} x {agents}"
                )));
            }
            // The weights serve a team of any size: it hears whom such a team would.
            edges = compose::execution_graph(config, &policy, device)?;
        }
        let graph = Tensor::from_slice(&edges)
            .view([agents as i64, agents as i64])
            .to_device(device);
        let options = EvaluateOptions {
            sampled: judgement.sampled.then(|| seed_for(seed, Purpose::Actions)),
            // Weights from before the gates were in force act without them.
            gates: checkpoint
                .state
                .gated
                .then(|| seed_for(seed, Purpose::Gates)),
            episodes: Some(judgement.episodes),
            max_steps: EvaluateOptions::PATIENCE,
            device,
        };
        let candidate = Self {
            judgement: *judgement,
            trained_steps: checkpoint.state.steps,
            graph,
            edges,
            value_norm: checkpoint.state.value_norm,
            options,
            damaged: damaged.iter().map(ToString::to_string).collect(),
        };
        Ok((policy, candidate))
    }

    pub(crate) fn play<E: Environment>(
        &self,
        actor: &impl Actor,
        copies: &mut VecEnv<E>,
    ) -> Result<Verdict, JudgeError> {
        let mut report = evaluate(actor, &self.graph, copies, &self.options)?;
        report.steps = self.trained_steps;
        Ok(Verdict {
            judgement: self.judgement,
            trained_steps: report.steps,
            figures: Figures::of(&report, self.judgement.seed),
            report,
            damaged: self.damaged.clone(),
        })
    }
}

/// A verdict as JSON: each figure by name, then how it was come by.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    #[serde(flatten)]
    figures: &'a Figures,
    checkpoint: &'static str,
    trained_steps: u64,
    episodes: usize,
    seed: u64,
    sampled: bool,
    /// 1 where the receiver (row) hears the sender (column).
    graph: Vec<&'a [f32]>,
}

#[derive(Serialize)]
struct Final<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    settings: &'a Config,
}

impl Verdict {
    /// What is worth telling, without the single episodes.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            figures: &self.figures,
            checkpoint: match self.judgement.which {
                Which::Best => "best",
                Which::Latest => "latest",
            },
            trained_steps: self.trained_steps,
            episodes: self.judgement.episodes,
            seed: self.judgement.seed,
            sampled: self.judgement.sampled,
            graph: rows(&self.report.graph),
        }
    }

    /// The summary with the settings of the run, for `final.json`.
    ///
    /// # Errors
    ///
    /// None for a checked configuration.
    pub fn to_json(&self, config: &Config) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(&Final {
            summary: self.summary(),
            settings: config,
        })?;
        text.push('\n');
        Ok(text)
    }
}
