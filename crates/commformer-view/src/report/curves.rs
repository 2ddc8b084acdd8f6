//! What changes while training: a line for each run, their interquartile mean and its band.

use super::csv::Csv;
use super::methods::{Method, Methods};
use super::names::{self, Name};
use super::page::{Plot, Section};
use super::run::Run;
use crate::chart::{ChartError, Curve, Curves, steps};
use crate::statistics::{Interval, interval, iqm};
use std::collections::BTreeSet;

/// Of the bootstrap: a report is the same each time.
pub(super) const SEED: u64 = 1;
/// Points that a line has at most; of longer ones neighbours are averaged.
const POINTS: usize = 150;

/// Where metrics over steps come from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Iterations,
    Evaluations,
}

impl Source {
    fn read(self, run: &Run, metric: &str) -> Vec<(f64, f64)> {
        match self {
            Self::Iterations => run.trained(metric),
            Self::Evaluations => run.evaluated(metric),
        }
    }

    /// How many neighbours make a point, the same for all runs.
    fn grouping(self, methods: &Methods) -> usize {
        let lengths = methods.runs().map(|run| match self {
            Self::Iterations => run.log.iterations.len(),
            Self::Evaluations => run.log.evaluations.len(),
        });
        lengths.max().unwrap_or(0).div_ceil(POINTS).max(1)
    }

    /// What a point of a line is.
    pub fn point(self, methods: &Methods) -> String {
        let one = match self {
            Self::Iterations => "iteration",
            Self::Evaluations => "evaluation",
        };
        match self.grouping(methods) {
            1 => format!("A point is an {one}."),
            size => format!("A point is the mean of {size} {one}s."),
        }
    }
}

/// How good the team is in evaluations.
pub(super) fn evaluations(methods: &Methods) -> Result<Section, ChartError> {
    let names = evaluated(methods, |name| !names::is_communication(name));
    let (plots, table) = plots(methods, "evaluation", &names, Source::Evaluations, |_| true)?;
    let text = match plots.is_empty() {
        true => "No run has evaluations with finite metrics.".to_owned(),
        false => format!(
            "Greedy actions, in the same episodes each time. {} {}",
            Source::Evaluations.point(methods),
            legend(methods)
        ),
    };
    Ok(Section {
        id: "evaluations".to_owned(),
        title: "Evaluations while training".to_owned(),
        text: vec![text],
        plots,
        tables: vec![("evaluations".to_owned(), table)],
        ..Section::default()
    })
}

/// What the trainer saw of itself.
pub(super) fn training(methods: &Methods) -> Result<Section, ChartError> {
    let names = iterated(methods, |name| {
        let others = ["receiving.", "seconds."];
        !others.iter().any(|prefix| name.starts_with(prefix))
            && !["iteration", "steps", "episodes"].contains(&name)
            && !name.starts_with("graph_")
    });
    let (plots, table) = plots(methods, "training", &names, Source::Iterations, |_| true)?;
    let text = match plots.is_empty() {
        true => "No run has iterations with finite metrics.".to_owned(),
        false => format!(
            "Sampled actions, on sampled graphs where the graph is learned. {} {}",
            Source::Iterations.point(methods),
            legend(methods)
        ),
    };
    Ok(Section {
        id: "training".to_owned(),
        title: "Training".to_owned(),
        text: vec![text],
        plots,
        tables: vec![("training".to_owned(), table)],
        ..Section::default()
    })
}

/// Names of metrics that any evaluation has, in the order of the page.
pub(super) fn evaluated(methods: &Methods, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let evaluations = methods.runs().flat_map(|run| &run.log.evaluations);
    ordered(evaluations.flat_map(|at| at.metrics.names()), wanted)
}

/// Paths of numbers that any iteration has, in the order of the page.
pub(super) fn iterated(methods: &Methods, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let iterations = methods.runs().flat_map(|run| &run.log.iterations);
    let names = iterations.flat_map(|at| at.numbers.keys());
    ordered(names.map(String::as_str), wanted)
}

/// Each name once, in the order of the page.
pub(super) fn ordered<'a>(
    names: impl Iterator<Item = &'a str>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let names: BTreeSet<&str> = names.collect();
    let mut names: Vec<String> = names
        .into_iter()
        .filter(|name| wanted(name))
        .map(String::from)
        .collect();
    names.sort_by_key(|name| names::rank(name));
    names
}

/// Lines of a table for each metric, and a plot for each that `shown` takes, if there is something to draw.
pub(super) fn plots(
    methods: &Methods,
    prefix: &str,
    names: &[String],
    source: Source,
    shown: impl Fn(&str) -> bool,
) -> Result<(Vec<Plot>, String), ChartError> {
    let mut table = Csv::new(&["method", "metric", "steps", "runs", "iqm", "low", "high"]);
    let mut plots: Vec<Plot> = Vec::new();
    let size = source.grouping(methods);
    for path in names {
        let mut curves = Vec::new();
        for (series, method) in methods.list.iter().enumerate() {
            let (curve, middle) = of_method((series, method), size, |run| source.read(run, path));
            for (x, at) in middle.into_iter().filter(|(_, at)| at.value.is_finite()) {
                let numbers = [x, curve.thin.len() as f64, at.value, at.low, at.high];
                table.push(&[&method.name, path], &numbers);
            }
            curves.push(curve);
        }
        if !shown(path) {
            continue;
        }
        let name = Name::of(path);
        let drawing = Curves {
            title: &name.title,
            x: ("environment steps", steps),
            y: &name.unit,
            range: name.range,
            curves,
        };
        if let Some(svg) = drawing.draw()? {
            plots.push(Plot::new(prefix, path, svg, &plots));
        }
    }
    Ok((plots, table.finish()))
}

