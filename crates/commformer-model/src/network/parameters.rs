//! The network's parameters: their names, shapes and first values.

use commformer_nn::layers::{Activation, Gru, Linear, Names, Norm, Per};
use commformer_nn::layout::{Init, Layout};

use super::{
    Decoder, DecoderBlock, EDGE_EMBEDDING, EDGE_LOGITS, Encoder, EncoderBlock, MOMENTS,
    MessageAttention, Network, Stale,
};
use crate::config::{ActionSpace, Closed, Decoding, Design, ObsNorm, PolicyConfig, Recurrence};

impl Network {
    /// The network of a configuration that was checked.
    pub fn new(config: &PolicyConfig) -> Self {
        let mut layout = Layout::new();
        let encoder = Encoder::new(&mut layout, config);
        let decoder = Decoder::new(&mut layout, config);
        let (agents, width) = (config.agents, config.embed_dim);
        let edge_embedding = layout.whole(EDGE_EMBEDDING, &[2, width], Init::Normal);
        let _edge_logits = layout.whole(EDGE_LOGITS, &[agents, agents], Init::Ones);
        Self {
            encoder,
            decoder,
            edge_embedding,
            #[cfg(feature = "torch")]
            edge_logits: _edge_logits,
            layout,
            config: config.clone(),
        }
    }
}

impl Encoder {
    pub fn new(layout: &mut Layout, config: &PolicyConfig) -> Self {
        let (obs, width) = (config.obs_dim, config.embed_dim);
        let blocks = (0..config.blocks)
            .map(|index| EncoderBlock::new(layout, &format!("encoder.blocks.{index}"), config))
            .collect();
        let mut moment =
            |name: &str, size, init| layout.whole(&format!("{MOMENTS}{name}"), &[size], init);
        let moments = match config.obs_norm {
            ObsNorm::Layer => None,
            ObsNorm::Running => Some([
                moment("mean", obs, Init::Zeros),
                moment("variance", obs, Init::Ones),
                moment("count", 1, Init::Zeros),
            ]),
        };
        let square = [width, width];
        Self {
            moments,
            obs_norm: Norm::new(layout, "encoder.obs_norm", obs),
            obs_proj: Linear::new(layout, "encoder.obs_proj", [obs, width], Init::ACTIVATED),
            input_norm: Norm::new(layout, "encoder.input_norm", width),
            memory: match config.recurrence {
                Recurrence::None => None,
                Recurrence::Gru => {
                    let cell = Gru::new(layout, "encoder.gru", square, Init::Orthogonal(1.0));
                    Some((cell, Norm::new(layout, "encoder.gru.norm", width)))
                }
            },
            blocks,
            value_hidden: Linear::new(layout, "encoder.value.hidden", square, Init::ACTIVATED),
            value_norm: Norm::new(layout, "encoder.value.norm", width),
            value_out: Linear::new(layout, "encoder.value.out", [width, 1], Init::SMALL),
        }
    }
}

impl EncoderBlock {
    pub fn new(layout: &mut Layout, name: &str, config: &PolicyConfig) -> Self {
        let (width, square) = (config.embed_dim, [config.embed_dim; 2]);
        let of = |layer: &str| format!("{name}.{layer}");
        Self {
            attention: MessageAttention::new(layout, &of("attention"), config),
            attention_norm: Norm::new(layout, &of("attention_norm"), width),
            stale: match config.closed {
                Closed::Silence => None,
                Closed::Stale => Some(Stale::new(layout, &of("stale"), width)),
            },
            ff1: Linear::new(layout, &of("ff1"), square, Init::ACTIVATED),
            ff2: Linear::new(layout, &of("ff2"), square, Init::SMALL),
            ff_norm: Norm::new(layout, &of("ff_norm"), width),
            activation: match config.design {
                Design::CommFormer => Activation::Relu,
                Design::Mat => Activation::Gelu,
            },
            dropout: config.dropout,
        }
    }
}

