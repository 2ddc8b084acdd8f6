//! Multi-agent PPO: agents act by themselves; their values are learned from the whole team's state.
//!
//! Yu et al., "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games" (NeurIPS 2022).

use crate::actor_critic::{ActorCriticConfig, ActorCriticMethod, Critic, Silent};
use commformer_nn::layout::Layout;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The method's settings: the sizes of its networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Mappo(pub ActorCriticConfig);

impl ActorCriticMethod for Mappo {
    const ABOUT: &str = "agents act alone, and learn from values of the whole state: multi-agent PPO (Yu et al., 2022)";

    type Talk = Silent;

    fn sizes(&self) -> ActorCriticConfig {
        self.0.clone()
    }

    fn critic(&self) -> Critic {
        Critic::Team
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Silent {
        self.0.silent(layout, name)
    }

    fn edges(&self, _: usize) -> Vec<f32> {
        Vec::new()
    }
}
