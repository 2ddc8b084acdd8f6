//! Where the time went.

use super::csv::Csv;
use super::methods::Methods;
use super::page::{Plot, Section, Table};
use super::run::Run;
use crate::chart::{Bar, Bars, ChartError, number, steps};

/// Metrics of an iteration, and what they are called.
const PHASES: [(&str, &str); 3] = [
    ("seconds.environment", "environment"),
    ("seconds.act", "act"),
    ("seconds.update", "update"),
];

/// A bar for each run.
pub(super) fn section(methods: &Methods) -> Result<Section, ChartError> {
    let mut csv = Csv::new(&[
        "method",
        "run",
        "environment",
        "act",
        "update",
        "rest",
        "elapsed",
        "steps",
    ]);
    let mut table = Table {
        caption: "Seconds of each phase, and speed over all of them".to_owned(),
        head: [
            "Run",
            "environment",
            "act",
            "update",
            "the rest",
            "in all",
            "steps",
            "steps per second",
        ]
        .map(String::from)
        .into(),
        ..Table::default()
    };
    let mut bars = Vec::new();
    let several = methods.list.len() > 1;
    for method in &methods.list {
        for run in &method.runs {
            let Some([phases @ .., elapsed]) = seconds(run) else {
                continue;
            };
            let behind = run
                .log
                .iterations
                .last()
                .map_or(0, |iteration| iteration.steps) as f64;
            let [environment, act, update, rest] = phases;
            csv.push(
                &[&method.name, &run.name()],
                &[environment, act, update, rest, elapsed, behind],
            );
            let mut row = vec![run.name()];
            row.extend(phases.map(number));
            row.extend([
                number(elapsed),
                steps(behind),
                number((behind / elapsed.max(1e-9)).round()),
            ]);
            table.rows.push(row);
            let name = match several {
                true => format!("{}, {}", run.seed(), method.name),
                false => run.seed(),
            };
            bars.push(Bar {
                name,
                values: phases.into(),
            });
        }
    }
    let parts = PHASES.map(|(_, name)| name).into_iter().chain(["the rest"]);
    let drawing = Bars {
        title: "Time of each phase",
        axis: "seconds",
        parts: parts.map(String::from).collect(),
        bars,
    };
    let plots: Vec<Plot> = drawing
        .draw()?
        .map(|svg| Plot::new("time", "phases", svg, &[]))
        .into_iter()
        .collect();
    let text = match plots.is_empty() {
        true => "No run has recorded its time.",
        false => {
            "Environments, acting and updating; the rest went into evaluations and files. Seconds depend on \
             the machine, and on what else ran there."
        }
    };
    Ok(Section {
        id: "time".to_owned(),
        title: "Time".to_owned(),
        text: vec![text.to_owned()],
        shown: match table.rows.is_empty() {
            true => Vec::new(),
            false => vec![table],
        },
        plots,
        tables: vec![("time".to_owned(), csv.finish())],
        ..Section::default()
    })
}

/// Seconds of each phase, of the rest and of all; `None` if they are not recorded.
fn seconds(run: &Run) -> Option<[f64; 5]> {
    let sum = |metric: &str| {
        let told = run
            .log
            .iterations
            .iter()
            .filter_map(|at| at.numbers.get(metric));
        told.filter(|seconds| seconds.is_finite()).sum::<f64>()
    };
    let elapsed = *run.log.iterations.last()?.numbers.get("seconds.elapsed")?;
    let [environment, act, update] = PHASES.map(|(metric, _)| sum(metric).max(0.0));
    let rest = (elapsed - environment - act - update).max(0.0);
    elapsed
        .is_finite()
        .then_some([environment, act, update, rest, elapsed])
}
