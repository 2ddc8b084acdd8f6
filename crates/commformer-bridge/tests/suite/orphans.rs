//! No process is left behind, whatever ends this one and whatever the environment does.

use crate::{Stage, python, task};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whether a process is there and not just waiting to be taken note of.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

#[track_caller]
fn soon_gone(pids: &[String]) {
    let start = Instant::now();
    while pids.iter().any(|pid| is_alive(pid)) {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{pids:?} are still there"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn pids(mark: &Path) -> Vec<String> {
    let text = fs::read_to_string(mark).unwrap_or_default();
    text.split_whitespace().map(String::from).collect()
}

/// The other process of the test below: hangs in a step until it is killed.
#[test]
fn hang() {
    let Ok(mark) = std::env::var("COMMFORMER_TEST_HANG") else {
        return;
    };
    let Some(config) = task("Child", &format!("mark = '{mark}'")) else {
        return;
    };
    let mut stage = Stage::new(&config, 2);
    stage.reset().unwrap();
    let _ = stage.step(&[0; 4]);
}

#[test]
fn a_killed_parent_leaves_nobody() {
    if python().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::hang", "--nocapture"])
        .env("COMMFORMER_TEST_HANG", &mark)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    // Two workers, each with a process of its own.
    while pids(&mark).len() < 4 {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the workers did not start"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    let pids = pids(&mark);
    assert!(pids.iter().all(|pid| is_alive(pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    soon_gone(&pids);
}

#[test]
fn a_worker_that_failed_takes_its_own_processes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let Some(mut config) = task("Child", &format!("mark = '{}'", mark.display())) else {
        return;
    };
    config.timeout = 0.5;
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    stage.step(&[0; 2]).unwrap_err();
    soon_gone(&pids(&mark));
}
