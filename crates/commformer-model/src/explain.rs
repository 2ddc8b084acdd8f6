//! What went on in the policy when a team acted, for people to look at.

use tch::{Kind, Tensor};

use crate::config::{ActionSpace, AttentionOver, PolicyConfig};
use crate::input::Input;
use crate::{CommFormer, ModelError};
use commformer_nn::torch::Distribution;

/// Why a team did what it did. Nothing carries a gradient.
#[derive(Debug)]
pub struct Explanation {
    /// Of each action, given the earlier agents' actions, (B, N, A); 0 where it is not available.
    /// `None` for continuous actions.
    pub probabilities: Option<Tensor>,
    /// Every attention of the network, in the order in which it is computed.
    pub attention: Vec<Attention>,
}

/// Whom agents heard in one attention.
#[derive(Debug)]
pub struct Attention {
    /// Such as `encoder.blocks.0.attention`, as in [`CommFormer::state`].
    pub name: String,
    /// (B, H, N, N): in each head, how much receiver i (row) took of sender j (column). Rows add up to 1
    /// (but under [`SelfLoop::Add`](crate::SelfLoop::Add)); what lies on the diagonal is the agent's own.
    pub weights: Tensor,
}

impl CommFormer {
    /// Looks into the pass in which a team took `actions`, (B, N) of i64 or (B, N, A), in the observations of
    /// `input`. It is computed anew by libtorch, and gives the numbers of [`CommFormer::act`] up to rounding.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn explain(&self, input: &Input<'_>, actions: &Tensor) -> Result<Explanation, ModelError> {
        let [_, agents] = self.check_actions(input, actions)?;
        let _guard = tch::no_grad_guard();
        // Weights over all agents, whichever way is faster.
        let config = PolicyConfig {
            attention_over: AttentionOver::All,
            ..self.config().clone()
        };
        let mut ops = self.torch(agents).watched();
        let (output, _) = self.whole(&mut ops, input, &input.links(&config), actions);
        let probabilities = match self.config().actions {
            ActionSpace::Discrete(_) => {
                let output = Distribution::new(output, input.available, None).into_output();
                Some(output.softmax(-1, Kind::Float))
            }
            ActionSpace::Continuous(_) => None,
        };
        let attention = self.attention_names().zip(ops.into_weights());
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
        let encoder = blocks.map(|block| format!("encoder.blocks.{block}.attention"));
        let decoder = (0..self.network.decoder.blocks.len()).flat_map(|block| {
            ["self_attention", "cross_attention"]
                .map(|layer| format!("decoder.blocks.{block}.{layer}"))
        });
        encoder.chain(decoder)
    }
}
