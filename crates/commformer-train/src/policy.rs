//! What the trainer asks of a policy. It knows no concrete one.
//!
//! Throughout, B is samples, N agents, O the observation's width, A actions. `graph` is
//! (1 or B, N, N): 1 where receiver i (row) hears sender j (column).

use tch::Tensor;

/// What a team does in B situations.
#[derive(Debug)]
pub struct Act {
    /// (B, N) of i64, or (B, N, A) of f32 where actions are continuous.
    pub actions: Tensor,
    /// Log-probability of each agent's action, (B, N).
    pub log_probs: Tensor,
    /// Normalised value of each agent's situation, (B, N).
    pub values: Tensor,
}

/// What the policy thinks of actions that were taken.
#[derive(Debug)]
pub struct Evaluation {
    /// Log-probability of each agent's action, (B, N).
    pub log_probs: Tensor,
    /// Entropy of each agent's distribution, (B, N).
    pub entropy: Tensor,
    /// Normalised value of each agent's situation, (B, N).
    pub values: Tensor,
}

/// Graphs drawn from the edge logits.
#[derive(Debug)]
pub struct SampledGraphs {
    /// (G, N, N): k ones in a row; carries the straight-through gradient.
    pub graphs: Tensor,
    /// Each row's senders in the order in which they were drawn, (G, N, k) of i64.
    pub order: Tensor,
}

/// Samples to evaluate.
#[derive(Debug)]
pub struct Samples<'a> {
    /// (B, N, O).
    pub obs: &'a Tensor,
    /// (B, N) of i64, or (B, N, A) of f32.
    pub actions: &'a Tensor,
    /// Whether an action could be taken, (B, N, A) of bool; `None`: all could.
    pub available: Option<&'a Tensor>,
    /// (1 or B, N, N).
    pub graph: &'a Tensor,
}

/// What a policy returns: an error is one that its maker can explain, such as a shape it was not
/// made for.
pub type PolicyResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A team's policy with a communication graph.
pub trait Policy: Send + Sized {
    /// The same weights, in the same memory, with gradients of their own: what another thread
    /// needs to take part in an update.
    fn replica(&self) -> PolicyResult<Self>;

    /// Leaves of the lower level, in an order that never changes.
    fn parameters(&self) -> Vec<(String, Tensor)>;

    /// The leaf of the upper level: the edge logits, (N, N).
    fn edge_logits(&self) -> Tensor;

    /// All weights under their names on disk.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Takes weights as [`state`](Self::state) gave them.
    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()>;

    /// The graph of execution: each row's k largest logits, (N, N).
    fn exact_graph(&self) -> PolicyResult<Tensor>;

    /// Draws a graph for each group of `gumbel` noise, (G, N, N).
    fn sample_graphs(&self, gumbel: &Tensor) -> PolicyResult<SampledGraphs>;

    /// Log-probability of each row's draw, (G, N), for `order` from
    /// [`sample_graphs`](Self::sample_graphs).
    fn graph_log_probs(&self, order: &Tensor) -> PolicyResult<Tensor>;

    /// Entropy of each row's first draw, (N), in nats.
    fn graph_entropy(&self) -> PolicyResult<Tensor>;

    /// Chooses actions. `noise` is Gumbel for discrete and standard normal for continuous actions,
    /// (B, N, A); without it the likeliest action is taken.
    fn act(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act>;

    /// Evaluates actions that were taken. `uniform` gives noise from (0, 1) of a shape, for
    /// policies with dropout.
    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation>;

    /// Normalised values of situations, (B, N), for `obs` (B, N, O).
    fn values(&self, obs: &Tensor, graph: &Tensor) -> PolicyResult<Tensor>;
}
