//! Multi-agent PPO: agents act by themselves; their values are learned from the whole team's situation.
//!
//! Yu et al., "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games" (NeurIPS 2022).

use crate::actor_critic::{ActorCritic, ActorCriticConfig, Critic};
use crate::config::TeamConfig;
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::Spec;
use serde::{Deserialize, Serialize};
use tch::Device;

/// The method's settings: the sizes of its networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mappo(pub ActorCriticConfig);

impl Method for Mappo {
    fn about(&self) -> &'static str {
        "agents act alone, and learn from values of the whole situation: multi-agent PPO (Yu et al., 2022)"
    }

    fn check(&self) -> Result<(), MethodError> {
        self.0.check()
    }

    fn footprint(&self, _: &TeamConfig, spec: &Spec) -> Box<dyn Footprint> {
        ActorCritic::footprint(&self.0, Critic::Team, spec)
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        let of_run = (config.seed, config.precision, device);
        let team = ActorCritic::new(&self.0, Critic::Team, spec, of_run)?;
        Ok(Box::new(team))
    }
}
