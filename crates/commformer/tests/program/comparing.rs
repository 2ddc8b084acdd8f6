//! `commformer compare`: runs from one file, in processes that are killed and go on.

use crate::interpreter::python;
use crate::{command, complaint, json, metrics, printed, program, python_with, read};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Two methods x two seeds, each a second or two.
const FILE: &str = r#"
seeds = [1, 2]
processes = 2
folder = "compared"

[settings]
policy.embed_dim = 16
rollout.num_envs = 4
rollout.steps = 10
eval.every = 80
eval.episodes = 3
eval.final_episodes = 5
run.save_every = 40
run.steps = 320

[tasks.signal]

[methods.learned]
[methods.none]
graph.mode = "none"
"#;

const RUNS: [&str; 4] = [
    "learned/seed-1",
    "learned/seed-2",
    "none/seed-1",
    "none/seed-2",
];

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("comparison.toml"), text).unwrap();
}

/// Lines of JSON.
fn events(printed: &str) -> Vec<Value> {
    printed.lines().map(json).collect()
}

/// The runs to which this happened.
fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let of_kind = events.iter().filter(|event| event["event"] == kind);
    of_kind.collect()
}

/// A comparison, still going on.
fn begun(folder: &Path) -> Child {
    command(folder, &["compare", "comparison.toml", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until it holds, for as long as nobody would wait.
#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(300), "{what}");
        sleep(Duration::from_millis(5));
    }
}

/// Lines of metrics in all runs.
fn lines(folder: &Path) -> usize {
    let lines = RUNS.map(|run| {
        let text = fs::read_to_string(
            folder
                .join("compared/signal")
                .join(run)
                .join("metrics.jsonl"),
        );
        text.map_or(0, |text| text.lines().count())
    });
    lines.iter().sum()
}

#[test]
fn what_is_killed_goes_on_and_ends_as_if_it_had_not_been() {
    let [whole, killed] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for folder in [whole.path(), killed.path()] {
        write(folder, FILE);
    }
    let listed = printed(&program(
        whole.path(),
        &["compare", "comparison.toml", "--dry-run"],
    ));
    assert_eq!(listed.matches("to do").count(), 4, "{listed}");
    assert!(listed.contains("4 to train, 2 at a time"), "{listed}");
    assert!(!whole.path().join("compared").exists());

    let told = events(&printed(&program(
        whole.path(),
        &["compare", "comparison.toml", "--json"],
    )));
    let place = |event: &Value| event["run"].as_str().unwrap().to_owned();
    let expected: BTreeSet<String> = RUNS.map(|run| format!("compared/signal/{run}")).into();
    for (kind, each) in [("started", 1), ("evaluated", 4), ("finished", 1)] {
        let found = of_kind(&told, kind);
        let places: BTreeSet<String> = found.iter().map(|event| place(event)).collect();
        assert_eq!((found.len(), &places), (4 * each, &expected), "{kind}");
    }
    let finished = of_kind(&told, "finished");
    assert!(finished.iter().all(|event| event["before"] == false
        && event["metrics"]["return"]["mean"].is_number()));
    let evaluated = of_kind(&told, "evaluated");
    let steps = |run: &str| -> Vec<u64> {
        let of_run = evaluated.iter().filter(|event| place(event).ends_with(run));
        of_run
            .map(|event| event["steps"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(steps("none/seed-2"), [80, 160, 240, 320]);

    // The comparison itself is killed, at three moments; its runs stop by themselves.
    for moment in [1, 6, 14] {
        let mut comparison = begun(killed.path());
        wait_until("no run begins", || lines(killed.path()) >= moment);
        comparison.kill().unwrap();
        comparison.wait().unwrap();
    }
    // A run is killed.
    let mut comparison = begun(killed.path());
    let process = || {
        RUNS.iter().find_map(|run| {
            let run = killed.path().join("compared/signal").join(run);
            let locked = fs::File::open(run.join(".lock"))
                .ok()?
                .try_lock_shared()
                .is_err();
            let process = fs::read_to_string(run.join(".lock")).ok()?;
            (locked && !run.join("final.json").exists())
                .then(|| process.trim().parse::<i32>().ok())?
        })
    };
    wait_until("no run is trained", || process().is_some());
    if let Some(process) = process().and_then(rustix::process::Pid::from_raw) {
        // It may have ended this very moment.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
    // The others went on.
    comparison.wait().unwrap();
    let told = events(&printed(&program(
        killed.path(),
        &["compare", "comparison.toml", "--json"],
    )));
    assert_eq!(of_kind(&told, "finished").len(), 4);
    for run in RUNS {
        let [one, other] = [&whole, &killed].map(|folder| {
            let run = folder.path().join("compared/signal").join(run);
            let [last, graph] = ["final.json", "graph.svg"].map(|file| read(&run.join(file)));
            (metrics(&run), last, graph)
        });
        assert!(one == other, "{run}");
    }

    // What is finished is not run again.
    let told = events(&printed(&program(
        killed.path(),
        &["compare", "comparison.toml", "--json"],
    )));
    assert_eq!(told.len(), 4);
    assert!(
        told.iter()
            .all(|event| event["event"] == "finished" && event["before"] == true)
    );
    let listed = printed(&program(
        killed.path(),
        &["compare", "comparison.toml", "--dry-run"],
    ));
    assert_eq!(listed.matches(" finished\n").count(), 4, "{listed}");

    // The report is there, also without training.
    let report = killed.path().join("compared/report");
    let page = read(&report.join("report.html"));
    assert!(page.contains("1 task · 2 methods · 4 runs"), "{page}");
    assert!(page.contains("Every run has come to its end."), "{page}");
    let metrics = read(&report.join("tables/metrics.csv"));
    assert!(
        metrics.contains("\r\nsignal,none,accuracy,2,0,"),
        "{metrics}"
    );
    let tasks = json(&read(&report.join("marl-eval.json")));
    let step = &tasks["signal"]["signal"]["learned"]["seed_2"]["step_0"];
    assert_eq!(step["accuracy"].as_array().map(Vec::len), Some(3), "{step}");
    let last = &tasks["signal"]["signal"]["learned"]["seed_2"]["absolute_metrics"];
    assert_eq!(last["accuracy"].as_array().map(Vec::len), Some(5), "{last}");
    fs::remove_dir_all(&report).unwrap();
    printed(&program(
        killed.path(),
        &["compare", "comparison.toml", "--report"],
    ));
    assert_eq!(read(&report.join("report.html")), page);

    // A file that contradicts what is there.
    write(
        killed.path(),
        &FILE.replace("run.steps = 320", "run.steps = 640"),
    );
    let said = complaint(&program(killed.path(), &["compare", "comparison.toml"]), 1);
    assert!(
        said.contains("learned/seed-1: run.steps is 320 there and 640 here"),
        "{said}"
    );
}

#[test]
fn a_run_that_fails_stops_no_other_and_its_words_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    write(folder, &FILE.replace("seeds = [1, 2]", "seeds = [1]"));
    // In the way of a run's folder.
    let way = folder.join("compared/signal/learned");
    fs::create_dir_all(&way).unwrap();
    fs::write(way.join("seed-1"), "mine").unwrap();
    let output = program(folder, &["compare", "comparison.toml"]);
    let said = complaint(&output, 1);
    let failed = "failed: signal/learned/seed-1: cannot start the run";
    assert!(said.contains(failed), "{said}");
    fs::remove_file(way.join("seed-1")).unwrap();

    // Metrics that nothing can be written to: the run says so, and the other comes to its end.
    let run = way.join("seed-1");
    fs::create_dir_all(run.join("metrics.jsonl")).unwrap();
    let output = program(folder, &["compare", "comparison.toml", "--json"]);
    let said = complaint(&output, 1);
    assert!(said.contains("failed: signal/learned/seed-1: "), "{said}");
    let told = events(&String::from_utf8(output.stdout).unwrap());
    let failed = of_kind(&told, "failed");
    assert_eq!(failed.len(), 1, "{told:?}");
    let why = failed[0]["why"].as_str().unwrap();
    assert!(why.contains("seed-1"), "{why}");
    // A report of later knows of it, until the run is begun once more.
    let report = || {
        printed(&program(
            folder,
            &["compare", "comparison.toml", "--report"],
        ));
        let report = folder.join("compared/report");
        let rows = read(&report.join("tables/runs.csv"));
        (read(&report.join("report.html")), rows)
    };
    let (page, rows) = report();
    assert!(page.contains("1 run has failed; all others have"), "{page}");
    assert!(rows.contains("signal,learned,failed,"), "{rows}");
    let kept = way.join("seed-1.failed");
    assert_eq!(read(&kept), why);
    fs::remove_dir(run.join("metrics.jsonl")).unwrap();
    printed(&program(folder, &["compare", "comparison.toml"]));
    assert!(!kept.exists());
    let (page, rows) = report();
    assert!(page.contains("Every run has come to its end."), "{page}");
    assert!(rows.contains("signal,learned,finished,"), "{rows}");
    let finished = of_kind(&told, "finished");
    assert_eq!(finished.len(), 1);
    // It was, beside the first failure.
    assert_eq!(
        (&finished[0]["method"], &finished[0]["before"]),
        (&"none".into(), &true.into())
    );
}

#[test]
fn a_full_disk_stops_a_comparison_from_beginning_other_runs() {
    // As the first run is started, in that run, and as what it said is kept: it may have had no room to say more.
    for (at, why) in [
        (8, "cannot start the run"),
        (15, "No space left on device"),
        (4, "holds files of a run"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let small = FILE.replace("seeds = [1, 2]", "seeds = [1]");
        write(folder, &small.replace("processes = 2", "processes = 1"));
        let way = folder.join("compared/signal/learned/seed-1/metrics.jsonl");
        if at == 4 {
            fs::create_dir_all(&way).unwrap();
        }
        let compare = || command(folder, &["compare", "comparison.toml", "--json"]);
        let mut full = compare();
        full.env("COMMFORMER_FAULT", format!("full:{at}"));
        let full = full.output().unwrap();
        let said = complaint(&full, 1);
        for part in [
            "before their end: 1 run",
            "no space is left on the disk",
            "free some and call the same command again",
        ] {
            assert!(said.contains(part), "{said}");
        }
        let told = events(&String::from_utf8(full.stdout).unwrap());
        let [failed] = of_kind(&told, "failed")[..] else {
            panic!("{told:?}");
        };
        assert!(failed["why"].as_str().unwrap().contains(why), "{failed}");
        if at == 4 {
            fs::remove_dir(&way).unwrap();
        }
        let told = events(&printed(&compare().output().unwrap()));
        assert_eq!(of_kind(&told, "finished").len(), 2);
    }
}

#[test]
fn a_run_whose_numbers_explode_is_counted_and_its_comparison_says_how_to_begin_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let one_seed = FILE.replace("seeds = [1, 2]", "seeds = [1]");
    let threads = one_seed.replace("[settings]", "[settings]\nrun.threads = 3");
    write(folder, &format!("{threads}ppo.lr = 1e30\n"));
    let list = ["compare", "comparison.toml", "--dry-run"];
    let listed = printed(&program(folder, &list));
    assert!(listed.ends_with("2 at a time on 3 threads each\n"));
    let said = complaint(&program(folder, &["compare", "comparison.toml"]), 1);
    for part in [
        "failed: signal/none/seed-1: ",
        "failure.json says what was found",
        "change its settings and remove its folder",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // What a run on its own would be told to do.
    assert!(!said.contains("train --config"), "{said}");
    let listed = printed(&program(folder, &list));
    assert!(listed.contains("1 finished, 1 failed, 0 to"), "{listed}");

    // What cannot fit is refused as `train` refuses it, also before anything is trained.
    let huge = FILE.replace("embed_dim = 16", "embed_dim = 40_000_000");
    write(folder, &huge.replace("compared", "huge"));
    for arguments in [&list[..2], &list] {
        let said = complaint(&program(folder, arguments), 1);
        assert!(said.contains("this would take about "), "{said}");
        assert!(said.contains("; lower `policy.embed_dim`, "), "{said}");
    }
    assert!(!folder.join("huge").exists());
}

#[test]
fn two_comparisons_do_not_share_a_folder_and_one_that_is_told_to_stop_stops_its_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    write(
        folder,
        &FILE.replace("run.steps = 320", "run.steps = 1_000_000"),
    );
    let mut comparison = begun(folder);
    wait_until("no run begins", || lines(folder) > 1);
    let said = complaint(&program(folder, &["compare", "comparison.toml"]), 1);
    assert!(
        said.contains(&format!("process {} compares in compared", comparison.id())),
        "{said}"
    );
    let of_first = || {
        let of_first = RUNS.iter().filter(|run| run.ends_with("seed-1"));
        of_first.map(|run| folder.join("compared/signal").join(run))
    };
    let trains = |run: &Path| {
        let lock = fs::File::open(run.join(".lock"));
        lock.is_ok_and(|lock| lock.try_lock_shared().is_err())
    };
    assert!(of_first().all(|run| trains(&run)));
    // Its processes stop by themselves when it is killed, and so long others wait.
    comparison.kill().unwrap();
    comparison.wait().unwrap();
    let mut comparison = begun(folder);
    wait_until("runs go on without their comparison", || {
        !of_first().any(|run| trains(&run)) || lines(folder) > 20
    });
    let before = lines(folder);
    wait_until("nothing goes on", || lines(folder) > before + 4);
    let process = rustix::process::Pid::from_child(&comparison);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    assert_eq!(comparison.wait().unwrap().code(), Some(130));
    for run in of_first() {
        // Nobody trains there any more, and there is something to go on from.
        fs::File::open(run.join(".lock"))
            .unwrap()
            .try_lock()
            .unwrap();
        assert!(run.join("checkpoints").read_dir().unwrap().count() > 0);
    }
    let listed = printed(&program(
        folder,
        &["compare", "comparison.toml", "--dry-run"],
    ));
    assert_eq!(listed.matches("begun, ").count(), 2, "{listed}");
}

/// As cargo does that builds it anew while a comparison goes on.
#[test]
fn runs_are_made_by_the_program_that_compares_though_it_is_gone_from_its_place() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    write(folder, &FILE.replace("processes = 2", "processes = 1"));
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("own-{}", std::process::id()));
    fs::hard_link(env!("CARGO_BIN_EXE_commformer"), &own).unwrap();
    let mut comparison = Command::new(&own)
        .current_dir(folder)
        .args(["compare", "comparison.toml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("no run begins", || lines(folder) > 0);
    fs::remove_file(&own).unwrap();
    assert_eq!(comparison.wait().unwrap().code(), Some(0));
    let runs = folder.join("compared/signal");
    let finished = RUNS.map(|run| runs.join(run).join("final.json").exists());
    assert_eq!(finished, [true; 4]);
}

#[test]
fn no_worker_of_python_waits_beside_the_runs_of_a_comparison() {
    let Some(python) = python("numpy") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let task = format!(
        "import os\nimport sys\nsys.path.append({examples:?})\nimport my_env\n\n\ndef make():\n    \
         with open({:?}, 'a') as workers:\n        print(os.getpid(), file=workers)\n    return my_env.make()\n",
        folder.join("workers")
    );
    fs::write(folder.join("task.py"), task).unwrap();
    let env = format!(
        "[tasks.waiting]\nenv.kind = 'python'\nenv.make = 'task.py:make'\nenv.python = {python:?}\n"
    );
    write(folder, &FILE.replace("[tasks.signal]\n", &env));
    let mut comparison = begun(folder);
    let metrics = folder.join("compared/waiting/learned/seed-1/metrics.jsonl");
    wait_until("no run begins", || metrics.exists());
    // The first worker told the comparison what the task is.
    let workers = read(&folder.join("workers"));
    let first = workers.lines().next().unwrap();
    wait_until("it is there still", || {
        !Path::new(&format!("/proc/{first}")).exists()
    });
    assert_eq!(comparison.try_wait().unwrap(), None);
    comparison.kill().unwrap();
    comparison.wait().unwrap();
}

/// The example of the book, with the real Optuna.
#[test]
fn optuna_tunes_by_comparisons_and_goes_on_with_its_study() {
    let Some(python) = python_with("optuna", "version >= (4, 0)", "COMMFORMER_OPTUNA_PYTHON")
    else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let lines = FILE.lines().filter(|line| !line.starts_with("folder"));
    let file: Vec<&str> = lines
        .take_while(|line| !line.starts_with("[methods"))
        .collect();
    fs::write(folder.join("base.toml"), file.join("\n")).unwrap();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiments/optuna-example.py");
    let tune = || {
        let mut tune = Command::new(&python);
        tune.current_dir(folder)
            .arg(&script)
            .args(["base.toml", "tuned", "--trials", "3"]);
        tune.args([
            "--program",
            env!("CARGO_BIN_EXE_commformer"),
            "--metric",
            "accuracy",
        ]);
        json(&printed(&tune.output().unwrap()))
    };
    let value = |trial: usize| {
        let finals = [1, 2].map(|seed| {
            let run = format!("tuned/trial-{trial}/signal/trial/seed-{seed}");
            let outcome = json(&read(&folder.join(run).join("final.json")));
            outcome["accuracy"]["mean"].as_f64().unwrap()
        });
        (finals[0] + finals[1]) / 2.0
    };
    let best = tune();
    let values = [0, 1, 2].map(value);
    let highest = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
    assert!(
        (best["value"].as_f64().unwrap() - highest).abs() < 1e-12,
        "{best} {values:?}"
    );
    let trial = best["trial"].as_u64().unwrap();
    let settings = read(&folder.join(format!(
        "tuned/trial-{trial}/signal/trial/seed-1/config.toml"
    )));
    let settings: toml::Table = settings.parse().unwrap();
    assert_eq!(
        settings["ppo"]["lr"].as_float(),
        best["settings"]["ppo.lr"].as_f64()
    );
    // Three more; these may be stopped early.
    tune();
    assert!(folder.join("tuned/trial-5.toml").exists());
    let log = read(&folder.join("tuned/study.log"));
    assert!(!folder.join("tuned/trial-6.toml").exists(), "{log}");
}
