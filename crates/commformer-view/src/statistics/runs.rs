//! Metrics over several runs, as in Agarwal et al., "Deep reinforcement learning at the edge of the
//! statistical precipice", NeurIPS 2021, and in their package rliable.
//!
//! All scores are of one task, as those of a report are, but for [`iqm_of_tasks`]. A stratum of the bootstrap is the runs of
//! one method on one task, each drawn apart from the others. Scores are finite.

use super::{RESAMPLES, percentile};
use commformer_env::Rng;

/// A statistic over runs with the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The statistic of the runs themselves.
    pub value: f64,
    /// Lower end: the 2.5th percentile over resamples.
    pub low: f64,
    /// Upper end: the 97.5th percentile.
    pub high: f64,
}

impl Interval {
    /// Of no runs: a place without a number.
    pub(crate) const NONE: Self = Self {
        value: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
    };
}

/// Percentile bootstrap intervals of each number of a statistic over groups of runs, or of episodes. A resample draws
/// as many runs as there are from each group, with replacement; the same for the same seed. Empty if a
/// group is.
///
/// ```
/// use commformer_view::statistics::{intervals, iqm, mean};
///
/// let returns = [0.0, 4.0, 5.0, 6.0, 100.0];
/// let found = intervals(&[&returns], 1, |groups| vec![iqm(&groups[0]), mean(&groups[0])]);
/// assert_eq!([found[0].value, found[1].value], [5.0, 23.0]);
/// assert!(found[0].low < 5.0 && 5.0 < found[0].high);
/// ```
pub fn intervals<T: Copy>(
    groups: &[&[T]],
    seed: u64,
    statistic: impl Fn(&[Vec<T>]) -> Vec<f64>,
) -> Vec<Interval> {
    if groups.iter().any(|group| group.is_empty()) {
        return Vec::new();
    }
    let mut drawn: Vec<Vec<T>> = groups.iter().map(|group| group.to_vec()).collect();
    let values = statistic(&drawn);
    let mut samples = vec![Vec::with_capacity(RESAMPLES); values.len()];
    let mut rng = Rng::new(seed, 0);
    for _ in 0..RESAMPLES {
        for (drawn, group) in drawn.iter_mut().zip(groups) {
            let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
            drawn.fill_with(|| group[rng.below(count) as usize]);
        }
        for (sample, value) in samples.iter_mut().zip(statistic(&drawn)) {
            sample.push(value);
        }
    }
    let ends = samples.iter_mut().map(|sample| {
        sample.sort_by(f64::total_cmp);
        (percentile(sample, 0.025), percentile(sample, 0.975))
    });
    let all = values.iter().zip(ends);
    all.map(|(&value, (low, high))| Interval { value, low, high })
        .collect()
}

/// The same of a statistic that is one number; none if a group is empty.
///
/// ```
/// use commformer_view::statistics::{improvement, interval};
///
/// let (these, those) = ([3.0, 4.0, 5.0], [1.0, 2.0, 3.5]);
/// let found = interval(&[&these, &those], 1, |groups| improvement(&groups[0], &groups[1])).unwrap();
/// assert_eq!(found.value, 8.0 / 9.0);
/// assert!(found.low < found.value && found.high == 1.0);
/// ```
pub fn interval<T: Copy>(
    groups: &[&[T]],
    seed: u64,
    statistic: impl Fn(&[Vec<T>]) -> f64,
) -> Option<Interval> {
    let found = intervals(groups, seed, |groups| vec![statistic(groups)]);
    found.first().copied()
}

/// Mean; NaN of none.
pub fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// Median; NaN of none.
pub fn median(scores: &[f64]) -> f64 {
    let sorted = sorted(scores);
    match sorted.len() {
        0 => f64::NAN,
        _ => percentile(&sorted, 0.5),
    }
}

/// Interquartile mean: that of the scores without the lowest and the highest quarter, each rounded down
/// to whole runs; NaN of none.
pub fn iqm(scores: &[f64]) -> f64 {
    let cut = scores.len() / 4;
    let sorted = sorted(scores);
    mean(&sorted[cut..sorted.len() - cut])
}

