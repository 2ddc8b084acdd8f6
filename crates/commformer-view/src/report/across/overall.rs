//! Methods over all tasks: aggregates, profiles and improvements; sample efficiency, and success against bytes.

mod bytes;
mod efficiency;

use super::super::absent::Absent;
use super::super::compare::{Scored, how_sure, pairs, profiles};
use super::super::csv::Csv;
use super::super::curves::SEED;
use super::super::page::{Section, Table};
use super::Across;
use super::scores::{TaskScores, on_all_tasks};
use crate::chart::{ChartError, Ranges, Row};
use crate::statistics::{Interval, interval, iqm_of_tasks};
use crate::theme;
use std::collections::BTreeMap;

/// Of more methods, pairs are folded away.
const FEW: usize = theme::SERIES.len();

/// The interquartile mean over all tasks on their common scale by the number of the method; none if no task has a place there.
type Aggregates = BTreeMap<usize, Interval>;

/// What to say of runs that are in none of these numbers, method by method.
fn missing<'a>(methods: impl Iterator<Item = (&'a str, Absent)>) -> String {
    let told = methods.map(|(name, absent)| {
        let told: Vec<String> = absent.told().collect();
        (!told.is_empty()).then(|| format!("{} of {name}", told.join(", ")))
    });
    let told: Vec<String> = told.flatten().collect();
    match told.is_empty() {
        true => String::new(),
        false => format!(" Runs that are in no number here: {}.", told.join("; ")),
    }
}

/// Runs of a method on all tasks that are in no number of their ends.
fn absent(across: &Across<'_>, scores: &[TaskScores<'_>], method: usize) -> Absent {
    let of_task = |scores: &TaskScores<'_>| across.absent(scores.task, method, &scores.finals);
    scores.iter().map(of_task).sum()
}

/// The interquartile mean over all tasks, each of which counts the same; none if a task has no score, and none of no task.
pub(super) fn aggregate(groups: &[Vec<f64>]) -> Option<Interval> {
    if groups.is_empty() {
        return None;
    }
    let slices: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
    interval(&slices, SEED, iqm_of_tasks)
}

pub(super) fn sections(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
) -> Result<Vec<Section>, ChartError> {
    // Methods that have a run at its end on every task, with their scores on the common scale.
    let common: Vec<Scored<'_>> = (across.methods.iter().enumerate())
        .filter_map(|(number, name)| {
            let tasks = on_all_tasks(scores, number)?;
            Some(Scored {
                number,
                name,
                tasks,
            })
        })
        .collect();
    let all = common.iter();
    let all = all.filter_map(|method| Some((method.number, aggregate(&method.tasks)?)));
    let all: Aggregates = all.collect();
    let drawn = drawn(across.methods.len(), &all);
    Ok(vec![
        over_tasks(across, scores, &common, &all, &drawn)?,
        efficiency::section(across, scores, &drawn)?,
        bytes::section(across, scores, &drawn)?,
    ])
}

