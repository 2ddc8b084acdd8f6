//! Independent PPO: every agent learns by itself, from what it sees itself.
//!
//! de Witt et al., "Is Independent Learning All You Need in the StarCraft Multi-Agent Challenge?" (2020), with the
//! networks and settings of MAPPO.

use crate::actor_critic::{ActorCritic, ActorCriticConfig, Critic};
use crate::config::TeamConfig;
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::Spec;
use serde::{Deserialize, Serialize};
use tch::Device;

/// The method's settings: the sizes of its networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ippo(pub ActorCriticConfig);

impl Method for Ippo {
    fn about(&self) -> &'static str {
        "every agent learns by itself: independent PPO (de Witt et al., 2020)"
    }

    fn check(&self) -> Result<(), MethodError> {
        self.0.check()
    }

    fn footprint(&self, _: &TeamConfig, spec: &Spec) -> Box<dyn Footprint> {
        ActorCritic::footprint(&self.0, Critic::Own, spec)
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        let of_run = (config.seed, config.precision, device);
        let team = ActorCritic::new(&self.0, Critic::Own, spec, of_run)?;
        Ok(Box::new(team))
    }
}
