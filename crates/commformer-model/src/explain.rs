//! What went on in the policy when a team acted, for people to look at.

use std::rc::Rc;

use tch::{Kind, Tensor};

use crate::config::{AttentionOver, PolicyConfig};
use crate::distribution::Distribution;
use crate::input::{Input, check_kind, check_shape};
use crate::mask::Mask;
use crate::{CommFormer, ModelError};

/// Why a team did what it did. Nothing carries a gradient.
#[derive(Debug)]
pub struct Explanation {
    /// Of each action, given the earlier agents' actions, (B, N, A); 0 where it is not available.
    /// `None` for continuous actions.
    pub probabilities: Option<Tensor>,
    /// Every attention of the network, in the order in which it is computed.
    pub attention: Vec<Attention>,
}

/// Whom agents listened to in one attention.
#[derive(Debug)]
pub struct Attention {
    /// Such as `encoder.blocks.0.attention`, as in [`CommFormer::state`].
    pub name: String,
    /// (B, H, N, N): in each head, how much receiver i (row) took of sender j (column). Rows add up to 1
    /// (but under [`SelfLoop::Add`](crate::SelfLoop::Add)); what lies on the diagonal is the agent's own.
    pub weights: Tensor,
}

impl CommFormer {
    /// Looks into the pass in which a team took `actions`, (B, N) of i64 or (B, N, A), in the situations of
    /// `input`. It is computed anew by libtorch, and gives the numbers of [`CommFormer::act`] up to rounding.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn explain(&self, input: &Input<'_>, actions: &Tensor) -> Result<Explanation, ModelError> {
        let [batch, agents] = self.check_input(input)?;
        let (kind, size) = self.config().actions.tensor([batch, agents]);
        check_shape("actions", actions, &size)?;
        check_kind("actions", actions, kind)?;
        let _guard = tch::no_grad_guard();
        // Weights over all agents, whichever way is faster.
        let config = PolicyConfig {
            attention_over: AttentionOver::All,
            ..self.config().clone()
        };
        let watched = Rc::default();
        let mask = Mask {
            watched: Some(Rc::clone(&watched)),
            ..Mask::new(input, &config)
        };
        let (representation, _) = self.hear(input, &mask, None);
        let decoder = self.decoder.ready(&self.edge_embedding);
        let output = decoder.all(&representation, actions, &mask.causal());
        let probabilities = match Distribution::new(output, input.available, self.decoder.std()) {
            Distribution::Categorical { logits } => Some(logits.softmax(-1, Kind::Float)),
            Distribution::Normal { .. } => None,
        };
        let attention = self.attention_names().zip(watched.take());
        Ok(Explanation {
            probabilities,
            attention: attention
                .map(|(name, weights)| Attention { name, weights })
                .collect(),
        })
    }

    /// The names of [`Explanation::attention`].
    pub fn attention_names(&self) -> impl Iterator<Item = String> {
        let blocks = 0..self.config().blocks;
        let encoder = (blocks.clone()).map(|block| format!("encoder.blocks.{block}.attention"));
        let decoder = blocks.flat_map(|block| {
            ["self_attention", "cross_attention"]
                .map(|layer| format!("decoder.blocks.{block}.{layer}"))
        });
        encoder.chain(decoder)
    }
}
