//! What the policy takes of memory, in bytes, before there is one.
//!
//! The network is asked, on sizes alone ([`Count`]), and a test holds the sum of the kernels' buffers to what an
//! allocator was asked for. What the product of the observations packs for itself while it lasts, on some CPUs, is
//! not among them. Counts are `f64`: no size overflows them.
//!
//! ```
//! use commformer_model::{ActionSpace, PolicyConfig};
//!
//! let config = PolicyConfig::new(3, 261, ActionSpace::Discrete(5));
//! assert_eq!(config.parameter_bytes(), 4.0 * 128_803.0);
//! // A part of 500 samples, each agent hearing one other: about 46 KB a sample.
//! let sample = config.pass_bytes(500.0, 1.0) / 500.0;
//! assert!((44e3..48e3).contains(&sample));
//! ```

use commformer_nn::count::Count;
use commformer_nn::layout::{Leaf, Packing};

use crate::config::PolicyConfig;
use crate::network::EDGE_LOGITS;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// Numbers of a row beside the pass: what is returned, and what the loss makes of that with autograd.
const OF_A_ROW: f64 = 100.0;

impl PolicyConfig {
    /// Bytes of all parameters, edge logits included.
    pub fn parameter_bytes(&self) -> f64 {
        let agents = self.agents as f64;
        let numbers = |leaf: &Leaf| match leaf.packing {
            _ if leaf.name == EDGE_LOGITS => agents * agents,
            // Of one agent's head.
            Packing::Stack => agents * product(&leaf.shape),
            Packing::Rows => product(&leaf.shape),
        };
        NUMBER * self.over_blocks(|network| network.layout.leaves().iter().map(numbers).sum())
    }

    /// Bytes of the buffers of a forward and a backward pass over `teams` samples, each of whose agents
    /// hears `senders` others (k; a mean need not be whole). Neither observations nor the parameters'
    /// gradients are among them.
    pub fn pass_bytes(&self, teams: f64, senders: f64) -> f64 {
        // The loss; embeddings and their gradient, as tensors.
        let beside = OF_A_ROW + 2.0 * self.embed_dim as f64;
        let pass = self.counted([teams, senders], false, Count::training_bytes);
        pass + self.beside(teams, beside)
    }

    /// Bytes of the buffers of choosing the actions of `teams` teams: a forward pass, with noise and what is
    /// returned.
    pub fn act_bytes(&self, teams: f64, senders: f64) -> f64 {
        let beside = OF_A_ROW / 4.0 + self.embed_dim as f64;
        let pass = self.counted([teams, senders], true, Count::bytes);
        pass + self.beside(teams, beside)
    }

    /// Bytes that lie beside a pass: for each agent so many numbers, the probabilities of its actions with their
    /// gradient or noise, and what it kept and will keep.
    fn beside(&self, teams: f64, numbers: f64) -> f64 {
        let of_actions = 2.0 * self.actions.width() as f64;
        let stale = 2.0 * self.stale_width() as f64;
        NUMBER * teams * self.agents as f64 * (numbers + of_actions + stale)
    }

    /// Bytes of valuing the observations of `teams` teams, beside those of acting, whose buffers serve again: the
    /// representations come as a tensor.
    pub fn value_bytes(&self, teams: f64) -> f64 {
        NUMBER * teams * self.agents as f64 * self.embed_dim as f64
    }
}

fn product(shape: &[usize]) -> f64 {
    shape.iter().map(|size| *size as f64).product()
}
