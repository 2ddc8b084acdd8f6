//! The objective of proximal policy optimisation (Schulman et al., 2017, equation 7) with a
//! clipped Huber loss of the value, as in MAPPO.

use crate::gate::GateTerms;
use crate::{Evaluation, GateEvaluation, PpoConfig};
use tch::{Kind, Tensor};

/// Weight of the cost of gates that are too sure: strong against the gradient of decisions with a rare
/// alternative.
const EXCESS_COEF: f64 = 0.1;

/// What the rollout knows about the samples; each tensor is (B, N).
#[derive(Debug)]
pub struct Targets {
    /// Log-probabilities of the actions when they were taken.
    pub log_probs: Tensor,
    /// Normalised values when the actions were taken.
    pub values: Tensor,
    /// Normalised advantages.
    pub advantages: Tensor,
    /// Normalised returns.
    pub returns: Tensor,
    /// 1 where the agent was active.
    pub active: Tensor,
    /// Weight of each value's error in the value loss; that of `active` unless fallen agents' values are
    /// trained, too.
    pub valued: Tensor,
    /// Of the gates' decisions, where those are learned.
    pub gate: Option<GateTargets>,
}

/// What the rollout knows about the gates' decisions; each tensor is (B, N).
#[derive(Debug)]
pub struct GateTargets {
    /// Log-probabilities of the decisions when they were taken.
    pub log_probs: Tensor,
    /// Normalised values before they were taken.
    pub values: Tensor,
    /// Normalised advantages over those values.
    pub advantages: Tensor,
}

/// The terms of the objective, each a sum over the samples divided by `total_active`.
#[derive(Debug)]
pub struct Loss {
    /// What the gradient is taken of: policy - entropy_coef * entropy + value_coef * value, and the
    /// same of the gates.
    pub total: Tensor,
    /// Policy loss, value loss, entropy, clipped share and divergence, without gradient: (5), or
    /// (10) with those of gates that are part of the joint action.
    pub terms: Tensor,
}

/// The loss of a part of a minibatch in which `total_active` agents, at least 1, are active; the parts' losses
/// add up to the minibatch's. Without `gate` terms the gates are not in force: only the value
/// before their decisions is learned.
///
/// A gate's decision comes before the action and is a decision of its own: it has its own ratio,
/// and its advantage is taken over a value that does not know it. A value that knows which gates
/// are open explains what receiving is worth and leaves the gate nothing to learn from.
///
/// # Panics
/// As tch's operators do, if `now` is not of the shape of `then`. The trainer refuses such an evaluation before it
/// comes here ([`TrainError::Returned`](crate::TrainError::Returned)).
pub fn loss(
    config: &PpoConfig,
    gate: Option<&GateTerms>,
    now: &Evaluation,
    then: &Targets,
    total_active: f64,
) -> Loss {
    let mean = |x: &Tensor| (x * &then.active).sum(Kind::Float) / total_active;
    let surrogate = |ratio: &Tensor, advantages: &Tensor| {
        let clipped = ratio.clamp(1.0 - config.clip, 1.0 + config.clip);
        -mean(&(ratio * advantages).minimum(&(clipped * advantages)))
    };
    let value_loss = |now: &Tensor, old: &Tensor| {
        let clipped = old + (now - old).clamp(-config.clip, config.clip);
        let error = |value: &Tensor| {
            huber(
                &(&then.returns - value),
                config.huber_delta,
                config.one_sided_huber,
            )
        };
        let error = error(now).maximum(&error(&clipped));
        (error * &then.valued).sum(Kind::Float) / total_active
    };
    let summary = |terms: [&Tensor; 3], ratio: &Tensor, log_ratio: &Tensor| {
        tch::no_grad(|| {
            let [policy, value, entropy] = terms;
            let clipped = mean(&(ratio - 1.0).abs().gt(config.clip).to_kind(Kind::Float));
            let kl = mean(&(ratio - 1.0 - log_ratio));
            let terms = [policy, value, entropy, &clipped, &kl];
            Tensor::stack(&terms.map(Tensor::detach), 0)
        })
    };

    let log_ratio = &now.log_probs - &then.log_probs; // (B, N)
    let ratio = log_ratio.exp();
    let policy = surrogate(&ratio, &then.advantages);
    let value = value_loss(&now.values, &then.values);
    let entropy = mean(&now.entropy);
    let total = &policy - &entropy * config.entropy_coef + &value * config.value_coef;
    let terms = summary([&policy, &value, &entropy], &ratio, &log_ratio);

    match (&now.gate, &then.gate) {
        (
            Some(GateEvaluation::Action {
                log_probs,
                entropy,
                values,
                excess,
            }),
            Some(then),
        ) => {
            let value = value_loss(values, &then.values);
            let total = total + &value * config.value_coef;
            let log_ratio = log_probs - &then.log_probs;
            let ratio = log_ratio.exp();
            let policy = surrogate(&ratio, &then.advantages);
            let entropy = mean(entropy);
            let of_gate = summary([&policy, &value, &entropy], &ratio, &log_ratio);
            let total = match gate {
                Some(gate) => {
                    total + policy - entropy * gate.entropy_coef + mean(excess) * EXCESS_COEF
                }
                None => total,
            };
            Loss {
                total,
                terms: Tensor::cat(&[terms, of_gate], 0),
            }
        }
        (Some(GateEvaluation::StraightThrough { messages, share }), _) => {
            let price = gate.copied().unwrap_or_default();
            let cost = mean(messages) * price.message + mean(share) * price.receiving;
            Loss {
                total: total + cost,
                terms,
            }
        }
        _ => Loss { total, terms },
    }
}

