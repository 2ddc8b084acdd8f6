//! Many configurations, each trained in a process of its own: so its peak memory is its own, nothing
//! is left over from the one before, and one that fails takes nothing else with it.

use super::axis::{Axis, Point};
use super::measure::{Budget, Measured};
use super::table::Table;
use crate::cli::options::ConfigOptions;
use crate::process;
use anyhow::Context;
use commformer_view::numbers::grouped;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

/// One configuration, and what came out or why nothing did.
#[derive(Debug)]
pub(super) struct Row {
    pub point: Point,
    pub result: Result<Measured, String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Printed<'a> {
    name: &'a str,
    rows: Vec<PrintedRow<'a>>,
}

#[derive(Debug, Serialize)]
struct PrintedRow<'a> {
    /// Where on the axes.
    at: Map<String, Value>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    measured: Option<&'a Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Measures every point, and prints each row as it is there.
///
/// # Errors
///
/// If a process cannot be started. One that fails is a row that says so.
pub(super) fn run(
    axes: &[Axis],
    points: impl Iterator<Item = (Point, ConfigOptions)>,
    budget: Budget,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let table = table(axes);
    writeln!(out, "{}", table.head())?;
    let mut rows = Vec::new();
    for (point, options) in points {
        let result = outcome(&measure_apart(&options, budget)?);
        let row = Row { point, result };
        writeln!(out, "{}", line(&table, &row))?;
        out.flush()?;
        rows.push(row);
    }
    Ok(rows)
}

/// What is told of rows with this `name`.
pub(super) fn printed<'a>(name: &'a str, rows: &'a [Row]) -> Printed<'a> {
    let value = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
    let rows = rows.iter().map(|row| PrintedRow {
        at: (row.point.iter())
            .map(|(name, text)| (name.clone(), value(text)))
            .collect(),
        measured: row.result.as_ref().ok(),
        error: row.result.as_ref().err().map(String::as_str),
    });
    Printed {
        name,
        rows: rows.collect(),
    }
}

/// This program once more, for one configuration.
fn measure_apart(options: &ConfigOptions, budget: Budget) -> anyhow::Result<Output> {
    process::again()?
        .args(["bench", "train"])
        .args(options.arguments())
        .arg(format!("--iterations={}", budget.iterations))
        .arg(format!("--seconds={}", budget.seconds))
        .arg("--json")
        .stdin(Stdio::null())
        .output()
        .context("cannot start this program")
}

/// What the process measured, or why it did not.
fn outcome(output: &Output) -> Result<Measured, String> {
    if !output.status.success() {
        return Err(failure(output));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| format!("printed {last:?}: {error}"))
}

/// Why a process failed, in a line.
fn failure(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    // Our own word first; then Rust's when memory runs out, before its backtrace; else the last line, which
    // with a panic is followed by a note.
    let error = lines.clone().find_map(|line| line.strip_prefix("error: "));
    let of_memory = |line: &&str| line.starts_with("memory allocation of");
    let reason = error
        .or_else(|| lines.clone().find(of_memory))
        .or_else(|| lines.rfind(|line| !line.starts_with("note:")))
        .unwrap_or_default();
    match output.status.signal() {
        // The system ends a process like this when memory runs out.
        Some(9) if reason.is_empty() => "killed, as when memory runs out".to_owned(),
        _ if reason.is_empty() => format!("failed ({})", output.status),
        _ => reason.to_owned(),
    }
}

fn table(axes: &[Axis]) -> Table {
    let table = axes.iter().fold(Table::new(), |table, axis| {
        let widest = axis.values.iter().map(String::len).max();
        table.numbers(&axis.name, widest.unwrap_or(0))
    });
    let numbers = [
        ("steps/s", 9),
        ("environment", 11),
        ("act", 6),
        ("update", 6),
        ("peak MB", 7),
        ("GFLOP/s", 7),
        ("of plain", 8),
    ];
    let add = |table: Table, (title, width)| table.numbers(title, width);
    numbers.into_iter().fold(table, add)
}

fn line(table: &Table, row: &Row) -> String {
    let place = row.point.iter().map(|(_, value)| value.clone());
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    match &row.result {
        Ok(measured) => table.row(place.chain([
            grouped(measured.steps_per_second as u64),
            percent(measured.shares.environment),
            percent(measured.shares.act),
            percent(measured.shares.update),
            measured.peak_megabytes(),
            format!("{:.1}", measured.update_gflops),
            percent(measured.share_of_plain),
        ])),
        Err(error) => format!("{}  {error}", table.row(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::measure::Shares;

    fn rows() -> Vec<Row> {
        let point = |agents: &str| vec![("agents".to_owned(), agents.to_owned())];
        let measured = Measured {
            name: "signal".into(),
            iterations: 1,
            steps: 4000,
            seconds: 2.0,
            steps_per_second: 2000.0,
            shares: Shares {
                environment: 0.01,
                act: 0.24,
                update: 0.75,
            },
            agents: 3,
            senders: 1.0,
            threads: 2,
            peak_memory_bytes: Some(250_999_999),
            update_gflops: 12.34,
            plain_gflops: 50.0,
            share_of_plain: 0.2468,
        };
        let row = |agents, result| Row {
            point: point(agents),
            result,
        };
        vec![
            row("3", Ok(measured)),
            row("100", Err("not enough memory".into())),
        ]
    }

    #[test]
    fn a_row_that_failed_says_so() {
        let axis: Axis = "agents=3,100".parse().unwrap();
        let table = table(&[axis]);
        let lines: Vec<String> = rows().iter().map(|row| line(&table, row)).collect();
        assert_eq!(
            [table.head().as_str(), &lines[0], &lines[1]],
            [
                "agents    steps/s  environment     act  update  peak MB  GFLOP/s  of plain",
                "     3      2,000        1.0 %  24.0 %  75.0 %      250     12.3    24.7 %",
                "   100  not enough memory",
            ]
        );
        let rows = rows();
        let told = serde_json::to_value(printed("x", &rows)).unwrap();
        assert_eq!(told["rows"][0]["at"]["agents"], 3);
        assert_eq!(told["rows"][0]["steps"], 4000);
        assert_eq!(told["rows"][1]["error"], "not enough memory");
        assert!(told["rows"][1].get("steps").is_none());
    }

    #[test]
    fn the_reason_of_a_failure_is_found() {
        let check = |status: i32, stderr: &str, expected: &str| {
            let output = Output {
                status: std::process::ExitStatus::from_raw(status),
                stdout: Vec::new(),
                stderr: stderr.into(),
            };
            assert_eq!(outcome(&output), Err(expected.to_owned()));
        };
        check(1 << 8, "warning\nerror: no GPU\n", "no GPU");
        let panic = "thread panicked at x:\nbad luck\nnote: see\n";
        check(101 << 8, panic, "bad luck");
        let memory = "memory allocation of 9 bytes failed";
        check(6, &format!("{memory}\nstack backtrace:\n"), memory);
        check(9, "", "killed, as when memory runs out");
        check(2 << 8, "", "failed (exit status: 2)");
    }
}
