//! What the runs came to.

use super::csv::Csv;
use super::curves::{SEED, ordered};
use super::methods::Methods;
use super::names::{self, Name};
use super::page::{Section, Table};
use super::run::{Run, count};
use crate::chart::number;
use crate::record::Metrics;
use crate::statistics::Estimate;
use crate::statistics::{Interval, intervals, iqm, mean, median, optimality_gap};

/// The metrics by which runs are compared.
#[derive(Clone, Debug)]
pub(super) struct Finals {
    /// Whether they are those after training; else those of the last evaluation.
    all_final: bool,
    /// Names of all, in the order of the page.
    pub names: Vec<String>,
}

type Statistic = fn(&[f64]) -> f64;

/// What is found over the runs of a method.
const STATISTICS: [(&str, Statistic); 4] = [
    ("IQM", iqm),
    ("mean", mean),
    ("median", median),
    ("optimality gap", optimality_gap),
];

/// Runs are compared by their final evaluations if all that have an evaluation have a final one too: one
/// measure for all.
pub(super) fn finals(methods: &Methods) -> Finals {
    let is_without_final = |run: &Run| run.outcome.is_none() && !run.log.evaluations.is_empty();
    let all_final = !methods.runs().any(is_without_final);
    let mut finals = Finals {
        all_final,
        names: Vec::new(),
    };
    let metrics = methods.runs().filter_map(|run| finals.metrics(run));
    let names: Vec<&str> = metrics.flat_map(Metrics::names).collect();
    finals.names = ordered(names.into_iter(), |_| true);
    finals
}

impl Finals {
    /// A run's metrics.
    pub fn metrics<'a>(&self, run: &'a Run) -> Option<&'a Metrics> {
        match self.all_final {
            true => run.outcome.as_ref().map(|outcome| &outcome.metrics),
            false => run
                .log
                .evaluations
                .last()
                .map(|evaluation| &evaluation.metrics),
        }
    }

    /// A metric of each run of a method that has it as a number.
    pub fn scores(&self, runs: &[Run], name: &str) -> Vec<f64> {
        let metrics = runs.iter().filter_map(|run| self.metrics(run)?.get(name));
        metrics
            .map(|metric| metric.mean)
            .filter(|mean| mean.is_finite())
            .collect()
    }

    /// Whether they are those after training.
    pub fn are_final(&self) -> bool {
        self.all_final
    }

    /// How they were come by.
    pub fn origin(&self) -> &'static str {
        match self.all_final {
            true => {
                "Each run's best checkpoint, in episodes it was not chosen by (final.json), greedy \
                 actions taken."
            }
            false => {
                "Not all runs have ended: each one's last evaluation while training counts, so that all are \
                 measured alike."
            }
        }
    }
}

/// The metrics of methods, and of runs below.
pub(super) fn section(methods: &Methods, finals: &Finals) -> Section {
    let mut section = Section {
        id: "metrics".to_owned(),
        title: "Final metrics".to_owned(),
        text: vec![finals.origin().to_owned()],
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
        let metric = finals.metrics(run).and_then(|metrics| metrics.get(name));
        let told = metric.map_or_else(|| "none".to_owned(), told_of_run);
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
        1 => format!("over {}", count(method.runs.len(), "run")),
        _ => method.name.clone(),
    }));
    let row = |name: &String| {
        let cell = |runs: &[Run]| {
            let scores = finals.scores(runs, name);
            let found = intervals(&[&scores], SEED, |groups| vec![iqm(&groups[0])]);
            let missing = runs.len() - scores.len();
            match (found.first(), missing) {
                (None, _) => "no number".to_owned(),
                (Some(found), 0) => told(found, scores.len()),
                (Some(found), _) => format!(
                    "{}, {} without a number",
                    told(found, scores.len()),
                    count(missing, "run")
                ),
            }
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
            row.extend(finals.names.iter().map(|name| {
                let metric = finals.metrics(run).and_then(|metrics| metrics.get(name));
                metric.map_or_else(|| "none".to_owned(), told_of_run)
            }));
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
    let meant = STATISTICS
        .iter()
        .filter(|(statistic, _)| *statistic != "optimality gap" || names::is_normalised(name));
    let (statistics, functions): (Vec<_>, Vec<_>) = meant.copied().unzip();
    let found = intervals(&[scores], SEED, |groups| {
        functions.iter().map(|of| of(&groups[0])).collect()
    });
    statistics.into_iter().zip(found).collect()
}
