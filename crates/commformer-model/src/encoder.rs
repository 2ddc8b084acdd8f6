//! The encoder: observations to representations that have heard their senders, and to values.

use tch::Tensor;

use crate::ModelError;
use crate::attention::Attention;
use crate::config::{Closed, ObsNorm, PolicyConfig};
use crate::layers::{Linear, Norm, UniformNoise, dropout, fold, gelu, standardize};
use crate::mask::Mask;
use crate::parameters::{Builder, Init};
use crate::seen::Seen;
use crate::stale::{Kept, Stale};

/// The observation embedding, the blocks and the value head.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Under `ObsNorm::Running`.
    pub(crate) seen: Option<Seen>,
    pub(crate) obs_norm: Norm,
    pub(crate) obs_proj: Linear,
    pub(crate) input_norm: Norm,
    pub(crate) blocks: Vec<Block>,
    pub(crate) value_hidden: Linear,
    pub(crate) value_norm: Norm,
    pub(crate) value_out: Linear,
    pub(crate) dropout: f64,
}

/// x = LN(x + attention(x, x)); x = LN(x + ff2(ReLU(ff1 x))).
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) attention: Attention,
    pub(crate) attention_norm: Norm,
    /// Under `Closed::Stale`.
    pub(crate) stale: Option<Stale>,
    pub(crate) ff1: Linear,
    pub(crate) ff2: Linear,
    pub(crate) ff_norm: Norm,
}

impl Encoder {
    pub(crate) fn new(builder: &mut Builder, config: &PolicyConfig) -> Result<Self, ModelError> {
        let (obs, width) = (config.obs_dim, config.embed_dim);
        let blocks = (0..config.blocks)
            .map(|index| Block::new(builder, &format!("encoder.blocks.{index}"), config))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            seen: match config.obs_norm {
                ObsNorm::Layer => None,
                ObsNorm::Running => Some(Seen::new(builder, obs)?),
            },
            obs_norm: Norm::new(builder, "encoder.obs_norm", obs)?,
            obs_proj: Linear::new(builder, "encoder.obs_proj", obs, width, Init::ACTIVATED)?,
            input_norm: Norm::new(builder, "encoder.input_norm", width)?,
            blocks,
            value_hidden: Linear::new(
                builder,
                "encoder.value.hidden",
                width,
                width,
                Init::ACTIVATED,
            )?,
            value_norm: Norm::new(builder, "encoder.value.norm", width)?,
            value_out: Linear::new(builder, "encoder.value.out", width, 1, Init::SMALL)?,
            dropout: config.dropout,
        })
    }

    /// Observations (B, N, O) to embeddings (B, N, E): what an agent knows by itself.
    pub(crate) fn embed(&self, obs: &Tensor) -> Tensor {
        self.embed_by(&self.fold_obs(), obs)
    }

    /// Weight and bias of the observation's norm and projection in one.
    pub(crate) fn fold_obs(&self) -> (Tensor, Tensor) {
        fold_into(&self.obs_norm, &self.obs_proj)
    }

    /// The embeddings by what [`Encoder::fold_obs`] gave.
    pub(crate) fn embed_by(&self, (weight, bias): &(Tensor, Tensor), obs: &Tensor) -> Tensor {
        let precision = self.obs_proj.precision;
        let standard = match &self.seen {
            None => standardize(obs),
            Some(seen) => seen.normalize(obs),
        };
        let projected = precision.linear(&standard, weight, bias);
        self.input_norm.forward(&gelu(&projected))
    }

    /// Embeddings (B, N, E) to representations (B, N, E), and what each block heard of others
    /// where agents keep that.
    pub(crate) fn forward(
        &self,
        embedding: &Tensor,
        mask: &Mask,
        edge_embedding: &Tensor,
        kept: Option<&Kept>,
        mut noise: Option<UniformNoise>,
    ) -> (Tensor, Vec<Tensor>) {
        let mut x = embedding.shallow_clone();
        let mut others = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let (mut heard, of_others) = block.hear(&x, mask, edge_embedding);
            if let (Some(stale), Some(kept)) = (&block.stale, kept) {
                heard += stale.recall(kept, index);
            }
            others.extend(of_others);
            x = block.think(&x, heard, self.dropout, &mut noise);
        }
        (x, others)
    }

    /// The blocks, in order.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Representations (B, N, E) to values (B, N).
    pub(crate) fn values(&self, representation: &Tensor) -> Tensor {
        let hidden = gelu(&self.value_hidden.forward(representation));
        standardized_linear(&self.value_norm, &self.value_out, &hidden).squeeze_dim(-1)
    }
}

impl Block {
    fn new(builder: &mut Builder, name: &str, config: &PolicyConfig) -> Result<Self, ModelError> {
        let width = config.embed_dim;
        Ok(Self {
            attention: Attention::new(builder, &format!("{name}.attention"), config)?,
            attention_norm: Norm::new(builder, &format!("{name}.attention_norm"), width)?,
            stale: match config.closed {
                Closed::Silence => None,
                Closed::Stale => Some(Stale::new(builder, &format!("{name}.stale"), config)?),
            },
            ff1: Linear::new(
                builder,
                &format!("{name}.ff1"),
                width,
                width,
                Init::ACTIVATED,
            )?,
            ff2: Linear::new(builder, &format!("{name}.ff2"), width, width, Init::SMALL)?,
            ff_norm: Norm::new(builder, &format!("{name}.ff_norm"), width)?,
        })
    }

    pub(crate) fn attention(&self) -> &Attention {
        &self.attention
    }

    pub(crate) fn stale(&self) -> Option<&Stale> {
        self.stale.as_ref()
    }

    /// The attention's output, (B, N, E), and what of it came from others if agents keep that.
    fn hear(&self, x: &Tensor, mask: &Mask, edge_embedding: &Tensor) -> (Tensor, Option<Tensor>) {
        let attention = self.attention.project(edge_embedding);
        if self.stale.is_none() {
            return (attention.over_itself(x, mask), None);
        }
        let (heard, others) = attention.over_itself_and_others(x, mask);
        (heard, Some(others))
    }

    /// What follows the attention's output `heard`.
    pub(crate) fn think(
        &self,
        x: &Tensor,
        heard: Tensor,
        share: f64,
        noise: &mut Option<UniformNoise>,
    ) -> Tensor {
        let x = self
            .attention_norm
            .forward(&(x + dropout(heard, share, noise)));
        let thought = self.ff2.forward(&self.ff1.forward(&x).relu());
        self.ff_norm.forward(&(&x + dropout(thought, share, noise)))
    }
}

/// linear(norm(x)), with the norm's scale and shift folded into the linear layer; in float32, for
/// the value is what the loss reads.
fn standardized_linear(norm: &Norm, linear: &Linear, x: &Tensor) -> Tensor {
    let (weight, bias) = fold_into(norm, linear);
    standardize(x).linear(&weight, Some(&bias))
}

fn fold_into(norm: &Norm, linear: &Linear) -> (Tensor, Tensor) {
    fold(&norm.weight, &norm.bias, &linear.weight, &linear.bias)
}
