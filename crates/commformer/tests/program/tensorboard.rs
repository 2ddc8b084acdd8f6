//! What TensorBoard's own reader, from PyPI, finds in the events of a run.

use crate::skip::skipped;
use crate::{json, metrics, printed, read, train, words};
use serde_json::{Value, json as literal};
use std::env;
use std::path::Path;
use std::process::Command;

/// Names the Python that has the package `tensorboard`; by default `python3`.
const PYTHON: &str = "COMMFORMER_TENSORBOARD_PYTHON";

/// What the reader finds in a folder; `None` where there is no reader.
fn events(folder: &Path) -> Option<Value> {
    let named = env::var_os(PYTHON);
    let python = || Command::new(named.as_deref().unwrap_or("python3".as_ref()));
    let found = python().args(["-c", "import tensorboard"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        assert_eq!(named, None, "{PYTHON} has no package `tensorboard`");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/read_events.py");
    Some(json(&printed(
        &python().arg(script).arg(folder).output().unwrap(),
    )))
}

/// The steps of these lines, with a number of each, as TensorBoard holds it.
fn numbers(lines: &[&Value], pointer: &str) -> Value {
    let number = |line: &&Value| {
        let value = line.pointer(pointer)?.as_f64()?;
        Some(literal!([line["steps"], value as f32]))
    };
    lines.iter().filter_map(number).collect()
}

/// The graph in a picture of squares of 32 pixels: 1 where a square is blue in its middle.
fn heard(picture: &Value, agents: usize) -> Vec<Vec<f32>> {
    let cell = |row: usize, column: usize| &picture[row * 32 + 16][column * 32 + 16];
    let blue = |row, column| f32::from(cell(row, column) == &literal!([0, 114, 178]));
    (0..agents)
        .map(|row| (0..agents).map(|column| blue(row, column)).collect())
        .collect()
}

#[test]
fn tensorboard_reads_scalars_graphs_and_the_configuration() {
    let scratch = tempfile::tempdir().unwrap();
    printed(&train(scratch.path(), &words("signal --run run")));
    let run = scratch.path().join("run");
    let Some(events) = events(&run.join("tensorboard")) else {
        skipped(&format!(
            "no Python with the package `tensorboard` ({PYTHON} can name one)"
        ));
        return;
    };
    let lines = metrics(&run);
    let of = |kind| -> Vec<&Value> { lines.iter().filter(|line| line["kind"] == kind).collect() };

    let (iterations, evaluations) = (of("iteration"), of("evaluation"));
    assert_eq!((iterations.len(), evaluations.len()), (4, 2));
    for (tag, lines, pointer) in [
        ("loss/policy", &iterations, "/losses/policy"),
        ("listening/messages", &iterations, "/listening/messages"),
        ("rollout/accuracy", &iterations, "/metrics/accuracy"),
        ("eval/return", &evaluations, "/figures/return/mean"),
    ] {
        assert_eq!(events["scalars"][tag], numbers(lines, pointer), "{tag}");
    }

    let pictures = events["images"]["graph"].as_array().unwrap();
    assert_eq!(pictures.len(), evaluations.len());
    for (picture, line) in pictures.iter().zip(&evaluations) {
        assert_eq!(picture[0], line["steps"]);
        let mut graph: Vec<Vec<f32>> = serde_json::from_value(line["graph"].clone()).unwrap();
        let agents = graph.len();
        assert_eq!(picture[1].as_array().unwrap().len(), agents * 32);
        // An agent itself is grey.
        (0..agents).for_each(|agent| graph[agent][agent] = 0.0);
        assert_eq!(heard(&picture[1], agents), graph);
        assert!(graph.concat().contains(&1.0));
        assert_eq!(picture[1][16][16], literal!([187, 187, 187]));
    }

    let block = |line: &str| format!("    {line}\n");
    let config: String = read(&run.join("config.toml")).lines().map(block).collect();
    assert_eq!(events["texts"], literal!({ "config": [config] }));
}
