//! What the runs came to.

use super::absent::Absent;
use super::csv::Csv;
use super::curves::{SEED, ordered};
use super::methods::Methods;
use super::names::{self, Name};
use super::page::{Section, Table};
use super::run::{Run, count};
use crate::chart::{number, steps};
use crate::record::Metrics;
use crate::statistics::Estimate;
use crate::statistics::{Interval, interval, intervals, iqm, mean, median, optimality_gap};

/// The metrics by which runs are compared.
#[derive(Clone, Debug)]
pub(super) struct Finals {
    measure: Measure,
    /// Names of all, in the order of the page.
    pub names: Vec<String>,
}

/// What of a run is compared: the same of all.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    /// The evaluation after training; runs that have not ended have none.
    Final,
    /// The one after so many steps, the last that all runs with an evaluation have.
    After(u64),
    /// The last one; runs may be of different ages.
    Last,
}

type Statistic = fn(&[f64]) -> f64;

/// What is found over the runs of a method.
const STATISTICS: [(&str, Statistic); 4] = [
    ("IQM", iqm),
    ("mean", mean),
    ("median", median),
    ("optimality gap", optimality_gap),
];

/// Runs are compared by their final evaluations. As long as none has one, by the last evaluation that all have which were
/// evaluated.
pub(super) fn finals(methods: &Methods) -> Finals {
    let none_ended = methods.runs().all(|run| run.outcome.is_none());
    let evaluated = methods.runs().map(Run::evaluated_steps);
    let evaluated = evaluated.filter(|steps| !steps.is_empty());
    let common = evaluated.reduce(|one, other| &one & &other);
    Finals::by(
        match common {
            Some(steps) if none_ended => steps
                .last()
                .map_or(Measure::Last, |last| Measure::After(*last)),
            _ => Measure::Final,
        },
        methods,
    )
}

/// The final evaluations, of runs that have one.
pub(super) fn ended(methods: &Methods) -> Finals {
    Finals::by(Measure::Final, methods)
}

impl Finals {
    fn by(measure: Measure, methods: &Methods) -> Self {
        let mut finals = Self {
            measure,
            names: Vec::new(),
        };
        let metrics = methods.runs().filter_map(|run| finals.metrics(run));
        let names: Vec<&str> = metrics.flat_map(Metrics::names).collect();
        finals.names = ordered(names.into_iter(), |_| true);
        finals
    }

    /// A run's metrics.
    pub fn metrics<'a>(&self, run: &'a Run) -> Option<&'a Metrics> {
        let mut evaluations = run.log.evaluations.iter().rev();
        let evaluation = match self.measure {
            Measure::Final => return run.outcome.as_ref().map(|outcome| &outcome.metrics),
            Measure::After(steps) => evaluations.find(|at| at.steps == steps),
            Measure::Last => evaluations.next(),
        };
        evaluation.map(|evaluation| &evaluation.metrics)
    }

    /// How many of these runs are in no number because they were not measured.
    pub fn absent(&self, runs: &[Run]) -> Absent {
        let absent = runs.iter().filter(|run| self.metrics(run).is_none());
        absent.map(standing).sum()
    }

    /// Whether any of these runs has a metric, be it as no number.
    pub fn has(&self, runs: &[Run], name: &str) -> bool {
        let mut metrics = runs.iter().filter_map(|run| self.metrics(run));
        metrics.any(|metrics| metrics.get(name).is_some())
    }

    /// How many of these runs were measured and have a metric as no number.
    pub fn without(&self, runs: &[Run], name: &str) -> usize {
        runs.len() - self.absent(runs).runs() - self.scores(runs, name).len()
    }

    /// A metric of each run of a method that has it as a number.
    pub fn scores(&self, runs: &[Run], name: &str) -> Vec<f64> {
        let metrics = runs.iter().filter_map(|run| self.metrics(run)?.get(name));
        metrics
            .map(|metric| metric.mean)
            .filter(|mean| mean.is_finite())
            .collect()
    }

    /// How they were come by.
    pub fn origin(&self, methods: &Methods) -> String {
        let absent = methods.list.iter().map(|of| self.absent(&of.runs)).sum();
        let Absent { begun, failed, .. } = absent;
        let mut told = match (self.measure, methods.runs().count()) {
            (Measure::Final, _) => "Each run's best checkpoint, which is the one with the highest return in the evaluations while \
                                    training, in episodes it was not chosen by (final.json), greedy actions taken."
                .to_owned(),
            (Measure::After(at), 1) => format!(
                "The run has not ended: its last evaluation while training, after {} steps.",
                steps(at as f64)
            ),
            (Measure::After(at), _) => format!(
                "No run has ended: the last evaluation while training that all of them have, after {} steps.",
                steps(at as f64)
            ),
            (Measure::Last, _) => {
                "No run has ended, and no evaluation is after the same steps in all of them: each \
                 one's last evaluation while training. They are not measured alike."
                    .to_owned()
            }
        };
        let what = match self.measure {
            Measure::Final => "not ended",
            Measure::After(_) | Measure::Last => "no evaluation yet",
        };
        for (runs, why) in [
            (begun, format!("{} {what}", have(begun))),
            (failed, format!("{} failed", have(failed))),
        ] {
            if runs > 0 {
                let it = if runs == 1 { "it is" } else { "they are" };
                told += &format!(" {why}: {it} in no number here.");
            }
        }
        for unlike in methods.unlike() {
            told += &format!(" {unlike}");
        }
        told
    }
}

