//! Tasks x methods in numbers, and what became of every run.

use super::super::absent::Absent;
use super::super::csv::Csv;
use super::super::curves::SEED;
use super::super::names::{COMMUNICATION, Name};
use super::super::outcomes::{have, told, without};
use super::super::page::{Section, Table};
use super::scores::{TaskScores, on_all_tasks};
use super::{Across, Compared, overall};
use crate::log::RunLog;
use crate::record::Outcome;
use crate::statistics::{Interval, interval, iqm};

/// Success of all methods on all tasks, and for each task what its methods get and what their communication costs.
pub(super) fn section(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
    pages: Vec<(String, String)>,
) -> Section {
    let mut shown = Vec::new();
    if scores.len() > 1 {
        shown.push(success(across, scores));
    }
    shown.extend(scores.iter().map(|scores| of_task(across, scores)));
    let mut text = vec![
        "The interquartile mean over the runs of each method, with its 95 % interval: the best checkpoint, which is the one \
         with the highest return in the evaluations while training, in episodes by which it was not chosen. A run that \
         failed, has not ended or not begun, or has no finite number, is in no number, and is counted beside it."
            .to_owned(),
    ];
    let unlike = scores.iter().flat_map(|TaskScores { task, .. }| {
        let told = task.methods.unlike().into_iter();
        told.map(|unlike| format!("{}: {unlike}", task.name))
    });
    text.extend(unlike);
    Section {
        id: "tasks".to_owned(),
        title: "Tasks and methods".to_owned(),
        text,
        links: pages,
        shown,
        tables: vec![("metrics".to_owned(), csv(across, scores))],
        ..Section::default()
    }
}

/// By what counts as success in each task; the last column is that of all tasks.
fn success(across: &Across<'_>, scores: &[TaskScores<'_>]) -> Table {
    let titled = |scores: &TaskScores<'_>| {
        let title = Name::of(&scores.metric).title.to_lowercase();
        format!("{} ({title})", scores.task.name)
    };
    let mut head = vec!["Method".to_owned()];
    head.extend(scores.iter().map(titled));
    head.push("All tasks, on their common scale".to_owned());
    let row = |(method, name): (usize, &&str)| {
        let all = match on_all_tasks(scores, method) {
            None => "not on all tasks".to_owned(),
            Some(groups) => {
                // Where a task has one run, nothing says how sure it is.
                let runs = groups.iter().map(Vec::len).min().unwrap_or(0);
                let found = overall::aggregate(&groups);
                found.map_or("no common scale".to_owned(), |found| told(&found, runs))
            }
        };
        let absent: Absent = (scores.iter())
            .map(|scores| across.absent(scores.task, method, &scores.finals))
            .sum();
        let all = std::iter::once(all).chain(absent.told());
        let all = all.collect::<Vec<_>>().join(", ");
        let cells = scores
            .iter()
            .map(|scores| successes(across, scores, method));
        std::iter::once((*name).to_owned())
            .chain(cells)
            .chain([all])
            .collect()
    };
    Table {
        caption: "Success, or the return where a task counts no success".to_owned(),
        head,
        rows: across.methods.iter().enumerate().map(row).collect(),
        folded: false,
    }
}

/// Success, returns and costs of the methods that have been on a task.
fn of_task(across: &Across<'_>, scores: &TaskScores<'_>) -> Table {
    let known = |name: &&str| scores.finals.names.iter().any(|known| known == *name);
    let other = ["return"].into_iter().filter(|name| scores.metric != *name);
    let columns: Vec<&str> = other
        .chain(COMMUNICATION.into_iter().filter(|cost| known(cost)))
        .collect();
    let mut head = vec!["Method".to_owned(), Name::of(&scores.metric).line()];
    head.extend(columns.iter().map(|column| Name::of(column).line()));
    let methods = (across.methods.iter().enumerate()).filter(|(method, name)| {
        let runs = &scores.task.methods.list[*method].runs;
        !runs.is_empty() || across.unread(&scores.task.name, name, 0).failed > 0
    });
    let row = |(method, name): (usize, &&str)| {
        let cells = columns.iter().map(|column| {
            let mean = mean(scores, method, column);
            mean.unwrap_or_else(|| "none".to_owned())
        });
        [(*name).to_owned(), successes(across, scores, method)]
            .into_iter()
            .chain(cells)
            .collect()
    };
    Table {
        caption: scores.task.name.clone(),
        head,
        rows: methods.map(row).collect(),
        folded: false,
    }
}

/// The mean of a metric with its interval and how many runs at their end have no number, if a method has it.
fn mean(scores: &TaskScores<'_>, method: usize, metric: &str) -> Option<String> {
    let runs = &scores.task.methods.list[method].runs;
    let found = scores.finals.scores(runs, metric);
    let all = interval(&[&found], SEED, |groups| iqm(&groups[0]));
    let number = all.map(|all| told(&all, found.len()));
    let without = match scores.finals.has(runs, metric) {
        true => without(scores.finals.without(runs, metric)),
        false => None,
    };
    let cell: Vec<String> = number.into_iter().chain(without).collect();
    (!cell.is_empty()).then(|| cell.join(", "))
}

