//! How sure a metric is: bootstrap intervals (Efron, "Bootstrap methods: another look at the
//! jackknife", 1979), over the episodes of a run ([`Estimate`]) and over runs ([`Interval`]); of a share of episodes,
//! Wilson's ("Probable inference, the law of succession, and statistical inference", 1927).
//!
//! ```
//! use commformer_view::statistics::Estimate;
//!
//! let steps = [4.0, 5.0, 6.0, 5.0];
//! let estimate = Estimate::of(&steps, 1).unwrap();
//! assert_eq!(estimate.mean, 5.0);
//! assert!(4.0 <= estimate.low && estimate.low < 5.0 && 5.0 < estimate.high && estimate.high <= 6.0);
//! ```

mod runs;

pub(crate) use runs::is_tie;
pub use runs::{
    Interval, improvement, interval, intervals, iqm, iqm_of_tasks, mean, median, optimality_gap,
    profile,
};

use serde::{Deserialize, Serialize};

/// Samples drawn anew for an interval.
const RESAMPLES: usize = 2_000;

/// The 97.5 % point of the normal distribution.
const NORMAL: f64 = 1.959_964;

/// A mean with the ends of its 95 % interval. In JSON a number that is not finite is `null`, which is read as NaN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean of the values.
    #[serde(deserialize_with = "crate::record::number")]
    pub mean: f64,
    /// Lower end: the 2.5th percentile of the resampled means, or that of [`Estimate::share`].
    #[serde(deserialize_with = "crate::record::number")]
    pub low: f64,
    /// Upper end: the 97.5th percentile.
    #[serde(deserialize_with = "crate::record::number")]
    pub high: f64,
}

impl Estimate {
    /// The mean of `values` with its percentile bootstrap interval; the same for the same seed.
    /// Values that are no numbers are left out; `None` if none is left.
    pub fn of(values: &[f64], seed: u64) -> Option<Self> {
        let each: Vec<(f64, f64)> = values.iter().map(|value| (*value, 1.0)).collect();
        Self::ratio(&each, seed)
    }

    /// The share of episodes in which something was so: 1 where it was, 0 where not. The interval is Wilson's, which
    /// says how sure it is even if it was so in all episodes or in none, where a resample never differs. As
    /// [`of`](Self::of) if there are other values.
    ///
    /// ```
    /// use commformer_view::statistics::Estimate;
    ///
    /// let always = Estimate::share(&[1.0; 200], 1).unwrap();
    /// assert!(always.mean == 1.0 && 0.98 < always.low && always.low < 0.99 && always.high == 1.0);
    /// ```
    pub fn share(values: &[f64], seed: u64) -> Option<Self> {
        let known = || values.iter().copied().filter(|value| value.is_finite());
        if !known().all(|value| value == 0.0 || value == 1.0) {
            return Self::of(values, seed);
        }
        let count = known().count() as f64;
        let mean = known().sum::<f64>() / count;
        let square = NORMAL * NORMAL / count;
        let middle = mean + square / 2.0;
        let half = (square * (mean * (1.0 - mean) + square / 4.0)).sqrt();
        // Rounding must not put the mean outside.
        (count > 0.0).then(|| Self {
            mean,
            low: ((middle - half) / (1.0 + square)).clamp(0.0, mean),
            high: ((middle + half) / (1.0 + square)).clamp(mean, 1.0),
        })
    }

    /// The sum of the pairs' first numbers over that of their second ones, which are above 0, such as
    /// messages and steps of episodes; the interval by drawing pairs. Pairs that are no numbers are left
    /// out; `None` if none is left.
    pub fn ratio(pairs: &[(f64, f64)], seed: u64) -> Option<Self> {
        let pairs: Vec<(f64, f64)> = pairs
            .iter()
            .copied()
            .filter(|(part, whole)| part.is_finite() && whole.is_finite() && *whole > 0.0)
            .collect();
        let share = |pairs: &[(f64, f64)]| {
            let sums =
                |(parts, wholes), &(part, whole): &(f64, f64)| (parts + part, wholes + whole);
            let (parts, wholes) = pairs.iter().fold((0.0, 0.0), sums);
            parts / wholes
        };
        let found = interval(&[&pairs], seed, |groups| share(&groups[0]));
        found.map(|Interval { value, low, high }| Self {
            mean: value,
            low,
            high,
        })
    }
}

/// The lowest and the highest value; of none, infinite and the wrong way round. What is no number does not count.
pub(crate) fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
        [low.min(value), high.max(value)]
    })
}

