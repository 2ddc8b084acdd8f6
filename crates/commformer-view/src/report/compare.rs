//! Methods against each other.

use super::csv::Csv;
use super::curves::SEED;
use super::methods::{Method, Methods};
use super::names::{self, Name};
use super::outcomes::{Finals, aggregates, told};
use super::page::{Section, Table};
use crate::chart::{ChartError, Curve, Curves, Ranges, Row, number};
use crate::statistics::{Interval, improvement, intervals, profile};

/// Thresholds of a profile.
const THRESHOLDS: usize = 61;

/// A method with its number and its runs' scores, of which there is one at least.
type Scores<'a> = (usize, &'a Method, Vec<f64>);

/// A section for every score that two methods have: aggregates, profiles and improvements.
pub(super) fn sections(methods: &Methods, finals: &Finals) -> Result<Vec<Section>, ChartError> {
    let mut sections = Vec::new();
    let mut profiles = Csv::new(&["method", "metric", "threshold", "share", "low", "high"]);
    let mut improvements = Csv::new(&["method", "over", "metric", "probability", "low", "high"]);
    for name in finals.names.iter().filter(|name| names::is_score(name)) {
        let scores: Vec<Scores<'_>> = (methods.list.iter().enumerate())
            .map(|(index, method)| (index, method, finals.scores(&method.runs, name)))
            .filter(|(.., scores)| !scores.is_empty())
            .collect();
        if scores.len() < 2 {
            continue;
        }
        let Name { title, .. } = Name::of(name);
        let mut section = Section {
            id: format!("comparison-{name}"),
            title: format!("Comparison: {}", title.to_lowercase()),
            text: vec![format!("{}{}", finals.origin(methods), alone(&scores))],
            ..Section::default()
        };
        aggregates_of(name, &scores, &mut section)?;
        let drawn = profile_plot(name, &scores, &mut profiles)?;
        section.push("profile", name, drawn);
        pairs_of(name, &scores, &mut improvements, &mut section)?;
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
        ("profiles".to_owned(), profiles.finish()),
        ("improvements".to_owned(), improvements.finish()),
    ];
    Ok(sections)
}

/// What to say of methods with a single run.
fn alone(scores: &[Scores<'_>]) -> String {
    let single = scores.iter().filter(|(.., scores)| scores.len() == 1);
    let told = single.map(|(_, method, _)| {
        let name = &method.name;
        format!(" There is one run of {name}: nothing says how sure its metrics are.")
    });
    told.collect()
}

/// A table of all statistics, and a plot of the first.
fn aggregates_of(
    name: &str,
    scores: &[Scores<'_>],
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut rows = Vec::new();
    let mut table = Table {
        caption: "Over the runs of each method, with 95 % intervals".to_owned(),
        head: vec!["Method".to_owned(), "Runs".to_owned()],
        ..Table::default()
    };
    for (index, method, scores) in scores {
        let found = aggregates(name, scores);
        let mut row = vec![method.name.clone(), scores.len().to_string()];
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
            name: method.name.clone(),
            series: *index,
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

/// The share of runs above each threshold.
fn profile_plot(
    name: &str,
    scores: &[Scores<'_>],
    csv: &mut Csv,
) -> Result<Option<String>, ChartError> {
    let thresholds = thresholds(name, scores.iter().flat_map(|(.., scores)| scores));
    let mut curves = Vec::new();
    for (series, method, scores) in scores {
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
            series: *series,
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

/// Every method over those behind it: a plot for each, and a table of all.
fn pairs_of(
    name: &str,
    scores: &[Scores<'_>],
    csv: &mut Csv,
    section: &mut Section,
) -> Result<(), ChartError> {
    let mut table = Table {
        caption: "Probability that a run of one method is better than one of another".to_owned(),
        head: ["Method", "over", "Probability (95 % interval)"]
            .map(String::from)
            .into(),
        ..Table::default()
    };
    let title = format!("{}: probability of improvement", Name::of(name).title);
    for (at, (index, this, these)) in scores.iter().enumerate() {
        let mut rows = Vec::new();
        for (_, that, those) in &scores[at + 1..] {
            let found = intervals(&[these, those], SEED, |groups| {
                vec![improvement(&groups[0], &groups[1])]
            });
            for interval in found {
                let Interval { value, low, high } = interval;
                csv.push(&[&this.name, &that.name, name], &[value, low, high]);
                let runs = these.len().max(those.len());
                let row = [&this.name, &that.name].map(String::clone);
                table
                    .rows
                    .push(row.into_iter().chain([told(&interval, runs)]).collect());
                rows.push(Row {
                    name: that.name.clone(),
                    series: *index,
                    interval,
                });
            }
        }
        let ranges = Ranges {
            title: &title,
            axis: &format!("of {} over", this.name),
            range: Some([0.0, 1.0]),
            reference: Some(0.5),
            rows,
        };
        if !ranges.rows.is_empty() {
            section.push("improvement", name, ranges.draw()?);
        }
    }
    section.shown.push(table);
    Ok(())
}
