//! Independent PPO: every agent learns by itself, from what it sees itself.
//!
//! de Witt et al., "Is Independent Learning All You Need in the StarCraft Multi-Agent Challenge?" (2020), with the
//! networks and settings of MAPPO.

use crate::actor_critic::{ActorCriticConfig, ActorCriticMethod, Critic, Silent};
use commformer_nn::layout::Layout;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The method's settings: the sizes of its networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Ippo(pub ActorCriticConfig);

impl ActorCriticMethod for Ippo {
    const ABOUT: &str = "every agent learns by itself: independent PPO (de Witt et al., 2020)";

    type Talk = Silent;

    fn sizes(&self) -> ActorCriticConfig {
        self.0.clone()
    }

    fn critic(&self) -> Critic {
        Critic::Own
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Silent {
        self.0.silent(layout, name)
    }

    fn edges(&self, _: usize) -> Vec<f32> {
        Vec::new()
    }
}
