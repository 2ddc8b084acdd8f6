//! The threshold that makes a deterministic gate meet a rate.

/// The threshold t such that the share of `scores` above t is as close to `rate` as any threshold
/// can make it; of two equally close shares, the smaller. Scores are a gate's logits over
/// observations that it will meet.
///
/// Equal scores open together, so with many of them the rate may be missed by far. The threshold
/// lies midway between the least score above it and the greatest score not above it; for a share
/// of 0 it is the greatest score, for a share of 1 it lies just below the least. It is a number of
/// `f32`, so that comparing `f32` with it rounds nothing.
///
/// Scores that are not finite are ignored, and a rate outside [0, 1] means the nearest end.
/// `None` when no score is finite, or the rate is not a number.
///
/// ```
/// use commformer_gate::quantile_threshold;
///
/// assert_eq!(quantile_threshold(&[3.0, 1.0, 4.0, 2.0], 0.25), Some(3.5));
/// ```
pub fn quantile_threshold(scores: &[f32], rate: f64) -> Option<f64> {
    if rate.is_nan() {
        return None;
    }
    let mut falling: Vec<f32> = scores.iter().copied().filter(|s| s.is_finite()).collect();
    falling.sort_unstable_by(|a, b| b.total_cmp(a));
    let (&greatest, &least) = (falling.first()?, falling.last()?);

    let count = falling.len();
    let wanted = rate.clamp(0.0, 1.0) * count as f64;
    // The counts of open scores that a threshold can tell from the rest.
    let splits = |&open: &usize| open == 0 || open == count || falling[open - 1] > falling[open];
    let miss = |open: usize| (open as f64 - wanted).abs();
    let open = (0..=count)
        .filter(splits)
        .min_by(|&a, &b| miss(a).total_cmp(&miss(b)))?;
    let threshold = match open {
        0 => greatest,
        _ if open == count => least.next_down(),
        _ => midway(falling[open], falling[open - 1]),
    };
    Some(f64::from(threshold))
}

/// A number t with below <= t < above, midway if `f32` has such a number.
fn midway(below: f32, above: f32) -> f32 {
    let middle = ((f64::from(below) + f64::from(above)) / 2.0) as f32;
    if middle < above { middle } else { below }
}