/// Interquartile mean over the runs of several tasks, in which every task counts the same however many runs it has: a run
/// weighs one part in as many as its task has runs. Of N runs in all, each end loses N / 4 of them, rounded down to whole
/// runs, as a share of the weight; a run at an edge may be cut in part. With as many runs of every task it is [`iqm`] of
/// all runs, as in rliable, which knows nothing else. NaN if a task has no run, and of no task.
///
/// ```
/// use commformer_view::statistics::{iqm, iqm_of_tasks};
///
/// // Of the hard task there is one run, of the easy one there are three.
/// let [hard, easy] = [vec![0.0], vec![1.0, 1.0, 1.0]];
/// assert_eq!(iqm(&[0.0, 1.0, 1.0, 1.0]), 1.0);
/// assert!((iqm_of_tasks(&[hard, easy]) - 0.5).abs() < 1e-12);
/// ```
pub fn iqm_of_tasks(tasks: &[Vec<f64>]) -> f64 {
    let most = tasks.iter().map(Vec::len).max().unwrap_or(0) as f64;
    if tasks.iter().any(Vec::is_empty) {
        return f64::NAN;
    }
    // With as many runs of every task each weighs 1, and sums are exact.
    let weighed = |task: &'_ Vec<f64>| {
        let weight = most / task.len() as f64;
        let runs = task.iter().map(move |score| (*score, weight));
        runs.collect::<Vec<_>>()
    };
    let mut runs: Vec<(f64, f64)> = tasks.iter().flat_map(weighed).collect();
    runs.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let total = most * tasks.len() as f64;
    let cut = total * (runs.len() / 4) as f64 / runs.len() as f64;
    let (mut behind, mut sum, mut kept) = (0.0, 0.0, 0.0);
    for (score, weight) in runs {
        // What of the run lies between both cuts.
        let end: f64 = behind + weight;
        let part = (end.min(total - cut) - f64::max(behind, cut)).max(0.0);
        sum += part * score;
        kept += part;
        behind = end;
    }
    sum / kept
}

/// How far scores stay below 1 on average, those above counting as 1: for scores of which 1 is the best
/// that matters. NaN of none.
pub fn optimality_gap(scores: &[f64]) -> f64 {
    let capped: Vec<f64> = scores.iter().map(|score| score.min(1.0)).collect();
    1.0 - mean(&capped)
}

/// Performance profile: the share of scores above each of `thresholds`; NaN of no scores.
pub fn profile(scores: &[f64], thresholds: &[f64]) -> Vec<f64> {
    let above = |threshold: &f64| scores.iter().filter(|score| *score > threshold).count();
    let share = |threshold| above(threshold) as f64 / scores.len() as f64;
    thresholds.iter().map(share).collect()
}

/// Two scores that differ by no more than this share of the larger one are a tie. A score is a mean over episodes
/// of what the environment told in single precision: the same count of successes, told as 0.1 and 0.2 or as 0.3,
/// differs in the eighth digit.
const TIE: f64 = 1e-6;

/// Of scores nearer to 0, the share of this: what was summed up to them was larger.
const SMALL: f64 = 0.1;

/// Whether two scores differ by no more than single precision may leave between equal ones: a millionth of the larger
/// one, or 1e-7.
pub(crate) fn is_tie(this: f64, that: f64) -> bool {
    let size = this.abs().max(that.abs()).max(SMALL);
    (this - that).abs() <= TIE * size
}

/// Probability of improvement: how often a score of `these` is above one of `those`, over all pairs; a
/// tie counts one half. Two scores are a tie if they differ by no more than a millionth of the larger one, or by
/// 1e-7. It is Mann and Whitney's U over the number of pairs; NaN of no pairs.
pub fn improvement(these: &[f64], those: &[f64]) -> f64 {
    let win = |this: &f64, that: &f64| match this.total_cmp(that) {
        _ if is_tie(*this, *that) => 0.5,
        std::cmp::Ordering::Greater => 1.0,
        _ => 0.0,
    };
    let wins = |this| those.iter().map(|that| win(this, that)).sum::<f64>();
    these.iter().map(wins).sum::<f64>() / (these.len() * those.len()) as f64
}

