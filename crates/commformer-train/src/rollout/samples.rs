//! What the rollout's memory is read as: tensors over it where the policy works, without copies.

use crate::{ObsBatch, TeamGraphs};
use tch::Tensor;

/// What a team perceives at one step, or in every sample; tensors over the buffer's memory.
#[derive(Debug)]
pub struct Observed {
    /// (C, N, O) or (S, N, O).
    pub obs: Tensor,
    /// (C, N, A) or (S, N, A), where actions can be unavailable.
    pub available: Option<Tensor>,
    /// 1 where an agent is active, (C, N) or (S, N); `None`: everybody is.
    pub active: Option<Tensor>,
    /// Of S numbers for each environment or sample, where the policy asks for the global state.
    pub state: Option<Tensor>,
    /// (C, N, M) or (S, N, M), where agents carry something from step to step.
    pub memory: Option<Tensor>,
}

/// The observations in which episodes were truncated.
#[derive(Debug)]
pub struct Ends {
    /// The environments in which they happened.
    pub envs: Vec<usize>,
    /// What was perceived there, `ends` rows. Gates can depend on which actions could be taken.
    pub observed: Observed,
}

/// What a team did in each of the S = T x C samples; tensors over the buffer's memory.
#[derive(Debug)]
pub struct Done {
    /// (S, N), or (S, N, A) where actions are continuous.
    pub actions: Tensor,
    /// (S, N).
    pub log_probs: Tensor,
    /// Normalised, (S, N).
    pub values: Tensor,
}

impl Observed {
    /// With the graphs that go with it.
    pub fn with_graph<'a>(&'a self, graph: &'a TeamGraphs) -> ObsBatch<'a> {
        ObsBatch {
            obs: &self.obs,
            available: self.available.as_ref(),
            graph,
            active: self.active.as_ref(),
            state: self.state.as_ref(),
            memory: self.memory.as_ref(),
        }
    }
}
