//! The Multi-Agent Transformer: everybody hears everybody, and agents decide one after the other.
//!
//! Wen et al., "Multi-Agent Reinforcement Learning is a Sequence Modeling Problem" (NeurIPS 2022). It is CommFormer's
//! network without a graph to learn, without relation terms, and with a head that all agents share.

use crate::commformer::{Sizes, graph};
use crate::config::{GateConfig, GraphConfig, GraphMode, PolicySettings, TeamConfig};
use crate::{Footprint, Method, MethodError, Team, TeamPolicy};
use commformer_env::Spec;
use commformer_model::Design;
use commformer_train::GraphPlan;
use serde::{Deserialize, Serialize};
use tch::Device;

/// Sizes of the network. The defaults are those of the paper's battles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mat {
    /// Width of an embedding (E).
    pub embed_dim: usize,
    /// Attention heads; they divide `embed_dim`.
    pub heads: usize,
    /// Blocks of the encoder, and of the decoder.
    pub blocks: usize,
}

impl Default for Mat {
    fn default() -> Self {
        Self {
            embed_dim: 64,
            heads: 1,
            blocks: 1,
        }
    }
}

impl Mat {
    /// The same as settings of CommFormer's.
    fn as_commformer(&self, config: &TeamConfig) -> TeamConfig {
        TeamConfig {
            policy: PolicySettings {
                embed_dim: self.embed_dim,
                heads: self.heads,
                blocks: self.blocks,
                shared_head: true,
                design: Design::Mat,
                relation: false,
                ..PolicySettings::default()
            },
            graph: GraphConfig {
                mode: GraphMode::Full,
                ..GraphConfig::default()
            },
            gate: GateConfig::default(),
            ..config.clone()
        }
    }
}

impl Method for Mat {
    fn about(&self) -> &'static str {
        "everybody hears everybody: the Multi-Agent Transformer (Wen et al., 2022)"
    }

    fn check(&self) -> Result<(), MethodError> {
        let sizes = [
            ("embed_dim", self.embed_dim),
            ("heads", self.heads),
            ("blocks", self.blocks),
        ];
        if let Some((setting, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(MethodError::Setting {
                setting,
                found: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        match self.embed_dim.is_multiple_of(self.heads) {
            true => Ok(()),
            false => Err(MethodError::Setting {
                setting: "heads",
                found: self.heads.to_string(),
                expected: format!("a divisor of `method.embed_dim`, {}", self.embed_dim),
            }),
        }
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        let team = TeamPolicy::new(&self.as_commformer(config), spec, device)?;
        Ok(Box::new(team))
    }

    fn senders(&self, _: &TeamConfig, agents: usize) -> usize {
        agents.saturating_sub(1)
    }

    fn fits_any_size(&self, _: &TeamConfig) -> bool {
        true
    }

    fn footprint(&self, config: &TeamConfig, spec: &Spec) -> Box<dyn Footprint> {
        Box::new(Sizes::new(&self.as_commformer(config), spec))
    }

    fn graph(&self, config: &TeamConfig, agents: usize, device: Device) -> GraphPlan {
        graph::plan(
            &self.as_commformer(config).graph,
            agents,
            config.seed,
            device,
        )
    }
}