impl Stale {
    pub fn new(layout: &mut Layout, name: &str, width: usize) -> Self {
        let square = [width, width];
        Self {
            message: Linear::new(layout, &format!("{name}.message"), square, Init::ACTIVATED),
            output: Linear::new(layout, &format!("{name}.output"), square, Init::SMALL),
            age: Linear {
                weight: layout.whole(&format!("{name}.age"), &[width], Init::Zeros),
                bias: None,
                inputs: 1,
                outputs: width,
                per: Per::Team,
            },
        }
    }
}

impl Decoder {
    pub fn new(layout: &mut Layout, config: &PolicyConfig) -> Self {
        let (width, actions) = (config.embed_dim, config.actions.width());
        let blocks = match config.decoder {
            Decoding::Autoregressive => config.blocks,
            Decoding::Parallel => 0,
        };
        let blocks: Vec<_> = (0..blocks)
            .map(|index| DecoderBlock::new(layout, &format!("decoder.blocks.{index}"), config))
            .collect();
        let log_std = match config.actions {
            ActionSpace::Discrete(_) => None,
            ActionSpace::Continuous(_) => {
                Some(layout.whole("decoder.log_std", &[actions], Init::Ones))
            }
        };
        let given = (config.decoder == Decoding::Autoregressive).then(|| {
            let (name, sizes) = ("decoder.action_proj", [actions + 1, width]);
            let layer = Linear::without_bias(layout, name, sizes, Init::ACTIVATED);
            (layer, Norm::new(layout, "decoder.input_norm", width))
        });
        Self {
            given,
            blocks,
            head: head(layout, config),
            log_std,
        }
    }
}

impl DecoderBlock {
    pub fn new(layout: &mut Layout, name: &str, config: &PolicyConfig) -> Self {
        let (width, square) = (config.embed_dim, [config.embed_dim; 2]);
        let of = |layer: &str| format!("{name}.{layer}");
        Self {
            self_attention: MessageAttention::new(layout, &of("self_attention"), config),
            self_norm: Norm::new(layout, &of("self_norm"), width),
            cross_attention: MessageAttention::new(layout, &of("cross_attention"), config),
            cross_norm: Norm::new(layout, &of("cross_norm"), width),
            ff1: Linear::new(layout, &of("ff1"), square, Init::ACTIVATED),
            ff2: Linear::new(layout, &of("ff2"), square, Init::SMALL),
            ff_norm: Norm::new(layout, &of("ff_norm"), width),
        }
    }
}

/// A head of an agent's own has two stages of a norm and a linear layer, the shared one three, and MAT's two, of which
/// the first has no norm.
fn head(layout: &mut Layout, config: &PolicyConfig) -> Vec<(Option<Norm>, Linear)> {
    let (width, actions) = (config.embed_dim, config.actions.width());
    // Norm, linear layer, its width, its start.
    let first = match config.design {
        Design::CommFormer => Some("norm1"),
        Design::Mat => None,
    };
    let mut plan = vec![(first, "hidden", width, Init::ACTIVATED)];
    if config.shared_head && config.design == Design::CommFormer {
        plan.push((Some("norm2"), "hidden2", width, Init::ACTIVATED));
        plan.push((Some("norm3"), "out", actions, Init::SMALL));
    } else {
        plan.push((Some("norm2"), "out", actions, Init::SMALL));
    }
    let (per, prefix) = match config.shared_head {
        true => (Per::Team, "decoder.head"),
        false => (Per::Agent(config.agents), "decoder.heads"),
    };
    let mut stages = Vec::new();
    for (norm, linear, outputs, init) in plan {
        let leaf = |of: &str| format!("{prefix}.{of}");
        let part = |of: &str, agent: usize| format!("{prefix}.{agent}.{of}");
        let norm = norm.map(|norm| {
            let names = Names {
                leaf: &leaf(norm),
                of: &|agent| part(norm, agent),
            };
            Norm::of(layout, &names, width, per)
        });
        let names = Names {
            leaf: &leaf(linear),
            of: &|agent| part(linear, agent),
        };
        let linear = Linear::of(layout, &names, [width, outputs], init, per);
        stages.push((norm, linear));
    }
    stages
}
