//! Methods against each other.

use super::csv::Csv;
use super::curves::SEED;
use super::methods::{Method, Methods};
use super::names::{self, Name};
use super::outcomes::{Finals, aggregates, told};
use super::page::{Plot, Section, Table};
use crate::chart::{ChartError, Curve, Curves, Ranges, Row, number};
use crate::statistics::{Interval, improvement, intervals, profile};

/// Thresholds of a profile.
const THRESHOLDS: usize = 61;

/// Profiles, aggregates and improvements of every score that two methods have.
pub(super) fn section(methods: &Methods, finals: &Finals) -> Result<Section, ChartError> {
    let mut section = Section {
        id: "comparison",
        title: "Comparison",
        text: vec![finals.origin().to_owned()],
        ..Section::default()
    };
    for method in &methods.list {
        if let [run] = &method.runs[..] {
            let told = format!(
                "{} has one run, {}: nothing says how sure its figures are.",
                method.name,
                run.name()
            );
            section.text.push(told);
        }
    }
    let mut profiles = Csv::new(&["method", "figure", "threshold", "share", "low", "high"]);
    let mut improvements = Csv::new(&["method", "over", "figure", "probability", "low", "high"]);
    for name in finals.names.iter().filter(|name| names::is_score(name)) {
        let scores: Vec<(usize, &Method, Vec<f64>)> = (methods.list.iter().enumerate())
            .map(|(index, method)| (index, method, finals.scores(&method.runs, name)))
            .filter(|(.., scores)| !scores.is_empty())
            .collect();
        if scores.len() < 2 {
            let title = Name::of(name).title;
            section.text.push(format!(
                "{title}: fewer than two methods have a number, so there is nothing to compare."
            ));
            continue;
        }
        let title = Name::of(name).title;
        let mut rows = Vec::new();
        let mut table = Table {
            caption: format!(
                "{}: over the runs of each method, with 95 % intervals",
                Name::of(name).line()
            ),
            head: vec!["Method".to_owned(), "Runs".to_owned()],
            ..Table::default()
        };
        for (index, method, scores) in &scores {
            let found = aggregates(name, scores);
            let mut row = vec![method.name.clone(), scores.len().to_string()];
            row.extend(
                found
                    .iter()
                    .map(|(_, interval)| told(interval, scores.len())),
            );
            if table.head.len() == 2 {
                table
                    .head
                    .extend(found.iter().map(|(statistic, _)| (*statistic).to_owned()));
            }
            table.rows.push(row);
            rows.extend(found.first().map(|(_, interval)| Row {
                name: method.name.clone(),
                series: *index,
                interval: *interval,
            }));
        }
        section.shown.push(table);
        let unit = Name::of(name).unit;
        let ranges = Ranges {
            title: &format!("{title}: interquartile mean"),
            axis: &unit,
            range: None,
            reference: None,
            rows,
        };
        push(&mut section, "aggregate", name, ranges.draw()?);
        let drawn = profile_plot(name, &scores, &mut profiles)?;
        push(&mut section, "profile", name, drawn);
        let pairs = pairs(name, &scores, &mut improvements);
        section.shown.push(table_of(&title, &pairs));
        let ranges = Ranges {
            title: &format!("{title}: probability of improvement"),
            axis: "share of pairs of runs",
            range: Some([0.0, 1.0]),
            reference: Some(0.5),
            rows: pairs.into_iter().map(|pair| pair.row).collect(),
        };
        push(&mut section, "improvement", name, ranges.draw()?);
    }
    if section.plots.is_empty() {
        section
            .text
            .push("No two methods have a return or a success to compare.".to_owned());
    }
    section.tables = vec![
        ("profiles".to_owned(), profiles.finish()),
        ("improvements".to_owned(), improvements.finish()),
    ];
    Ok(section)
}

fn push(section: &mut Section, prefix: &str, name: &str, drawn: Option<String>) {
    let plot = drawn.map(|svg| Plot::new(prefix, name, svg, &section.plots));
    section.plots.extend(plot);
}

/// The share of runs above each threshold.
fn profile_plot(
    name: &str,
    scores: &[(usize, &Method, Vec<f64>)],
    csv: &mut Csv,
) -> Result<Option<String>, ChartError> {
    let thresholds = thresholds(name, scores.iter().flat_map(|(.., scores)| scores));
    let mut curves = Vec::new();
    for (_, method, scores) in scores {
        let found = intervals(&[scores], SEED, |groups| profile(&groups[0], &thresholds));
        for (threshold, at) in thresholds.iter().zip(&found) {
            csv.push(
                &[&method.name, name],
                &[*threshold, at.value, at.low, at.high],
            );
        }
        let thick = thresholds.iter().copied().zip(found).collect();
        curves.push(Curve {
            name: method.name.clone(),
            thin: Vec::new(),
            thick,
        });
    }
    let Name { title, unit, .. } = Name::of(name);
    let axis = format!("threshold ({unit})");
    Curves {
        title: &format!("{title}: performance profile"),
        x: (&axis, number),
        y: "share of runs above the threshold",
        range: Some([-0.02, 1.02]),
        curves,
    }
    .draw()
}

/// Evenly over all scores with some room, or from 0 to 1 where that is the scale.
fn thresholds<'a>(name: &str, scores: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let [low, high] = match names::is_normalised(name) {
        true => [0.0, 1.0],
        false => {
            let ends = [f64::INFINITY, f64::NEG_INFINITY];
            let [low, high] = scores.fold(ends, |[low, high], score| {
                [low.min(*score), high.max(*score)]
            });
            let room = ((high - low) * 0.1).max(low.abs() * 0.01).max(1e-6);
            [low - room, high + room]
        }
    };
    let share = |index: usize| index as f64 / (THRESHOLDS - 1) as f64;
    (0..THRESHOLDS)
        .map(|index| low + share(index) * (high - low))
        .collect()
}

/// One method over another.
struct Pair {
    names: [String; 2],
    row: Row,
}

fn pairs(name: &str, scores: &[(usize, &Method, Vec<f64>)], csv: &mut Csv) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (at, (index, this, these)) in scores.iter().enumerate() {
        for (_, that, those) in &scores[at + 1..] {
            let found = intervals(&[these, those], SEED, |groups| {
                vec![improvement(&groups[0], &groups[1])]
            });
            let Some(&interval) = found.first() else {
                continue;
            };
            let Interval { value, low, high } = interval;
            csv.push(&[&this.name, &that.name, name], &[value, low, high]);
            let names = [this.name.clone(), that.name.clone()];
            let row = Row {
                name: names.join(" over "),
                series: *index,
                interval,
            };
            pairs.push(Pair { names, row });
        }
    }
    pairs
}

fn table_of(title: &str, pairs: &[Pair]) -> Table {
    let row = |Pair {
                   names: [this, that],
                   row,
               }: &Pair| { vec![this.clone(), that.clone(), told(&row.interval, 2)] };
    Table {
        caption: format!(
            "{title}: probability that a run of one method is better than one of another"
        ),
        head: ["Method", "over", "Probability (95 % interval)"]
            .map(String::from)
            .into(),
        rows: pairs.iter().map(row).collect(),
        folded: false,
    }
}
