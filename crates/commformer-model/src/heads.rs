//! The decoder's output heads: one per agent, or one shared by all.
//!
//! Both are a chain of stages, each a layer norm and a linear layer, with a GELU between stages.
//! A head of an agent's own has two stages, the shared one three. The agents' own weights are
//! stacked along a first dimension, so that one batched product evaluates all heads.

use tch::Tensor;

use crate::ModelError;
use crate::config::{PolicyConfig, Precision};
use crate::layers::{fold, gelu, standardize};
use crate::parameters::{Builder, Init, Packing, Part};

/// The stages, as parameters.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) stages: Vec<Stage>,
    pub(crate) shared: bool,
    precision: Precision,
}

/// A layer norm and the linear layer after it. A shared head has no agent dimension.
#[derive(Debug)]
pub(crate) struct Stage {
    /// (N, in) or (in)
    pub(crate) scale: Tensor,
    pub(crate) shift: Tensor,
    /// (N, out, in) or (out, in)
    pub(crate) weight: Tensor,
    /// (N, out) or (out)
    pub(crate) bias: Tensor,
}

/// The stages with each norm folded into its linear layer; it depends on parameters only.
#[derive(Debug)]
pub(crate) struct FoldedHeads {
    stages: Vec<(Tensor, Tensor)>,
    shared: bool,
    precision: Precision,
}

impl Heads {
    pub(crate) fn new(builder: &mut Builder, config: &PolicyConfig) -> Result<Self, ModelError> {
        let (width, actions) = (config.embed_dim, config.actions.width());
        // Norm, linear layer, its width, its start.
        let mut plan = vec![("norm1", "hidden", width, Init::ACTIVATED)];
        if config.shared_head {
            plan.push(("norm2", "hidden2", width, Init::ACTIVATED));
            plan.push(("norm3", "out", actions, Init::SMALL));
        } else {
            plan.push(("norm2", "out", actions, Init::SMALL));
        }
        let mut leaf = |what: &str, shape: &[usize], init| -> Result<Tensor, ModelError> {
            if config.shared_head {
                return builder.whole(&format!("decoder.head.{what}"), shape, init);
            }
            let part = |agent| Part::new(format!("decoder.heads.{agent}.{what}"), shape, init);
            let parts: Vec<Part> = (0..config.agents).map(part).collect();
            builder.packed(&format!("decoder.heads.{what}"), Packing::Stack, &parts)
        };
        let mut stages = Vec::new();
        for (norm, linear, outputs, init) in plan {
            stages.push(Stage {
                scale: leaf(&format!("{norm}.weight"), &[width], Init::Ones)?,
                shift: leaf(&format!("{norm}.bias"), &[width], Init::Zeros)?,
                weight: leaf(&format!("{linear}.weight"), &[outputs, width], init)?,
                bias: leaf(&format!("{linear}.bias"), &[outputs], Init::Zeros)?,
            });
        }
        Ok(Self {
            stages,
            shared: config.shared_head,
            precision: config.precision,
        })
    }

    pub(crate) fn fold(&self) -> FoldedHeads {
        let folded = |stage: &Stage| fold(&stage.scale, &stage.shift, &stage.weight, &stage.bias);
        FoldedHeads {
            stages: self.stages.iter().map(folded).collect(),
            shared: self.shared,
            precision: self.precision,
        }
    }
}

impl FoldedHeads {
    /// All agents: (B, N, E) -> (B, N, A).
    pub(crate) fn all(&self, x: &Tensor) -> Tensor {
        if self.shared {
            return self.chain(x, Precision::linear);
        }
        // Agents first, (N, B, E): one product per agent, in one call.
        self.chain(&x.transpose(0, 1), Precision::each_linear)
            .transpose(0, 1)
    }

    /// Agent `agent` alone: (B, E) -> (B, A).
    pub(crate) fn one(&self, x: &Tensor, agent: i64) -> Tensor {
        self.chain(x, |precision, x, weight, bias| {
            if self.shared {
                precision.linear(x, weight, bias)
            } else {
                precision.linear(x, &weight.select(0, agent), &bias.select(0, agent))
            }
        })
    }

    fn chain(
        &self,
        x: &Tensor,
        linear: impl Fn(Precision, &Tensor, &Tensor, &Tensor) -> Tensor,
    ) -> Tensor {
        let mut x = x.shallow_clone();
        for (index, (weight, bias)) in self.stages.iter().enumerate() {
            if index > 0 {
                x = gelu(&x);
            }
            // The last stage is a small product, and rounded logits would be noise in the ratio
            // of the probabilities while acting and while updating.
            let last = index + 1 == self.stages.len();
            let precision = if last {
                Precision::Float32
            } else {
                self.precision
            };
            x = linear(precision, &standardize(&x), weight, bias);
        }
        x
    }
}
