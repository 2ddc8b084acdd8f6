//! Runs that somebody else has made: opening one executes nothing, writes nothing elsewhere, and tells a terminal
//! nothing.

use crate::interpreter::python;
use crate::{complaint, printed, program, read, train, words};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A run of a built-in task in `run`, whose configuration is then changed to a task in Python with an interpreter
/// that leaves a file `executed` and fails.
fn run_with_code(folder: &Path) -> PathBuf {
    printed(&train(folder, &words("signal --run run")));
    let interpreter = folder.join("interpreter");
    let mark = folder.join("executed");
    fs::write(&interpreter, format!("#!/bin/sh\ntouch {mark:?}\nexit 1\n")).unwrap();
    fs::set_permissions(&interpreter, PermissionsExt::from_mode(0o755)).unwrap();
    let config = folder.join("run/config.toml");
    let text = read(&config);
    let (before, env) = text.split_once("[env]\n").unwrap();
    let after = env.split_once("\n[").map_or("", |(_, after)| after);
    let env =
        format!("[env]\nkind = \"python\"\nmake = \"a:b\\u001b[2J\"\npython = {interpreter:?}\n");
    fs::write(&config, format!("{before}{env}\n[{after}")).unwrap();
    mark
}

const OPENING: [&str; 6] = [
    "eval --run run",
    "eval --run run --decentralised",
    "eval --run run --set env.workers=1",
    "replay --run run",
    "train --run run",
    "replay --run own --against run",
];

#[test]
fn a_strangers_code_runs_only_when_it_is_trusted() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let mark = run_with_code(folder);
    printed(&train(folder, &words("signal --run own")));
    for opening in OPENING {
        let said = complaint(&program(folder, &words(opening)), 1);
        for part in [
            "env.make = \"a:b",
            "interpreter",
            "--trust",
            "nothing of it was executed",
        ] {
            assert!(said.contains(part), "{opening}: {said}");
        }
        assert!(!said.contains('\u{1b}'), "{said:?}");
        assert!(!mark.exists(), "{opening}");
    }
    // What only reads needs nobody's trust.
    printed(&program(folder, &words("report --run run")));
    printed(&program(folder, &words("watch --run run --once")));
    assert!(!mark.exists());

    for opening in &OPENING[..5] {
        let _ = fs::remove_dir_all(folder.join("state"));
        // The interpreter is none, and the command fails; but it was started, and is from now on.
        let trusting = [opening, "--trust"].join(" ");
        for line in [&trusting, OPENING[0]] {
            let said = complaint(&program(folder, &words(line)), 1);
            assert!(mark.exists(), "{line}: {said}");
            fs::remove_file(&mark).unwrap();
        }
    }
    // Another task in the same folder, or the same in another folder, is another matter.
    fs::rename(folder.join("run"), folder.join("moved")).unwrap();
    complaint(&program(folder, &words("eval --run moved")), 1);
    fs::rename(folder.join("moved"), folder.join("run")).unwrap();
    let config = read(&folder.join("run/config.toml"));
    fs::write(folder.join("run/config.toml"), config.replace("a:b", "a:c")).unwrap();
    complaint(&program(folder, &words("eval --run run")), 1);
    assert!(!mark.exists());
}

#[test]
fn trust_that_cannot_be_remembered_is_told_and_holds_for_once() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let mark = run_with_code(folder);
    // A file where a folder is needed: that stops root, too.
    fs::write(folder.join("state"), "").unwrap();
    let said = complaint(&program(folder, &words("eval --run run --trust")), 1);
    assert!(
        mark.exists() && said.contains("is not remembered: cannot write"),
        "{said}"
    );
    fs::remove_file(&mark).unwrap();
    complaint(&program(folder, &words("eval --run run")), 1);
    assert!(!mark.exists());
}

/// All files below a folder with their bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => drop(all.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    all
}

