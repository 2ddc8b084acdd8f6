//! Several processes that train one team.

use super::ports::port;
use super::{SMALL, command, complaint, metrics, printed, read, train};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

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
    let port = port().to_string();
    let start = |rank: usize| of_two(folder, &port, rank, &["train", "--run", "begun"]);
    let all = [0, 1].map(start).map(|child| child.wait_with_output());
    let [first, second] = all.map(|output| printed(&output.unwrap()));
    assert!(first.contains("from step 80 on"), "{first}");
    assert_eq!(second, "");
    let [whole, begun] = ["whole", "begun"].map(|name| folder.join(name));
    assert_eq!(metrics(&whole), metrics(&begun));
    assert!(checkpoint(&whole) == checkpoint(&begun));
}

/// Three processes on this machine, the first of which starts the others.
fn three(folder: &Path) -> Child {
    // More steps than it will make.
    let endless = [&SMALL[..SMALL.len() - 1], &["4000000"]].concat();
    command(folder, &["train", "--run", "run", "--ranks", "3"])
        .env("COMMFORMER_ANSWER_SECONDS", "3")
        .args([&SHARDS[..], &endless].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The processes that another has started, in their order.
#[cfg(target_os = "linux")]
fn started_by(parent: u32) -> Vec<u32> {
    let number = |entry: std::io::Result<fs::DirEntry>| -> Option<u32> {
        entry.ok()?.file_name().to_str()?.parse().ok()
    };
    let mut children: Vec<u32> = (fs::read_dir("/proc").unwrap())
        .filter_map(number)
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // After the name, which is in brackets: the state, then the parent.
            let parent_of = |rest: &str| rest.split_whitespace().nth(1)?.parse().ok();
            let found = stat.rsplit_once(')').and_then(|(_, rest)| parent_of(rest));
            found == Some(parent)
        })
        .collect();
    children.sort_unstable();
    children
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Whether a process is there and has not ended.
#[cfg(target_os = "linux")]
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which is in brackets. Its new parent may never ask how it ended.
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits until something is there.
#[cfg(target_os = "linux")]
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        sleep(Duration::from_millis(2));
    }
}

/// Killed before all have met, killed while they train, or stopped: the run ends soon, and says which rank it was. No process is
/// left behind.
#[cfg(target_os = "linux")]
#[test]
fn one_that_was_started_here_and_is_lost_ends_the_run_by_its_number() {
    for (name, trains, words) in [
        ("-KILL", false, &["rank 2 ended with signal: 9"][..]),
        (
            "-KILL",
            true,
            &[
                "rank 2 ended with signal: 9",
                "(process 2 did not answer)",
                "train --run run --ranks 3` goes on",
            ],
        ),
        ("-STOP", true, &["(process 2 did not answer)"]),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let run = scratch.path().join("run");
        let parent = three(scratch.path());
        let others = until(|| {
            let found = started_by(parent.id());
            (found.len() == 2).then_some(found)
        });
        if trains {
            until(|| {
                let told = fs::read_to_string(run.join("metrics.jsonl"));
                (told.is_ok_and(|told| told.lines().count() > 3)).then_some(())
            });
        }
        signal(name, others[1]);
        let begun = Instant::now();
        let said = complaint(&parent.wait_with_output().unwrap(), 1);
        assert!(begun.elapsed() < Duration::from_secs(30), "{said}");
        for words in words {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(run.exists(), trains);
        for pid in others {
            assert!(
                !Path::new(&format!("/proc/{pid}")).exists(),
                "{pid} is left"
            );
        }
    }
}

/// A process of two.
fn of_two(folder: &Path, port: &str, rank: usize, arguments: &[&str]) -> Child {
    command(folder, arguments)
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port)
        .env("WORLD_SIZE", "2")
        .env("RANK", rank.to_string())
        .env("COMMFORMER_INTERFACE", "127.0.0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The same, with options of its own.
fn one_of_two(folder: &Path, port: &str, rank: usize, options: &[&str]) -> Child {
    let train = ["train", "--run", "run"];
    let arguments = [&train, &SHARDS[..], &SMALL, options].concat();
    of_two(folder, port, rank, &arguments)
}

/// Whatever makes another run is refused, not only what the trainer sees, and before there is a folder.
#[test]
fn processes_with_other_settings_end_the_meeting_with_their_words() {
    let scratch = tempfile::tempdir().unwrap();
    for (set, told) in [
        ("run.seed=2", "run.seed = 2, and rank 0 has 1"),
        ("env.reward_scale=100.0", "env.reward_scale = 100"),
        ("graph.lr=0.5", "graph.lr = 0.5"),
        ("run.precision=bfloat16", "run.precision = "),
    ] {
        let port = port().to_string();
        let start = |rank, options: &[&str]| one_of_two(scratch.path(), &port, rank, options);
        let all = [start(0, &[]), start(1, &["--set", set])];
        let all = all.map(|child| complaint(&child.wait_with_output().unwrap(), 1));
        for (said, whose) in all
            .iter()
            .zip(["error: rank 1 was", "error: rank 1: rank 1 was"])
        {
            assert!(said.starts_with(whose), "{said}");
            assert!(
                said.contains("another configuration") && said.contains(told),
                "{said}"
            );
        }
        assert!(!scratch.path().join("run").exists());
    }
}

/// One that fails where the others wait for what it has to hand over says why.
#[test]
fn what_keeps_the_first_from_beginning_is_told_to_all() {
    let scratch = tempfile::tempdir().unwrap();
    let port = port().to_string();
    // Where the folder should be.
    fs::write(scratch.path().join("run"), "mine").unwrap();
    let all = [0, 1].map(|rank| one_of_two(scratch.path(), &port, rank, &[]));
    let [first, second] = all.map(|child| complaint(&child.wait_with_output().unwrap(), 1));
    let why = first.trim_start_matches("error: ").lines().next().unwrap();
    assert!(
        second.contains("process 0 ended") && second.contains(why),
        "{second}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_waits_for_the_others_stops_when_it_is_told_to() {
    let scratch = tempfile::tempdir().unwrap();
    let port = port().to_string();
    let alone = one_of_two(scratch.path(), &port, 0, &[]);
    // It listens once it waits.
    until(|| std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok());
    signal("-TERM", alone.id());
    let begun = Instant::now();
    let output = alone.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_was_started_ends_with_the_first_before_all_have_met() {
    let scratch = tempfile::tempdir().unwrap();
    let parent = three(scratch.path());
    let others = until(|| {
        let found = started_by(parent.id());
        (found.len() == 2).then_some(found)
    });
    signal("-KILL", parent.id());
    let begun = Instant::now();
    parent.wait_with_output().unwrap();
    for pid in others {
        until(|| (!lives(pid)).then_some(()));
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn more_processes_than_shards_are_refused_before_there_is_a_folder() {
    let scratch = tempfile::tempdir().unwrap();
    for (ranks, words) in [
        (
            "2",
            "rollout.shard is 0, which makes 1 shard of 4 environments, expected a number such as 2",
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
