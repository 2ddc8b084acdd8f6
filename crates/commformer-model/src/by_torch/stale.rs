//! What agents keep of old messages, as tensors; see [`crate::network::Stale`].

use commformer_nn::torch::Links;
use tch::{Kind, Tensor};

use crate::Input;
use crate::config::{Closed, PolicyConfig};
use crate::network;

/// What the agents keep, taken apart for the blocks.
#[derive(Debug)]
pub(crate) struct StaleState {
    /// (B, N, E) for each block.
    digests: Vec<Tensor>,
    /// Steps since they were taken in; 0: never. (B, N, 1).
    age: Tensor,
    /// 1 where an agent hears some other now, (1 or B, N, 1).
    receives: Tensor,
}

impl StaleState {
    /// Of the input, or nothing kept by anybody. None if agents keep nothing at all.
    pub fn new(input: &Input<'_>, links: &Links, config: &PolicyConfig) -> Option<Self> {
        if config.closed == Closed::Silence {
            return None;
        }
        let stale = match input.stale {
            Some(stale) => stale.shallow_clone(),
            None => {
                let mut size = input.embedding.size();
                size[2] = config.stale_width() as i64;
                input
                    .embedding
                    .new_zeros(size, (Kind::Float, input.embedding.device()))
            }
        };
        let mut sizes = vec![config.embed_dim as i64; config.blocks];
        sizes.push(1);
        let mut digests = stale.split_with_sizes(sizes, -1);
        let age = digests.pop()?;
        Some(Self {
            digests,
            age,
            receives: links.receives().shallow_clone(),
        })
    }

    /// As a pass takes them.
    pub fn inputs(&self) -> network::StaleInputs<Tensor> {
        network::StaleInputs {
            digests: self.digests.iter().map(Tensor::shallow_clone).collect(),
            log_age: (&self.age + 1.0).log(),
            used: (1.0 - &self.receives) * self.age.gt(0.0).to_kind(Kind::Float),
        }
    }

    /// What is kept after this step, (B, N, L E + 1), when the blocks heard `others` (B, N, E) each.
    pub fn next(&self, others: &[Tensor]) -> Tensor {
        let closed = 1.0 - &self.receives;
        let held = |new: &Tensor, old: &Tensor| new * &self.receives + old * &closed;
        let older = &self.age + self.age.gt(0.0).to_kind(Kind::Float);
        let mut parts: Vec<Tensor> = others
            .iter()
            .zip(&self.digests)
            .map(|(new, old)| held(new, old))
            .collect();
        parts.push(held(&self.age.ones_like(), &older));
        Tensor::cat(&parts, -1)
    }
}
