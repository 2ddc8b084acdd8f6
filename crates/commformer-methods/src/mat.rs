//! The Multi-Agent Transformer: everybody hears everybody, and agents decide one after the other.
//!
//! Wen et al., "Multi-Agent Reinforcement Learning is a Sequence Modeling Problem" (NeurIPS 2022). It is CommFormer's
//! network without a graph to learn, without relation terms, and with a head that all agents share.

use crate::commformer::{footprint, graph};
use crate::config::{GateConfig, GraphConfig, GraphMode, PolicySettings, TeamConfig};
use crate::error::check_section;
use crate::{Footprint, Method, MethodError, Team, TeamPolicy};
use commformer_env::{ConfigError, Spec};
use commformer_model::Design;
use commformer_train::GraphPlan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use tch::Device;

/// Sizes of the network. The defaults are those of the paper's battles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Mat {
    /// Width of an embedding (E).
    #[default = 64]
    #[schemars(range(min = 1))]
    pub embed_dim: usize,
    /// Attention heads; they divide `embed_dim`.
    #[default = 1]
    #[schemars(range(min = 1))]
    pub heads: usize,
    /// Blocks of the encoder, and of the decoder.
    #[default = 1]
    #[schemars(range(min = 1))]
    pub blocks: usize,
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

    fn check(&self) -> Result<(), ConfigError> {
        match self.embed_dim.is_multiple_of(self.heads) {
            true => Ok(()),
            false => Err(ConfigError {
                field: "heads".into(),
                found: self.heads.to_string(),
                allowed: format!("a divisor of `embed_dim`, {}", self.embed_dim),
            }),
        }
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        check_section("method", self)?;
        let team = TeamPolicy::new(&self.as_commformer(config), spec, device)?;
        Ok(Box::new(team))
    }

    fn senders(&self, _: &TeamConfig, agents: usize) -> usize {
        agents.saturating_sub(1)
    }

    fn fits_any_size(&self, _: &TeamConfig) -> bool {
        true
    }

    fn footprint(&self, config: &TeamConfig, spec: &Spec, senders: f64) -> Footprint {
        footprint(&self.as_commformer(config), spec, senders)
    }

    fn graph(
        &self,
        config: &TeamConfig,
        agents: usize,
        device: Device,
    ) -> Result<GraphPlan, MethodError> {
        graph::plan(
            &self.as_commformer(config).graph,
            agents,
            config.seed,
            device,
        )
    }
}
