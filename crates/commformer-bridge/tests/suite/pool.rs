//! Workers that are done are taken up again: the same for the same task, and only those that are well.

use crate::{Stage, faults::says, task};
use commformer_bridge::{PythonConfig, envs, known, spec};
use std::time::{Duration, Instant};

/// The process that steps an environment of this task, which lets go of it then.
fn who(config: &PythonConfig) -> u32 {
    let mut stage = Stage::new(config, 1);
    stage.reset().unwrap();
    stage.step(&[0, 0]).unwrap();
    stage.out.obs[0] as u32
}

/// A task that no other test has: `length` tells them apart.
fn alone(length: u32, options: &str) -> Option<PythonConfig> {
    let config = task("Who", &format!("length = {length}\n{options}"))?;
    Some(PythonConfig {
        workers: 1,
        ..config
    })
}

#[test]
fn a_worker_that_is_done_steps_the_same_task_again_and_no_other() {
    let (Some(one), Some(other)) = (alone(101, ""), alone(102, "")) else {
        return;
    };
    let first = who(&one);
    assert_eq!(who(&one), first);
    assert_ne!(who(&other), first);
    assert_eq!(who(&one), first);
    // While somebody has it, another begins.
    let _held = Stage::new(&one, 1);
    assert_ne!(who(&one), first);
}

#[test]
fn no_more_are_taken_up_than_are_needed() {
    let Some(one) = alone(107, "") else { return };
    let two = PythonConfig {
        workers: 2,
        ..one.clone()
    };
    assert_eq!(envs(&two, 4).unwrap().len(), 4);
    assert_eq!(envs(&one, 4).unwrap().len(), 4);
}

#[test]
fn one_that_has_ended_or_has_not_answered_yet_is_not_taken_up() {
    let Some(config) = alone(103, "") else {
        return;
    };
    let first = who(&config);
    let killed = std::process::Command::new("kill")
        .args(["-9", &first.to_string()])
        .status();
    assert!(killed.unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    let second = who(&config);
    assert_ne!(second, first);
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    stage
        .envs
        .begin_step(commformer_env::Actions::Discrete(&[0, 0]))
        .unwrap();
    drop(stage);
    assert_ne!(who(&config), second);
}

#[test]
fn whoever_takes_it_up_has_a_patience_of_its_own() {
    let Some(config) = alone(104, "fault = 'hang'\nat = 4") else {
        return;
    };
    let first = who(&config);
    let hasty = PythonConfig {
        timeout: 0.5,
        ..config
    };
    let mut stage = Stage::new(&hasty, 1);
    stage.reset().unwrap();
    assert_eq!(stage.out.obs[0] as u32, first);
    let start = Instant::now();
    let error = (0..4).find_map(|_| stage.step(&[0, 0]).err()).unwrap();
    let error = error.to_string();
    says(&error, &["within 0.5 s"]);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn all_workers_have_one_task_and_words_the_same_hash_in_each() {
    let (Some(same), Some(other)) = (task("Hashed", ""), task("Hashed", "what = 'process'")) else {
        return;
    };
    let made = envs(&same, 4).unwrap();
    assert_eq!(made[0].notes(), made[3].notes());
    let refused = envs(&other, 4).unwrap_err().to_string();
    says(
        &refused,
        &[
            "has another task than a worker before it",
            "order of its agents",
        ],
    );
}

#[test]
fn a_task_is_known_once_it_has_told() {
    let (Some(one), Some(other)) = (alone(105, ""), alone(106, "")) else {
        return;
    };
    assert_eq!(known(&one), None);
    let told = spec(&one).unwrap();
    assert_eq!(known(&one), Some(told));
    assert_eq!(known(&other), None);
    // Whoever asks what it is leaves the worker that said so to the next.
    assert_eq!(envs(&one, 1).map(|envs| envs.len()).unwrap(), 1);
}