/// e^2 / 2 near zero, delta (|e| - delta / 2) beyond. With `one_sided` errors below -delta cost
/// nothing, as in the authors' release.
fn huber(error: &Tensor, delta: f64, one_sided: bool) -> Tensor {
    let size = error.abs();
    let near = size.clamp_max(delta);
    let cost = &near * (&size - &near * 0.5);
    if one_sided {
        cost * error.ge(-delta).to_kind(Kind::Float)
    } else {
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).unsqueeze(0)
    }

    #[test]
    fn huber_is_quadratic_near_zero_and_linear_beyond() {
        let error = row(&[1.0, -2.0, 20.0, -20.0]);
        let values =
            |one_sided| Vec::<f32>::try_from(huber(&error, 10.0, one_sided).view(-1)).unwrap();
        assert_eq!(values(false), [0.5, 2.0, 150.0, 150.0]);
        assert_eq!(values(true), [0.5, 2.0, 150.0, 0.0]);
    }

    #[test]
    fn hand_computed() {
        let config = PpoConfig {
            clip: 0.2,
            entropy_coef: 0.1,
            value_coef: 0.5,
            ..PpoConfig::default()
        };
        let mut now = Evaluation {
            log_probs: row(&[2.0_f32.ln(), 0.5_f32.ln(), 0.0]),
            entropy: row(&[1.0, 3.0, 100.0]),
            values: row(&[1.0, 0.0, 7.0]),
            gate: None,
        };
        let mut then = Targets {
            log_probs: row(&[0.0, 0.0, 0.0]),
            values: row(&[0.0, 0.0, 0.0]),
            advantages: row(&[1.0, 1.0, 50.0]),
            returns: row(&[2.0, 1.0, 9.0]),
            active: row(&[1.0, 1.0, 0.0]),
            valued: row(&[1.0, 1.0, 0.0]),
            gate: None,
        };
        let found = loss(&config, None, &now, &then, 2.0);
        let terms = Vec::<f64>::try_from(found.terms).unwrap();
        // Ratios 2 (clipped to 1.2) and 0.5 (the worse of 0.5 and 0.8).
        assert!((terms[0] + (1.2 + 0.5) / 2.0).abs() < 1e-6);
        // Values 1 (clipped to 0.2, the worse) and 0.
        assert!((terms[1] - (1.8_f64.powi(2) / 2.0 + 0.5) / 2.0).abs() < 1e-6);
        assert!((terms[2] - 2.0).abs() < 1e-6);
        assert_eq!(terms[3], 1.0);
        let plain = terms[0] - 0.1 * terms[2] + 0.5 * terms[1];
        assert!((found.total.double_value(&[]) - plain).abs() < 1e-6);

        let gate = GateTerms {
            entropy_coef: 0.2,
            message: 0.3,
            receiving: 0.4,
        };
        let total = |gate: Option<&GateTerms>, now: &Evaluation, then: &Targets| {
            loss(&config, gate, now, then, 2.0).total.double_value(&[])
        };
        now.gate = Some(GateEvaluation::StraightThrough {
            messages: row(&[2.0, 4.0, 100.0]),
            share: row(&[0.5, 1.0, 100.0]),
        });
        // 3 messages and a share of 0.75 at their prices.
        let found = total(Some(&gate), &now, &then);
        assert!(
            (found - (plain + 3.0 * 0.3 + 0.75 * 0.4)).abs() < 1e-5,
            "{found}"
        );
        assert!((total(None, &now, &then) - plain).abs() < 1e-6);

        now.gate = Some(GateEvaluation::Action {
            log_probs: row(&[0.5_f32.ln(), 2.0_f32.ln(), 0.0]),
            entropy: row(&[2.0, 4.0, 100.0]),
            values: row(&[0.0, 0.0, 7.0]),
            excess: row(&[1.0, 4.0, 100.0]),
        });
        then.gate = Some(GateTargets {
            log_probs: row(&[0.0; 3]),
            values: row(&[0.0; 3]),
            advantages: row(&[-1.0, 1.0, 50.0]),
        });
        // Ratios 0.5 (-0.8 is the worse) and 2 (clipped to 1.2); errors 2 and 1 of the values; entropy 3; excess 2.5.
        let of_values = (2.0 + 0.5) / 2.0;
        let of_decisions = -(-0.8 + 1.2) / 2.0 - 0.2 * 3.0 + 0.1 * 2.5;
        let found = total(Some(&gate), &now, &then);
        let expected = plain + 0.5 * of_values + of_decisions;
        assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        // Before they are in force only the values are learned.
        let found = total(None, &now, &then);
        assert!((found - (plain + 0.5 * of_values)).abs() < 1e-5, "{found}");
    }
}
