//! What the trainer needs to know. Defaults are those that measured best on the grid tasks; the
//! fields name the paper's value where it is another.

use crate::policy::{TeamGraphs, learned_graph};
use crate::{Policy, TrainError, returned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// How many environments are stepped, and how far, between two updates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct RolloutConfig {
    /// Environments (C) that are stepped side by side.
    #[default = 80]
    #[schemars(range(min = 1), extend("former" = "copies"))]
    pub num_envs: usize,
    /// Steps of each environment in an iteration (T). An iteration has C x T samples.
    #[default = 50]
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Environments that act and step together, a *shard*, at most; 0: half of them if a half has 40, else all. While
    /// one shard steps another acts, on as many cores as there are shards. No result depends on threads, but the last
    /// bits depend on this.
    pub shard: usize,
}

/// Environments of three agents for which acting costs about as much as calling the policy at all. With more agents,
/// fewer environments cost as much.
const WORTHWHILE: usize = 40;

impl RolloutConfig {
    /// Environments of a shard; the last may have fewer. Results depend on it in their last bits, so it follows
    /// from the configuration, not from the number of workers.
    pub fn shard_size(&self) -> usize {
        let half = self.num_envs.div_ceil(2);
        match self.shard {
            0 if half >= WORTHWHILE => half,
            0 => self.num_envs,
            size => size.min(self.num_envs),
        }
        .max(1)
    }
}

/// From which value the last advantages of an agent are estimated that is no longer active while its team
/// plays on and earns for it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fallen {
    /// The network's output for it, which nothing trains.
    Own,
    /// The same, trained like the values of active agents, as in MAT and the authors' release. Here it sees zeros and hears
    /// nobody, so that it can only learn a mean over all observations; there it stays in the attention.
    Trained,
    /// The mean of its active team-mates' values where rewards are shared; otherwise what it goes on to earn
    /// in the rollout.
    Team,
}

/// How several processes add their gradients up ([why](distributed.md#thin-networks)). One process alone does not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GradientExchange {
    /// Each part of a minibatch goes to everybody: the bits are those of one process.
    #[serde(rename = "exact")]
    Exact,
    /// Each process adds up its own parts, and the engine the sums. The last bits depend on the number of processes.
    #[serde(rename = "sum")]
    Sum,
    /// Each process adds up its own parts, and sends a byte for each number of the sum; what that rounds away is added to
    /// the next step. The last bits depend on the number of processes and on where a run was stopped.
    #[serde(rename = "8-bit")]
    EightBit,
}

/// Proximal policy optimisation (Schulman et al., 2017), as in MAPPO and MAT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct PpoConfig {
    /// Discount of a reward one step later.
    #[default = 0.99]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gamma: f64,
    /// Lambda of generalised advantage estimation (Schulman et al., 2016).
    #[default = 0.95]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gae_lambda: f64,
    /// Passes over an iteration's samples; with the straight-through estimator every `graph.upper_every`th is a step of a
    /// learned graph instead. The paper has 10.
    #[default = 5]
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Minibatches into which the samples of an epoch are split, evenly and at random. The paper has 1.
    #[default = 4]
    #[schemars(range(min = 1))]
    pub minibatches: usize,
    /// How far the probability ratio, and the value, may move in an iteration. The paper has 0.05.
    #[default = 0.2]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip: f64,
    /// Learning rate of Adam, for every parameter but the edge logits. The paper has 5e-4.
    #[default = 1e-3]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Epsilon of Adam.
    #[default = 1e-5]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub adam_eps: f64,
    /// Weight of the entropy bonus.
    #[default = 0.01]
    #[schemars(range(min = 0.0))]
    pub entropy_coef: f64,
    /// Weight of the value loss.
    #[default = 1.0]
    #[schemars(range(min = 0.0))]
    pub value_coef: f64,
    /// Where the value loss turns from quadratic to linear.
    #[default = 10.0]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub huber_delta: f64,
    /// Whether errors below `-huber_delta` cost nothing, as in the authors' release.
    pub one_sided_huber: bool,
    /// Largest norm of the gradient of all parameters together ([why](results.md#one-sample-that-overturns-a-team)). The
    /// paper has 10.
    #[default = 1.0]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub max_grad_norm: f64,
    /// Divergence from the rollout's policy, in nats, after which an iteration has no more epochs: the mean of an epoch's
    /// steps ([why](results.md#weaker-enemies-at-first)). 0: it has all of them, as in the paper.
    #[schemars(range(min = 0.0))]
    pub target_kl: f64,
    /// Whether the learning rate falls linearly to zero over the run. Not in the paper.
    #[default = true]
    pub lr_decay: bool,
    /// The value of an agent that has fallen while its team plays on ([why](algorithm.md#the-value-of-the-fallen)).
    #[default(Fallen::Team)]
    pub fallen: Fallen,
    /// Samples that a worker evaluates at once; 0: two equal parts of a minibatch, or as many more as keep a part
    /// below 4,096 rows (one for each agent of a sample). The last bits depend on it, no result on threads. With more
    /// than two cores, lower it: 125 makes eight parts of the default minibatch.
    pub chunk: usize,
    /// How several processes add their gradients up ([why](distributed.md#thin-networks)).
    #[default(GradientExchange::Exact)]
    pub gradients: GradientExchange,
}

/// Rows, one for each agent of a sample, up to which what a worker computes stays in its cache.
const ROWS: usize = 4096;

