//! Methods against each other, on one task or over several.

use super::csv::Csv;
use super::curves::{SEED, thick};
use super::methods::Methods;
use super::names::{self, Name, SHARE};
use super::outcomes::{Finals, aggregates, told};
use super::page::{Section, Table};
use crate::chart::{ChartError, Curves, Ranges, Row, number};
use crate::statistics::{Interval, ends, improvement, interval, intervals, profile};

/// Thresholds of a profile.
const THRESHOLDS: usize = 61;

/// With fewer runs, intervals are plainly too narrow: a test of [`statistics`](crate::statistics) says by how much.
const ENOUGH: usize = 5;

/// A method with its runs' scores, task by task; on each task there is one at least.
pub(super) struct Scored<'a> {
    /// Number of its looks.
    pub number: usize,
    pub name: &'a str,
    pub tasks: Vec<Vec<f64>>,
}

/// A section for every score that two methods have: aggregates, profiles and improvements.
pub(super) fn sections(methods: &Methods, finals: &Finals) -> Result<Vec<Section>, ChartError> {
    let mut sections = Vec::new();
    let mut of_profiles = Csv::new(&["method", "metric", "threshold", "share", "low", "high"]);
    let mut of_pairs = Csv::new(&["method", "over", "metric", "probability", "low", "high"]);
    let scores = finals.names.iter().map(String::as_str);
    for name in scores.filter(|name| names::is_score(name)) {
        let scored: Vec<Scored<'_>> = (methods.list.iter().enumerate())
            .map(|(number, method)| Scored {
                number,
                name: &method.name,
                tasks: vec![finals.scores(&method.runs, name)],
            })
            .filter(|method| method.fewest_runs() > 0)
            .collect();
        if scored.len() < 2 {
            continue;
        }
        let Name { title, unit, .. } = Name::of(name);
        let mut section = Section {
            id: format!("comparison-{name}"),
            title: format!("Comparison: {}", title.to_lowercase()),
            text: vec![format!("{}{}", finals.origin(methods), how_sure(&scored))],
            ..Section::default()
        };
        aggregates_of(name, &scored, &mut section)?;
        let ends = ends_of_profile(name, &scored);
        let csv = (&mut of_profiles, &[name][..]);
        let drawn = profiles((&title, &unit), ends, &scored, csv, |_| true)?;
        section.push("profile", name, drawn);
        let csv = (&mut of_pairs, &[name][..]);
        let table = pairs(
            &title,
            &scored,
            csv,
            &mut section,
            |_, _| true,
            |_| Some(name),
        )?;
        section.shown.push(Table {
            caption: "Probability that a run of one method is better than one of another"
                .to_owned(),
            ..table
        });
        sections.push(section);
    }
    if sections.is_empty() {
        sections.push(Section {
            id: "comparison".to_owned(),
            title: "Comparison".to_owned(),
            text: vec!["No two methods have a return or a success to compare.".to_owned()],
            ..Section::default()
        });
    }
    sections[0].tables = vec![
        ("profiles".to_owned(), of_profiles.finish()),
        ("improvements".to_owned(), of_pairs.finish()),
    ];
    Ok(sections)
}