/// A copy of `whole` as `run`, in which these names are links to what they were, or to something else of the user's, in
/// `outside`.
fn full_of_links(folder: &Path, names: &[&str]) {
    let outside = folder.join("outside");
    let _ = fs::remove_dir_all(folder.join("run"));
    let _ = fs::remove_dir_all(&outside);
    let copied = Command::new("cp")
        .args(["-r", "whole", "run"])
        .current_dir(folder)
        .status();
    assert!(copied.unwrap().success());
    fs::create_dir(&outside).unwrap();
    for (number, name) in names.iter().enumerate() {
        let (name, dangling) = (name.trim_end_matches('?'), name.ends_with('?'));
        let (link, target) = (
            folder.join("run").join(name),
            outside.join(number.to_string()),
        );
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        if dangling {
            let _ = fs::remove_file(&link);
        } else if link.exists() {
            fs::rename(&link, &target).unwrap();
        } else {
            fs::write(&target, "mine").unwrap();
        }
        symlink(target, link).unwrap();
    }
}

#[test]
fn nothing_is_written_through_a_link_in_a_run() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run whole")));
    printed(&program(folder, &words("report --run whole")));
    let replaced = [
        "final.json",
        "final.tmp",
        "graph.svg",
        "graph.tmp?",
        "config.tmp",
        "replay.html?",
        "replay.tmp",
        "failure.json",
        "failure.tmp",
        "report/report.html",
        "report/report.tmp",
    ];
    let check = |names: &[&str], command: &str, refused: bool| {
        full_of_links(folder, names);
        let before = files(&folder.join("outside"));
        let output = program(folder, &words(&format!("{command} --run run")));
        let case = format!("{command} with {names:?}: {output:?}");
        assert_eq!(files(&folder.join("outside")), before, "{case}");
        assert_eq!(output.status.success(), !refused, "{case}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.contains("symbolic link"), refused, "{case}");
    };
    for command in ["train", "eval", "replay", "report", "watch --once"] {
        check(&replaced, command, false);
        let kept = [
            ".lock",
            "metrics.jsonl",
            "checkpoints",
            "tensorboard",
            "report",
        ];
        check(&kept, command, matches!(command, "train" | "report"));
    }
    let inner = "checkpoints/00000004/weights.safetensors";
    for name in [
        ".lock",
        ".lock?",
        "metrics.jsonl",
        "metrics.jsonl?",
        "tensorboard",
        "checkpoints",
        inner,
    ] {
        check(&[name], "train", true);
    }
    for name in ["report", "report/plots", "report/tables"] {
        check(&[name], "report", true);
    }
}

#[test]
fn no_command_lets_a_key_or_a_name_talk_to_the_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run run")));
    let metrics = folder.join("run/metrics.jsonl");
    let hostile = "\\u001b]0;mine\\u0007\\u009b31m";
    fs::write(
        &metrics,
        read(&metrics).replace("accuracy", &format!("accuracy{hostile}")),
    )
    .unwrap();
    let outcome = folder.join("run/final.json");
    fs::write(
        &outcome,
        read(&outcome).replace("accuracy", &format!("accuracy{hostile}")),
    )
    .unwrap();
    let quiet = |output: &Output| {
        for said in [&output.stdout, &output.stderr] {
            let said = String::from_utf8_lossy(said);
            let acts = |letter: char| letter.is_control() && letter != '\n';
            assert!(!said.contains(acts), "{said:?}");
        }
    };
    for command in ["watch --once", "report", "eval", "eval --json", "train"] {
        quiet(&program(folder, &words(&format!("{command} --run run"))));
    }
    let config = folder.join("run/config.toml");
    let text = read(&config);
    for key in [
        "[\"\\u001b[2J\"]\na = 1\n",
        "[policy.\"\\u009b2J\"]\n",
        "\"\\u001b[2J\" = [\n",
    ] {
        fs::write(&config, format!("{text}\n{key}")).unwrap();
        for command in ["eval", "replay", "train", "report", "watch --once"] {
            quiet(&program(folder, &words(&format!("{command} --run run"))));
        }
    }
    let output = program(folder, &["train", "signal", "--set", "env.\u{1b}[2J=1"]);
    quiet(&output);
    assert!(complaint(&output, 1).contains("\\u001b[2J"));
    // A title that is a name of a file.
    fs::rename(folder.join("run"), folder.join("\u{1b}[2J")).unwrap();
    fs::write(folder.join("\u{1b}[2J/config.toml"), text).unwrap();
    for command in ["eval", "report", "replay"] {
        let output = program(folder, &[command, "--run", "\u{1b}[2J"]);
        printed(&output);
        quiet(&output);
    }
    for page in ["replay.html", "report/report.html"] {
        let page = read(&folder.join("\u{1b}[2J").join(page));
        assert!(!page.contains(|letter: char| letter.is_control() && letter != '\n'));
        assert!(page.contains("Content-Security-Policy"));
    }
}

