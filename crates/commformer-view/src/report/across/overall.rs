//! Methods over all tasks: aggregates, profiles and improvements; sample efficiency, and success against bytes.

mod bytes;
mod efficiency;

use super::super::csv::Csv;
use super::super::curves::SEED;
use super::super::outcomes::told;
use super::super::page::{Section, Table};
use super::Across;
use super::scores::{TaskScores, on_all_tasks};
use crate::chart::{ChartError, Curve, Curves, Ranges, Row, number};
use crate::statistics::{Interval, improvement, intervals, iqm_of_tasks, profile};
use crate::theme;

/// Thresholds of a profile.
const THRESHOLDS: usize = 61;
/// Of more methods, pairs are folded away.
const FEW: usize = theme::SERIES.len();

/// A method that has a run at its end on every task.
struct Scored<'a> {
    number: usize,
    name: &'a str,
    /// The most runs on a task; where it is one, nothing says how sure the numbers are.
    most_runs: usize,
    /// Its scores on the common scale, task by task.
    groups: Vec<Vec<f64>>,
    /// Over all of them; none if no task has a place on the scale.
    all: Option<Interval>,
}

/// What to say of methods with a single run on each task.
fn alone(scored: &[Scored<'_>]) -> String {
    let single = scored.iter().filter(|method| method.most_runs == 1);
    let names: Vec<&str> = single.map(|method| method.name).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(
            " There is one run on each task of {}: nothing says how sure these numbers are.",
            names.join(", ")
        ),
    }
}

/// The interquartile mean over all tasks, each of which counts the same; none if a task has no score, and none of no task.
pub(super) fn aggregate(groups: &[Vec<f64>]) -> Option<Interval> {
    if groups.is_empty() {
        return None;
    }
    let slices: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
    let found = intervals(&slices, SEED, |groups| vec![iqm_of_tasks(groups)]);
    found.first().copied()
}

pub(super) fn sections(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
) -> Result<Vec<Section>, ChartError> {
    let mut scored: Vec<Scored<'_>> = Vec::new();
    for (number, name) in across.methods.iter().enumerate() {
        let runs = scores.iter().map(|scores| scores.own(number).len());
        let most_runs = runs.max().unwrap_or(0);
        scored.extend(on_all_tasks(scores, number).map(|groups| Scored {
            number,
            name,
            most_runs,
            all: aggregate(&groups),
            groups,
        }));
    }
    let drawn = drawn(across.methods.len(), &scored);
    Ok(vec![
        over_tasks(scores, &scored, &drawn)?,
        efficiency::section(across, scores, &drawn)?,
        bytes::section(across, scores, &drawn)?,
    ])
}

