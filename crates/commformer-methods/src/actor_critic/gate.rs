//! Gates with which agents decide whether to send: a decision of each, the same for all who could hear it. As receive
//! gates they are (B, N, N), of which column j is agent j's.

use super::inputs::parts;
use super::policy::ActorCritic;
use super::talk::Talk;
use commformer_gate::decision;
use commformer_nn::Ops;
use commformer_nn::torch::Torch;
use commformer_train::{GateEvaluation, Gates, Gating, ObsBatch, PolicyResult, ReceiveGates};
use tch::Tensor;

impl<T: Talk> ActorCritic<T> {
    /// What the agents of B teams decide, on what they remember; `None` without gates.
    pub(super) fn decide(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> Option<Gating> {
        let layers = self.network.actor.gate.as_ref()?;
        let [memory, _] = parts(batch.memory, self.network.memory(), batch.obs);
        let agents = batch.obs.size()[1];
        let mut ops = Torch::new(self.parameters.leaves(), agents, self.precision);
        let memory = memory?;
        let mind = self
            .network
            .actor
            .talk
            .begin(&mut ops, batch.obs.shallow_clone(), memory);
        let [logits, values] = layers
            .each_ref()
            .map(|layer| ops.exact_linear(layer, &mind.h));
        let own = match gates {
            Gates::Open => logits.ones_like(),
            Gates::Drawn(noise) => decision::draw(&logits, &of_senders(noise)),
            Gates::Decided(_) => decision::execute(&logits, 0.0),
        };
        let width = self.inputs.agents as i64;
        Some(Gating {
            log_probs: decision::log_prob(&logits, &own).squeeze_dim(-1),
            values: values.squeeze_dim(-1),
            scores: logits.expand([-1, -1, width], false).full_like(f64::NAN),
            open: as_receivers(&own, width),
        })
    }

    /// Scores decisions, from logits and values (B, N).
    pub(super) fn judge(
        &self,
        logits: &Tensor,
        values: &Tensor,
        open: Option<&Tensor>,
    ) -> GateEvaluation {
        let own = match open {
            Some(open) => of_senders(open).squeeze_dim(-1),
            None => logits.ones_like(),
        };
        GateEvaluation::Action {
            log_probs: decision::log_prob(logits, &own),
            entropy: decision::entropy(logits),
            values: values.shallow_clone(),
            excess: logits.zeros_like(),
        }
    }
}

/// (B, N, N) -> (B, N, 1): what each agent decides itself.
fn of_senders(open: &Tensor) -> Tensor {
    open.diagonal(0, -2, -1).unsqueeze(-1)
}

/// The decisions of senders (B, N, 1) as receivers have them, (B, N, N).
pub(super) fn as_receivers(own: &Tensor, agents: i64) -> Tensor {
    own.transpose(-2, -1)
        .expand([-1, agents, -1], false)
        .contiguous()
}

/// The gates as the network takes them; `None`: all are open.
pub(super) fn in_force<'a>(gating: Option<&'a Gating>, gates: Gates<'_>) -> Option<&'a Tensor> {
    match gates {
        Gates::Open => None,
        Gates::Drawn(_) | Gates::Decided(_) => gating.map(|gating| &gating.open),
    }
}

impl<T: Talk> ReceiveGates for ActorCritic<T> {
    fn draws_by_threshold(&self) -> bool {
        false
    }

    /// Execution takes the more likely decision: there is no threshold to set.
    fn calibrate(&mut self, _: &[f32], _: f64, _: Option<f64>) -> PolicyResult<()> {
        Ok(())
    }
}
