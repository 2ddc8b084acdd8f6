//! When an agent takes messages in.
//!
//! A gate looks at each agent's own observation, as the policy embedded it, and says for this
//! step whether the agent listens. A policy multiplies the answer into its communication graph:
//! a closed gate removes every edge that leads to the agent, in every layer of that step.
//!
//! The idea of a receive gate is that of the extension of CommFormer (arXiv 2411.00382), of which
//! only the abstract was available to us; the design is our own. So far there is one gate, which
//! is always open.
//!
//! ```
//! use commformer_gate::{AlwaysOpen, Gate};
//! use tch::{Device, Kind, Tensor};
//!
//! // Two situations of a team of three agents, embedded in eight numbers each.
//! let embeddings = Tensor::zeros([2, 3, 8], (Kind::Float, Device::Cpu));
//! let open = AlwaysOpen.decide(&embeddings);
//! assert_eq!(open.size(), [2, 3]);
//! assert_eq!(open.min().double_value(&[]), 1.0);
//! ```

use tch::Tensor;

/// Decides which agents take messages in.
pub trait Gate {
    /// For embeddings of the agents' own observations, (B, N, E): 1 where an agent listens, 0 where
    /// it does not, (B, N), of the embeddings' kind and on their device.
    fn decide(&self, embeddings: &Tensor) -> Tensor;
}

/// The gate of a team that always listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlwaysOpen;

impl Gate for AlwaysOpen {
    fn decide(&self, embeddings: &Tensor) -> Tensor {
        embeddings.select(-1, 0).ones_like()
    }
}
