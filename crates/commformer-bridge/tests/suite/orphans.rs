//! No process is left behind, whatever ends this one and whatever the environment does.

use crate::skip::skipped;
use crate::{Stage, python, task};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whether a process is there and not just waiting to be taken note of.
pub fn is_alive(pid: &str) -> bool {
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
    let kind = std::env::var("COMMFORMER_TEST_KIND").unwrap();
    let options = std::env::var("COMMFORMER_TEST_OPTIONS").unwrap();
    let Some(config) = task(&kind, &format!("mark = '{mark}'\n{options}")) else {
        return;
    };
    let mut stage = Stage::new(&config, 2);
    stage.reset().unwrap();
    let _ = stage.step(&[0; 4]);
}

fn killed(kind: &str, options: &str) {
    if python().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::hang", "--nocapture"])
        .env("COMMFORMER_TEST_HANG", &mark)
        .env("COMMFORMER_TEST_KIND", kind)
        .env("COMMFORMER_TEST_OPTIONS", options)
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
    assert!(pids.iter().all(|pid| is_alive(pid)), "{kind} {options}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    soon_gone(&pids);
}

#[test]
fn a_killed_parent_leaves_nobody() {
    killed("Child", "");
}

#[test]
fn nor_does_it_leave_who_has_left_group_session_or_parents() {
    for how in ["setsid", "setpgid"] {
        for twice in [false, true] {
            killed("Away", &format!("how = '{how}'\ntwice = {twice}"));
        }
    }
}

/// An error within a bounded time, and then nobody.
fn failed(kind: &str, options: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let options = format!("mark = '{}'\n{options}", mark.display());
    let Some(mut config) = task(kind, &options) else {
        return;
    };
    config.timeout = 0.5;
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    let start = Instant::now();
    stage.step(&[0; 2]).unwrap_err();
    drop(stage);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(4), "{options}: {took:?}");
    soon_gone(&pids(&mark));
}

#[test]
fn a_worker_that_failed_takes_its_own_processes_with_it() {
    failed("Child", "");
    for how in ["setsid", "setpgid", "exit", "kill"] {
        for twice in [false, true] {
            failed("Away", &format!("how = '{how}'\ntwice = {twice}"));
        }
    }
}

#[test]
fn an_interpreter_that_is_a_script_hides_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let [mark, script] = ["mark", "python"].map(|name| folder.path().join(name));
    let options = format!("mark = '{}'\nhow = 'setpgid'\ntwice = true", mark.display());
    let Some(mut config) = task("Away", &options) else {
        return;
    };
    let start = format!("#!/bin/sh\n'{}' \"$@\"\nexit $?\n", config.python);
    fs::write(&script, start).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    config.python = script.to_str().unwrap().into();
    config.timeout = 0.5;
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    let error = stage.step(&[0; 2]).unwrap_err().to_string();
    assert!(error.contains("in step"), "{error}");
    soon_gone(&pids(&mark));
}

#[test]
fn a_small_folder_for_shared_memory_does_not_matter() {
    let Some(config) = task("Wide", "") else {
        return;
    };
    let mut stage = Stage::new(&config, 2);
    stage.reset().unwrap();
    stage.step(&[0; 4]).unwrap();
    // In a mount of its own, this test again, with 64 KiB there.
    if std::env::var("COMMFORMER_TEST_SMALL").is_ok() {
        return;
    }
    let again = std::env::current_exe().unwrap();
    let name = "orphans::a_small_folder_for_shared_memory_does_not_matter";
    let small = "mount -t tmpfs -o size=64k tmpfs /dev/shm || exit 77; exec \"$0\" --exact \"$1\"";
    let ran = Command::new("unshare")
        .args(["--mount", "sh", "-c", small])
        .args([again.as_os_str(), name.as_ref()])
        .env("COMMFORMER_TEST_SMALL", "1")
        .output();
    match ran.map(|ran| (ran.status.code(), ran)) {
        Ok((Some(0), _)) => {}
        Ok((Some(1 | 77), ran)) if !String::from_utf8_lossy(&ran.stdout).contains("running") => {
            skipped("a mount of its own takes root");
        }
        Err(error) => skipped(&format!("no unshare ({error})")),
        Ok((_, ran)) => panic!("{ran:?}"),
    }
}
