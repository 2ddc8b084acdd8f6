//! What only some policies have. A policy offers it by [`Policy::graph`] and [`Policy::gates`].

use crate::{Policy, PolicyResult};
use tch::Tensor;

/// Graphs drawn from the edge logits.
#[derive(Debug)]
pub struct SampledGraphs {
    /// (G, N, N): k ones in a row; carries the straight-through gradient.
    pub graphs: Tensor,
    /// Each row's senders in the order in which they were drawn, (G, N, k) of i64.
    pub order: Tensor,
}

/// A communication graph that is learned: the upper level of a bi-level schedule.
pub trait LearnedGraph {
    /// The leaf of the upper level: the edge logits, (N, N). Nobody may write through it while the policy is in a
    /// call, as through its [parameters](crate::Policy::parameters).
    fn edge_logits(&self) -> Tensor;

    /// The graph of execution: each row's k largest logits, (N, N).
    fn exact(&self) -> PolicyResult<Tensor>;

    /// The graph in which everybody hears everybody, (N, N), with such entries of agents' own as graphs that are learned have.
    fn full(&self) -> PolicyResult<Tensor>;

    /// Draws a graph for each group of `gumbel` noise, (G, N, N).
    fn sample(&self, gumbel: &Tensor) -> PolicyResult<SampledGraphs>;

    /// Log-probability of each row's draw, (G, N), for `order` from [`sample`](Self::sample).
    fn log_probs(&self, order: &Tensor) -> PolicyResult<Tensor>;

    /// Entropy of each row's first draw, (N), in nats.
    fn entropy(&self) -> PolicyResult<Tensor>;
}

/// Receive gates, whose decisions [`Actor::act`](crate::Actor::act) reports. How wide they are, an
/// [`Actor`](crate::Actor) says, since gates need no training to be there.
pub trait ReceiveGates {
    /// Whether the gates of rollouts open by what [`calibrate`](Self::calibrate) sets, like those of
    /// execution. It is then called in every iteration.
    fn draws_by_threshold(&self) -> bool;

    /// Whether [`calibrate`](Self::calibrate) sets anything: gates that meet their rate by design, and those that draw, have
    /// no threshold.
    fn has_threshold(&self) -> bool;

    /// Sets the gates of execution so that they would be open at the rate `target` in observations with
    /// these scores. Where the scores are those of gates in execution, `found` is the rate at which
    /// they were open. Nothing to do for gates without a [threshold](Self::has_threshold).
    fn calibrate(&mut self, scores: &[f32], target: f64, found: Option<f64>) -> PolicyResult<()>;
}

/// The graph that `policy` learns; an error if it learns none.
pub(crate) fn learned_graph<P: Policy + ?Sized>(policy: &P) -> PolicyResult<&dyn LearnedGraph> {
    policy
        .graph()
        .ok_or_else(|| "the policy learns no communication graph".into())
}
