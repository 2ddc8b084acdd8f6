//! The gate's network, written once for training and for agents that run alone:
//!
//! ```text
//! W2 GELU(W1 e + b1) + b2
//! ```
//!
//! once for the decisions' log-odds and once for the value before them.

use commformer_nn::Ops;
use commformer_nn::layers::{Activation, Linear};
use commformer_nn::layout::{Init, Layout};

use crate::TemporalGateConfig;

/// Where a gate's numbers lie, and its two networks.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub layout: Layout,
    pub logits: Head,
    #[cfg(feature = "torch")]
    pub values: Head,
}

/// The name of the threshold among saved tensors.
pub(crate) const THRESHOLD: &str = "gate.threshold";

/// A layer, an exact GELU, a layer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    hidden: Linear,
    out: Linear,
}

impl Network {
    /// Of a configuration that was checked. How the leaves start is the gate's own matter.
    pub fn new(config: &TemporalGateConfig) -> Self {
        let mut layout = Layout::new();
        let mut head = |name: &str, outputs| {
            let width = config.embed_dim;
            let mut linear = |of: &str, outputs| {
                let name = format!("{name}.{of}");
                Linear::new(&mut layout, &name, [width, outputs], Init::Zeros)
            };
            Head {
                hidden: linear("hidden", width),
                out: linear("out", outputs),
            }
        };
        let logits = head("gate", config.decisions());
        let _values = head("gate.value", 1);
        Self {
            layout,
            logits,
            #[cfg(feature = "torch")]
            values: _values,
        }
    }
}

impl Head {
    /// (.., E) -> (.., outputs)
    pub fn forward<O: Ops>(&self, ops: &mut O, embedding: &O::Value) -> O::Value {
        let hidden = ops.activated(&self.hidden, Activation::Gelu, embedding);
        ops.linear(&self.out, &hidden)
    }
}