/// By what counts as success, and how many runs are in no number.
fn successes(across: &Across<'_>, scores: &TaskScores<'_>, method: usize) -> String {
    let absent = across.absent(scores.task, method, &scores.finals);
    let number = mean(scores, method, &scores.metric).into_iter();
    let cell: Vec<String> = number.chain(absent.told()).collect();
    match cell.is_empty() {
        true => "none".to_owned(),
        false => cell.join(", "),
    }
}

fn csv(across: &Across<'_>, scores: &[TaskScores<'_>]) -> String {
    let mut csv = Csv::new(&[
        "task",
        "method",
        "metric",
        "runs",
        "begun",
        "failed",
        "to_do",
        "no_number",
        "iqm",
        "low",
        "high",
    ]);
    for scores in scores {
        // Where no run is at its end, runs are counted all the same.
        let names = match scores.finals.names.is_empty() {
            true => std::slice::from_ref(&scores.metric),
            false => &scores.finals.names[..],
        };
        for (number, method) in scores.task.methods.list.iter().enumerate() {
            let absent = across.absent(scores.task, number, &scores.finals);
            for name in names {
                let found = scores.finals.scores(&method.runs, name);
                if absent.runs() == 0 && !scores.finals.has(&method.runs, name) {
                    continue;
                }
                let without = scores.finals.without(&method.runs, name);
                let all = interval(&[&found], SEED, |groups| iqm(&groups[0]));
                let Interval { value, low, high } = all.unwrap_or(Interval::NONE);
                let Absent {
                    begun,
                    failed,
                    to_do,
                } = absent;
                let runs = [found.len(), begun, failed, to_do, without].map(|runs| runs as f64);
                let numbers = [&runs[..], &[value, low, high]].concat();
                csv.push(&[&scores.task.name, &method.name, name], &numbers);
            }
        }
    }
    csv.finish()
}

/// What became of each run: those that failed first in sight, all others folded away.
pub(super) fn runs(across: &Across<'_>) -> Section {
    let failed = across.runs.iter().filter_map(|run| {
        let why = run.failed.clone()?;
        Some(vec![
            run.task.clone(),
            run.method.clone(),
            run.seed.to_string(),
            why,
        ])
    });
    let head = |last: &str| ["Task", "Method", "Seed", last].map(String::from).to_vec();
    let failed = Table {
        caption: "Runs that failed".to_owned(),
        head: head("Why"),
        rows: failed.collect(),
        folded: false,
    };
    let mut csv = Csv::new(&["task", "method", "state", "folder", "seed"]);
    let mut rows = Vec::new();
    for run in across.runs {
        let state = state(run);
        let folder = super::super::shown(&run.folder);
        let seed = run.seed.to_string();
        csv.push(&[&run.task, &run.method, state, &folder, &seed], &[]);
        if matches!(state, "begun" | "to do") {
            rows.push(vec![
                run.task.clone(),
                run.method.clone(),
                seed,
                state.to_owned(),
            ]);
        }
    }
    let text = became(failed.rows.len(), rows.len());
    let unended = Table {
        caption: "Runs that have not come to their end".to_owned(),
        head: head("State"),
        rows,
        folded: true,
    };
    Section {
        id: "runs".to_owned(),
        title: "Runs that failed".to_owned(),
        text: vec![text],
        shown: [failed, unended]
            .into_iter()
            .filter(|table| !table.rows.is_empty())
            .collect(),
        tables: vec![("runs".to_owned(), csv.finish())],
        ..Section::default()
    }
}

/// How far a run is.
fn state(run: &Compared) -> &'static str {
    match (&run.failed, Outcome::read(&run.folder)) {
        (Some(_), _) => "failed",
        (None, Ok(Some(_))) => "finished",
        (None, _) if run.folder.join(RunLog::CONFIG).is_file() => "begun",
        (None, _) => "to do",
    }
}

/// How many runs failed, and how many have not come to their end.
fn became(failed: usize, left: usize) -> String {
    match (failed, left) {
        (0, 0) => "Every run has come to its end.".to_owned(),
        (0, left) => format!("No run has failed; {} not come to an end yet.", have(left)),
        (failed, 0) => format!(
            "{} failed; all others have come to their end.",
            have(failed)
        ),
        (failed, left) => format!(
            "{} failed, and {} not come to an end yet.",
            have(failed),
            have(left)
        ),
    }
}

/// Whether a task counts what is said.
pub(super) fn has_bytes(scores: &TaskScores<'_>) -> bool {
    scores.finals.names.iter().any(|name| name == "bytes")
}
