//! Processes that are told to end, terminals that are closed, and two processes for one folder.

use crate::tensorboard::count;
use crate::{command, complaint, metrics, printed, program, read, words};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A run on Signal with this many steps of each environment in an iteration, without an end.
fn endless(folder: &Path, steps: u32) -> Child {
    let train = format!(
        "train signal --run run --steps 1000000000 --set policy.embed_dim=16 --set rollout.num_envs=4 \
         --set eval.episodes=3 --set rollout.steps={steps}"
    );
    let process = command(folder, &words(&train))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It watches for signals before it takes the lock.
    let own = format!("{}\n", process.id());
    while fs::read_to_string(folder.join("run/.lock")).map_or(true, |lock| lock != own) {
        sleep(Duration::from_millis(5));
    }
    process
}

fn signal(process: &Child, name: &str) {
    let command = format!("kill -{name} {}", process.id());
    assert!(
        Command::new("sh")
            .args(["-c", &command])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_signal_ends_the_run_once_it_is_saved() {
    // The last as `timeout` does it: one wish, twice.
    for (names, code) in [
        (&["INT"][..], 130),
        (&["TERM"], 143),
        (&["INT", "INT"], 130),
        // A terminal that was closed, and a scheduler's warning.
        (&["HUP"], 129),
        (&["USR1"], 138),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let process = endless(folder.path(), 10);
        let run = folder.path().join("run");
        while fs::metadata(run.join("metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
            sleep(Duration::from_millis(5));
        }
        for name in names {
            signal(&process, name);
        }
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.contains("everything is saved. To go on:\n  commformer train --run run"),
            "{said}"
        );
        // The newest checkpoint is that of the last line.
        let lines = metrics(&run);
        let last = lines
            .iter()
            .rev()
            .find(|line| line["kind"] == "iteration")
            .unwrap();
        let iteration = last["iteration"].as_u64().unwrap();
        assert!(run.join(format!("checkpoints/{iteration:08}")).is_dir());
    }
}

/// `nohup` has it ignored from the start.
#[test]
fn a_closed_terminal_does_not_end_a_run_that_ignores_it() {
    let folder = tempfile::tempdir().unwrap();
    let train = "train signal --run run --steps 4000 --set policy.embed_dim=16 --set rollout.num_envs=4 \
                 --set rollout.steps=10 --set eval.episodes=3 --set eval.final_episodes=3";
    let script = format!(
        "trap '' HUP; exec {} {train}",
        env!("CARGO_BIN_EXE_commformer")
    );
    let process = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("run/metrics.jsonl").exists() {
        sleep(Duration::from_millis(5));
    }
    signal(&process, "HUP");
    assert_eq!(process.wait_with_output().unwrap().status.code(), Some(0));
    assert!(folder.path().join("run/final.json").exists());
}

#[test]
fn a_run_whose_output_nobody_reads_goes_on_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let train = "train signal --run run --steps 800 --set policy.embed_dim=16 --set rollout.num_envs=4 \
                 --set rollout.steps=10 --set eval.episodes=3 --set eval.final_episodes=3";
    let mut process = command(folder.path(), &words(train))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((process.stdout.take(), process.stderr.take()));
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert!(folder.path().join("run/final.json").exists());
}

#[test]
fn a_run_that_is_to_stop_before_it_begins_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Its input has ended already.
    let train = words("train signal --run run --while-input --device cpu");
    let output = program(folder.path(), &train);
    assert_eq!(output.status.code(), Some(143));
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Whoever goes on then evaluates.
#[test]
fn a_signal_ends_a_run_that_evaluates_its_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // A last evaluation of minutes.
    let train = "train signal --run run --steps 40 --set policy.embed_dim=16 --set rollout.num_envs=4 \
                 --set rollout.steps=10 --set eval.episodes=1 --set eval.final_episodes=8000 \
                 --set env.episode_limit=500 --device cpu";
    let process = command(folder.path(), &words(train))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !run.join("checkpoints/00000001").is_dir() {
        sleep(Duration::from_millis(5));
    }
    // It is saved, and the last evaluation begins.
    sleep(Duration::from_secs(1));
    let start = Instant::now();
    signal(&process, "TERM");
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("To go on:\n  commformer train --run run"),
        "{said}"
    );
    assert!(!run.join("final.json").exists());
    let lines = metrics(&run);
    // With fewer episodes nobody waits long for the rest.
    let config =
        read(&run.join("config.toml")).replace("final_episodes = 8000", "final_episodes = 2");
    fs::write(run.join("config.toml"), config).unwrap();
    printed(&program(folder.path(), &words("train --run run")));
    assert!(run.join("final.json").exists());
    assert_eq!(metrics(&run), lines);
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // An iteration of half a minute or more.
    let mut process = endless(folder.path(), 100_000);
    while !folder.path().join("run/metrics.jsonl").exists() {
        sleep(Duration::from_millis(5));
    }
    // A warning is not the first of two.
    for first in ["USR1", "USR1", "INT"] {
        sleep(Duration::from_millis(300));
        signal(&process, first);
        sleep(Duration::from_millis(300));
        let ended = process.try_wait().unwrap();
        assert_eq!(ended, None, "{first}: it finishes its iteration");
    }
    signal(&process, "INT");
    assert_eq!(process.wait().unwrap().code(), Some(130));
    assert_eq!(read(&folder.path().join("run/metrics.jsonl")), "");
}

#[test]
fn two_processes_do_not_train_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = endless(folder.path(), 10);
    let said = complaint(&program(folder.path(), &words("train --run run")), 1);
    let expected = format!("process {} trains in run", first.id());
    assert!(said.contains(&expected), "{said}");
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock has gone with its process.
    let second = endless(folder.path(), 10);
    signal(&second, "INT");
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(130));
}

/// Whoever comes then locks another file of that name.
#[test]
fn a_run_whose_lock_was_taken_away_writes_nothing_more() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let process = endless(folder.path(), 10);
        let (run, lock) = (folder.path().join("run"), folder.path().join("run/.lock"));
        fs::remove_file(&lock).unwrap();
        if replaced {
            fs::write(&lock, "1\n").unwrap();
        }
        // The next save finds it.
        signal(&process, "INT");
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{replaced}");
        let checkpoints = fs::read_dir(run.join("checkpoints")).unwrap();
        assert_eq!(checkpoints.count(), 0, "{replaced}");
        assert_eq!(count(&run, "_hparams_/session_end_info"), 0, "{replaced}");
        // Nothing is lost: whoever makes sure that nobody else trains there lets it go on.
        let next = endless(folder.path(), 10);
        signal(&next, "INT");
        assert_eq!(next.wait_with_output().unwrap().status.code(), Some(130));
        // A run that may go on has no end.
        assert_eq!(count(&run, "_hparams_/session_end_info"), 0);
        assert_eq!(count(&run, "_hparams_/session_start_info"), 1);
    }
}
