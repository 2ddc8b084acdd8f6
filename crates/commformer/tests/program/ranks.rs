//! Several processes that train one team.

use super::{complaint, metrics, printed, read, train};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

const SHARDS: [&str; 3] = ["signal", "--set", "rollout.shard=1"];

/// The files of a run's last checkpoint.
fn checkpoint(run: &Path) -> [Vec<u8>; 2] {
    let of_last = run.join("checkpoints/00000004");
    ["weights.safetensors", "state.bin"].map(|name| fs::read(of_last.join(name)).unwrap())
}

#[test]
fn processes_that_are_started_here_leave_the_files_of_one() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let run = |name: &str, more: &[&str]| {
        let output = train(folder, &[&SHARDS[..], &["--run", name], more].concat());
        let said = printed(&output);
        assert!(said.contains("Trained 160 steps"), "{said}");
        (said, folder.join(name))
    };
    let (_, one) = run("one", &[]);
    let (said, three) = run("three", &["--ranks", "3"]);
    assert_eq!(said.matches("Training").count(), 1, "{said}");
    assert!(said.contains("Note: a minibatch of 10 samples"), "{said}");
    assert_eq!(metrics(&one), metrics(&three));
    assert!(checkpoint(&one) == checkpoint(&three));
    assert_eq!(
        read(&one.join("final.json")),
        read(&three.join("final.json"))
    );
    // No other process has made a folder.
    let folders = fs::read_dir(folder).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name != "state"
    });
    assert_eq!(folders.count(), 2);
}

/// Two processes that somebody else starts, as torchrun does, go on with a run of one.
#[test]
fn the_environment_says_who_takes_part() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &[&SHARDS[..], &["--run", "whole"]].concat()));
    let begin = [&SHARDS[..], &["--run", "begun", "--set", "run.keep=4"]].concat();
    printed(&train(folder, &begin));
    // Back to the second iteration.
    fs::remove_dir_all(folder.join("begun/checkpoints/00000004")).unwrap();
    // Free again before the first of them takes it.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let port = free.unwrap().port().to_string();
    let start = |rank: usize| {
        Command::new(env!("CARGO_BIN_EXE_commformer"))
            .current_dir(folder)
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("MASTER_ADDR", "127.0.0.1")
            .env("MASTER_PORT", &port)
            .env("WORLD_SIZE", "2")
            .env("RANK", rank.to_string())
            .env("COMMFORMER_INTERFACE", "127.0.0.1")
            .args(["train", "--run", "begun"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all = [0, 1].map(start).map(|child| child.wait_with_output());
    let [first, second] = all.map(|output| printed(&output.unwrap()));
    assert!(first.contains("from step 80 on"), "{first}");
    assert_eq!(second, "");
    let [whole, begun] = ["whole", "begun"].map(|name| folder.join(name));
    assert_eq!(metrics(&whole), metrics(&begun));
    assert!(checkpoint(&whole) == checkpoint(&begun));
}

#[test]
fn more_processes_than_shards_are_refused_before_there_is_a_folder() {
    let scratch = tempfile::tempdir().unwrap();
    for (ranks, words) in [
        (
            "2",
            "rollout.shard is 0, which makes 1 shards of 4 environments, expected at most 2",
        ),
        ("5", "expected at least 5 environments (rollout.num_envs)"),
        ("0", "--ranks is 0"),
    ] {
        let output = train(
            scratch.path(),
            &["signal", "--run", "run", "--ranks", ranks],
        );
        let said = complaint(&output, 1);
        assert!(said.contains(words), "{said}");
    }
    assert!(!scratch.path().join("run").exists());
}
