//! CommFormer: a learned communication graph, a transformer along it, and gates.
//!
//! Hu, Shen, Zhang, Tao, "Learning Multi-Agent Communication from Graph Modeling Perspective" (ICLR 2024), and its
//! extension (arXiv 2411.00382). Its settings are the sections `[policy]`, `[graph]` and `[gate]`.

mod apart;
mod budget;
mod footprint;
pub(crate) mod gate;
pub(crate) mod graph;
mod insight;
mod learned;
mod learning;
pub(crate) mod team;

pub use budget::TeamBudget;
pub(crate) use footprint::footprint;
pub use gate::TeamGate;
pub use insight::Insight;
pub use team::TeamPolicy;

use crate::config::{GateEstimator, GateMode, GraphMode, TeamConfig};
use crate::error::check_section;
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::Spec;
use commformer_gate::Per;
use commformer_train::{BilevelConfig, GatePlan, GraphPlan, Payment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Device;

/// The method; it has sections of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommFormer {}

impl Method for CommFormer {
    fn about(&self) -> &'static str {
        "learns whom to hear, and when: a transformer along a learned graph (Hu et al., 2024)"
    }

    fn sections(&self) -> &'static [&'static str] {
        &["policy", "graph", "gate"]
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        Ok(Box::new(TeamPolicy::new(config, spec, device)?))
    }

    fn graph(
        &self,
        config: &TeamConfig,
        agents: usize,
        device: Device,
    ) -> Result<GraphPlan, MethodError> {
        check_section("graph", &config.graph)?;
        graph::plan(&config.graph, agents, config.seed, device)
    }

    fn senders(&self, config: &TeamConfig, agents: usize) -> usize {
        let graph = &config.graph;
        let others = agents.saturating_sub(1);
        match graph.mode_for(agents) {
            // Warming up, everyone hears everyone.
            GraphMode::Learned if graph.schedule.warmup > 0 => others,
            GraphMode::Learned | GraphMode::Random => graph.senders(agents).min(others),
            GraphMode::Full => others,
            GraphMode::None => 0,
            GraphMode::Given => {
                let rows = graph.edges.iter().map(Vec::as_slice);
                graph::most_senders(rows, |edge| *edge == 1).min(others)
            }
        }
    }

    fn fits_any_size(&self, config: &TeamConfig) -> bool {
        // A gate per edge has an output for each agent of its team.
        let per_edge = config.gate.mode == GateMode::Learned && config.gate.per == Per::Edge;
        config.policy.shared_head && !per_edge
    }

    fn schedule(&self, config: &TeamConfig, agents: usize) -> Option<BilevelConfig> {
        let learned = config.graph.mode_for(agents) == GraphMode::Learned;
        learned.then(|| config.graph.schedule.clone())
    }

    fn footprint(&self, config: &TeamConfig, spec: &Spec, senders: f64) -> Footprint {
        footprint(config, spec, senders)
    }

    fn gates(&self, config: &TeamConfig) -> Result<Option<GatePlan>, MethodError> {
        let gate = &config.gate;
        if gate.mode == GateMode::Off {
            return Ok(None);
        }
        check_section("gate", gate)?;
        Ok(Some(GatePlan {
            start: gate.start,
            ramp: gate.ramp,
            entropy_coef: gate.entropy_coef,
            budget: Box::new(TeamBudget::new(gate)?),
            payment: match (gate.mode, gate.estimator) {
                (GateMode::Learned, GateEstimator::StraightThrough) => Payment::Loss,
                _ => Payment::Rewards,
            },
        }))
    }
}
