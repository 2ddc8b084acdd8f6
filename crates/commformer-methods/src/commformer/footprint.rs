//! What the network and its gates take.

use super::{gate, team};
use crate::Footprint;
use crate::config::TeamConfig;
use commformer_env::Spec;
use commformer_model::PolicyConfig;
use commformer_train::Needs;

pub(crate) struct Sizes {
    policy: PolicyConfig,
    needs: Needs,
}

impl Sizes {
    pub fn new(config: &TeamConfig, spec: &Spec) -> Self {
        let policy = team::sizes(config, spec);
        let [decisions, carried] = gate::widths(&config.gate, spec.agents);
        Self {
            needs: Needs {
                memory: policy.kept_width().saturating_add(carried),
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