/// The numbers of the methods that are drawn: all, or the best.
fn drawn(methods: usize, all: &Aggregates) -> Vec<usize> {
    let value = |number: &usize| all.get(number).map_or(f64::NEG_INFINITY, |of| of.value);
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

/// `common` has the scores on the common scale.
fn over_tasks(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
    common: &[Scored<'_>],
    all: &Aggregates,
    drawn: &[usize],
) -> Result<Section, ChartError> {
    let mut section = Section {
        id: "overall".to_owned(),
        title: "Over all tasks".to_owned(),
        ..Section::default()
    };
    if common.is_empty() {
        section.text = vec!["No method has a run at its end on every task yet.".to_owned()];
        return Ok(section);
    }
    let scales: Vec<String> = scores.iter().map(TaskScores::told).collect();
    let scales = scales.join("; ");
    let moves = match scores.iter().any(TaskScores::depends_on_runs) {
        true => {
            " A scale from the lowest to the highest run is made by all methods: one bad run of any of them moves it, and may turn \
             the order of others. `scale` in the file of the comparison gives it fixed ends."
        }
        false => "",
    };
    let own = common.iter().map(|method| Scored {
        tasks: (scores.iter().map(|scores| scores.own(method.number))).collect(),
        ..*method
    });
    let own: Vec<Scored<'_>> = own.collect();
    if scores.iter().all(TaskScores::is_level) {
        section.text = vec![format!("There is no common scale: {scales}.")];
    } else {
        section.text = vec![format!(
            "All runs of all tasks on one scale from 0 to 1: {scales}.{moves} Every task counts the same, however many runs a method \
             has there. A resample draws the runs of each task and method apart (stratified bootstrap).{}{}{}",
            how_sure(&own),
            missing(
                own.iter()
                    .map(|method| (method.name, absent(across, scores, method.number)))
            ),
            left_out(common.len())
        )];
        means(across, scores, common, all, &mut section)?;
        let mut csv = Csv::new(&["method", "threshold", "share", "low", "high"]);
        let labels = ("All tasks", "common scale");
        let is_drawn = |number| drawn.contains(&number);
        let profile = profiles(labels, [0.0, 1.0], common, (&mut csv, &[]), is_drawn)?;
        section.push("overall", "profile", profile);
        section.tables.push(("profiles".to_owned(), csv.finish()));
    }
    if common.len() > 1 {
        improvements(&own, drawn, &mut section)?;
    }
    Ok(section)
}

/// The interquartile mean of each method over all tasks on the common scale.
fn means(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
    common: &[Scored<'_>],
    all: &Aggregates,
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut csv = Csv::new(&[
        "method", "runs", "begun", "failed", "to_do", "iqm", "low", "high",
    ]);
    let mut rows = Vec::new();
    for method in common {
        let runs: usize = method.tasks.iter().map(Vec::len).sum();
        let placed = scores.iter().filter(|scores| !scores.is_level());
        let of_task =
            |scores: &TaskScores<'_>| across.absent(scores.task, method.number, &scores.finals);
        let Absent {
            begun,
            failed,
            to_do,
        } = placed.map(of_task).sum();
        let counted = [runs, begun, failed, to_do];
        if let Some(&interval) = all.get(&method.number) {
            let Interval { value, low, high } = interval;
            let counted = counted.map(|runs| runs as f64);
            csv.push(
                &[method.name],
                &[&counted[..], &[value, low, high]].concat(),
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

/// How often a run of one method beats one of another on the same task, in the tasks' own scores: on the common scale, what
/// single precision leaves of a tie may be a difference.
fn improvements(
    own: &[Scored<'_>],
    drawn: &[usize],
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut csv = Csv::new(&["method", "over", "probability", "low", "high"]);
    // Of many methods, those that the first one is compared with.
    let few = own.len() <= FEW;
    let is_first = |this: &Scored<'_>| this.number == own[0].number;
    let is_drawn = |this: &Scored<'_>| drawn.contains(&this.number);
    // There are as many pairs as the square of the methods, and each is resampled.
    let all = own.len() <= theme::MOST;
    let is_told = |this: &Scored<'_>, that: &Scored<'_>| {
        all || is_first(this) || (is_drawn(this) && is_drawn(that))
    };
    let table = pairs(
        "All tasks",
        own,
        (&mut csv, &[]),
        section,
        is_told,
        |this| ((few || is_first(this)) && is_drawn(this)).then_some(this.name),
    )?;
    let mut caption = "Probability that a run of one method is better than one of another on a task, over all tasks".to_owned();
    if !all {
        caption += &format!(
            ": the first method and all others, and the {} best",
            theme::MOST
        );
    }
    section.shown.push(Table {
        caption,
        folded: !few,
        ..table
    });
    section
        .tables
        .push(("improvements".to_owned(), csv.finish()));
    Ok(())
}
