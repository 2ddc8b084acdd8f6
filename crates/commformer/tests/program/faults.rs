//! Processes that are killed, disks that are full, files that are spoiled: nothing that was saved is
//! lost, and the run ends as if nothing had happened.

use crate::skip::skipped;
use crate::{complaint, json, metrics, printed, program, read, words};
use commformer_env::Rng;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A run with all that a checkpoint can hold: a graph and gates that learn, and what gates keep from one rollout to the
/// next.
const RUN: &str = "train predator-capture-prey --run run --threads 1 --device cpu --steps 160 \
    --set policy.embed_dim=16 --set rollout.num_envs=4 --set rollout.steps=10 --set eval.every=80 \
    --set eval.episodes=3 --set eval.final_episodes=5 --set run.save_every=40 --set run.keep=2 \
    --set gate.mode=learned --set gate.start=0.2 --set ppo.epochs=2 --set graph.upper_every=2";

/// The program with [`RUN`], still to be started.
fn the_run(folder: &Path) -> Command {
    let mut command = crate::command(folder, &words(RUN));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What a run leaves, times aside: the lines of its metrics, and every other file by its bytes. The event
/// file holds times; all others of the same run are as long.
type Left = (Vec<serde_json::Value>, BTreeMap<PathBuf, Vec<u8>>);

fn left(run: &Path) -> Left {
    let mut files = BTreeMap::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(run).unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("tensorboard") {
                let length = fs::metadata(&path).unwrap().len();
                let earlier = files.insert("tensorboard".into(), length.to_le_bytes().into());
                assert_eq!(earlier, None, "one event file");
            } else if ![".lock", "metrics.jsonl"].contains(&name.to_str().unwrap()) {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    (metrics(run), files)
}

/// What [`RUN`] leaves when nothing happens, and how long it takes.
static WHOLE: LazyLock<(Left, Duration)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    assert!(the_run(folder.path()).status().unwrap().success());
    (left(&folder.path().join("run")), start.elapsed())
});

/// Lets the run in `folder` go on to its end, which must be that of a run to which nothing happened.
#[track_caller]
fn assert_goes_on(folder: &Path, what: &str) {
    let output = the_run(folder).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
    let (metrics, files) = left(&folder.join("run"));
    assert!(metrics == WHOLE.0.0, "{what}: other metrics");
    for (name, bytes) in &WHOLE.0.1 {
        assert!(
            files.get(name) == Some(bytes),
            "{what}: another {}",
            name.display()
        );
    }
}

#[test]
fn killed_at_random_moments_a_run_ends_as_if_it_had_not_been() {
    let mut rng = Rng::new(5, 0);
    let (mut kills, mut runs) = (0, 0);
    while kills < 20 {
        let folder = tempfile::tempdir().unwrap();
        loop {
            let mut process = the_run(folder.path()).spawn().unwrap();
            sleep(WHOLE.1.mul_f32(rng.uniform()));
            if let Some(status) = process.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            process.kill().unwrap();
            process.wait().unwrap();
            kills += 1;
        }
        assert_goes_on(folder.path(), "killed");
        runs += 1;
    }
    println!("{kills} kills, {runs} runs, all of them equal");
}

/// Every file operation of every checkpoint, and of the files that are replaced as a whole, is once the
/// last thing that a process does.
#[test]
fn killed_at_any_operation_on_files_a_run_ends_as_if_it_had_not_been() {
    let kills = strike_at_every_operation("kill", 1, |status, _| assert_eq!(status, None));
    println!("{kills} kills while saving, all runs equal");
    assert!(kills > 40);
}

#[test]
fn a_disk_that_gets_full_at_any_operation_costs_nothing_that_was_saved() {
    let told = std::cell::RefCell::new(Vec::new());
    let failures = strike_at_every_operation("full", 4, |status, said| {
        assert_eq!(status, Some(1));
        assert!(said.contains("No space left on device"), "{said}");
        // The first checkpoint may be what failed.
        let anew = "no checkpoint was written yet: `commformer train --run run` begins it anew";
        let on = [
            "its newest checkpoint that of step ",
            "` goes on from there",
        ];
        let said = (
            said.contains(anew),
            on.iter().all(|part| said.contains(part)),
        );
        told.borrow_mut().push(said);
    });
    println!("{failures} times a full disk while saving, all runs equal");
    assert!(failures > 10);
    let told = told.into_inner();
    assert!(told.iter().any(|(anew, _)| *anew) && told.iter().any(|(_, on)| *on));
    assert!(!told.contains(&(true, true)));
}

/// Runs with a fault at the first operation, the one `step` after it and so on, as many as there are;
/// `check` is given the exit code and what was said. Returns how many faults there were.
fn strike_at_every_operation(kind: &str, step: usize, check: impl Fn(Option<i32>, &str)) -> usize {
    for (faults, at) in (1..).step_by(step).enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = the_run(folder.path());
        command.env("COMMFORMER_FAULT", format!("{kind}:{at}"));
        let output = command.stderr(Stdio::piped()).output().unwrap();
        if output.status.success() {
            return faults;
        }
        check(
            output.status.code(),
            &String::from_utf8_lossy(&output.stderr),
        );
        assert_goes_on(folder.path(), &format!("{kind} at operation {at}"));
    }
    unreachable!("the numbers do not end")
}

/// A small disk in memory, unmounted at the end; `None`, with a word, where none can be had.
struct Disk(TempDir);

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        if disk.call("mount", &["-t", "tmpfs", "-o", options, "tmpfs"]) {
            return Some(disk);
        }
        skipped("no disk can be mounted here (it takes root on Linux)");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(self.call("mount", &["-o", &options]));
    }

    fn call(&self, command: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(command);
        command.args(arguments).arg(self.0.path());
        command.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.call("umount", &[]);
    }
}

