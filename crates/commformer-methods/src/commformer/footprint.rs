//! The network's sizes, and what it and its gates take.

use super::gate;
use crate::Footprint;
use crate::config::{GateMode, ObsNormName, PreviousActionName, TeamConfig};
use commformer_env::Spec;
use commformer_model::{ActionSpace, ObsNorm, PolicyConfig, PreviousAction};
use commformer_train::Needs;

pub(crate) struct Sizes {
    policy: PolicyConfig,
    needs: Needs,
}

impl Sizes {
    pub fn new(config: &TeamConfig, spec: &Spec) -> Self {
        let policy = sizes(config, spec);
        let [decisions, recurrent] = gate::widths(&config.gate, spec.agents);
        Self {
            needs: Needs {
                memory: policy.stale_width().saturating_add(recurrent),
                gate: decisions,
                state: false,
            },
            policy,
        }
    }
}

impl Footprint for Sizes {
    fn needs(&self) -> Needs {
        self.needs
    }

    fn parameter_bytes(&self) -> f64 {
        self.policy.parameter_bytes()
    }

    fn pass_bytes(&self, teams: f64, senders: f64) -> f64 {
        self.policy.pass_bytes(teams, senders)
    }

    fn act_bytes(&self, teams: f64, senders: f64) -> f64 {
        self.policy.act_bytes(teams, senders)
    }

    fn value_bytes(&self, teams: f64) -> f64 {
        self.policy.value_bytes(teams)
    }

    fn training_multiply_adds(&self, senders: f64) -> f64 {
        self.policy.training_multiply_adds(senders)
    }

    fn width(&self) -> usize {
        self.policy.embed_dim
    }
}

/// The network's sizes and switches for a task that looks like `spec`.
pub(super) fn sizes(config: &TeamConfig, spec: &Spec) -> PolicyConfig {
    let actions = match spec.actions {
        commformer_env::ActionSpace::Discrete(count) => ActionSpace::Discrete(count),
        commformer_env::ActionSpace::Continuous(width) => ActionSpace::Continuous(width),
    };
    let policy = &config.policy;
    let gated = config.gate.mode != GateMode::Off;
    PolicyConfig {
        embed_dim: policy.embed_dim,
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
        obs_norm: match (policy.obs_norm, config.unknown_scales) {
            (ObsNormName::Running, _) | (ObsNormName::Auto, true) => ObsNorm::Running,
            (ObsNormName::Layer, _) | (ObsNormName::Auto, false) => ObsNorm::Layer,
        },
        closed: config.gate.closed,
        dropout: policy.dropout,
        precision: config.precision,
        ..PolicyConfig::new(spec.agents, spec.obs_dim, actions)
    }
}
