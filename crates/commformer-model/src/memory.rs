//! What the policy takes of memory, in bytes, before there is one.
//!
//! The kernels' buffers (`commformer_nn::native`) are counted one by one, and a test holds their sum to what an
//! allocator was asked for. What a matrix product packs for itself while it lasts, on some CPUs, is
//! not among them. What libtorch keeps for a backward pass is counted by the tensors that
//! autograd saves. Counts are `f64`, as in `cost.rs`: no size overflows them.
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

use crate::config::{ActionSpace, Closed, PolicyConfig, Precision};
use commformer_nn::passes::pays;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// Numbers of a row besides embeddings and observations: norms' scales, scores, and what the loss makes
/// of them with autograd.
const OF_A_ROW: f64 = 100.0;

/// Bytes of an entry of the senders' lists.
const ENTRY: f64 = 12.0;

impl PolicyConfig {
    /// Bytes of all parameters, edge logits included.
    pub fn parameter_bytes(&self) -> f64 {
        let Sizes {
            agents,
            obs_dim,
            width,
            actions,
            blocks,
            ..
        } = self.sizes();
        let square = width * width;
        let linear = square + width;
        let norm = 2.0 * width;
        let attention = 6.0 * linear;
        let stale = match self.closed {
            Closed::Silence => 0.0,
            Closed::Stale => 2.0 * linear + width,
        };
        let embedding = 2.0 * obs_dim + obs_dim * width + width + norm;
        let value = linear + norm + width + 1.0;
        let encoder_block = attention + 2.0 * linear + 2.0 * norm + stale;
        let decoder_block = 2.0 * attention + 2.0 * linear + 3.0 * norm;
        let action = width * (actions + 1.0) + norm;
        let spread = match self.actions {
            ActionSpace::Discrete(_) => 0.0,
            ActionSpace::Continuous(_) => actions,
        };
        let out = norm + actions * width + actions;
        let heads = match self.shared_head {
            true => 2.0 * (norm + linear) + out,
            false => agents * (norm + linear + out),
        };
        let graph = norm + agents * agents;
        let numbers = embedding + blocks * (encoder_block + decoder_block) + value + action;
        NUMBER * (numbers + spread + heads + graph)
    }

    /// Bytes of the buffers of a forward and a backward pass over `teams` samples, each of whose agents
    /// hears `senders` others (k; a mean need not be whole). Neither observations nor the parameters'
    /// gradients are among them.
    pub fn pass_bytes(&self, teams: f64, senders: f64) -> f64 {
        let rows = teams * self.sizes().agents;
        match self.is_native() {
            true => NUMBER * rows * OF_A_ROW + self.kernels(rows, senders),
            false => self.autograd_bytes(teams, senders),
        }
    }

    /// Bytes of the buffers of choosing the actions of `teams` teams: a forward pass, with noise and what is
    /// returned.
    pub fn act_bytes(&self, teams: f64, senders: f64) -> f64 {
        let sizes = self.sizes();
        let rows = teams * sizes.agents;
        let per_row = sizes.obs_dim + 2.0 * sizes.actions + OF_A_ROW / 4.0;
        let (embeddings, of_one_agent, pairs) = match self.is_native() {
            true => (
                // Embedding, encoder, value, and the decoder's keys and values.
                6.5 + 9.0 * sizes.blocks + 4.0 + 4.0 * sizes.blocks,
                4.0 + 16.0 * sizes.blocks + self.hidden_stages() * 4.0 + 2.0,
                (senders + 1.0) * (NUMBER * sizes.heads * sizes.blocks + ENTRY),
            ),
            // What one operation hands to the next, and the decoder's keys and values.
            false => (12.0 + 8.0 * sizes.blocks, 8.0, self.attended(senders)),
        };
        let embeddings = rows * embeddings + teams * of_one_agent;
        NUMBER * (rows * per_row + embeddings * sizes.width) + rows * pairs
    }