/// The numbers of the methods that are drawn: all, or the best.
fn drawn(methods: usize, scored: &[Scored<'_>]) -> Vec<usize> {
    let value = |number: &usize| {
        let found = scored.iter().find(|method| method.number == *number);
        found
            .and_then(|method| method.all)
            .map_or(f64::NEG_INFINITY, |all| all.value)
    };
    let mut best: Vec<usize> = (0..methods).collect();
    best.sort_by(|one, other| value(other).total_cmp(&value(one)));
    best.truncate(theme::MOST);
    best
}

/// What to say of methods that are left out of drawings.
fn left_out(methods: usize) -> String {
    let most = theme::MOST;
    match methods > most {
        true => format!(" Lines are those of the {most} best methods; the tables have all."),
        false => String::new(),
    }
}

fn over_tasks(
    scores: &[TaskScores<'_>],
    scored: &[Scored<'_>],
    drawn: &[usize],
) -> Result<Section, ChartError> {
    let mut section = Section {
        id: "overall".to_owned(),
        title: "Over all tasks".to_owned(),
        ..Section::default()
    };
    if scored.is_empty() {
        section.text = vec!["No method has a run at its end on every task yet.".to_owned()];
        return Ok(section);
    }
    let scales: Vec<String> = scores.iter().map(TaskScores::told).collect();
    let scales = scales.join("; ");
    if scores.iter().all(TaskScores::is_level) {
        section.text = vec![format!("There is no common scale: {scales}.")];
    } else {
        section.text = vec![format!(
            "All runs of all tasks on one scale from 0 to 1: {scales}. Every task counts the same, however many runs a method \
             has there. A resample draws the runs of each task and method apart (stratified bootstrap).{}{}",
            alone(scored),
            left_out(scored.len())
        )];
        means(scores, scored, &mut section)?;
        profiles(drawn, scored, &mut section)?;
    }
    if scored.len() > 1 {
        improvements(scores, scored, drawn, &mut section)?;
    }
    Ok(section)
}

/// The interquartile mean of each method over all tasks on the common scale.
fn means(
    scores: &[TaskScores<'_>],
    scored: &[Scored<'_>],
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut csv = Csv::new(&["method", "runs", "begun", "iqm", "low", "high"]);
    let mut rows = Vec::new();
    for method in scored {
        let runs: usize = method.groups.iter().map(Vec::len).sum();
        let begun = |scores: &TaskScores<'_>| {
            let of_task = &scores.task.methods.list[method.number];
            scores.finals.begun(&of_task.runs)
        };
        let placed = scores.iter().filter(|scores| !scores.is_level());
        let begun: usize = placed.map(begun).sum();
        if let Some(interval) = method.all {
            let Interval { value, low, high } = interval;
            csv.push(
                &[method.name],
                &[runs as f64, begun as f64, value, low, high],
            );
            rows.push(Row {
                name: method.name.to_owned(),
                series: method.number,
                interval,
            });
        }
    }
    let ranges = Ranges {
        title: "All tasks: interquartile mean",
        axis: "common scale",
        range: Some([0.0, 1.0]),
        reference: None,
        rows,
    };
    section.push("overall", "iqm", ranges.draw()?);
    section.tables.push(("overall".to_owned(), csv.finish()));
    Ok(())
}

/// The share of runs above each threshold, every task counting the same.
fn profiles(
    drawn: &[usize],
    scored: &[Scored<'_>],
    section: &mut Section,
) -> Result<(), ChartError> {
    let step = |index: usize| index as f64 / (THRESHOLDS - 1) as f64;
    let thresholds: Vec<f64> = (0..THRESHOLDS).map(step).collect();
    let mut csv = Csv::new(&["method", "threshold", "share", "low", "high"]);
    let mut curves = Vec::new();
    for method in scored {
        let slices: Vec<&[f64]> = method.groups.iter().map(Vec::as_slice).collect();
        let found = intervals(&slices, SEED, |groups| {
            let each: Vec<Vec<f64>> = groups
                .iter()
                .map(|group| profile(group, &thresholds))
                .collect();
            let mean =
                |at: usize| each.iter().map(|shares| shares[at]).sum::<f64>() / each.len() as f64;
            (0..THRESHOLDS).map(mean).collect()
        });
        for (threshold, at) in thresholds.iter().zip(&found) {
            csv.push(&[method.name], &[*threshold, at.value, at.low, at.high]);
        }
        if drawn.contains(&method.number) {
            curves.push(curve(
                (method.number, method.name),
                thresholds.iter().copied().zip(found).collect(),
            ));
        }
    }
    let drawing = Curves {
        title: "All tasks: performance profile",
        x: ("threshold (common scale)", number),
        y: "share of runs above the threshold",
        range: Some([-0.02, 1.02]),
        curves,
    };
    section.push("overall", "profile", drawing.draw()?);
    section.tables.push(("profiles".to_owned(), csv.finish()));
    Ok(())
}

/// How often a run of one method beats one of another on the same task: the mean over tasks. Which is better shows in
/// their own scores; on the common scale, what single precision leaves of a tie may be a difference.
fn improvements(
    scores: &[TaskScores<'_>],
    scored: &[Scored<'_>],
    drawn: &[usize],
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut csv = Csv::new(&["method", "over", "probability", "low", "high"]);
    let mut table = Table {
        caption: "Probability that a run of one method is better than one of another on a task, over all tasks".to_owned(),
        head: ["Method", "over", "Probability (95 % interval)"].map(String::from).to_vec(),
        folded: scored.len() > FEW,
        ..Table::default()
    };
    for (at, this) in scored.iter().enumerate() {
        let mut rows = Vec::new();
        for that in &scored[at + 1..] {
            let tasks = scores.len();
            let own = [this.number, that.number]
                .map(|number| scores.iter().map(move |scores| scores.own(number)));
            let own: Vec<Vec<f64>> = own.into_iter().flatten().collect();
            let slices: Vec<&[f64]> = own.iter().map(Vec::as_slice).collect();
            let found = intervals(&slices, SEED, |groups| {
                let pairs = groups[..tasks].iter().zip(&groups[tasks..]);
                let sum: f64 = pairs.map(|(these, those)| improvement(these, those)).sum();
                vec![sum / tasks as f64]
            });
            for interval in found {
                let Interval { value, low, high } = interval;
                csv.push(&[this.name, that.name], &[value, low, high]);
                let names = [this.name, that.name].map(String::from).into_iter();
                let runs = this.most_runs.max(that.most_runs);
                table
                    .rows
                    .push(names.chain([told(&interval, runs)]).collect());
                rows.push(Row {
                    name: that.name.to_owned(),
                    series: this.number,
                    interval,
                });
            }
        }
        let is_drawn = drawn.contains(&this.number);
        // Of many methods, those that the first one is compared with.
        if is_drawn && !rows.is_empty() && (at == 0 || scored.len() <= FEW) {
            let ranges = Ranges {
                title: "All tasks: probability of improvement",
                axis: &format!("of {} over", this.name),
                range: Some([0.0, 1.0]),
                reference: Some(0.5),
                rows,
            };
            section.push("improvement", this.name, ranges.draw()?);
        }
    }
    section.shown.push(table);
    section
        .tables
        .push(("improvements".to_owned(), csv.finish()));
    Ok(())
}

fn curve((series, name): (usize, &str), thick: Vec<(f64, Interval)>) -> Curve {
    Curve {
        name: name.to_owned(),
        series,
        thin: Vec::new(),
        thick,
    }
}
