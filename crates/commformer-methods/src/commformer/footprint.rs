//! The network's sizes.

use crate::Footprint;
use crate::config::{GateMode, ObsNormName, PreviousActionName, TeamConfig};
use crate::sizes::as_of_model;
use commformer_env::Spec;
use commformer_model::{ObsNorm, PolicyConfig, PreviousAction};

/// The [`Footprint`] of CommFormer's network.
pub(crate) fn footprint(config: &TeamConfig, spec: &Spec, senders: f64) -> Footprint {
    let sizes = sizes(config, spec);
    Footprint {
        parameter_bytes: sizes.parameter_bytes(),
        training_multiply_adds: sizes.training_multiply_adds(senders),
        width: sizes.embed_dim,
    }
}

/// The network's sizes and switches for a task that looks like `spec`.
pub(super) fn sizes(config: &TeamConfig, spec: &Spec) -> PolicyConfig {
    let policy = &config.policy;
    let gated = config.gate.mode != GateMode::Off;
    PolicyConfig {
        embed_dim: policy.embed_dim,
        message: policy.message,
        message_bits: policy.message_bits,
        heads: policy.heads,
        blocks: policy.blocks,
        shared_head: policy.shared_head,
        design: policy.design,
        relation: policy.relation,
        score_scale: policy.score_scale,
        relation_order: policy.relation_order,
        self_loop: policy.self_loop,
        previous_action: match (policy.previous_action, gated) {
            (PreviousActionName::Heard, _) | (PreviousActionName::Auto, true) => {
                PreviousAction::Heard
            }
            (PreviousActionName::Always, _) | (PreviousActionName::Auto, false) => {
                PreviousAction::Always
            }
        },
        obs_norm: match (policy.obs_norm, config.known_scales) {
            (ObsNormName::Running, _) | (ObsNormName::Auto, false) => ObsNorm::Running,
            (ObsNormName::Layer, _) | (ObsNormName::Auto, true) => ObsNorm::Layer,
        },
        closed: config.gate.closed,
        recurrence: policy.recurrence,
        decoder: policy.decoder,
        dropout: policy.dropout,
        precision: config.precision,
        ..PolicyConfig::new(spec.agents, spec.obs_dim, as_of_model(spec.actions))
    }
}
