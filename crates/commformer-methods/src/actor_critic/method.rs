//! Methods whose teams are actor-critics: what each says of itself, and what follows for all.

use super::gate::Decides;
use super::policy::ActorCritic;
use super::talk::Talk;
use super::{ActorCriticConfig, Critic};
use crate::commformer::{TeamBudget, graph};
use crate::config::{GateBudget, GateConfig, GateMode, TeamConfig};
use crate::{Footprint, Method, MethodError, Team};
use commformer_env::{Spec, settings};
use commformer_nn::layout::Layout;
use commformer_train::{GatePlan, GraphPlan, Payment};
use schemars::JsonSchema;
use serde::Serialize;
use tch::Device;

/// A method whose teams are [`ActorCritic`]s.
pub(crate) trait ActorCriticMethod: Serialize + JsonSchema + 'static {
    /// What it is, in a line.
    const ABOUT: &str;
    /// What they say to each other.
    type Talk: Talk;

    /// The sizes of its networks.
    fn sizes(&self) -> ActorCriticConfig;

    /// What its values are made of.
    fn critic(&self) -> Critic;

    /// How its agents talk, with the parts of a layout that this takes.
    fn talk(&self, layout: &mut Layout, name: &str) -> Self::Talk;

    /// What its agents, so many, decide on before they exchange messages; nothing, as here, unless it says so.
    fn decides(&self, agents: usize) -> Option<Decides> {
        let _ = agents;
        None
    }

    /// Whom each of so many agents can hear, (N, N) row by row; nobody, as here, if it is empty.
    fn edges(&self, agents: usize) -> Vec<f32> {
        let _ = agents;
        Vec::new()
    }
}

/// Everybody hears everybody.
pub(crate) fn everybody(agents: usize) -> Vec<f32> {
    vec![1.0; agents * agents]
}

impl<M: ActorCriticMethod> Method for M {
    fn about(&self) -> &'static str {
        M::ABOUT
    }

    fn footprint(&self, _: &TeamConfig, spec: &Spec) -> Box<dyn Footprint> {
        let talk = |layout: &mut Layout, name: &str| self.talk(layout, name);
        let decides = self.decides(spec.agents);
        ActorCritic::footing(&self.sizes(), self.critic(), decides, talk, spec)
    }

    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError> {
        settings::check(self)?;
        let of_run = (config.seed, config.precision, device);
        let talk = |layout: &mut Layout, name: &str| self.talk(layout, name);
        let (sizes, critic) = (self.sizes(), self.critic());
        let decides = self.decides(spec.agents);
        let team = ActorCritic::talking(&sizes, critic, decides, talk, spec, of_run)?;
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

    /// Gates are in force from the beginning, and cost nothing.
    fn gates(&self, _: &TeamConfig) -> Result<Option<GatePlan>, MethodError> {
        let entropy_coef = match self.decides(1) {
            None => return Ok(None),
            Some(Decides::Send) => 0.0,
            // Who is never chosen is never tried.
            Some(Decides::Hear(_)) => 0.01,
        };
        let free = GateConfig {
            mode: GateMode::Learned,
            budget: GateBudget::Off,
            ..GateConfig::default()
        };
        Ok(Some(GatePlan {
            start: 0.0,
            ramp: 0.0,
            entropy_coef,
            budget: Box::new(TeamBudget::new(&free)?),
            payment: Payment::Rewards,
        }))
    }
}
