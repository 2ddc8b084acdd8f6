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

/// The threshold t under which gates with these logits, executed by error diffusion, are open at the rate `target`, in
/// [0, 1]: the mean of sigmoid(z - t) is `target`. It is sought from 20 below the least logit to 20 above the greatest:
/// at these ends a gate is closed, or open, in one of 500 million steps. Logits that are not finite are ignored.
///
/// Error diffusion does not meet its probabilities exactly in short episodes. If these logits were executed
/// under the threshold `now` and the gates were open at the rate `found`, the mean is corrected by as
/// much as it missed that.
///
/// `None` when no logit is finite, or one of the rates or `now` is not a number.
///
/// ```
/// use commformer_gate::diffusion_threshold;
///
/// // Probabilities of one half, as the logits are equal.
/// let threshold = diffusion_threshold(&[100.0, 100.0], 0.5, None, 0.0);
/// assert!(threshold.is_some_and(|threshold| (threshold - 100.0).abs() < 1e-9));
/// ```
pub fn diffusion_threshold(
    logits: &[f32],
    target: f64,
    found: Option<f64>,
    now: f64,
) -> Option<f64> {
    if target.is_nan() || now.is_nan() || found.is_some_and(f64::is_nan) {
        return None;
    }
    let logits: Vec<f64> = logits
        .iter()
        .filter(|logit| logit.is_finite())
        .map(|logit| f64::from(*logit))
        .collect();
    let least = logits.iter().copied().reduce(f64::min)?;
    let greatest = logits.iter().copied().reduce(f64::max)?;
    let mean = |threshold: f64| {
        let open = logits
            .iter()
            .map(|logit| (1.0 + (threshold - logit).exp()).recip());
        open.sum::<f64>() / logits.len() as f64
    };
    // Of gates that never opened the ratio is infinite, and no number where they were not to open either.
    let missed = found.map(|found| mean(now) / found);
    let wanted = match missed.filter(|missed| !missed.is_nan()) {
        Some(missed) => target * missed.clamp(0.5, 2.0),
        None => target,
    };
    // The mean falls as the threshold rises. Logits of usual size are all sought between the same ends, so that the
    // threshold is the same to the last bit whichever of them are the outermost.
    let (mut low, mut high) = ((least - SURE).min(-USUAL), (greatest + SURE).max(USUAL));
    let wider = (high - low) / (2.0 * USUAL);
    for _ in 0..BISECTIONS + wider.log2().ceil() as usize {
        let middle = 0.5 * (low + high);
        if mean(middle) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

/// A threshold so far from a logit leaves its gate open, or closed, for good.
const SURE: f64 = 20.0;
/// How far from 0 thresholds are sought at least.
const USUAL: f64 = 40.0;
/// Halvings that bring 2 x [`USUAL`] below the rounding of a logit.
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

    #[test]
    fn what_is_not_a_number_gives_none() {
        let logits = [0.0, 1.0];
        let nan = f64::NAN;
        assert_eq!(diffusion_threshold(&logits, nan, None, 0.0), None);
        assert_eq!(diffusion_threshold(&logits, 0.5, Some(0.5), nan), None);
        assert_eq!(diffusion_threshold(&logits, 0.5, Some(nan), 0.0), None);
    }

    #[test]
    fn gates_that_never_opened_are_opened_further() {
        let at = |found| diffusion_threshold(&[2.0, 2.0], 0.1, Some(found), 0.5).unwrap();
        // As if they had opened half as often as their probabilities say, or less.
        assert_eq!(at(0.0), at(1e-12));
        assert!(at(0.0) < at(0.9));
        // Nothing was missed where they were not to open.
        let shut = diffusion_threshold(&[-1e4], 0.1, Some(0.0), 1e4);
        assert_eq!(shut, diffusion_threshold(&[-1e4], 0.1, None, 1e4));
    }

    #[test]
    fn the_mean_is_met_wherever_the_logits_lie() {
        let all = [
            [100.0, 101.0],
            [-60.0, -61.0],
            [-50.0, 50.0],
            [3e4, -7.0],
            [-0.5, 0.5],
        ];
        for logits in all {
            for target in [0.01, 0.25, 0.5, 0.9] {
                let threshold = diffusion_threshold(&logits, target, None, 0.0).unwrap();
                let open = logits.map(|z| (1.0 + (threshold - f64::from(z)).exp()).recip());
                let mean = open.iter().sum::<f64>() / 2.0;
                // Between two logits far apart, any threshold is as good.
                assert!((mean - target).abs() < 1e-8, "{logits:?}: {mean}, {target}");
            }
            let [never, always] =
                [0.0, 1.0].map(|target| diffusion_threshold(&logits, target, None, 0.0).unwrap());
            for logit in logits.map(f64::from) {
                assert!(never >= logit + SURE && always <= logit - SURE);
            }
        }
        for huge in [f32::MAX, f32::MIN] {
            let threshold = diffusion_threshold(&[huge], 0.5, None, 0.0).unwrap();
            assert_eq!(threshold as f32, huge);
        }
    }

    #[test]
    fn logits_of_usual_size_keep_their_threshold_to_the_bit() {
        // As found when all thresholds were sought from -40 to 40: trained gates were set so.
        let logits = [3f32.ln(), -3.5, 0.25, 19.0, -20.0];
        let mean = |threshold: f64| {
            let open = logits.map(|z| (1.0 + (threshold - f64::from(z)).exp()).recip());
            open.iter().sum::<f64>() / 5.0
        };
        for target in [0.0, 0.1, 0.3, 0.6, 1.0] {
            let (mut low, mut high) = (-40.0, 40.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                match mean(middle) > target {
                    true => low = middle,
                    false => high = middle,
                }
            }
            let found = diffusion_threshold(&logits, target, None, 0.0);
            assert_eq!(found, Some(0.5 * (low + high)), "{target}");
        }
    }
}