#[test]
fn a_small_disk_gets_full_and_is_made_larger() {
    let bytes: usize = WHOLE.0.1.values().map(Vec::len).sum();
    let mut failures = 0;
    for share in [2, 4, 6, 8, 10, 12] {
        let size = format!("size={}k", bytes * share / 10 / 1024);
        let Some(disk) = Disk::mount(&size) else {
            return;
        };
        let output = the_run(disk.0.path())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        if !output.status.success() {
            let said = complaint(&output, 1);
            assert!(said.contains("No space left on device"), "{said}");
            failures += 1;
        }
        disk.remount("size=50m");
        assert_goes_on(disk.0.path(), &size);
    }
    assert!(failures >= 4, "{failures} of the disks were too small");
}

#[test]
fn a_disk_that_cannot_be_written_is_named_and_can_be_read() {
    let Some(disk) = Disk::mount("size=50m") else {
        return;
    };
    let folder = disk.0.path();
    assert_goes_on(folder, "first");
    disk.remount("ro");
    for arguments in ["train --run run", "train --run new"] {
        let said = complaint(&program(folder, &words(arguments)), 1);
        assert!(said.contains("Read-only file system"), "{said}");
        assert!(said.contains(arguments.split_at(12).1), "{said}");
    }
    let said = printed(&program(folder, &words("eval --run run --json")));
    let written = json(&read(&folder.join("run/final.json")));
    assert_eq!(json(&said)["return"], written["return"]);
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_goes_on(folder, "first");
    let state = folder.join("run/checkpoints/00000004/state.bin");
    fs::write(&state, "spoiled").unwrap();
    let output = program(folder, &words("train --run run"));
    printed(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    let damage = "00000004/state.bin is damaged: it has 7 bytes";
    assert!(
        said.contains("warning: ") && said.contains(damage),
        "{said}"
    );
    assert_goes_on(folder, "after the damage");

    // Metrics that were taken away are missed, not invented.
    fs::remove_file(folder.join("run/metrics.jsonl")).unwrap();
    let output = program(folder, &words("train --run run"));
    printed(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("tells of 0 of the 4 iterations"), "{said}");
}

#[test]
fn a_damaged_best_checkpoint_leaves_the_latest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // With this seed the first of two evaluations is the better one.
    let train = "train signal --run run --threads 1 --steps 160 --set policy.embed_dim=16 --set rollout.num_envs=4 \
                 --set rollout.steps=10 --set eval.every=80 --set eval.episodes=3 --set eval.final_episodes=5";
    printed(&program(folder, &words(train)));
    let trained = |told: &str| json(told)["trained_steps"].as_u64();
    let last = folder.join("run/final.json");
    assert_eq!(trained(&read(&last)), Some(80));
    let best = folder.join("run/checkpoints/00000002/state.bin");
    fs::write(&best, "spoiled").unwrap();

    let said = complaint(&program(folder, &words("eval --run run")), 1);
    assert!(said.contains("`--checkpoint latest`"), "{said}");
    let latest = "eval --run run --checkpoint latest --json";
    let said = printed(&program(folder, &words(latest)));
    assert_eq!(trained(said.lines().last().unwrap()), Some(160));

    let output = program(folder, &words("train --run run"));
    printed(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the latest is evaluated"), "{said}");
    assert_eq!(trained(&read(&last)), Some(160));
}

#[test]
fn a_run_goes_on_by_its_own_settings_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_goes_on(folder, "first");
    for (arguments, parts) in [
        (
            "--set ppo.lr=0.5",
            ["ppo.lr is 0.001 there and 0.5 here", "train --run run"],
        ),
        (
            "--method slim",
            [
                "method.kind is \"commformer\" there and \"slim\" here",
                "train --run run",
            ],
        ),
        (
            "signal",
            [
                "env.kind is \"predator-capture-prey\" there",
                "run.steps is 160 there",
            ],
        ),
    ] {
        let arguments = format!("train --run run {arguments}");
        let said = complaint(&program(folder, &words(&arguments)), 1);
        for part in parts {
            assert!(said.contains(part), "{said}");
        }
    }
    printed(&program(folder, &words("train --run run --threads 2")));
    assert_goes_on(folder, "on two threads");
}

#[test]
fn a_run_whose_numbers_explode_says_what_was_found_and_keeps_the_last_good_weights() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut run = the_run(folder);
    let output = run
        .args(["--set", "ppo.lr=1e30"])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = complaint(&output, 1);
    for part in [
        "failure.json",
        "Lower ppo.lr",
        "minibatch",
        "train --config run/config.toml",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let found = json(&read(&folder.join("run/failure.json")));
    assert_eq!(found["level"], "lower", "{found}");
    assert!(
        !found["gradients"].as_array().unwrap().is_empty(),
        "{found}"
    );
    let iteration = found["iteration"].as_u64().unwrap();
    assert_eq!(metrics(&folder.join("run")).len() as u64, iteration);
    assert!(
        folder
            .join(format!("run/checkpoints/{iteration:08}"))
            .is_dir()
    );
    fs::write(folder.join("run/failure.json"), "of before").unwrap();
    let again = complaint(&program(folder, &words("train --run run")), 1);
    assert_eq!(json(&read(&folder.join("run/failure.json"))), found);
    assert_eq!(
        again.split("minibatch").nth(1),
        said.split("minibatch").nth(1)
    );
}
