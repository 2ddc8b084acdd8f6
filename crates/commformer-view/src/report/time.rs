//! Where the time went.

use super::csv::Csv;
use super::methods::Methods;
use super::page::{Plot, Section, Table};
use super::run::Run;
use crate::chart::{Bar, Bars, ChartError, number, steps};
use crate::log::RunLog;

/// A run that has recorded its time.
struct Timed<'a> {
    method: &'a str,
    run: &'a Run,
    /// Seconds of each phase, and of the rest.
    phases: [f64; 4],
    /// Seconds in all.
    elapsed: f64,
}

/// A bar for each run.
pub(super) fn section(methods: &Methods) -> Result<Section, ChartError> {
    let runs = (methods.list.iter())
        .flat_map(|method| method.runs.iter().map(|run| (method.name.as_str(), run)));
    let runs: Vec<Timed<'_>> = runs
        .filter_map(|(method, run)| Timed::of(method, run))
        .collect();
    let plots: Vec<Plot> = drawn(&runs, methods.list.len() > 1)?
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
        shown: match runs.is_empty() {
            true => Vec::new(),
            false => vec![table(&runs)],
        },
        plots,
        tables: vec![("time".to_owned(), csv(&runs))],
        ..Section::default()
    })
}

impl<'a> Timed<'a> {
    fn of(method: &'a str, run: &'a Run) -> Option<Self> {
        let elapsed = *run.log.iterations.last()?.numbers.get("seconds.elapsed")?;
        let [environment, act, update] = run.log.phases().map(|seconds| seconds.max(0.0));
        let rest = (elapsed - environment - act - update).max(0.0);
        elapsed.is_finite().then_some(Self {
            method,
            run,
            phases: [environment, act, update, rest],
            elapsed,
        })
    }

    /// Environment steps in that time.
    fn steps(&self) -> f64 {
        self.run.log.steps() as f64
    }
}

fn table(runs: &[Timed<'_>]) -> Table {
    let row = |of: &Timed<'_>| {
        let mut row = vec![of.run.name()];
        row.extend(of.phases.map(number));
        row.extend([
            number(of.elapsed),
            steps(of.steps()),
            number((of.steps() / of.elapsed.max(1e-9)).round()),
        ]);
        row
    };
    Table {
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
        rows: runs.iter().map(row).collect(),
        folded: false,
    }
}

fn csv(runs: &[Timed<'_>]) -> String {
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
    for of in runs {
        let numbers = [&of.phases[..], &[of.elapsed, of.steps()]].concat();
        csv.push(&[of.method, &of.run.name()], &numbers);
    }
    csv.finish()
}

/// `several` says whether there are runs of other methods.
fn drawn(runs: &[Timed<'_>], several: bool) -> Result<Option<String>, ChartError> {
    let bar = |of: &Timed<'_>| Bar {
        name: match several {
            true => format!("{}, {}", of.run.seed(), of.method),
            false => of.run.seed(),
        },
        values: of.phases.into(),
    };
    let parts = RunLog::PHASES.into_iter().chain(["the rest"]);
    Bars {
        title: "Time of each phase",
        axis: "seconds",
        parts: parts.map(String::from).collect(),
        bars: runs.iter().map(bar).collect(),
    }
    .draw()
}
