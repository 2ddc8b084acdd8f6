//! From a gate's logits to decisions, and back to their probability.
//!
//! A logit z is the log-odds of "open": p = sigmoid(z). A decision is 1 (open) or 0 (closed).
//! All functions work entry by entry, on any shape, and the noise comes from the caller: uniform
//! on (0, 1), of the logits' shape. (At exactly 0 a gate stays closed, at exactly 1 it opens.)
//!
//! # Panics
//! As tch's own operators do, when the shapes, kinds or devices of two arguments do not fit.

use tch::{Kind, Tensor};

/// Standard logistic noise l = ln(u / (1 - u)) from uniform noise: P(z + l > 0) = sigmoid(z).
///
/// # Shapes
/// `uniform` any -> the same.
pub fn logistic(uniform: &Tensor) -> Tensor {
    uniform.logit(None::<f64>)
}

/// Open with probability sigmoid(z): where z + l > 0, with logistic noise l.
///
/// # Shapes
/// `logits` and `uniform` (B, N, W) -> (B, N, W) of 0 and 1, without a gradient.
pub fn draw(logits: &Tensor, uniform: &Tensor) -> Tensor {
    tch::no_grad(|| opened(&(logits + logistic(uniform)), 0.0))
}

/// The same decisions as [`draw`] makes of the same noise, with the gradient of
/// sigmoid((z + l) / `tau`), which is a smooth version of them. `tau` is positive.
///
/// # Shapes
/// `logits` and `uniform` (B, N, W) -> (B, N, W); the value is exactly 0 or 1.
pub fn straight_through(logits: &Tensor, uniform: &Tensor, tau: f64) -> Tensor {
    let noisy = logits + logistic(uniform);
    let hard = tch::no_grad(|| opened(&noisy, 0.0));
    let soft = (noisy / tau).sigmoid();
    // The bracket is exactly 0, so the value stays exactly 0 or 1.
    hard + (&soft - soft.detach())
}

/// The decisions of a gate that draws nothing: open where z > `threshold`. With threshold 0 that
/// is the more likely decision.
///
/// # Shapes
/// `logits` (B, N, W) -> (B, N, W) of 0 and 1, without a gradient.
pub fn execute(logits: &Tensor, threshold: f64) -> Tensor {
    tch::no_grad(|| opened(logits, threshold))
}

/// Beyond this logit, of either sign, [`excess`] costs something. The less likely decision then still
/// has a probability of 0.018.
pub const LIMIT: f64 = 4.0;

/// How far logits lie beyond [`LIMIT`], squared: a cost that keeps a gate from being so sure that it
/// never tries the other decision. Such a gate could not tell that receiving has become dear, or worth
/// its price: a drawn decision without alternatives has no advantage, and the entropy's gradient
/// vanishes with the alternative.
///
/// # Shapes
/// `logits` (B, N, W) -> (B, N, W), differentiable.
pub fn excess(logits: &Tensor) -> Tensor {
    (logits.abs() - LIMIT).relu().square()
}

/// Executes a drawn gate without drawing, by error diffusion: open as often as its probability says, evenly over
/// time. Each agent carries a `residual`: by how much it has opened less often than its probabilities said. It opens
/// when that and the probability now make up half an opening. A gate that is sure (probability near 0 or 1) does what
/// it says, another one opens and closes in turn:
///
/// ```text
/// p = sigmoid(z - threshold);   open = [residual + p >= 1/2];   residual <- residual + p - open
/// ```
///
/// A gate that only compares z with a threshold can be caught: an agent that does not receive and so does
/// not move sees the same, and will not receive the next time either.
///
/// # Shapes
/// `logits` and `residual` (.., W), zeros in the first step of an episode -> both (.., W), without a
/// gradient.
pub fn error_diffusion(logits: &Tensor, threshold: f64, residual: &Tensor) -> (Tensor, Tensor) {
    tch::no_grad(|| {
        let due = residual + (logits.detach() - threshold).sigmoid();
        let open = due.ge(0.5).to_kind(Kind::Float);
        let residual = due - &open;
        (open, residual)
    })
}

