//! What a team's gate decides, and how decisions are scored.

use super::{Kinds, TeamGate};
use crate::config::GateEstimator;
use commformer_gate::{GateError, Per, TemporalGate, decision, fixed};
use commformer_train::{GateEvaluation, GateSamples, Gates, Gating, TeamGraphs};
use tch::{Kind, Tensor};

/// What a gate goes by: B teams of N agents.
#[derive(Clone, Copy, Debug)]
pub struct GateInputs<'a> {
    /// Embeddings of their own observations, (B, N, E).
    pub embedding: &'a Tensor,
    /// Whom they can hear.
    pub graph: &'a TeamGraphs,
    /// What each agent's gate carries from the step before, (B, N, [`TeamGate::recurrent_width`]);
    /// `None`: nothing, as in the first step of an episode.
    pub recurrent: Option<&'a Tensor>,
    /// The entropy of each agent's distribution if it heard nobody, (B, N).
    pub entropy_alone: Option<&'a Tensor>,
}

/// What it decided.
#[derive(Debug)]
pub struct Decision {
    /// For the rollout's memory.
    pub gating: Gating,
    /// What each agent's gate carries to the next step.
    pub recurrent: Option<Tensor>,
}

impl TeamGate {
    /// Sets the gates of B teams.
    ///
    /// # Errors
    ///
    /// [`GateError`] if a tensor has the wrong shape.
    pub fn decide(&self, inputs: &GateInputs<'_>, gates: Gates<'_>) -> Result<Decision, GateError> {
        let per_agent = inputs.embedding.narrow(-1, 0, 1); // (B, N, 1)
        let none = || per_agent.zeros_like();
        let simple = |open: Tensor, scores: Tensor| Gating {
            open,
            log_probs: none().squeeze_dim(-1),
            values: none().squeeze_dim(-1),
            scores,
        };
        let nothing = || per_agent.full_like(f64::NAN);
        let mut recurrent = match (self.recurrent_width(), inputs.recurrent) {
            (0, _) => None,
            (_, Some(recurrent)) => Some(recurrent.shallow_clone()),
            (width, None) => Some(per_agent.zeros_like().repeat([1, 1, width as i64])),
        };
        let gating = match (&self.kind, gates) {
            (Kinds::Learned(gate), gates) => {
                self.by_network(gate, inputs, gates, &mut recurrent)?
            }
            (_, Gates::Open) | (Kinds::Open, _) => simple(per_agent.ones_like(), nothing()),
            (Kinds::Random(rate), Gates::Drawn(noise) | Gates::Decided(noise)) => {
                simple(fixed::random(noise, *rate), nothing())
            }
            (Kinds::Periodic(rate), Gates::Drawn(noise) | Gates::Decided(noise)) => {
                let phase = recurrent.unwrap_or_else(none);
                let (open, phase) = fixed::periodic(&phase, noise, *rate);
                recurrent = Some(phase);
                simple(open, nothing())
            }
            (Kinds::Uncertainty(threshold), Gates::Drawn(_) | Gates::Decided(_)) => {
                let entropy = match inputs.entropy_alone {
                    Some(entropy) => entropy.unsqueeze(-1),
                    None => none(),
                };
                let threshold = threshold.double_value(&[0]);
                simple(decision::execute(&entropy, threshold), entropy)
            }
        };
        Ok(Decision { gating, recurrent })
    }

    fn by_network(
        &self,
        gate: &TemporalGate,
        inputs: &GateInputs<'_>,
        gates: Gates<'_>,
        recurrent: &mut Option<Tensor>,
    ) -> Result<Gating, GateError> {
        let found = gate.forward(inputs.embedding)?;
        let logits = found.logits;
        let open = match gates {
            Gates::Open => logits.ones_like(),
            Gates::Drawn(noise) => decision::draw(&logits, noise),
            Gates::Decided(_) => match recurrent {
                None => decision::execute(&logits, gate.threshold()),
                Some(residual) => {
                    let (open, after) =
                        decision::error_diffusion(&logits, gate.threshold(), residual);
                    *residual = after;
                    open
                }
            },
        };
        let scores = match gate.config().per {
            Per::Receiver => logits.shallow_clone(),
            Per::Edge => {
                let no_edge = inputs.graph.others().le(0.5);
                logits.masked_fill(&no_edge, f64::NAN)
            }
        };
        Ok(Gating {
            log_probs: self.joint(gate, &decision::log_prob(&logits, &open), inputs.graph),
            values: found.values,
            open,
            scores,
        })
    }

    /// The sum over each agent's decisions that matter: (B, N, W) -> (B, N).
    fn joint(&self, gate: &TemporalGate, of_decisions: &Tensor, graph: &TeamGraphs) -> Tensor {
        match gate.config().per {
            Per::Receiver => of_decisions.squeeze_dim(-1),
            Per::Edge => sum_last(&(of_decisions * graph.others())),
        }
    }

    /// Scores gates that were set, or all open ones; and gives the gates through which the action's
    /// loss is to flow, (B, N, W). `None` for gates that do not learn.
    ///
    /// # Errors
    ///
    /// [`GateError`] if a tensor has the wrong shape.
    pub fn evaluate(
        &self,
        embedding: &Tensor,
        graph: &TeamGraphs,
        samples: Option<&GateSamples>,
    ) -> Result<(Option<GateEvaluation>, Option<Tensor>), GateError> {
        let set = samples.map(|samples| samples.open.shallow_clone());
        let Kinds::Learned(gate) = &self.kind else {
            return Ok((None, set));
        };
        match (self.estimator, samples) {
            (GateEstimator::Action, _) => {
                let found = gate.forward(embedding)?;
                let open = match &set {
                    Some(open) => open.shallow_clone(),
                    None => found.logits.ones_like(),
                };
                let log_probs = decision::log_prob(&found.logits, &open);
                let entropy = decision::entropy(&found.logits);
                let evaluation = GateEvaluation::Action {
                    log_probs: self.joint(gate, &log_probs, graph),
                    entropy: self.joint(gate, &entropy, graph),
                    excess: self.joint(gate, &decision::excess(&found.logits), graph),
                    values: found.values,
                };
                Ok((Some(evaluation), set))
            }
            (GateEstimator::StraightThrough, None) => Ok((None, None)),
            (GateEstimator::StraightThrough, Some(samples)) => {
                let logits = gate.logits(embedding)?;
                let open = decision::straight_through(&logits, &samples.noise, self.temperature);
                let edges = graph.others();
                let possible = sum_last(&edges); // (1 or B, N)
                let messages = sum_last(&(&open * &edges)); // (B, N)
                let share = &messages / possible.clamp_min(1.0);
                // Without anybody to hear it is counted whether the gate is open, so that this has its price as well.
                let share = match gate.config().per {
                    Per::Receiver => share.where_self(&possible.gt(0.0), &open.squeeze_dim(-1)),
                    Per::Edge => share,
                };
                let evaluation = GateEvaluation::StraightThrough { share, messages };
                Ok((Some(evaluation), Some(open)))
            }
        }
    }
}

/// Gates (B, N, W) as the policy takes them: (B, N) for receivers, (B, N, N) for edges.
pub fn for_policy(open: &Tensor) -> Tensor {
    match open.size().last() {
        Some(1) => open.squeeze_dim(-1),
        _ => open.shallow_clone(),
    }
}

fn sum_last(x: &Tensor) -> Tensor {
    x.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}