/// A run that is in no number.
fn standing(run: &Run) -> Absent {
    let failed = usize::from(run.has_failed());
    Absent {
        begun: 1 - failed,
        failed,
        to_do: 0,
    }
}

/// How many runs have no final evaluation.
pub(super) fn unended(runs: &[Run]) -> Absent {
    let unended = runs.iter().filter(|run| run.outcome.is_none());
    unended.map(standing).sum()
}

/// `1 run has`, `2 runs have`.
pub(super) fn have(runs: usize) -> String {
    let verb = if runs == 1 { "has" } else { "have" };
    format!("{} {verb}", count(runs, "run"))
}

/// `1 run without a number`, if there are any.
pub(super) fn without(runs: usize) -> Option<String> {
    (runs > 0).then(|| format!("{} without a number", count(runs, "run")))
}

/// The metrics of methods, and of runs below.
pub(super) fn section(methods: &Methods, finals: &Finals) -> Section {
    let mut section = Section {
        id: "metrics".to_owned(),
        title: "Final metrics".to_owned(),
        text: vec![finals.origin(methods)],
        ..Section::default()
    };
    if finals.names.is_empty() {
        section.text = vec!["No run has an evaluation: there are no metrics yet.".to_owned()];
        return section;
    }
    let mut runs = methods.runs();
    section.shown = match (runs.next(), runs.next()) {
        (Some(run), None) => vec![of_run(run, finals)],
        _ => vec![of_methods(methods, finals), of_runs(methods, finals)],
    };
    section.tables = vec![
        ("metrics".to_owned(), csv_of_runs(methods, finals)),
        ("aggregates".to_owned(), csv_of_methods(methods, finals)),
    ];
    section
}

/// A run alone: nothing is known of other seeds.
fn of_run(run: &Run, finals: &Finals) -> Table {
    let row = |name: &String| {
        let told = cell_of_run(run, name, finals);
        vec![Name::of(name).line(), told]
    };
    Table {
        caption: "Mean over episodes, with its 95 % interval".to_owned(),
        head: ["Metric".to_owned(), run.seed()].into(),
        rows: finals.names.iter().map(row).collect(),
        folded: false,
    }
}

fn of_methods(methods: &Methods, finals: &Finals) -> Table {
    let mut head = vec!["Metric".to_owned()];
    head.extend(methods.list.iter().map(|method| match methods.list.len() {
        1 => {
            let absent = finals.absent(&method.runs);
            let measured = method.runs.len() - absent.runs();
            format!("over {}", absent.beside(measured))
        }
        _ => method.name.clone(),
    }));
    let row = |name: &String| {
        let cell = |runs: &[Run]| {
            let scores = finals.scores(runs, name);
            let found = interval(&[&scores], SEED, |groups| iqm(&groups[0]));
            let missing = without(finals.without(runs, name));
            let mut cell = match &found {
                None => "no number".to_owned(),
                Some(found) => told(found, scores.len()),
            };
            if let Some(missing) = missing.filter(|_| !scores.is_empty()) {
                cell += &format!(", {missing}");
            }
            for absent in finals.absent(runs).told() {
                cell += &format!(", {absent}");
            }
            cell
        };
        let cells = methods.list.iter().map(|method| cell(&method.runs));
        std::iter::once(Name::of(name).line())
            .chain(cells)
            .collect()
    };
    Table {
        caption: "Interquartile mean over runs, with its 95 % interval".to_owned(),
        head,
        rows: finals.names.iter().map(row).collect(),
        folded: false,
    }
}