impl PpoConfig {
    /// Samples of each part of a minibatch of `samples` with `agents` agents each: an even number of
    /// equal parts, for two workers or more, that are small enough for a cache.
    pub fn part_size(&self, samples: usize, agents: usize) -> usize {
        let size = match self.chunk {
            0 => {
                let rows = samples.saturating_mul(agents);
                let parts = rows.div_ceil(ROWS).next_multiple_of(2);
                samples.div_ceil(parts.max(2))
            }
            size => size,
        };
        size.max(1)
    }
}

/// How the gradient of the graph is estimated (algorithm: bi-level schedule).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// One sampled graph per update, gradient through attention weight x edge (the paper's).
    StraightThrough,
    /// Many sampled graphs per rollout, compared by the return they bring (ours).
    ScoreFunction,
}

/// The graph on which the team acts while it trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutGraph {
    /// The exact graph; updates draw sampled ones (as in the authors' release).
    Exact,
    /// Graphs drawn for the iteration, which its updates use as well: ratios start at 1.
    Sampled,
}

/// The samples from which an upper step learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpperData {
    /// Those of the lower steps.
    Same,
    /// Those of environments kept apart for it, as the paper's statement asks.
    HeldOut,
}

/// The bi-level schedule of a learned graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default)]
pub struct BilevelConfig {
    /// How the gradient of the edge logits is estimated.
    #[default(Estimator::ScoreFunction)]
    pub estimator: Estimator,
    /// The graph on which the team acts while it trains.
    #[default(RolloutGraph::Sampled)]
    pub rollout: RolloutGraph,
    /// Learning rate of Adam for the edge logits.
    #[default = 5e-2]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Weight of the entropy of the rows' draws in the score function's loss; it falls to 0 until the graph is frozen. It keeps
    /// a row from settling on a sender before the team has learned to use what it hears.
    #[default = 0.3]
    #[schemars(range(min = 0.0))]
    pub entropy_coef: f64,
    /// Different graphs in a rollout of the score function; 0: one for each environment.
    pub groups: usize,
    /// Every so many epochs there is a step of the graph (an upper step): after the policy's with the score function, and in
    /// place of it with the straight-through estimator, which needs a pass through the policy.
    #[default = 5]
    #[schemars(range(min = 1))]
    pub upper_every: usize,
    /// What upper steps learn from.
    #[default(UpperData::Same)]
    pub upper_data: UpperData,
    /// Share of the environments that `upper_data = "held-out"` keeps apart.
    #[default = 0.2]
    #[schemars(extend("exclusiveMinimum" = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub held_out: f64,
    /// Iterations in which everyone hears everyone, before the graph is learned.
    pub warmup: u64,
    /// Share of the run after which the graph is frozen to the exact one; 1: never.
    #[default = 1.0]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub post_stable: f64,
}

/// Where a team's graph comes from.
#[derive(Debug)]
pub enum GraphPlan {
    /// There is none: the policy asks for no graph.
    None,
    /// It stays as it is: (N, N) of f32, 1 where receiver (row) hears sender (column), else 0.
    Fixed(tch::Tensor),
    /// It is learned.
    Learned(BilevelConfig),
}

impl GraphPlan {
    /// The graph on which a team of so many agents with this policy is executed, (N, N), on this device; (0, 0) for a
    /// team without one.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the policy, or the device, refuses.
    pub fn executed<P: Policy + ?Sized>(
        &self,
        policy: &P,
        agents: usize,
        device: tch::Device,
    ) -> Result<tch::Tensor, TrainError> {
        Ok(match self {
            Self::None => TeamGraphs::none(device).graphs.get(0),
            Self::Fixed(graph) => graph.f_to_device(device)?,
            Self::Learned(_) => {
                let graph = tch::no_grad(|| learned_graph(policy)?.exact())?;
                returned::reals("LearnedGraph::exact", &graph, &[agents as i64; 2])?;
                graph
            }
        })
    }
}

/// How long a run is, where it computes, and how often it is evaluated and saved.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// Everything random follows from it.
    pub seed: u64,
    /// Environment steps, over all environments, after which the run ends.
    pub steps: u64,
    /// Workers, as [`workers`] counts them.
    pub threads: usize,
    /// Where tensors live.
    pub device: tch::Device,
    /// Environment steps between two evaluations; 0: one after each iteration.
    pub eval_every: u64,
    /// Episodes of an evaluation, at least 1; `None`: one in each environment.
    pub eval_episodes: Option<usize>,
    /// Environment steps between two checkpoints; 0: one after each iteration. Every evaluation leaves one, too.
    pub save_every: u64,
}

/// How many workers a configured number of threads means: 0 is one for each core.
pub fn workers(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 600_000,
            threads: 0,
            device: tch::Device::Cpu,
            eval_every: 40_000,
            eval_episodes: None,
            save_every: 40_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_in_number_and_fit_a_cache() {
        let size = |samples, agents| PpoConfig::default().part_size(samples, agents);
        assert_eq!(size(1000, 3), 500);
        assert_eq!(size(4000, 3), 1000); // three parts would fit, and leave a worker idle
        assert_eq!(size(1000, 10), 250);
        assert_eq!(size(250, 100), 32);
        assert_eq!(size(25, 1000), 4);
        assert_eq!(size(1, 5000), 1);
        let fixed = PpoConfig {
            chunk: 7,
            ..PpoConfig::default()
        };
        assert_eq!(fixed.part_size(1000, 3), 7);
    }
}
