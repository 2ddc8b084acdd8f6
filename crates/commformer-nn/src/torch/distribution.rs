//! The distributions that agents act from: a categorical one over discrete actions, independent
//! normal ones over continuous actions.

use crate::native::distribution::{HALF_LOG_TAU, UNAVAILABLE};
use tch::{Kind, Tensor};

/// The distribution of one or all agents' actions. Leading dimensions are (B, N) or (B).
#[derive(Debug)]
pub enum Distribution {
    /// Logits (.., A), with unavailable actions masked.
    Categorical {
        /// (.., A)
        logits: Tensor,
    },
    /// Means (.., A) and standard deviations (A).
    Normal {
        /// (.., A)
        mean: Tensor,
        /// (A)
        std: Tensor,
    },
}

impl Distribution {
    /// From a head's output (.., A), boolean availability (.., A), and the standard deviations of
    /// a continuous policy.
    pub fn new(output: Tensor, available: Option<&Tensor>, std: Option<Tensor>) -> Self {
        match (std, available) {
            (Some(std), _) => Self::Normal { mean: output, std },
            (None, None) => Self::Categorical { logits: output },
            (None, Some(available)) => Self::Categorical {
                logits: output.masked_fill(&available.logical_not(), f64::from(UNAVAILABLE)),
            },
        }
    }

    /// Log-probabilities and entropies of `actions`, both without the last dimension.
    pub fn score(&self, actions: &Tensor) -> (Tensor, Tensor) {
        match self {
            Self::Categorical { logits } => {
                let log_probs = logits.log_softmax(-1, Kind::Float);
                let chosen = log_probs
                    .gather(-1, &actions.unsqueeze(-1), false)
                    .squeeze_dim(-1);
                let entropy = sum_last(&(log_probs.exp() * &log_probs)).neg();
                (chosen, entropy)
            }
            Self::Normal { mean, std } => {
                let entropy = (std.log() + (0.5 + HALF_LOG_TAU)).sum(Kind::Float);
                let mut size = mean.size();
                size.pop();
                (
                    normal_log_prob(actions, mean, std),
                    entropy.expand(size, false),
                )
            }
        }
    }

    /// Actions and their log-probabilities. `noise` has the output's shape and is standard Gumbel
    /// noise (discrete) or standard normal noise (continuous); without it the most likely action
    /// is taken.
    pub fn choose(&self, noise: Option<&Tensor>) -> (Tensor, Tensor) {
        match self {
            Self::Categorical { logits } => {
                let log_probs = logits.log_softmax(-1, Kind::Float);
                let action = match noise {
                    Some(noise) => (&log_probs + noise).argmax(-1, true),
                    None => log_probs.argmax(-1, true),
                };
                let chosen = log_probs.gather(-1, &action, false);
                (action.squeeze_dim(-1), chosen.squeeze_dim(-1))
            }
            Self::Normal { mean, std } => {
                let action = match noise {
                    Some(noise) => mean + std * noise,
                    None => mean.shallow_clone(),
                };
                let log_prob = normal_log_prob(&action, mean, std);
                (action, log_prob)
            }
        }
    }

    /// The logits or means.
    pub fn into_output(self) -> Tensor {
        match self {
            Self::Categorical { logits } => logits,
            Self::Normal { mean, .. } => mean,
        }
    }
}

fn normal_log_prob(actions: &Tensor, mean: &Tensor, std: &Tensor) -> Tensor {
    let z = (actions - mean) / std;
    sum_last(&(&z * &z * -0.5 - std.log() - HALF_LOG_TAU))
}

fn sum_last(x: &Tensor) -> Tensor {
    x.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &Tensor, expected: f64) {
        let found = f64::try_from(found).unwrap();
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }

    #[test]
    fn a_categorical_over_two_available_actions_is_a_coin() {
        let available = Tensor::from_slice(&[true, false, true]);
        let logits = Tensor::from_slice(&[2f32, 9., 2.]);
        let coin = Distribution::new(logits, Some(&available), None);
        let (log_prob, entropy) = coin.score(&Tensor::from(2i64));
        close(&log_prob, -std::f64::consts::LN_2);
        close(&entropy, std::f64::consts::LN_2);
        let noise = Tensor::from_slice(&[0f32, 100., 0.1]);
        let (action, _) = coin.choose(Some(&noise));
        assert_eq!(i64::try_from(action).unwrap(), 2);
    }

    #[test]
    fn a_normal_matches_the_formula() {
        let normal = Distribution::new(
            Tensor::from_slice(&[1f32, 2.]),
            None,
            Some(Tensor::from_slice(&[0.5f32, 2.])),
        );
        let (action, log_prob) = normal.choose(Some(&Tensor::from_slice(&[1f32, -1.])));
        assert_eq!(action, Tensor::from_slice(&[1.5f32, 0.]));
        // Both are one deviation off, and ln 0.5 + ln 2 = 0: -1/2 - 1/2 - ln(2 pi).
        close(&log_prob, -1.0 - std::f64::consts::TAU.ln());
        let (_, entropy) = normal.score(&action);
        close(&entropy, 1.0 + std::f64::consts::TAU.ln());
    }
}