/// The log-probability of decisions: ln sigmoid(z) where open, ln sigmoid(-z) where closed.
/// Values and gradients are finite for every finite logit.
///
/// # Shapes
/// `logits` and `open` (B, N, W) -> (B, N, W), differentiable in the logits alone.
pub fn log_prob(logits: &Tensor, open: &Tensor) -> Tensor {
    let sign = open.detach() * 2.0 - 1.0;
    (logits * sign).log_sigmoid()
}

/// The entropy of each decision in nats: ln 2 at z = 0, and 0 for a gate that is sure. Values and
/// gradients are finite for every finite logit.
///
/// With a = |z| the less likely decision has probability q = sigmoid(-a), and
/// -(1 - q) ln(1 - q) - q ln q = a q - ln sigmoid(a), because ln q = ln(1 - q) - a. Nothing
/// cancels in this form, and a q vanishes for large a.
///
/// # Shapes
/// `logits` (B, N, W) -> (B, N, W), differentiable.
pub fn entropy(logits: &Tensor) -> Tensor {
    let sure = logits.abs();
    let less_likely = (-&sure).sigmoid();
    &sure * less_likely - sure.log_sigmoid()
}

/// 1 where x > `threshold`, else 0, of x's kind.
fn opened(x: &Tensor, threshold: f64) -> Tensor {
    x.gt(threshold).to_kind(x.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.detach()).unwrap()
    }

    fn assert_close(x: &Tensor, expected: &[f32]) {
        let found = numbers(x);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{found}, expected {expected}"
            );
        }
    }

    #[test]
    fn logistic_noise_is_the_log_odds_of_uniform_noise() {
        let uniform = Tensor::from_slice(&[0.5f32, 0.75, 0.25, 0.9]);
        // ln 1, ln 3, -ln 3, ln 9
        assert_close(
            &logistic(&uniform),
            &[0.0, 1.098_612_3, -1.098_612_3, 2.197_224_6],
        );
    }

    #[test]
    fn a_gate_opens_where_logit_and_noise_sum_to_more_than_0() {
        let logits = Tensor::from_slice(&[1.0f32, 1.0, -1.0, -1.0, 0.0]);
        // Noise ln 3 = 1.0986, -ln 3, ln 3, -ln 3 and exactly 0: sums 2.1, -0.1, 0.1, -2.1, 0.
        let uniform = Tensor::from_slice(&[0.75f32, 0.25, 0.75, 0.25, 0.5]);
        let expected = [1.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(numbers(&draw(&logits, &uniform)), expected);
        let through = straight_through(&logits, &uniform, 0.3);
        assert_eq!(numbers(&through), expected);
    }

    #[test]
    fn noise_at_its_ends_is_no_trap() {
        let logits = Tensor::from_slice(&[9f32, -9.0]).set_requires_grad(true);
        let uniform = Tensor::from_slice(&[0f32, 1.0]);
        assert_eq!(numbers(&draw(&logits, &uniform)), [0.0, 1.0]);
        let through = straight_through(&logits, &uniform, 1.0);
        assert_eq!(numbers(&through), [0.0, 1.0]);
        through.sum(None).backward();
        assert_eq!(numbers(&logits.grad()), [0.0, 0.0]);
    }

    #[test]
    fn the_straight_gradient_is_that_of_the_smooth_decision() {
        let logits = Tensor::from_slice(&[0.4f32, -1.3, 2.0]).set_requires_grad(true);
        let (uniform, tau) = ([0.3f32, 0.8, 0.01], 0.7);
        straight_through(&logits, &Tensor::from_slice(&uniform), tau)
            .sum(None)
            .backward();
        // y (1 - y) / tau with y = sigmoid((z + l) / tau)
        let slope = |(z, u): (f32, f32)| {
            let y = 1.0 / (1.0 + (-(z + (u / (1.0 - u)).ln()) / tau as f32).exp());
            y * (1.0 - y) / tau as f32
        };
        let expected: Vec<f32> = numbers(&logits)
            .into_iter()
            .zip(uniform)
            .map(slope)
            .collect();
        assert_close(&logits.grad(), &expected);
    }

    #[test]
    fn execution_opens_above_the_threshold_and_not_at_it() {
        let logits = Tensor::from_slice(&[-1f32, 0.0, 0.5, 0.75]).set_requires_grad(true);
        let open = execute(&logits, 0.5);
        assert_eq!(numbers(&open), [0.0, 0.0, 0.0, 1.0]);
        assert!(!open.requires_grad());
        assert_eq!(numbers(&execute(&logits, 0.0)), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(numbers(&execute(&logits, f64::INFINITY)), [0.0; 4]);
        assert_eq!(numbers(&execute(&logits, f64::NEG_INFINITY)), [1.0; 4]);
    }

    #[test]
    fn log_probabilities_are_those_worked_out_by_hand() {
        // Log-odds of ln 3 mean probability 3/4.
        let logits = Tensor::from_slice(&[0f32, 3f32.ln(), 3f32.ln(), 1e6, 1e6]);
        let open = Tensor::from_slice(&[1f32, 1.0, 0.0, 1.0, 0.0]);
        let expected = [0.5f32.ln(), 0.75f32.ln(), 0.25f32.ln(), 0.0, -1e6];
        assert_close(&log_prob(&logits, &open), &expected);
    }

    #[test]
    fn log_probabilities_pull_each_logit_towards_its_decision() {
        let logits = Tensor::from_slice(&[3f32.ln(), 3f32.ln()]).set_requires_grad(true);
        let open = Tensor::from_slice(&[1f32, 0.0]);
        log_prob(&logits, &open).sum(None).backward();
        // The gradient of a Bernoulli's log-probability is open - p.
        assert_close(&logits.grad(), &[0.25, -0.75]);
    }

    #[test]
    fn entropies_are_those_worked_out_by_hand() {
        // Of a coin that falls 3 : 1: 2 ln 2 - 3/4 ln 3.
        let coin = 2.0 * 2f32.ln() - 0.75 * 3f32.ln();
        let logits = [0f32, 3f32.ln(), -(3f32.ln()), 1e6, -1e6, 60.0];
        let logits = Tensor::from_slice(&logits).set_requires_grad(true);
        let entropy = entropy(&logits);
        assert_close(&entropy, &[2f32.ln(), coin, coin, 0.0, 0.0, 0.0]);
        entropy.sum(None).backward();
        // -z p (1 - p)
        let slope = 3f32.ln() * 3.0 / 16.0;
        assert_close(&logits.grad(), &[0.0, -slope, slope, 0.0, 0.0, 0.0]);
    }

    /// What one agent's gate does in so many steps under one logit.
    fn diffused(logit: f32, threshold: f64, steps: usize) -> Vec<f32> {
        let logits = Tensor::from_slice(&[logit]);
        let mut residual = logits.zeros_like();
        let mut opened = Vec::new();
        for _ in 0..steps {
            let (open, left) = error_diffusion(&logits, threshold, &residual);
            opened.extend(numbers(&open));
            residual = left;
        }
        opened
    }

    #[test]
    fn openings_are_spread_as_the_probability_says() {
        // ln 3 is a probability of 3/4, ln 1/3 of 1/4: due at 1/2 + 1/4.
        let often = 3f32.ln();
        assert_eq!(diffused(often, 0.0, 8), [1., 1., 0., 1., 1., 1., 0., 1.]);
        assert_eq!(diffused(-often, 0.0, 8), [0., 1., 0., 0., 0., 1., 0., 0.]);
        // A threshold moves the probability: 3/4 becomes 1/4.
        let moved = f64::from(2.0 * often);
        assert_eq!(diffused(often, moved, 8), diffused(-often, 0.0, 8));
    }

    #[test]
    fn a_decided_gate_does_what_it_says() {
        for threshold in [0.0, 1.0] {
            assert_eq!(diffused(9.0, threshold, 20), [1.0; 20]);
            assert_eq!(diffused(-9.0, threshold, 20), [0.0; 20]);
        }
    }

    #[test]
    fn certainty_costs_the_square_of_what_lies_beyond_the_limit() {
        let logits = Tensor::from_slice(&[0f32, 4.0, 5.0, -6.0]).set_requires_grad(true);
        let cost = excess(&logits);
        assert_close(&cost, &[0.0, 0.0, 1.0, 4.0]);
        cost.sum(Kind::Float).backward();
        assert_close(&logits.grad(), &[0.0, 0.0, 2.0, -4.0]);
    }
}
