//! Going on with old messages: what an agent keeps of those it took in, and how it uses that while
//! its gate is closed.
//!
//! The extension of CommFormer is silent on this; the design is ours. When an agent listens, each
//! encoder block computes a weighted sum of the other agents' values. That *digest*, E numbers a
//! block whatever the number of senders, is what it keeps, with its age in steps. While its gate is
//! closed, a small network of digest and age is added where the messages would have been:
//!
//! ```text
//! x = LN(x + attention(x) + output(GELU(message(digest) + age_weight * ln(1 + age))))
//! ```
//!
//! An agent that never listened has nothing to add. What is kept is an input of a later step and
//! carries no gradient back to the step it comes from.

use tch::{Kind, Tensor};

use crate::ModelError;
use crate::config::PolicyConfig;
use crate::layers::{Linear, gelu};
use crate::mask::Mask;
use crate::parameters::{Builder, Init};

/// The network that makes something of one block's digest.
#[derive(Debug)]
pub(crate) struct Stale {
    message: Linear,
    /// (E)
    age: Tensor,
    output: Linear,
}

/// What the agents keep, taken apart for the blocks.
#[derive(Debug)]
pub(crate) struct Kept {
    /// (B, N, E) for each block.
    digests: Vec<Tensor>,
    /// Steps since they were taken in; 0: never. (B, N, 1).
    age: Tensor,
    /// 1 where an agent hears some other now, (1 or B, N, 1).
    listens: Tensor,
}

/// The width of what an agent keeps: a digest for each block, and their age.
pub(crate) fn kept_width(config: &PolicyConfig) -> usize {
    config
        .blocks
        .saturating_mul(config.embed_dim)
        .saturating_add(1)
}

impl Kept {
    /// From `kept` (B, N, L E + 1), or nothing kept by anybody. None if agents keep nothing at all.
    pub(crate) fn new(
        kept: Option<&Tensor>,
        embedding: &Tensor,
        mask: &Mask,
        config: &PolicyConfig,
    ) -> Option<Self> {
        let listens = mask.listens.as_ref()?.shallow_clone();
        let kept = match kept {
            Some(kept) => kept.shallow_clone(),
            None => {
                let mut size = embedding.size();
                size[2] = kept_width(config) as i64;
                embedding.new_zeros(size, (Kind::Float, embedding.device()))
            }
        };
        let width = config.embed_dim as i64;
        let mut sizes = vec![width; config.blocks];
        sizes.push(1);
        let mut digests = kept.split_with_sizes(sizes, -1);
        let age = digests.pop()?;
        Some(Self {
            digests,
            age,
            listens,
        })
    }

    /// What is kept after this step, (B, N, L E + 1), when the blocks heard `others` (B, N, E) each.
    pub(crate) fn next(&self, others: &[Tensor]) -> Tensor {
        let closed = 1.0 - &self.listens;
        let held = |new: &Tensor, old: &Tensor| new * &self.listens + old * &closed;
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

impl Stale {
    pub(crate) fn new(
        builder: &mut Builder,
        name: &str,
        config: &PolicyConfig,
    ) -> Result<Self, ModelError> {
        let width = config.embed_dim;
        let mut linear =
            |leaf: &str, init| Linear::new(builder, &format!("{name}.{leaf}"), width, width, init);
        Ok(Self {
            message: linear("message", Init::ACTIVATED)?,
            output: linear("output", Init::SMALL)?,
            age: builder.whole(&format!("{name}.age"), &[width], Init::Zeros)?,
        })
    }

    /// What block `block` adds for the agents that do not listen, (B, N, E).
    pub(crate) fn recall(&self, kept: &Kept, block: usize) -> Tensor {
        let age = (&kept.age + 1.0).log() * &self.age; // (B, N, E)
        let thought = gelu(&(self.message.forward(&kept.digests[block]) + age));
        let used = (1.0 - &kept.listens) * kept.age.gt(0.0).to_kind(Kind::Float); // (B, N, 1)
        self.output.forward(&thought) * used
    }
}
