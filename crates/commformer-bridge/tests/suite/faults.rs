//! What can happen to a worker is told with its place and Python's words, or survived where that was asked for.

use crate::{Stage, task};
use commformer_bridge::{PythonConfig, copies};
use commformer_env::{Status, VecEnvError};

/// The error of the first step that has one.
pub fn broken(config: &PythonConfig) -> String {
    let mut stage = Stage::new(config, 3);
    stage.reset().unwrap();
    for _ in 0..9 {
        match stage.step(&[1; 6]) {
            Ok(()) => {}
            Err(VecEnvError::Remote { copy, what }) => return format!("{copy}: {what}"),
            Err(other) => panic!("{other}"),
        }
    }
    panic!("nothing was wrong")
}

#[track_caller]
pub fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[test]
fn a_fault_names_the_worker_the_environment_the_step_and_what_python_said() {
    let Some(config) = task("Counting", "fault = 'raise'") else {
        return;
    };
    let parts = [
        "worker ",
        "`tests.suite.tasks:Counting`",
        "step 3 of its copy 0",
        "Traceback",
        "ValueError: the wheel came off",
    ];
    says(&broken(&config), &parts);
    let Some(config) = task("Counting", "fault = 'shape'") else {
        return;
    };
    says(
        &broken(&config),
        &["step 3 of its copy 0", "(1, 3)", "(2, 3)"],
    );
    let Some(config) = task("Counting", "fault = 'nan'") else {
        return;
    };
    says(
        &broken(&config),
        &[
            "not finite",
            "step 3",
            "number 2 of the observation of agent 1",
        ],
    );
    let Some(config) = task("Counting", "fault = 'exit'") else {
        return;
    };
    says(&broken(&config), &["ended (exit status: 3)", "good bye"]);
    let Some(config) = task("Counting", "fault = 'kill'") else {
        return;
    };
    says(&broken(&config), &["ended (signal: 9"]);
    let Some(config) = task("Counting", "fault = 'reset'") else {
        return;
    };
    says(
        &broken(&config),
        &["a reset of its copy 0", "no new episode"],
    );
}

#[test]
fn a_worker_that_hangs_says_where() {
    let Some(mut config) = task("Counting", "fault = 'hang'") else {
        return;
    };
    config.timeout = 1.0;
    says(
        &broken(&config),
        &[
            "no answer within 1 s (env.timeout)",
            "to step copy 0",
            "in break_down",
        ],
    );
}

#[test]
fn what_cannot_be_made_is_refused_at_the_start() {
    let refused = |config: PythonConfig| copies(&config, 4).unwrap_err().to_string();
    let Some(config) = task("noisy", "") else {
        return;
    };
    says(
        &refused(config.clone()),
        &["its beginning", "RuntimeError: it cannot be made"],
    );
    let Some(unequal) = task("unequal", "") else {
        return;
    };
    says(&refused(unequal), &["its copies differ"]);
    let python = PythonConfig {
        python: "no-such-python".into(),
        ..config
    };
    says(&refused(python), &["`no-such-python`", "env.python"]);
}

#[test]
fn a_worker_is_started_anew_where_that_was_asked_for_and_its_episodes_are_cut() {
    for fault in ["raise", "exit", "nan"] {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let options = format!(
            "fault = '{fault}'\nmark = '{}'\nlength = 100",
            mark.display()
        );
        let Some(mut config) = task("Counting", &options) else {
            return;
        };
        config.restarts = 1;
        config.workers = 1;
        let mut stage = Stage::new(&config, 2);
        stage.reset().unwrap();
        stage.step(&[1; 4]).unwrap();
        stage.step(&[2; 4]).unwrap();
        let before = stage.obs.clone();
        stage.step(&[3; 4]).unwrap();
        assert_eq!(stage.status, [Status::Truncated; 2], "{fault}");
        // What was seen last is all that is known of the end.
        assert_eq!(stage.envs.final_obs(1), &before[6..]);
        assert_eq!(stage.rewards, [0.0; 4]);
        assert_eq!(stage.obs[1], 0.0);
        stage.step(&[3; 4]).unwrap();
        assert_eq!((stage.obs[1], stage.obs[2]), (1.0, 3.0));
    }
}

#[test]
fn restarts_come_to_an_end() {
    let Some(mut config) = task("Counting", "fault = 'raise'\nat = 1") else {
        return;
    };
    config.restarts = 2;
    says(&broken(&config), &["the wheel came off"]);
}