/// A method's lines, and the interquartile mean with its band at the steps that every run has: a gap where one of them has
/// no number. Runs that have none at all do not count.
fn of_method(
    (series, method): (usize, &Method),
    size: usize,
    read: impl Fn(&Run) -> Vec<(f64, f64)>,
) -> (Curve, Vec<(f64, Interval)>) {
    let lines: Vec<Vec<(f64, f64)>> = method.runs.iter().map(read).collect();
    let ends = ends(&lines, size);
    let thin: Vec<Vec<(f64, f64)>> = (lines.iter())
        .map(|line| averaged(line, &ends))
        .filter(|line| line.iter().any(|(_, y)| y.is_finite()))
        .collect();
    let mut middle = Vec::new();
    for (x, _) in thin.first().into_iter().flatten() {
        let at =
            |line: &Vec<(f64, f64)>| line.iter().find(|point| point.0 == *x).map(|point| point.1);
        let scores: Option<Vec<f64>> = thin.iter().map(at).collect();
        let Some(scores) = scores else {
            continue;
        };
        let found = match scores.iter().all(|y| y.is_finite()) {
            true => interval(&[&scores], SEED, |groups| iqm(&groups[0])),
            false => Some(Interval::NONE),
        };
        middle.extend(found.map(|interval| (*x, interval)));
    }
    let thick = match thin.len() {
        0 | 1 => Vec::new(),
        _ => middle.clone(),
    };
    let curve = Curve {
        name: method.name.clone(),
        series,
        thin,
        thick,
    };
    (curve, middle)
}

/// A method's thick line without thin ones.
pub(super) fn thick((series, name): (usize, &str), thick: Vec<(f64, Interval)>) -> Curve {
    Curve {
        name: name.to_owned(),
        series,
        thick,
        ..Curve::default()
    }
}

/// The last steps of each point, of so many neighbours among the steps that any line has: a line that lacks some of them has
/// its points at the same steps as the others.
fn ends(lines: &[Vec<(f64, f64)>], size: usize) -> Vec<f64> {
    let mut all: Vec<f64> = lines.iter().flatten().map(|point| point.0).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let points = all.chunks(size);
    points.map(|point| point[point.len() - 1]).collect()
}

/// Means of what lies between these steps, of those that are numbers. The last point lies where the line ends.
fn averaged(line: &[(f64, f64)], ends: &[f64]) -> Vec<(f64, f64)> {
    let place = |steps: f64| ends.partition_point(|end| *end < steps);
    let last = line.last().map_or(f64::NAN, |point| point.0);
    let mean = |part: &[(f64, f64)]| {
        let values: Vec<f64> = part
            .iter()
            .map(|point| point.1)
            .filter(|y| y.is_finite())
            .collect();
        (
            ends[place(part[0].0)].min(last),
            crate::statistics::mean(&values),
        )
    };
    let parts = line.chunk_by(|one, other| place(one.0) == place(other.0));
    parts.map(mean).collect()
}

/// What the lines of a plot are.
pub(super) fn legend(methods: &Methods) -> &'static str {
    match methods.list.iter().any(|method| method.runs.len() > 1) {
        true => {
            "Thin lines are runs; the thick one is the interquartile mean over seeds, its band the 95 % \
             bootstrap interval. Where a run has no number there is no thick line."
        }
        false => "A line is one run: without other seeds nothing says how sure it is.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_averaged_without_gaps() {
        let line = [
            (1.0, 2.0),
            (2.0, f64::NAN),
            (3.0, 6.0),
            (4.0, f64::NAN),
            (5.0, f64::NAN),
        ];
        let found = averaged(&line, &[3.0, 6.0]);
        assert_eq!(found[0], (3.0, 4.0));
        assert!(found[1].0 == 5.0 && found[1].1.is_nan());
        assert_eq!(averaged(&[], &[]), []);
    }

    #[test]
    fn a_line_that_lacks_steps_has_its_points_where_others_have_theirs() {
        let whole: Vec<(f64, f64)> = (1..=7).map(|at| (f64::from(at), f64::from(at))).collect();
        let lacking = [&whole[..2], &whole[3..]].concat();
        let lines = [whole, lacking];
        let ends = ends(&lines, 3);
        assert_eq!(ends, [3.0, 6.0, 7.0]);
        assert_eq!(
            averaged(&lines[0], &ends),
            [(3.0, 2.0), (6.0, 5.0), (7.0, 7.0)]
        );
        assert_eq!(
            averaged(&lines[1], &ends),
            [(3.0, 1.5), (6.0, 5.0), (7.0, 7.0)]
        );
    }
}