fn of_runs(methods: &Methods, finals: &Finals) -> Table {
    let mut head = vec!["Run".to_owned(), "Method".to_owned()];
    head.extend(finals.names.iter().map(|name| Name::of(name).title));
    let several = methods.list.len() > 1;
    if !several {
        head.remove(1);
    }
    let mut rows = Vec::new();
    for method in &methods.list {
        for run in &method.runs {
            let mut row = vec![format!("{} ({})", run.name(), run.seed())];
            row.extend(several.then(|| method.name.clone()));
            let cells = finals.names.iter();
            row.extend(cells.map(|name| cell_of_run(run, name, finals)));
            rows.push(row);
        }
    }
    Table {
        caption: "Each run: mean over episodes, with its 95 % interval".to_owned(),
        head,
        rows,
        folded: true,
    }
}

/// A statistic as a cell of a table; a single run has no interval.
pub(super) fn told(Interval { value, low, high }: &Interval, runs: usize) -> String {
    match runs {
        1 => number(*value),
        _ => format!("{} ({} to {})", number(*value), number(*low), number(*high)),
    }
}

/// A metric of a run as a cell.
fn cell_of_run(run: &Run, name: &str, finals: &Finals) -> String {
    let without = match finals.absent(std::slice::from_ref(run)) {
        Absent { begun: 1, .. } => "begun",
        Absent { failed: 1, .. } => "failed",
        _ => "none",
    };
    let metric = finals.metrics(run).and_then(|metrics| metrics.get(name));
    metric.map_or_else(|| without.to_owned(), told_of_run)
}

fn told_of_run(Estimate { mean, low, high }: Estimate) -> String {
    match mean.is_finite() && low.is_finite() && high.is_finite() {
        true => format!("{} ({} to {})", number(mean), number(low), number(high)),
        false => number(mean),
    }
}

fn csv_of_runs(methods: &Methods, finals: &Finals) -> String {
    let mut csv = Csv::new(&["method", "run", "metric", "seed", "mean", "low", "high"]);
    for method in &methods.list {
        for run in &method.runs {
            let seed = run
                .log
                .seed()
                .map_or_else(String::new, |seed| seed.to_string());
            for (name, metric) in finals.metrics(run).into_iter().flat_map(Metrics::iter) {
                let numbers = [metric.mean, metric.low, metric.high];
                csv.push(&[&method.name, &run.name(), name, &seed], &numbers);
            }
        }
    }
    csv.finish()
}

fn csv_of_methods(methods: &Methods, finals: &Finals) -> String {
    let mut csv = Csv::new(&[
        "method",
        "metric",
        "statistic",
        "runs",
        "value",
        "low",
        "high",
    ]);
    for method in &methods.list {
        for name in &finals.names {
            let scores = finals.scores(&method.runs, name);
            for (statistic, found) in aggregates(name, &scores) {
                let numbers = [scores.len() as f64, found.value, found.low, found.high];
                csv.push(&[&method.name, name, statistic], &numbers);
            }
        }
    }
    csv.finish()
}

/// Every statistic of a metric; the gap only where 1 is the best. None without scores.
pub(super) fn aggregates(name: &str, scores: &[f64]) -> Vec<(&'static str, Interval)> {
    let is_normalised = names::is_normalised(name, scores.iter().copied());
    let meant = STATISTICS
        .iter()
        .filter(|(statistic, _)| *statistic != "optimality gap" || is_normalised);
    let (statistics, functions): (Vec<_>, Vec<_>) = meant.copied().unzip();
    let found = intervals(&[scores], SEED, |groups| {
        functions.iter().map(|of| of(&groups[0])).collect()
    });
    statistics.into_iter().zip(found).collect()
}
