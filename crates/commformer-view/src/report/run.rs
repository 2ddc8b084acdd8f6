//! A run as a report takes it.

use super::shown;
use crate::chart::steps;
use crate::log::{Iteration, LogError, RunLog};
use crate::record::{Evaluation, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Sentences about metrics of one run that are no numbers, before the rest is counted only.
const MOST_NOTES: usize = 6;

/// What its folder says.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub log: RunLog,
    pub outcome: Option<Outcome>,
    /// What was wrong with the final evaluation.
    damage: Option<String>,
    /// Whether numbers were not finite when it was last trained.
    is_broken: bool,
}

impl Run {
    pub fn read(folder: &Path) -> Result<Self, LogError> {
        let log = RunLog::read(folder)?;
        let (outcome, damage) = match Outcome::read(folder) {
            Ok(outcome) => (outcome, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let is_broken = folder.join(RunLog::FAILURE).exists();
        Ok(Self {
            log,
            outcome,
            damage,
            is_broken,
        })
    }

    /// Whether it ended without a final evaluation, because numbers were not finite.
    pub fn has_failed(&self) -> bool {
        self.is_broken && self.outcome.is_none()
    }

    /// Its folder.
    pub fn name(&self) -> String {
        shown(&self.log.folder)
    }

    /// As a name among runs of one method.
    pub fn seed(&self) -> String {
        self.log
            .seed()
            .map_or_else(|| self.name(), |seed| format!("seed {seed}"))
    }

    /// Environment steps behind it.
    pub fn steps(&self) -> u64 {
        let evaluated = self.log.evaluations.last().map_or(0, |last| last.steps);
        self.log.steps().max(evaluated)
    }

    /// Environment steps after which it ends, where its configuration says so.
    pub fn target(&self) -> Option<u64> {
        let steps = self.log.setting("run", "steps")?.as_integer()?;
        steps.try_into().ok()
    }

    /// The steps of its evaluations.
    pub fn evaluated_steps(&self) -> BTreeSet<u64> {
        self.log.evaluations.iter().map(|at| at.steps).collect()
    }

    /// A metric of its evaluations over steps, a point for each evaluation: NaN where it lacks the metric.
    pub fn evaluated(&self, metric: &str) -> Vec<(f64, f64)> {
        let evaluations = self.log.evaluations.iter();
        let mean = |of: &Evaluation| of.metrics.get(metric).map_or(f64::NAN, |found| found.mean);
        evaluations.map(|at| (at.steps as f64, mean(at))).collect()
    }

    /// A number of its iterations over steps, a point for each iteration: NaN where it lacks the number.
    pub fn trained(&self, path: &str) -> Vec<(f64, f64)> {
        let iterations = self.log.iterations.iter();
        let number = |of: &Iteration| of.numbers.get(path).copied().unwrap_or(f64::NAN);
        iterations.map(|at| (at.steps as f64, number(at))).collect()
    }

    /// What is missing or not finite, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unreadable = &self.log.unreadable;
        if let Some(first) = unreadable.first() {
            notes.push(format!(
                "{} of metrics.jsonl cannot be read (the first is line {first}): cut by a kill, spoiled, or \
                 written by another version",
                count(unreadable.len(), "line")
            ));
        }
        if self.is_broken {
            notes.push("ended because numbers were not finite; failure.json says which".to_owned());
        }
        if self.log.iterations.is_empty() {
            notes.push("has ended no iteration: there are no curves of its training".to_owned());
        }
        if self.log.evaluations.is_empty() {
            notes.push(
                "has no evaluation: there are no curves of its evaluations and no graph".to_owned(),
            );
        }
        match (&self.damage, &self.outcome) {
            (Some(damage), _) => notes.push(damage.clone()),
            (None, None) => {
                let of = self
                    .target()
                    .map(|target| format!(" of {}", steps(target as f64)));
                notes.push(format!(
                    "has no final evaluation (final.json): it stands at {}{} steps",
                    steps(self.steps() as f64),
                    of.unwrap_or_default()
                ));
            }
            (None, Some(_)) => {}
        }
        notes.extend(self.not_finite());
        let name = self.name();
        notes
            .into_iter()
            .map(|note| format!("{name}: {note}."))
            .collect()
    }

    fn not_finite(&self) -> Vec<String> {
        let mut iterations = Gaps::default();
        for iteration in &self.log.iterations {
            // Where no episode ended, episodes have no mean, and nothing is wrong.
            let none_ended = iteration.numbers.get("episodes") == Some(&0.0);
            let is_of_episodes = |name: &str| {
                name == "episode_steps" || name == "return" || name.starts_with("metrics.")
            };
            let numbers = iteration.numbers.iter();
            let numbers = numbers.map(|(name, value)| (name.as_str(), *value));
            let meant = numbers.filter(|(name, _)| !(none_ended && is_of_episodes(name)));
            iterations.look(iteration.steps, meant);
        }
        let mut evaluations = Gaps::default();
        for evaluation in &self.log.evaluations {
            let means = evaluation
                .metrics
                .iter()
                .map(|(name, metric)| (name, metric.mean));
            evaluations.look(evaluation.steps, means);
        }
        let told = |(metric, (times, first)): (&String, &(usize, u64)), of: String| {
            let first = steps(*first as f64);
            format!(
                "`{metric}` is no number in {times} of {of} (not finite), first at step {first}"
            )
        };
        let iterations = iterations
            .found
            .iter()
            .map(|gap| told(gap, count(self.log.iterations.len(), "iteration")));
        let evaluations = evaluations
            .found
            .iter()
            .map(|gap| told(gap, count(self.log.evaluations.len(), "evaluation")));
        let finals = (self.outcome.iter()).flat_map(|outcome| outcome.metrics.iter());
        let finals = finals.filter(|(_, metric)| !metric.mean.is_finite());
        let finals =
            finals.map(|(metric, _)| format!("`{metric}` is not finite in the final evaluation"));
        let mut notes: Vec<String> = finals.chain(evaluations).chain(iterations).collect();
        let others = notes.len().saturating_sub(MOST_NOTES);
        if others > 0 {
            notes.truncate(MOST_NOTES);
            notes.push(format!(
                "{} more have gaps of this kind",
                count(others, "metric")
            ));
        }
        notes
    }
}

/// How often a metric was no number, and the steps of the first time.
#[derive(Default)]
struct Gaps {
    found: BTreeMap<String, (usize, u64)>,
}

impl Gaps {
    fn look<'a>(&mut self, steps: u64, metrics: impl Iterator<Item = (&'a str, f64)>) {
        for (name, _) in metrics.filter(|(_, value)| !value.is_finite()) {
            self.found.entry(name.to_owned()).or_insert((0, steps)).0 += 1;
        }
    }
}

/// `1 line`, `2 lines`.
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