    /// Bytes of the buffers of valuing the situations of `teams` teams, beside those of acting.
    pub fn value_bytes(&self, teams: f64, senders: f64) -> f64 {
        let sizes = self.sizes();
        if self.is_native() {
            // On the tape that acting has made room for; the representations come as a tensor.
            return NUMBER * teams * sizes.agents * sizes.width;
        }
        let embeddings = NUMBER * 12.0 * sizes.width;
        teams * sizes.agents * (embeddings + self.attended(senders))
    }

    /// The kernels' tape: the values of each operation and what its backward pass needs, in the order of `network.rs`.
    fn kernels(&self, rows: f64, senders: f64) -> f64 {
        let Sizes {
            agents: _,
            obs_dim,
            width,
            actions,
            blocks,
            heads,
        } = self.sizes();
        let dropped = if self.dropout > 0.0 { 2.0 } else { 0.0 };
        let stale = match self.closed {
            Closed::Silence => 0.0,
            Closed::Stale => 12.0,
        };
        let embeddings = 4.0 // observed and projected, its slope, norm, embedding
            + blocks * (9.0 + 3.0 * dropped + stale) // encoder
            + 4.0 // value
            + 1.0 + blocks * 16.0 // decoder
            + self.hidden_stages() * 4.0 + 2.0 // heads
            + 5.0 + 4.0 * blocks // gradients on their way back
            + 1.0;
        // Embeddings, and their gradient, go to and come from autograd as tensors.
        let tensors = 2.0;
        let outputs = 2.0 * actions.max(width) + actions;
        let pairs = (senders + 1.0) * (NUMBER * (3.0 * blocks * heads + 2.0) + ENTRY);
        let numbers = obs_dim + (embeddings + tensors) * width + outputs;
        rows * (NUMBER * numbers + pairs) + NUMBER * 2.0 * obs_dim * width
    }

    /// The same for a pass by libtorch and autograd, as it is made on devices other than the CPU and in other numbers
    /// than float32: what autograd saves, and the gradients of a layer.
    fn autograd_bytes(&self, teams: f64, senders: f64) -> f64 {
        let sizes = self.sizes();
        let rounded = match self.precision {
            Precision::Float32 => 1.0,
            Precision::Bfloat16 => 1.5,
        };
        let stale = match self.closed {
            Closed::Silence => 0.0,
            Closed::Stale => 6.0,
        };
        let embeddings = 3.0 // embedding
            + sizes.blocks * (12.0 + stale) // encoder
            + 3.0 // value
            + 1.0 + sizes.blocks * 19.0 // decoder
            + self.hidden_stages() * 3.0 + 2.0 // heads
            + 8.0; // gradients
        let numbers =
            OF_A_ROW + sizes.obs_dim + rounded * embeddings * sizes.width + 4.0 * sizes.actions;
        let attentions = 3.0 * sizes.blocks;
        teams * sizes.agents * (NUMBER * numbers + attentions * self.attended(senders))
    }

    /// Bytes that one of libtorch's attentions makes for a receiver: of masks and scores, over all agents or
    /// over its list.
    fn attended(&self, senders: f64) -> f64 {
        let sizes = self.sizes();
        let places = senders + 1.0;
        let of_a_place = 24.0 + NUMBER * 5.0 * sizes.heads;
        match pays(places.ceil() as i64, self.agents as i64) {
            true => places * (of_a_place + NUMBER * 3.0 * sizes.width),
            false => sizes.agents * of_a_place,
        }
    }

    /// Stages of a head but the last.
    fn hidden_stages(&self) -> f64 {
        if self.shared_head { 2.0 } else { 1.0 }
    }

    fn sizes(&self) -> Sizes {
        let [agents, obs_dim, width] =
            [self.agents, self.obs_dim, self.embed_dim].map(|size| size as f64);
        let [actions, blocks, heads] =
            [self.actions.width(), self.blocks, self.heads].map(|size| size as f64);
        Sizes {
            agents,
            obs_dim,
            width,
            actions,
            blocks,
            heads,
        }
    }
}

/// The sizes, ready to be multiplied.
struct Sizes {
    agents: f64,
    obs_dim: f64,
    width: f64,
    actions: f64,
    blocks: f64,
    heads: f64,
}
