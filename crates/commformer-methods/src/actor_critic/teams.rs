//! What follows for all methods whose teams are actor-critics.

use super::Critic;
use super::decides::Decides;
use super::footprint;
use super::inputs::Inputs;
use super::method::ActorCriticMethod;
use super::network::Network;
use super::policy::{ActorCritic, sizes};
use crate::commformer::{TeamBudget, graph};
use crate::config::{GateBudget, GateConfig, GateMode, TeamConfig};
use crate::error::check_section;
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::Spec;
use commformer_nn::layout::Layout;
use commformer_train::{GatePlan, GraphPlan, Payment};
use tch::Device;

impl<M: ActorCriticMethod> Method for M {
    fn about(&self) -> &'static str {
        M::ABOUT
    }

    fn footprint(&self, config: &TeamConfig, spec: &Spec, senders: f64) -> Footprint {
        let talk = |layout: &mut Layout, name: &str| self.talk(layout, name);
        let of_actor = self.sizes();
        let inputs = Inputs::new(&of_actor, self.critic(), spec, !config.known_scales);
        let sizes = sizes(&of_actor, inputs, spec, self.decides(spec.agents));
        footprint::of(&Network::new(&sizes, talk), spec.agents, senders)
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        check_section("method", self)?;
        let (task, of_run) = (
            (spec, !config.known_scales),
            (config.seed, config.precision, device),
        );
        let talk = |layout: &mut Layout, name: &str| self.talk(layout, name);
        let (sizes, critic) = (self.sizes(), self.critic());
        let decides = self.decides(spec.agents);
        let team = ActorCritic::new(&sizes, critic, decides, talk, task, of_run)?;
        Ok(Box::new(team))
    }

    fn graph(
        &self,
        _: &TeamConfig,
        agents: usize,
        device: Device,
    ) -> Result<GraphPlan, MethodError> {
        match self.edges(agents) {
            edges if edges.is_empty() => Ok(GraphPlan::None),
            edges => graph::fixed(&edges, agents, device),
        }
    }

    fn senders(&self, _: &TeamConfig, agents: usize) -> usize {
        let edges = self.edges(agents);
        let most = graph::most_senders(edges.chunks_exact(agents.max(1)), |edge| *edge > 0.5);
        match self.decides(agents) {
            Some(Decides::Hear(senders)) => senders.min(most),
            _ => most,
        }
    }

    /// No layer of those who neither know which agent they are nor choose among the others is as wide as the team, nor is one
    /// of a value that does not see all of it.
    fn fits_any_size(&self, _: &TeamConfig) -> bool {
        let chooses = matches!(self.decides(1), Some(Decides::Hear(_)));
        !chooses && !self.sizes().agent_id && self.critic() != Critic::Team
    }

    /// Gates are in force from the beginning, and cost nothing.
    fn gates(&self, _: &TeamConfig) -> Result<Option<GatePlan>, MethodError> {
        if self.decides(1).is_none() {
            return Ok(None);
        }
        let free = GateConfig {
            mode: GateMode::Learned,
            budget: GateBudget::Off,
            ..GateConfig::default()
        };
        Ok(Some(GatePlan {
            start: 0.0,
            ramp: 0.0,
            // At first as that of actions. What is never chosen is never tried.
            entropy_coef: 0.01,
            budget: Box::new(TeamBudget::new(&free)?),
            payment: Payment::Rewards,
        }))
    }
}
