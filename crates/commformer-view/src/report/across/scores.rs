//! How well every method does on a task, and on a scale that tasks share.

use super::super::curves;
use super::super::names::{self, Name, SUCCESS};
use super::super::outcomes::{self, Finals};
use super::super::run::Run;
use super::Task;
use crate::chart::number;
use crate::statistics::{ends, is_tie};

/// The scores of a task.
#[derive(Clone, Debug)]
pub(super) struct TaskScores<'a> {
    pub task: &'a Task,
    pub finals: Finals,
    /// The metric by which methods are compared.
    pub metric: String,
    /// How many runs have a score.
    runs: usize,
    /// Where its scale comes from.
    ends: Ends,
    /// Environment steps of the longest training on the task.
    target: f64,
    /// Where 0 and 1 of the common scale are; of a return, the first is above the second as long as no run is at its end.
    scale: [f64; 2],
}

/// What made the scale of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Its own scale is the common one.
    Share,
    /// The user.
    Given,
    /// The lowest and the highest run.
    Runs,
}

impl<'a> TaskScores<'a> {
    /// `given` are the scores that are 0 and 1, where the user says so.
    pub fn of(task: &'a Task, given: Option<[f64; 2]>) -> Self {
        let finals = outcomes::ended(&task.methods);
        // What an evaluation counts, the last one counts, too.
        let names = match finals.names.is_empty() {
            true => curves::evaluated(&task.methods, |_| true),
            false => finals.names.clone(),
        };
        let known = |name: &&&str| names.iter().any(|known| known == **name);
        let metric = SUCCESS.iter().find(known).map_or("return", |name| *name);
        let all = task.methods.list.iter();
        let all: Vec<f64> = all
            .flat_map(|method| finals.scores(&method.runs, metric))
            .collect();
        let targets = task.methods.runs().map(target);
        let (ends, scale) = match given {
            Some(scale) => (Ends::Given, scale),
            None if names::is_normalised(metric, all.iter().copied()) => (Ends::Share, [0.0, 1.0]),
            None => (Ends::Runs, ends(all.iter().copied())),
        };
        Self {
            task,
            runs: all.len(),
            target: targets.fold(0.0, f64::max),
            ends,
            finals,
            metric: metric.to_owned(),
            scale,
        }
    }

    /// What the metric is called, and how it lies on the common scale.
    pub fn told(&self) -> String {
        let Name { title, .. } = Name::of(&self.metric);
        let title = title.to_lowercase();
        let name = &self.task.name;
        let [low, high] = self.scale.map(number);
        match self.ends {
            Ends::Share => format!("{name}: {title}"),
            Ends::Given => format!("{name}: {title}, from {low} (0) to {high} (1)"),
            Ends::Runs if self.is_level() && self.runs == 1 => {
                format!("{name}: left out, for one run alone makes no scale of the {title}")
            }
            Ends::Runs if self.is_level() => {
                format!("{name}: left out, for the {title} of all runs is the same")
            }
            Ends::Runs => {
                format!(
                    "{name}: {title}, from the lowest run, {low} (0), to the highest, {high} (1)"
                )
            }
        }
    }

    /// Whether other runs would have made another scale.
    pub fn depends_on_runs(&self) -> bool {
        self.ends == Ends::Runs && !self.is_level()
    }

    /// Whether all runs are alike but for rounding, which a scale from the lowest to the highest would draw apart: the task has
    /// no place on the common scale.
    pub fn is_level(&self) -> bool {
        let [low, high] = self.scale;
        self.ends == Ends::Runs && low <= high && is_tie(low, high)
    }

    /// The scores of a method's runs.
    pub fn own(&self, method: usize) -> Vec<f64> {
        let runs = &self.task.methods.list[method].runs;
        self.finals.scores(runs, &self.metric)
    }

    /// The same on the common scale.
    fn common(&self, method: usize) -> Vec<f64> {
        let scores = self.own(method).into_iter();
        scores.filter_map(|score| self.scaled(score)).collect()
    }

    /// The score of a run after each share of the longest training on its task, on the common scale; none before its first
    /// evaluation, where that has no number, where the run has not been, and where there is no scale.
    pub fn after(&self, run: &Run, shares: &[f64]) -> Vec<Option<f64>> {
        let evaluated = run.evaluated(&self.metric);
        let trained = match run.outcome {
            // Training ends with the first iteration that is past the target.
            Some(_) if target(run) >= self.target => f64::INFINITY,
            _ => run.steps() as f64,
        };
        let after = |share: &f64| {
            let until = if *share >= 1.0 {
                trained.max(self.target)
            } else {
                self.target * share
            };
            if self.target * share > trained {
                return None;
            }
            let reached = evaluated.iter().take_while(|(steps, _)| *steps <= until);
            let (_, score) = reached.last()?;
            self.scaled(*score).filter(|score| score.is_finite())
        };
        shares.iter().map(after).collect()
    }

    fn scaled(&self, score: f64) -> Option<f64> {
        let [low, high] = self.scale;
        let is_scale = low < high && !self.is_level();
        is_scale.then(|| ((score - low) / (high - low)).clamp(0.0, 1.0))
    }
}

/// Environment steps after which a run ends.
fn target(run: &Run) -> f64 {
    run.target().unwrap_or_else(|| run.steps()) as f64
}

/// The scores of a method's runs on the common scale, task by task, without tasks that have no place there; none if it has no
/// run at its end on some task.
pub(super) fn on_all_tasks(scores: &[TaskScores<'_>], method: usize) -> Option<Vec<Vec<f64>>> {
    let ended = scores.iter().all(|scores| !scores.own(method).is_empty());
    let placed = scores.iter().filter(|scores| !scores.is_level());
    ended.then(|| placed.map(|scores| scores.common(method)).collect())
}
