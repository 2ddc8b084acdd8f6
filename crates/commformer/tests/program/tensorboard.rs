//! What TensorBoard's own reader, from PyPI, finds in the events of a run.

use crate::{
    complaint, curve, curve_of, json, metrics, printed, program, python_with, read, train, words,
};
use serde_json::{Value, json as literal};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// A Python with TensorBoard; `None` where there is none.
fn python() -> Option<OsString> {
    python_with(
        "tensorboard",
        "version >= (2, 0)",
        "COMMFORMER_TENSORBOARD_PYTHON",
    )
}

/// What a script of this folder finds in another one.
fn found(python: &OsString, script: &str, folder: &Path) -> Value {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program");
    let mut reader = Command::new(python);
    reader.arg(scripts.join(script)).arg(folder);
    json(&printed(&reader.output().unwrap()))
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
    let Some(python) = python() else {
        return;
    };
    let events = found(&python, "read_events.py", &run.join("tensorboard"));
    let lines = metrics(&run);
    let of = |kind| -> Vec<&Value> { lines.iter().filter(|line| line["kind"] == kind).collect() };

    let (iterations, evaluations) = (of("iteration"), of("evaluation"));
    assert_eq!((iterations.len(), evaluations.len()), (4, 2));
    for (tag, kind, pointer) in [
        ("loss/policy", "iteration", "/losses/policy"),
        ("receiving/messages", "iteration", "/receiving/messages"),
        ("rollout/accuracy", "iteration", "/metrics/accuracy"),
        ("eval/return", "evaluation", "/metrics/return/mean"),
    ] {
        let expected = curve_of(&lines, kind, pointer);
        assert!(!expected.is_empty(), "{tag}");
        assert_eq!(curve(&events["scalars"][tag]), expected, "{tag}");
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

/// How often a text is in the events of a run.
pub(crate) fn count(run: &Path, text: &str) -> usize {
    let file = std::fs::read_dir(run.join("tensorboard")).unwrap().next();
    let bytes = std::fs::read(file.unwrap().unwrap().path()).unwrap();
    let parts = bytes.windows(text.len());
    parts.filter(|part| *part == text.as_bytes()).count()
}

#[test]
fn a_run_that_is_kept_from_its_last_evaluation_has_failed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal", "--run", "a run"]));
    let run = folder.join("a run");
    // What is written there cannot be, as on a disk that is full.
    std::fs::remove_file(run.join("graph.svg")).unwrap();
    std::fs::create_dir(run.join("graph.svg")).unwrap();
    let again = ["train", "--run", "a run"];
    let said = complaint(&program(folder, &again), 1);
    for part in [
        "did not come to its end after 160 steps",
        "its newest checkpoint that of step 160",
        "`commformer train --run 'a run'` goes on from there",
        "graph.svg",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let endings = |status: &str| count(&run, &format!("\"\u{b}\u{8}{status}\u{11}"));
    let [success, failure] = ["\u{1}", "\u{2}"];
    assert_eq!([endings(success), endings(failure)], [0, 1]);
    std::fs::remove_dir(run.join("graph.svg")).unwrap();
    printed(&program(folder, &again));
    assert_eq!([endings(success), endings(failure)], [1, 0]);
}

#[test]
fn tensorboard_compares_runs_by_their_settings() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run a")));
    let other = "train signal --method ippo --set ppo.lr=0.125 --set rollout.num_envs=4 --set rollout.steps=10 \
                 --set eval.episodes=3 --set eval.final_episodes=5 --steps 80 --threads 1 --device cpu --run b";
    printed(&program(folder, &words(other)));
    let explodes = words("signal --set ppo.lr=1e30 --run c");
    complaint(&train(folder, &explodes), 1);
    // Once they have ended, they go on and end again.
    printed(&program(folder, &words("train --run a")));
    complaint(&program(folder, &words("train --run c")), 1);
    for run in ["a", "b", "c"] {
        for tag in ["_hparams_/session_start_info", "_hparams_/session_end_info"] {
            assert_eq!(count(&folder.join(run), tag), 1, "{tag} of {run}");
        }
    }
    let Some(python) = python() else {
        return;
    };
    let shown = found(&python, "read_hparams.py", folder);
    let run = |name: &str| &shown["runs"][format!("{name}/tensorboard")];
    for (name, lr, status) in [
        ("a", 0.001, "STATUS_SUCCESS"),
        ("b", 0.125, "STATUS_SUCCESS"),
        ("c", 1e30, "STATUS_FAILURE"),
    ] {
        let Value::Object(settings) = &run(name)["settings"] else {
            panic!("{shown}");
        };
        assert_eq!(run(name)["status"], status, "{name}");
        assert_eq!(settings["ppo.lr"], lr, "{name}");
        assert_eq!(settings["env.kind"], "signal", "{name}");
        // Every line of the configuration that sets something, and no other.
        let config = read(&folder.join(name).join("config.toml"));
        let keys = config.lines().filter(|line| line.contains(" = "));
        assert_eq!(settings.len(), keys.count(), "{name}");
    }
    let settings = &run("a")["settings"];
    assert_eq!(settings["policy.relation"], true);
    assert_eq!(settings["graph.edges"], "[]");
    assert_eq!(run("b")["settings"]["method.kind"], "ippo");
    let last = json(&read(&folder.join("a/final.json")));
    let mean = last["accuracy"]["mean"].as_f64().unwrap();
    assert_eq!(run("a")["metrics"]["final/accuracy"], mean as f32);
    let lines = metrics(&folder.join("a"));
    let mean = lines[5]["metrics"]["return"]["mean"].as_f64().unwrap();
    assert_eq!(run("a")["metrics"]["eval/return"], mean as f32);
    let differs = shown["differs"].as_array().unwrap();
    for (setting, differ) in [("method.kind", true), ("ppo.lr", true), ("env.kind", false)] {
        assert_eq!(differs.contains(&setting.into()), differ, "{setting}");
    }
}