/// A task in Python of the user's own, which fails in its step `fails`, if it is given. Writes `started` whenever it is
/// imported.
const TASK: &str = r#"
import os
import numpy as np

open("started", "w").close()

class Task:
    agents, obs_dim, actions, metrics = 2, 3, 4, ("NAME",)

    def reset(self, seed):
        self.steps = 0
        return np.zeros((2, 3))

    def step(self, actions):
        self.steps += 1
        if self.steps == 3 and os.path.exists("broken"):
            raise ValueError("the wheel came off")
        return np.full((2, 3), self.steps), 0.5, self.steps == 6, False

    def metric_values(self):
        return [1e9]

def make():
    return Task()
"#;

fn train_task(folder: &Path, python: &str, metric: &str) -> Output {
    fs::write(folder.join("task.py"), TASK.replace("NAME", metric)).unwrap();
    let python = format!("env.python={python}");
    let set = "env.kind=python --set env.make=task:make --set env.workers=1 --run run --set";
    train(folder, &[&["--set"], &words(set)[..], &[&python]].concat())
}

#[test]
fn a_run_that_began_here_is_trusted_and_its_copy_is_not() {
    let Some(python) = python("numpy") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train_task(folder, &python, "paid"));
    printed(&program(folder, &words("eval --run run")));
    // A setting of the user's is no reason to ask.
    let line = "eval --run run --set env.episode_limit=3";
    printed(&program(folder, &words(line)));
    fs::rename(folder.join("run"), folder.join("copy")).unwrap();
    fs::remove_file(folder.join("started")).unwrap();
    let said = complaint(&program(folder, &words("eval --run copy")), 1);
    assert!(
        said.contains("--trust") && !folder.join("started").exists(),
        "{said}"
    );
    printed(&program(folder, &words("eval --run copy --trust")));
    assert!(folder.join("started").exists());
    printed(&program(folder, &words("replay --run copy --episodes 1")));
}

#[test]
fn a_replay_of_a_task_that_fails_says_what_the_task_said() {
    let Some(python) = python("numpy") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train_task(folder, &python, "paid"));
    fs::write(folder.join("broken"), "").unwrap();
    let said = complaint(&program(folder, &words("replay --run run --episodes 2")), 1);
    assert!(said.contains("ValueError: the wheel came off"), "{said}");
    assert!(!folder.join("run/replay.html").exists());
}

#[test]
fn a_task_whose_metric_is_called_like_a_metric_of_the_programs_is_not_trained() {
    let Some(python) = python("numpy") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    for metric in ["return", "steps", "trained_steps", "losses.policy"] {
        let said = complaint(&train_task(scratch.path(), &python, metric), 1);
        assert!(said.contains(&format!("called '{metric}'")), "{said}");
        assert!(!scratch.path().join("run").exists());
    }
    let check = [
        "python-env",
        "check",
        "task:make",
        "--python",
        &python,
        "--resets",
        "1",
    ];
    let output = program(scratch.path(), &check);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        !output.status.success() && said.contains("call it otherwise, not return"),
        "{said}"
    );
}