/// The value below which a share of the sorted values lies, linear between neighbours; of none, NaN.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        let sorted = [10.0, 20.0, 40.0];
        assert_eq!(percentile(&sorted, 0.0), 10.0);
        assert_eq!(percentile(&sorted, 0.25), 15.0);
        assert_eq!(percentile(&sorted, 0.75), 30.0);
        assert_eq!(percentile(&sorted, 1.0), 40.0);
        assert_eq!(percentile(&[7.0], 0.975), 7.0);
    }

    /// Means of two values 0 and 1 drawn twice are 0, 1/2 and 1 with probabilities 1/4, 1/2, 1/4.
    #[test]
    fn the_interval_of_two_values_spans_both() {
        let estimate = Estimate::of(&[0.0, 1.0], 1).unwrap();
        assert_eq!(
            estimate,
            Estimate {
                mean: 0.5,
                low: 0.0,
                high: 1.0
            }
        );
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let estimate = Estimate::of(&[0.25; 9], 1).unwrap();
        assert_eq!(
            estimate,
            Estimate {
                mean: 0.25,
                low: 0.25,
                high: 0.25
            }
        );
    }

    /// The ends are the probabilities p from which the share lies 1.96 of their own standard errors,
    /// sqrt(p (1 - p) / n), away; of all or none the other end is z^2 / (n + z^2) away.
    #[test]
    fn a_share_has_wilsons_interval() {
        let of = |hits: usize| {
            let values: Vec<f64> = (0..200).map(|at| f64::from(u8::from(at < hits))).collect();
            Estimate::share(&values, 1).unwrap()
        };
        for hits in [1, 10, 100, 199] {
            let Estimate { mean, low, high } = of(hits);
            assert_eq!(mean, hits as f64 / 200.0);
            assert!(low < mean && mean < high);
            for end in [low, high] {
                let error = (end * (1.0 - end) / 200.0).sqrt();
                let away = (mean - end).abs() / error;
                assert!((away - 1.959_964).abs() < 1e-9, "{hits}: {end} {away}");
            }
        }
        let edge = 3.841_459 / 203.841_459;
        let [never, always] = [of(0), of(200)];
        assert_eq!(
            (never.mean, never.low, always.mean, always.high),
            (0.0, 0.0, 1.0, 1.0)
        );
        assert!((never.high - edge).abs() < 1e-7 && (1.0 - always.low - edge).abs() < 1e-7);
        // What is no number is no episode, and other values are no share.
        let without = Estimate::share(&[1.0, f64::NAN, 0.0], 1);
        assert_eq!(without, Estimate::share(&[1.0, 0.0], 1));
        assert_eq!(Estimate::share(&[f64::NAN], 1), None);
        let counts = [0.0, 1.0, 2.0, 2.0];
        assert_eq!(Estimate::share(&counts, 1), Estimate::of(&counts, 1));
    }

    /// 200 coin flips have a standard error of sqrt(1/4 / 200) = 0.0354; 1.96 of them are 0.0693.
    #[test]
    fn many_values_give_the_normal_interval() {
        let flips: Vec<f64> = (0..200).map(|flip| f64::from(flip % 2)).collect();
        let estimate = Estimate::of(&flips, 3).unwrap();
        assert!((estimate.low - (0.5 - 0.0693)).abs() < 0.01, "{estimate:?}");
        assert!(
            (estimate.high - (0.5 + 0.0693)).abs() < 0.01,
            "{estimate:?}"
        );
        assert_eq!(Estimate::of(&flips, 3), Some(estimate));
    }

    #[test]
    fn what_is_no_number_does_not_count() {
        assert_eq!(Estimate::of(&[f64::NAN, 2.0], 1).unwrap().mean, 2.0);
        assert_eq!(Estimate::of(&[f64::NAN], 1), None);
        assert_eq!(Estimate::of(&[], 1), None);
    }

    #[test]
    fn a_ratio_is_that_of_the_sums() {
        // 1 in 2 steps and 9 in 18: one half, although the episodes' messages differ.
        let even = Estimate::ratio(&[(1.0, 2.0), (9.0, 18.0)], 1).unwrap();
        assert_eq!((even.mean, even.low, even.high), (0.5, 0.5, 0.5));
        // 2 in 2 and 0 in 18: a tenth, not a half.
        let uneven = Estimate::ratio(&[(2.0, 2.0), (0.0, 18.0), (1.0, 0.0)], 1).unwrap();
        assert_eq!((uneven.mean, uneven.low, uneven.high), (0.1, 0.0, 1.0));
    }
}
