//! The metrics of a run that can be drawn over its steps.

use crate::log::{Iteration, OPEN_RATE, RunLog};
use crate::record::Evaluation;
use crate::statistics::Estimate;
use std::collections::BTreeSet;

/// A metric of the iterations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Curve {
    pub group: Group,
    /// Its path in a line of the metrics.
    path: String,
}

/// What metrics are about, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Return,
    Episodes,
    Receiving,
    Graph,
    Losses,
    Others,
}

/// Metrics come and go, such as those of episodes where none ended: they are looked for in so many
/// iterations.
const RECENT: usize = 100;

/// Numbers beyond would leave the range of a number once they are subtracted.
const LARGEST: f64 = 1e150;

impl Curve {
    pub fn new(path: &str) -> Self {
        let group = match path.split_once('.').map_or(path, |(group, _)| group) {
            "return" => Group::Return,
            "episode_steps" | "metrics" => Group::Episodes,
            "receiving" => Group::Receiving,
            "graph_changes" | "graph_agreement" => Group::Graph,
            "losses" => Group::Losses,
            _ => Group::Others,
        };
        Self {
            group,
            path: path.to_owned(),
        }
    }

    /// Those that a run has, in the order in which they are shown.
    pub fn all(log: &RunLog) -> Vec<Self> {
        let recent = &log.iterations[log.iterations.len().saturating_sub(RECENT)..];
        let gated = log.is_gated(recent);
        let paths: BTreeSet<&str> = recent
            .iter()
            .flat_map(|iteration| iteration.numbers.keys())
            .map(String::as_str)
            .filter(|path| !["iteration", "steps", "episodes"].contains(path))
            .filter(|path| !path.starts_with("seconds."))
            .filter(|path| gated || *path != OPEN_RATE)
            .collect();
        let mut curves: Vec<Self> = paths.into_iter().map(Self::new).collect();
        curves.sort();
        curves
    }

    /// What it is called within its group. Whatever would move a terminal's cursor is left out.
    pub fn name(&self) -> String {
        let name = match self.group {
            Group::Return | Group::Others => &self.path,
            Group::Graph => self.path.trim_start_matches("graph_"),
            _ if self.path == "episode_steps" => "steps",
            _ => self.path.split_once('.').map_or("", |(_, name)| name),
        };
        let plain = name.chars().filter(|letter| !letter.is_control());
        plain
            .map(|letter| if "._".contains(letter) { ' ' } else { letter })
            .collect()
    }

    /// Its number in an iteration.
    pub fn metric(&self, of: &Iteration) -> Option<f64> {
        of.numbers.get(&self.path).copied()
    }

    /// The metric of evaluations that says the same, if there is one.
    pub fn evaluated(&self) -> Option<&str> {
        match self.path.as_str() {
            "return" => Some("return"),
            "episode_steps" => Some("steps"),
            path => path
                .strip_prefix("metrics.")
                .or(path.strip_prefix("receiving.")),
        }
    }

    /// Its points over the steps, those of iterations nearby as one mean: at most so many. What is not
    /// finite has no point.
    pub fn training(&self, log: &RunLog, most: usize) -> Vec<(f64, f64)> {
        let points: Vec<(f64, f64)> = (log.iterations.iter())
            .filter_map(|iteration| Some((iteration.steps as f64, self.metric(iteration)?)))
            .filter(|(_, metric)| metric.abs() < LARGEST)
            .collect();
        let mean = |points: &[(f64, f64)]| {
            let count = points.len() as f64;
            let sum = |sum: (f64, f64), point: &(f64, f64)| (sum.0 + point.0, sum.1 + point.1);
            let (steps, metric) = points.iter().fold((0.0, 0.0), sum);
            (steps / count, metric / count)
        };
        let together = points.len().div_ceil(most.max(1)).max(1);
        points.chunks(together).map(mean).collect()
    }

    /// The same of evaluations, each for itself.
    pub fn evaluations(&self, log: &RunLog) -> Vec<(f64, f64)> {
        let Some(name) = self.evaluated() else {
            return Vec::new();
        };
        let point = |of: &Evaluation| {
            let Estimate { mean, .. } = of.metrics.get(name)?;
            (mean.abs() < LARGEST).then_some((of.steps as f64, mean))
        };
        log.evaluations.iter().filter_map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evaluation, iteration, log};
    use super::*;

    #[test]
    fn curves_come_in_the_order_of_what_matters() {
        let log = log(&[&iteration(1, 1.0)]);
        let names: Vec<String> = Curve::all(&log).iter().map(Curve::name).collect();
        assert_eq!(
            names,
            [
                "return",
                "steps",
                "success",
                "bytes",
                "messages",
                "open rate",
                "traffic",
                "agreement",
                "changes",
                "clipped",
                "entropy",
                "gate clipped",
                "gate entropy",
                "gate kl",
                "gate policy",
                "gate value",
                "grad norm",
                "kl",
                "policy",
                "value"
            ]
        );
        assert_eq!(Curve::new("metrics.a\u{1b}[2Jb").name(), "a[2Jb");
    }

    #[test]
    fn gates_that_are_off_are_not_shown() {
        let open = iteration(1, 1.0).replace("\"open_rate\":0.375", "\"open_rate\":1.0");
        let shown = |log: &RunLog| Curve::all(log).contains(&Curve::new(OPEN_RATE));
        let mut off = log(&[&open]);
        assert!(!shown(&off));
        // They are asked for, but not in force yet.
        off.settings = toml::from_str("[gate]\nmode = 'learned'").unwrap();
        assert!(shown(&off));
        assert!(shown(&log(&[&open, &iteration(2, 1.0)])));
        let price = "\"traffic\":0.5,\"price\":{\"message\":0.0,\"receiving\":0.0}";
        assert!(shown(&log(&[&open.replace("\"traffic\":0.5", price)])));
    }

    #[test]
    fn what_is_not_finite_has_no_point() {
        let lines = [
            iteration(1, 0.5),
            iteration(2, f64::NAN),
            iteration(3, 1e300),
            iteration(4, 1.5),
            evaluation(4, 2.0),
            evaluation(5, f64::NAN),
        ];
        let log = log(&lines.each_ref().map(String::as_str));
        let curve = Curve::new("return");
        assert_eq!(curve.training(&log, 10), [(1000.0, 0.5), (4000.0, 1.5)]);
        assert_eq!(curve.training(&log, 1), [(2500.0, 1.0)]);
        assert_eq!(curve.evaluations(&log), [(4000.0, 2.0)]);
        assert!(Curve::new("losses.policy").evaluations(&log).is_empty());
    }
}