/// The threshold t under which gates with these logits, executed by error diffusion
/// ([`crate::decision::error_diffusion`]), are open at the rate `target`, in [0, 1]: the mean of sigmoid(z - t) is `target`. Logits that are
/// not finite are ignored; `None` when none is finite.
///
/// Error diffusion does not meet its probabilities exactly in short episodes. If these logits were executed
/// under the threshold `now` and the gates were open at the rate `found`, the mean is corrected by as
/// much as it missed that.
pub fn diffusion_threshold(
    logits: &[f32],
    target: f64,
    found: Option<f64>,
    now: f64,
) -> Option<f64> {
    let logits: Vec<f64> = logits
        .iter()
        .filter(|logit| logit.is_finite())
        .map(|logit| f64::from(*logit))
        .collect();
    if logits.is_empty() {
        return None;
    }
    let mean = |threshold: f64| {
        let open = logits
            .iter()
            .map(|logit| (1.0 + (threshold - logit).exp()).recip());
        open.sum::<f64>() / logits.len() as f64
    };
    let wanted = match found {
        Some(found) if found > 0.0 => target * (mean(now) / found).clamp(0.5, 2.0),
        _ => target,
    };
    // The mean falls as the threshold rises; beyond the ends no gate of a rollout is ever open or
    // closed.
    let (mut low, mut high) = (-SURE, SURE);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if mean(middle) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

/// A threshold so far from every logit that gates are open, or closed, for good.
const SURE: f64 = 40.0;
/// Halvings that bring 2 x [`SURE`] below the rounding of a logit.
const BISECTIONS: usize = 60;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_threshold_lies_midway() {
        let scores = [0.0, 1.0, 2.0, 3.0];
        assert_eq!(quantile_threshold(&scores, 0.5), Some(1.5));
        assert_eq!(quantile_threshold(&scores, 0.7), Some(0.5));
        // 0.375 is as far from one open score as from two.
        assert_eq!(quantile_threshold(&scores, 0.375), Some(2.5));
    }

    #[test]
    fn the_ends_close_and_open_all() {
        let scores = [2.0, -1.0, 0.5];
        assert_eq!(quantile_threshold(&scores, 0.0), Some(2.0));
        assert_eq!(quantile_threshold(&scores, -3.0), Some(2.0));
        let all = quantile_threshold(&scores, 1.0).unwrap();
        assert!(all < -1.0 && all > -1.001);
        assert!(quantile_threshold(&[f32::MIN], 1.0).unwrap() < f64::from(f32::MIN));
    }

    #[test]
    fn ties_stay_together() {
        let scores = [1.0, 1.0, 1.0, 0.0];
        // Shares of 0, 3/4 and 1 can be had: 0.3 is nearest to 0, 0.5 to 3/4.
        assert_eq!(quantile_threshold(&scores, 0.3), Some(1.0));
        assert_eq!(quantile_threshold(&scores, 0.5), Some(0.5));
        assert_eq!(quantile_threshold(&[0.0, -0.0], 0.5), Some(0.0));
    }

    #[test]
    fn without_scores_there_is_no_threshold() {
        assert_eq!(quantile_threshold(&[], 0.5), None);
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(quantile_threshold(&odd, 0.5), None);
        assert_eq!(quantile_threshold(&[1.0], f64::NAN), None);
        let mixed = [f32::NAN, 1.0, 2.0];
        assert_eq!(quantile_threshold(&mixed, 0.5), Some(1.5));
    }

    #[test]
    fn neighbours_in_f32_are_told_apart() {
        for below in [1.0f32, 1.0f32.next_up(), -3.0, f32::MIN_POSITIVE] {
            let threshold = quantile_threshold(&[below, below.next_up()], 0.5).unwrap();
            assert_eq!(threshold as f32, below);
        }
    }

    proptest! {
        #[test]
        fn no_threshold_is_closer(
            scores in prop::collection::vec(-3i8..4, 1..30),
            rate in 0.0f64..=1.0,
        ) {
            let scores: Vec<f32> = scores.into_iter().map(|s| f32::from(s) / 2.0).collect();
            let miss = |t: f64| {
                let open = scores.iter().filter(|&&s| f64::from(s) > t).count();
                (open as f64 / scores.len() as f64 - rate).abs()
            };
            let found = miss(quantile_threshold(&scores, rate).unwrap());
            for other in -9..9 {
                prop_assert!(found <= miss(f64::from(other) / 4.0) + 1e-12);
            }
        }
    }

    #[test]
    fn a_diffused_gate_is_moved_to_its_rate() {
        // Probabilities 3/4 and 1/4: half of the steps. One quarter needs the root of
        // x / (x + 3) + x / (x + 1/3) = 1/2 for x = exp(-threshold).
        let logits = [3f32.ln(), (1f32 / 3.0).ln()];
        assert!(diffusion_threshold(&logits, 0.5, None, 0.0).unwrap().abs() < 1e-6);
        let open = |threshold: f64| {
            logits
                .iter()
                .map(|z| 1.0 / (1.0 + (threshold - f64::from(*z)).exp()))
                .sum::<f64>()
                / 2.0
        };
        let threshold = diffusion_threshold(&logits, 0.25, None, 0.0).unwrap();
        assert!((open(threshold) - 0.25).abs() < 1e-9);
        // Under the threshold 0 the gate was open in 0.4 of the steps and not in 0.5: a quarter more.
        let threshold = diffusion_threshold(&logits, 0.4, Some(0.4), 0.0).unwrap();
        assert!((open(threshold) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_ends_of_a_diffused_gate_are_never_and_always() {
        assert!(diffusion_threshold(&[9.0, f32::NAN], 0.0, None, 0.0).unwrap() > 39.0);
        assert!(diffusion_threshold(&[-9.0], 1.0, None, 0.0).unwrap() < -39.0);
        assert_eq!(diffusion_threshold(&[f32::NAN], 0.5, None, 0.0), None);
    }
}
