//! The program from outside, on a task so small that a run takes a second.

mod commands;
mod faults;
#[path = "../../../../tests/src/skip.rs"]
mod skip;
#[cfg(unix)]
mod strangers;
mod tensorboard;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const SMALL: [&str; 18] = [
    "--set",
    "policy.embed_dim=16",
    "--set",
    "rollout.copies=4",
    "--set",
    "rollout.steps=10",
    "--set",
    "eval.every=80",
    "--set",
    "eval.episodes=3",
    "--set",
    "eval.final_episodes=5",
    "--threads",
    "1",
    "--device",
    "cpu",
    "--steps",
    "160",
];

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Runs the program to its end.
fn program(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_commformer"))
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .args(arguments)
        .output()
        .unwrap()
}

/// What it printed; it must have ended well.
#[track_caller]
fn printed(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it complained about; it must have ended with this code.
#[track_caller]
fn complaint(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn train(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, &[&["train"], arguments, &SMALL].concat())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The lines of `metrics.jsonl` without what a clock says.
fn metrics(run: &Path) -> Vec<Value> {
    let mut lines: Vec<Value> = read(&run.join("metrics.jsonl")).lines().map(json).collect();
    for line in &mut lines {
        assert!(line.as_object_mut().unwrap().remove("seconds").is_some());
    }
    lines
}
