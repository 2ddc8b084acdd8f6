//! The encoder: observations to representations that have heard their senders, and to values.

use tch::Tensor;

use crate::ModelError;
use crate::attention::Attention;
use crate::config::PolicyConfig;
use crate::layers::{Linear, Norm, UniformNoise, dropout, fold, gelu, standardize};
use crate::mask::Mask;
use crate::parameters::{Builder, Init};

/// The observation embedding, the blocks and the value head.
#[derive(Debug)]
pub(crate) struct Encoder {
    obs_norm: Norm,
    obs_proj: Linear,
    input_norm: Norm,
    blocks: Vec<Block>,
    value_hidden: Linear,
    value_norm: Norm,
    value_out: Linear,
    dropout: f64,
}

/// x = LN(x + attention(x, x)); x = LN(x + ff2(ReLU(ff1 x))).
#[derive(Debug)]
struct Block {
    attention: Attention,
    attention_norm: Norm,
    ff1: Linear,
    ff2: Linear,
    ff_norm: Norm,
}

impl Encoder {
    pub(crate) fn new(builder: &mut Builder, config: &PolicyConfig) -> Result<Self, ModelError> {
        let (obs, width) = (config.obs_dim, config.embed_dim);
        let blocks = (0..config.blocks)
            .map(|index| Block::new(builder, &format!("encoder.blocks.{index}"), config))
            .collect::<Result<_, _>>()?;
        Ok(Self {
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

    /// Observations (B, N, O) to representations (B, N, E).
    pub(crate) fn forward(
        &self,
        obs: &Tensor,
        mask: &Mask,
        edge_embedding: &Tensor,
        mut noise: Option<UniformNoise>,
    ) -> Tensor {
        let mut x = self.input_norm.forward(&gelu(&standardized_linear(
            &self.obs_norm,
            &self.obs_proj,
            obs,
        )));
        for block in &self.blocks {
            x = block.forward(&x, mask, edge_embedding, self.dropout, &mut noise);
        }
        x
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

    fn forward(
        &self,
        x: &Tensor,
        mask: &Mask,
        edge_embedding: &Tensor,
        share: f64,
        noise: &mut Option<UniformNoise>,
    ) -> Tensor {
        let heard = self.attention.project(edge_embedding).over_itself(x, mask);
        let x = self
            .attention_norm
            .forward(&(x + dropout(heard, share, noise)));
        let thought = self.ff2.forward(&self.ff1.forward(&x).relu());
        self.ff_norm.forward(&(&x + dropout(thought, share, noise)))
    }
}

/// linear(norm(x)), with the norm's scale and shift folded into the linear layer.
fn standardized_linear(norm: &Norm, linear: &Linear, x: &Tensor) -> Tensor {
    let (weight, bias) = fold(&norm.weight, &norm.bias, &linear.weight, &linear.bias);
    standardize(x).linear(&weight, Some(&bias))
}
