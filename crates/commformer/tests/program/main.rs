//! The program from outside, on a task so small that a run takes a second.

mod bench;
mod commands;
mod comparing;
mod doctor;
mod export;
mod faults;
#[path = "../../../../tests/src/python.rs"]
mod interpreter;
mod launchers;
mod outputs;
#[path = "../../../../tests/src/ports.rs"]
mod ports;
mod ranks;
mod signals;
#[path = "../../../../tests/src/skip.rs"]
mod skip;
mod strangers;
mod tensorboard;
mod tracking;
mod views;
mod words;

use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

const SMALL: [&str; 18] = [
    "--set",
    "policy.embed_dim=16",
    "--set",
    "rollout.num_envs=4",
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

/// The program, still to be started in `folder`.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_commformer"));
    command
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .args(arguments);
    command
}

/// Runs the program to its end.
fn program(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// A Python that has this package, in a version of which `right`, in Python, holds: the one that an environment variable names,
/// else `python3`. Says so where there is none.
fn python_with(package: &str, right: &str, variable: &str) -> Option<OsString> {
    let named = std::env::var_os(variable);
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let code = format!(
        "import importlib.metadata\n\
         version = tuple(map(int, importlib.metadata.version({package:?}).split('.')[:2]))\n\
         assert {right}"
    );
    let found = Command::new(&python).args(["-c", &code]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let lack = format!("no Python with the package `{package}` where {right}");
    assert_eq!(named, None, "{variable} names {lack}");
    skip::skipped(&format!("{lack} ({variable} can name one)"));
    None
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

/// Points of a curve, [steps, number] each. In single precision: that of event files, and reading JSON may cost the last bit.
fn curve(points: &Value) -> Vec<(u64, f32)> {
    serde_json::from_value(points.clone()).unwrap_or_default()
}

/// The curve of a number over the lines of a kind.
fn curve_of(lines: &[Value], kind: &str, pointer: &str) -> Vec<(u64, f32)> {
    let of_kind = lines.iter().filter(|line| line["kind"] == kind);
    let point = |line: &Value| {
        Some((
            line["steps"].as_u64()?,
            line.pointer(pointer)?.as_f64()? as f32,
        ))
    };
    of_kind.filter_map(point).collect()
}
