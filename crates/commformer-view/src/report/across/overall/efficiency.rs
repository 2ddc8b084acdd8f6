//! Sample efficiency: scores over the training of all tasks.

use super::{aggregate, left_out, missing};
use crate::chart::{ChartError, Curves, number};
use crate::report::across::scores::TaskScores;
use crate::report::across::{Across, Task};
use crate::report::csv::Csv;
use crate::report::curves::thick;
use crate::report::names::SHARE;
use crate::report::page::Section;
use crate::statistics::Interval;

/// Points of a curve over training.
const POINTS: usize = 40;

/// Scores over the share of the longest training on each task.
pub(super) fn section(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
    drawn: &[usize],
) -> Result<Section, ChartError> {
    let shares: Vec<f64> = (1..=POINTS)
        .map(|point| point as f64 / POINTS as f64)
        .collect();
    let mut csv = Csv::new(&["method", "share", "iqm", "low", "high"]);
    let (mut curves, mut found) = (Vec::new(), Vec::new());
    for (number, name) in across.methods.iter().enumerate() {
        // Task by task, run by run.
        let each: Vec<Vec<Vec<Option<f64>>>> = (scores.iter())
            .filter(|scores| !scores.is_level())
            .map(|scores| {
                let runs = scores.task.methods.list[number].runs.iter();
                runs.map(|run| scores.after(run, &shares)).collect()
            })
            .collect();
        let mut points = Vec::new();
        for (at, share) in shares.iter().enumerate() {
            let of_task = |runs: &Vec<Vec<Option<f64>>>| runs.iter().map(|run| run[at]).collect();
            let groups: Option<Vec<Vec<f64>>> = each.iter().map(of_task).collect();
            let all = groups.and_then(|groups| aggregate(&groups));
            if let Some(Interval { value, low, high }) = all {
                csv.push(&[name], &[*share, value, low, high]);
            }
            points.push((100.0 * share, all.unwrap_or(Interval::NONE)));
        }
        if points.iter().any(|(_, all)| all.value.is_finite()) {
            found.push(number);
            if drawn.contains(&number) {
                curves.push(thick((number, name), points));
            }
        }
    }
    let drawing = Curves {
        title: "All tasks: sample efficiency",
        x: ("share of the environment steps, %", number),
        y: "interquartile mean, common scale",
        range: Some(SHARE),
        curves,
    };
    let mut section = Section {
        id: "efficiency".to_owned(),
        title: "Sample efficiency".to_owned(),
        tables: vec![("efficiency".to_owned(), csv.finish())],
        ..Section::default()
    };
    section.push("overall", "efficiency", drawing.draw()?);
    section.text = vec![match found.len() {
        0 if scores.iter().all(TaskScores::is_level) => "There is no common scale.".to_owned(),
        0 => "No method has evaluations of all its runs on every task yet, or a task that is measured by its return has no run \
              at its end, between which its scale lies."
            .to_owned(),
        drawn => {
            // Those that have begun are here.
            let absent = |number: usize| {
                let tasks = scores.iter().map(|scores| scores.task);
                let runs = |task: &Task| task.methods.list[number].runs.len();
                let name = across.methods[number];
                let absent = tasks.map(|task| across.unread(&task.name, name, runs(task)));
                (name, absent.sum())
            };
            format!(
                "The last evaluation up to each share of the longest training on a task, over all tasks on their common \
                 scale. A line ends where a run of the method has not been.{}{}",
                missing(found.into_iter().map(absent)),
                left_out(drawn)
            )
        }
    }];
    Ok(section)
}
