//! Gates that learn nothing and see nothing, to compare a learned gate with: at the same rate,
//! does it matter *when* an agent receives?
//!
//! A `rate` is the share of the steps in which a gate is open, in [0, 1]; what lies outside is
//! taken as the nearest end, and what is no number as 0. The decisions carry no gradient.

use tch::Tensor;

/// The largest `f32` below 2.
const BELOW_TWO: f64 = 2.0 - f32::EPSILON as f64;

/// Open with probability `rate`, whatever the state: where u < `rate`.
///
/// # Shapes
/// `uniform` (B, N, W), on [0, 1) -> (B, N, W) of 0 and 1.
pub fn random(uniform: &Tensor, rate: f64) -> Tensor {
    tch::no_grad(|| uniform.lt(rate).to_kind(uniform.kind()))
}

/// Open at regular intervals, every 1 / `rate` steps on average. Gives the decisions and the next
/// step's phase.
///
/// A phase lies in [1, 2). Each step adds `rate` to it; where it reaches 2, the gate is open and
/// the phase falls by 1. A phase of 0 means that an episode begins: its phase is 1 + `uniform`.
/// As that is spread evenly, every step of an episode is open with probability `rate`, however
/// short the episode.
///
/// `f32` holds a phase to 2^-23, so the rate is that exact and no more.
///
/// # Shapes
/// `phase` and `uniform` (B, N, 1), `uniform` on [0, 1) -> decisions of 0 and 1 and phases, both
/// (B, N, 1).
pub fn periodic(phase: &Tensor, uniform: &Tensor, rate: f64) -> (Tensor, Tensor) {
    // A phase that is no number would stay so for good.
    let rate = match rate.is_nan() {
        true => 0.0,
        false => rate.clamp(0.0, 1.0),
    };
    tch::no_grad(|| {
        let fresh: Tensor = uniform + 1.0;
        // 1 + u may round to 2, which would open a gate of rate 0.
        let phase = fresh
            .where_self(&phase.lt(1.0), phase)
            .clamp(1.0, BELOW_TWO);
        let open = phase.ge(2.0 - rate).to_kind(phase.kind());
        // phase + rate - open, summed so that no number but the last is rounded above 2.
        let step: Tensor = rate - &open;
        let next = (&phase + step).clamp(1.0, BELOW_TWO);
        (open, next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(numbers: &[f32]) -> Tensor {
        Tensor::from_slice(numbers).view([1, numbers.len() as i64, 1])
    }

    fn numbers(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.reshape([-1])).unwrap()
    }

    #[test]
    fn random_gates_open_below_the_rate() {
        let uniform = column(&[0.0, 0.24, 0.25, 0.99]);
        assert_eq!(numbers(&random(&uniform, 0.25)), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(numbers(&random(&uniform, 1.0)), [1.0; 4]);
        assert_eq!(numbers(&random(&uniform, 0.0)), [0.0; 4]);
        assert_eq!(random(&uniform, 0.5).size(), [1, 4, 1]);
    }

    #[test]
    fn a_quarter_opens_every_fourth_step() {
        let uniform = column(&[0.0, 0.5]);
        let mut phase = column(&[0.0, 0.0]);
        let mut steps = Vec::new();
        for _ in 0..8 {
            let (open, next) = periodic(&phase, &uniform, 0.25);
            assert_eq!(open.size(), [1, 2, 1]);
            steps.push(numbers(&open));
            phase = next;
        }
        // The first agent starts at 1 and reaches 2 in four steps, the second at 1.5 in two.
        let opens = |agent: usize| -> Vec<f32> { steps.iter().map(|step| step[agent]).collect() };
        assert_eq!(opens(0), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(opens(1), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_episode_starts_at_a_phase_of_0_and_only_there() {
        let (_, next) = periodic(&column(&[0.0, 1.5]), &column(&[0.25, 0.25]), 0.125);
        assert_eq!(numbers(&next), [1.375, 1.625]);
    }

    #[test]
    fn the_ends_of_the_rate_hold_at_the_ends_of_the_noise() {
        let ends = column(&[0.0, 1f32.next_down(), 0.5]);
        for (rate, expected) in [
            (0.0, 0.0),
            (-1.0, 0.0),
            (f64::NAN, 0.0),
            (1.0, 1.0),
            (2.0, 1.0),
        ] {
            assert_eq!(numbers(&random(&ends, rate)), [expected; 3]);
            let mut phase = ends.zeros_like();
            for _ in 0..100 {
                let (open, next) = periodic(&phase, &ends, rate);
                assert_eq!(numbers(&open), [expected; 3]);
                assert!(numbers(&next).iter().all(|phase| *phase < 2.0));
                phase = next;
            }
        }
    }
}