/// What to say of methods with so few runs that their intervals say too little, or nothing.
pub(super) fn how_sure(scored: &[Scored<'_>]) -> String {
    let several = scored.iter().any(|method| method.tasks.len() > 1);
    let place = if several { " on a task" } else { "" };
    let with = |runs: std::ops::Range<usize>| {
        let few = scored
            .iter()
            .filter(|method| runs.contains(&method.fewest_runs()));
        let names: Vec<&str> = few.map(|method| method.name).collect();
        match names.len() {
            0 => None,
            all if all == scored.len() => Some("every method".to_owned()),
            _ => Some(names.join(", ")),
        }
    };
    let one = with(1..2).map(|of| {
        format!(" There is one run{place} of {of}: nothing says how sure these numbers are.")
    });
    let few = with(2..ENOUGH).map(|of| {
        format!(
            " There are fewer than {ENOUGH} runs{place} of {of}: such intervals are too narrow (see What the numbers mean)."
        )
    });
    one.into_iter().chain(few).collect()
}

/// A table of all statistics, and a plot of the first.
fn aggregates_of(
    name: &str,
    scored: &[Scored<'_>],
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut rows = Vec::new();
    let mut table = Table {
        caption: "Over the runs of each method, with 95 % intervals".to_owned(),
        head: vec!["Method".to_owned(), "Runs".to_owned()],
        ..Table::default()
    };
    for method in scored {
        let scores = method.tasks.concat();
        let found = aggregates(name, &scores);
        let mut row = vec![method.name.to_owned(), scores.len().to_string()];
        row.extend(
            found
                .iter()
                .map(|(_, interval)| told(interval, scores.len())),
        );
        if table.rows.is_empty() {
            let statistics = found.iter().map(|(statistic, _)| (*statistic).to_owned());
            table.head.extend(statistics);
        }
        table.rows.push(row);
        rows.extend(found.first().map(|(_, interval)| Row {
            name: method.name.to_owned(),
            series: method.number,
            interval: *interval,
        }));
    }
    section.shown.push(table);
    let Name { title, unit, .. } = Name::of(name);
    let ranges = Ranges {
        title: &format!("{title}: interquartile mean"),
        axis: &unit,
        range: None,
        reference: None,
        rows,
    };
    section.push("aggregate", name, ranges.draw()?);
    Ok(())
}

/// Those of all scores with some room, or 0 and 1 where that is the scale.
fn ends_of_profile(name: &str, scored: &[Scored<'_>]) -> [f64; 2] {
    let scores = || {
        let scores = scored.iter().flat_map(|method| method.tasks.iter());
        scores.flatten().copied()
    };
    if names::is_normalised(name, scores()) {
        return [0.0, 1.0];
    }
    let [low, high] = ends(scores());
    let room = ((high - low) * 0.1).max(low.abs() * 0.01).max(1e-6);
    [low - room, high + room]
}

impl Scored<'_> {
    /// The fewest runs on a task; where it is one, nothing says how sure the numbers are.
    pub fn fewest_runs(&self) -> usize {
        self.tasks.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// The share of runs above each threshold, every task counting the same.
    fn profile(&self, thresholds: &[f64]) -> Vec<Interval> {
        let tasks: Vec<&[f64]> = self.tasks.iter().map(Vec::as_slice).collect();
        intervals(&tasks, SEED, |tasks| {
            let each = tasks.iter().map(|scores| profile(scores, thresholds));
            let each: Vec<Vec<f64>> = each.collect();
            let sum = |at: usize| each.iter().map(|shares| shares[at]).sum::<f64>();
            let mean = |at: usize| sum(at) / each.len() as f64;
            (0..thresholds.len()).map(mean).collect()
        })
    }

    /// How often a run beats one of another method on the same task: the mean over tasks.
    fn improvement(&self, over: &Self) -> Option<Interval> {
        let tasks = self.tasks.iter().chain(&over.tasks);
        let tasks: Vec<&[f64]> = tasks.map(Vec::as_slice).collect();
        interval(&tasks, SEED, |tasks| {
            let (these, those) = tasks.split_at(self.tasks.len());
            let pairs = these.iter().zip(those);
            let sum: f64 = pairs.map(|(these, those)| improvement(these, those)).sum();
            sum / these.len() as f64
        })
    }
}

/// The profiles of methods between two thresholds: a line of the CSV for each threshold, with the words of `key` behind
/// the method, and a drawing of the methods whose numbers `is_drawn` takes.
pub(super) fn profiles(
    (title, unit): (&str, &str),
    [low, high]: [f64; 2],
    scored: &[Scored<'_>],
    (csv, key): (&mut Csv, &[&str]),
    is_drawn: impl Fn(usize) -> bool,
) -> Result<Option<String>, ChartError> {
    let share = |index: usize| index as f64 / (THRESHOLDS - 1) as f64;
    // Evenly.
    let thresholds: Vec<f64> = (0..THRESHOLDS)
        .map(|index| low + share(index) * (high - low))
        .collect();
    let mut curves = Vec::new();
    for method in scored {
        let found = method.profile(&thresholds);
        for (threshold, at) in thresholds.iter().zip(&found) {
            let words = [&[method.name], key].concat();
            csv.push(&words, &[*threshold, at.value, at.low, at.high]);
        }
        if is_drawn(method.number) {
            let points = thresholds.iter().copied().zip(found);
            curves.push(thick((method.number, method.name), points.collect()));
        }
    }
    Curves {
        title: &format!("{title}: performance profile"),
        x: (&format!("threshold ({unit})"), number),
        y: "share of runs above the threshold",
        range: Some(SHARE),
        curves,
    }
    .draw()
}

/// Methods over those behind them: a line of the table for each pair that `is_told`, and one of the CSV, with the words of
/// `key` behind both methods; a plot for each method for which `file` has a name.
pub(super) fn pairs<'a>(
    title: &str,
    scored: &[Scored<'a>],
    (csv, key): (&mut Csv, &[&str]),
    section: &mut Section,
    is_told: impl Fn(&Scored<'a>, &Scored<'a>) -> bool,
    file: impl Fn(&Scored<'a>) -> Option<&'a str>,
) -> Result<Table, ChartError> {
    let head = ["Method", "over", "Probability (95 % interval)"];
    let mut table = Table {
        head: head.map(String::from).into(),
        ..Table::default()
    };
    for (at, this) in scored.iter().enumerate() {
        let mut rows = Vec::new();
        for that in scored[at + 1..].iter().filter(|that| is_told(this, that)) {
            let Some(interval) = this.improvement(that) else {
                continue;
            };
            let Interval { value, low, high } = interval;
            let names = [this.name, that.name];
            csv.push(&[&names, key].concat(), &[value, low, high]);
            let runs = this.fewest_runs().min(that.fewest_runs());
            let line = names.map(String::from).into_iter();
            table
                .rows
                .push(line.chain([told(&interval, runs)]).collect());
            rows.push(Row {
                name: that.name.to_owned(),
                series: this.number,
                interval,
            });
        }
        if let Some(file) = file(this).filter(|_| !rows.is_empty()) {
            let ranges = Ranges {
                title: &format!("{title}: probability of improvement"),
                axis: &format!("of {} over", this.name),
                range: Some([0.0, 1.0]),
                reference: Some(0.5),
                rows,
            };
            section.push("improvement", file, ranges.draw()?);
        }
    }
    Ok(table)
}
