//! Whatever a worker answers: an error in a sentence, in a bounded time.

use crate::{Stage, python, task};
use commformer_bridge::{PythonConfig, envs};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use toml::{Table, Value};

/// `fake.py` as the interpreter, with these options; the folder holds what starts it.
fn fake(options: Table) -> Option<(PythonConfig, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("python");
    let fake = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/fake.py");
    let start = format!("#!/bin/sh\nexec '{}' '{fake}' \"$@\"\n", python()?);
    fs::write(&script, start).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let config = PythonConfig {
        python: script.to_str().unwrap().into(),
        options,
        timeout: 1.0,
        start_timeout: 10.0,
        ..task("Fake", "")?
    };
    Some((config, folder))
}

fn option(name: &str, value: impl Into<Value>) -> Table {
    Table::from_iter([(name.to_owned(), value.into())])
}

fn say(text: &str) -> Table {
    option("say", text)
}

#[test]
fn an_answer_that_is_none_is_an_error_in_a_sentence() {
    let none = "answered what nobody understands when it was to step environment 0";
    let late = "gave no answer within 1 s (env.timeout)";
    let mut ends = say("N do");
    ends.insert("ends".into(), true.into());
    // What it does in a step, the third request, and what the error says.
    let cases = [
        (
            say("7 done\n"),
            "answered request 7 when it was to answer request 3",
        ),
        (say("2 done\n"), "the environment has probably forked"),
        (
            say("2 {\"error\": \"its own words\", \"where\": \"step 9\"}\n"),
            "its own words",
        ),
        (say("done\n"), none),
        (say("N {\"ok\": null}\n"), none),
        (say("-N done\n"), none),
        (say("99999999999999999999 done\n"), none),
        (say("\n"), none),
        (say("N \u{1b}[31m\n"), "\\u{1b}[31m"),
        (say("N done"), late),
        (option("every", 0.05), late),
        (ends, "ended (exit status: 0)"),
        (
            option("size", 40_000_000),
            "answered more than 4 MiB in one line",
        ),
        (
            option("status", 255),
            "was to step environment 0 and answered without having stepped it",
        ),
        (
            option("status", 7),
            "wrote 7 for how its episode stands, which is none of 0, 1 and 2",
        ),
    ];
    for (options, expected) in cases {
        let Some((config, _folder)) = fake(options.clone()) else {
            return;
        };
        let mut stage = Stage::new(&config, 1);
        stage.reset().unwrap();
        let start = Instant::now();
        let error = stage.step(&[1]).unwrap_err().to_string();
        assert!(error.contains(expected), "{options}: {error}");
        assert!(!error.contains('\u{1b}'), "{options}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{options}");
    }
}

#[test]
fn a_task_that_is_none_is_an_error_in_a_sentence() {
    let none = "answered what nobody understands when it was started";
    for (first, expected) in [
        ("", none),
        ("0 {}", none),
        ("0 {\"ok\": {\"agents\": -1}}", none),
        ("1 {}", "answered request 1 when it was to answer request 0"),
    ] {
        let Some((config, _folder)) = fake(option("first", first)) else {
            return;
        };
        let error = envs(&config, 1).unwrap_err().to_string();
        assert!(error.contains(expected), "{first}: {error}");
    }
}