fn sorted(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 10] = [0.31, 0.94, 0.55, 0.55, 0.08, 0.72, 1.21, 0.66, 0.49, 0.83];
    const Y: [f64; 7] = [0.40, 0.12, 0.55, 0.71, 0.30, 0.22, 0.60];
    const THRESHOLDS: [f64; 5] = [0.0, 0.3, 0.55, 0.8, 1.0];

    fn close(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= tolerance, "{found} {expected}");
        }
    }

    fn ends(intervals: &[Interval]) -> Vec<f64> {
        intervals.iter().flat_map(|at| [at.low, at.high]).collect()
    }

    /// By rliable 1.2.0 with numpy 2.4.6, X and Y as (runs, 1): `metrics.aggregate_mean`, `aggregate_iqm`,
    /// `aggregate_optimality_gap`, `probability_of_improvement`, `library.score_distributions`; the
    /// medians by `numpy.median`.
    #[test]
    fn statistics_are_those_of_rliable() {
        let all = |scores: &[f64]| [mean, iqm, optimality_gap, median].map(|of| of(scores));
        close(&all(&X), &[0.634, 0.6333333333333333, 0.387, 0.605], 1e-12);
        let y = [0.4142857142857143, 0.414, 0.5857142857142856, 0.4];
        close(&all(&Y), &y, 1e-12);
        close(&profile(&X, &THRESHOLDS), &[1.0, 0.9, 0.5, 0.3, 0.1], 1e-12);
        let y = [1.0, 0.5714285714285714, 0.2857142857142857, 0.0, 0.0];
        close(&profile(&Y, &THRESHOLDS), &y, 1e-12);
        close(&[improvement(&X, &Y)], &[0.7142857142857143], 1e-12);
        close(&[improvement(&Y, &X)], &[1.0 - 0.7142857142857143], 1e-12);
    }

    /// By rliable's `get_interval_estimates` (50,000 resamples; 5,000 for the improvement) and
    /// `create_performance_profile` (20,000) after `numpy.random.seed(0)`. Other numbers are drawn here,
    /// and fewer: an end may be off by a few of its own standard errors.
    #[test]
    fn intervals_are_those_of_rliable() {
        let of_x = intervals(&[&X], 1, |groups| {
            [iqm, mean, optimality_gap, median]
                .map(|of| of(&groups[0]))
                .to_vec()
        });
        let expected = [0.43, 0.8367, 0.445, 0.822, 0.227, 0.56, 0.43, 0.83];
        close(&ends(&of_x), &expected, 0.025);
        let of_both = intervals(&[&X, &Y], 1, |groups| {
            vec![improvement(&groups[0], &groups[1])]
        });
        close(&ends(&of_both), &[0.4429, 0.9357], 0.03);
        let profiles = intervals(&[&X], 1, |groups| profile(&groups[0], &THRESHOLDS));
        let expected = [1.0, 1.0, 0.7, 1.0, 0.2, 0.8, 0.0, 0.6, 0.0, 0.3];
        // Shares of ten runs are tenths; one that is nearly an end may be it here.
        close(&ends(&profiles), &expected, 0.1 + 1e-12);
    }

    #[test]
    fn the_interquartile_mean_by_hand() {
        // A quarter of 3 is less than a run; of 5 it is one: (2 + 3 + 4) / 3.
        assert_eq!(iqm(&[9.0, 0.0, 3.0]), 4.0);
        assert_eq!(iqm(&[100.0, 2.0, 4.0, 3.0, -50.0]), 3.0);
        assert!(iqm(&[]).is_nan() && median(&[]).is_nan());
    }

    /// scipy's `trim_mean(runs, 0.25, axis=None)`, which is rliable's, of a table of runs x tasks.
    #[test]
    fn tasks_with_as_many_runs_are_those_of_rliable() {
        let tasks = [vec![0.31, 0.94, 0.55], vec![0.55, 0.08, 0.72]];
        // One of six at each end: 0.31, 0.55, 0.55 and 0.72.
        close(&[iqm_of_tasks(&tasks)], &[2.13 / 4.0], 1e-12);
        let of_x = X.chunks(2).map(<[f64]>::to_vec).collect::<Vec<_>>();
        assert_eq!(iqm_of_tasks(&of_x), iqm(&X));
        assert_eq!(iqm_of_tasks(&[X.to_vec()]), iqm(&X));
    }

    #[test]
    fn a_task_counts_the_same_with_fewer_runs() {
        // A hard task with two runs, an easy one with six, whose runs alone would be left of all runs together. A run of the
        // hard task weighs 3, one of the other 1, 12 in all. Two of eight runs, so 3 of 12, go at each end: 0.1, and three
        // of 0.9. What is left is 3 of 0.2 and 3 of 0.9.
        let tasks = [vec![0.1, 0.2], vec![0.9; 6]];
        close(&[iqm_of_tasks(&tasks)], &[0.55], 1e-12);
        close(&[iqm(&tasks.concat())], &[0.9], 1e-12);
        // One run that weighs 4, and four that weigh 1, 8 in all; each end loses 1.6, one run's share of five. So 2.4 of 0.0
        // are left, all of 0.6 and 0.8, and 0.4 of 0.9: (0.6 + 0.8 + 0.36) / 4.8.
        let tasks = [vec![0.0], vec![0.9, 0.6, 1.0, 0.8]];
        close(&[iqm_of_tasks(&tasks)], &[1.76 / 4.8], 1e-12);
        // The order of tasks and runs says nothing, nor does it between equal scores.
        let tasks = [vec![1.0, 0.6, 0.8, 0.9], vec![0.0]];
        close(&[iqm_of_tasks(&tasks)], &[1.76 / 4.8], 1e-12);
        let [one, other] = [vec![0.5, 0.0, 1.0], vec![0.5]];
        let there = iqm_of_tasks(&[one.clone(), other.clone()]);
        close(&[there], &[iqm_of_tasks(&[other, one])], 1e-12);
        assert!(iqm_of_tasks(&[]).is_nan() && iqm_of_tasks(&[vec![1.0], vec![]]).is_nan());
    }

    #[test]
    fn ties_are_worth_one_half() {
        // 1 > 0, 1 = 1, 0 = 0, 0 < 1.
        assert_eq!(improvement(&[1.0, 0.0], &[0.0, 1.0]), 0.5);
        assert_eq!(improvement(&[2.0], &[1.0, 2.0]), 0.75);
        // Minus zero is zero.
        assert_eq!(improvement(&[0.0], &[-0.0]), 0.5);
    }

    #[test]
    fn what_single_precision_leaves_of_a_tie_is_one() {
        // 3 successes of 20 in two episodes, told as tenths in single precision.
        let told = |tenths: [f32; 2]| mean(&tenths.map(|of| f64::from(of / 10.0)));
        let [these, those] = [told([1.0, 2.0]), told([3.0, 0.0])];
        assert_ne!(these, those);
        assert_eq!(improvement(&[these], &[those]), 0.5);
        assert_eq!(improvement(&[-500.0 * these], &[-500.0 * those]), 0.5);
        // Sums of 1.1 and -1.1 near 0.
        assert_eq!(improvement(&[0.0], &[f64::from(1.1f32) - 1.1]), 0.5);
        // One success more in a thousand episodes of ten is none.
        assert_eq!(improvement(&[0.6001], &[0.6]), 1.0);
    }

    #[test]
    fn groups_are_drawn_apart_and_the_same_for_the_same_seed() {
        let difference = |groups: &[Vec<f64>]| vec![mean(&groups[0]) - mean(&groups[1])];
        let found = intervals(&[&X, &X], 3, difference);
        // Drawn together, the difference would always be 0.
        assert!(found[0].value == 0.0 && found[0].low < -0.1 && found[0].high > 0.1);
        assert_eq!(intervals(&[&X, &X], 3, difference), found);
        assert_ne!(intervals(&[&X, &X], 4, difference), found);
        assert_eq!(intervals(&[&X, &[]], 3, difference), []);
    }

    /// The shares that `templates/report.html` and docs/src/reports.md tell: of two equal methods, how often the interval of
    /// the improvement leaves 0.5 out, and how often that of an interquartile mean holds the true one. A normal sample each;
    /// 1,000 of them with numpy gave 0.34, 0.20, 0.09 and 0.05, and 0.52, 0.76, 0.89 and 0.94.
    #[test]
    fn intervals_of_few_runs_are_too_narrow() {
        const SAMPLES: usize = 200;
        let mut rng = Rng::new(5, 0);
        for (runs, wrong, right) in [(2, 0.33, 0.50), (3, 0.20, 0.75), (5, 0.09, 0.90)] {
            let (mut left_out, mut held) = (0, 0);
            for seed in 0..SAMPLES as u64 {
                let mut normal = || f64::from(rng.normal());
                let [these, those] =
                    [0, 1].map(|_| (0..runs).map(|_| normal()).collect::<Vec<f64>>());
                let found = intervals(&[&these, &those], seed, |groups| {
                    vec![improvement(&groups[0], &groups[1]), iqm(&groups[0])]
                });
                let holds =
                    |at: usize, value: f64| found[at].low <= value && value <= found[at].high;
                left_out += usize::from(!holds(0, 0.5));
                held += usize::from(holds(1, 0.0));
            }
            // Three standard errors of 200 samples.
            let close = |found: usize, expected: f64| {
                (found as f64 / SAMPLES as f64 - expected).abs() < 0.1
            };
            assert!(
                close(left_out, wrong) && close(held, right),
                "{runs}: {left_out} {held}"
            );
        }
    }

    #[test]
    fn a_single_run_has_no_spread() {
        let found = intervals(&[&[0.5]], 1, |groups| vec![iqm(&groups[0])]);
        let all = Interval {
            value: 0.5,
            low: 0.5,
            high: 0.5,
        };
        assert_eq!(found, [all]);
    }
}
