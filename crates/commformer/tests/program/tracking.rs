//! `docs/examples/track.py` copies runs into MLflow and Weights & Biases, and `wandb sync` took event files as they are: what
//! these packages, from PyPI, then hold. Nothing leaves this machine.

use crate::ports::port;
use crate::{curve, curve_of, json, metrics, printed, python_with, read, train, words};
use serde_json::{Value, json as literal};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// `track.py` with arguments, in `folder`.
fn track(python: &OsString, folder: &Path, arguments: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/track.py");
    let mut command = Command::new(python);
    command.current_dir(folder).arg(script);
    command.args(words(arguments));
    // No package calls home from a test.
    command.env("MLFLOW_DISABLE_TELEMETRY", "true");
    command
        .env("WANDB_MODE", "offline")
        .env("WANDB_SILENT", "true");
    command.env("HOME", folder).env_remove("WANDB_DIR");
    command
}

/// What a tracker has of a run must be what its lines say.
#[track_caller]
fn assert_same_numbers(history: &dyn Fn(&str) -> Value, lines: &[Value]) {
    for (name, kind, pointer) in [
        ("train/return", "iteration", "/return"),
        ("train/losses/policy", "iteration", "/losses/policy"),
        ("train/metrics/accuracy", "iteration", "/metrics/accuracy"),
        ("train/seconds/act", "iteration", "/seconds/act"),
        ("eval/return", "evaluation", "/metrics/return/mean"),
    ] {
        let expected = curve_of(lines, kind, pointer);
        assert!(!expected.is_empty(), "{name}");
        assert_eq!(curve(&history(name)), expected, "{name}");
    }
}

/// A tracking server, with all processes that it starts.
struct Server(Child);

impl Server {
    /// Waits until it answers on `port`.
    fn start(python: &OsString, folder: &Path, port: u16) -> Self {
        let log = File::create(folder.join("server.log")).unwrap();
        let options = format!(
            "-m mlflow server --host 127.0.0.1 --port {port} --workers 1 \
             --backend-store-uri sqlite:///server.db --artifacts-destination ./artifacts"
        );
        let child = Command::new(python)
            .current_dir(folder)
            .args(words(&options))
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn();
        let mut server = Self(child.unwrap());
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.0.try_wait().unwrap();
            let late = start.elapsed() > Duration::from_secs(300);
            assert!(
                ended.is_none() && !late,
                "{}",
                read(&folder.join("server.log"))
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

#[test]
fn mlflow_holds_the_settings_numbers_and_files_of_a_run() {
    let Some(python) = python_with("mlflow", "version >= (3, 0)", "COMMFORMER_MLFLOW_PYTHON")
    else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run signal-1")));
    let port = port();
    let _server = Server::start(&python, folder, port);
    let uri = format!("http://127.0.0.1:{port}");
    let mut copying = track(&python, folder, "mlflow signal-1 --project teams");
    printed(&copying.env("MLFLOW_TRACKING_URI", &uri).output().unwrap());

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/read_mlflow.py");
    let mut reader = Command::new(&python);
    let reader = reader.current_dir(folder).arg(script).arg("teams");
    let runs = json(&printed(
        &reader.env("MLFLOW_TRACKING_URI", &uri).output().unwrap(),
    ));
    let [run] = &runs.as_array().unwrap()[..] else {
        panic!("{runs}");
    };
    assert_eq!(
        (&run["name"], &run["status"]),
        (&literal!("signal-1"), &literal!("FINISHED"))
    );
    for (name, value) in [
        ("env.kind", "signal"),
        ("policy.embed_dim", "16"),
        ("policy.relation", "True"),
        ("graph.edges", "[]"),
    ] {
        assert_eq!(run["settings"][name], value, "{name}");
    }
    let lines = metrics(&folder.join("signal-1"));
    let with_times = read(&folder.join("signal-1/metrics.jsonl"));
    let with_times: Vec<Value> = with_times.lines().map(json).collect();
    assert_eq!(lines.len(), with_times.len());
    assert_same_numbers(&|name| run["metrics"][name].clone(), &with_times);
    let last = json(&read(&folder.join("signal-1/final.json")));
    assert_eq!(
        run["metrics"]["final/accuracy"],
        literal!([[160, last["accuracy"]["mean"]]])
    );
    let mut files = literal!({});
    for name in ["config.toml", "final.json", "graph.svg", "metrics.jsonl"] {
        files[name] = read(&folder.join("signal-1").join(name)).into();
    }
    assert_eq!(run["files"], files);
}

#[test]
fn weights_and_biases_holds_the_settings_and_numbers_of_a_run() {
    let Some(python) = python_with("wandb", "version >= (0, 31)", "COMMFORMER_WANDB_PYTHON") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run signal-1")));
    // Every record of the newest copy, by the package's own reader.
    let records = |arguments: &str| -> Vec<Value> {
        printed(&track(&python, folder, arguments).output().unwrap());
        let mut reader = Command::new(&python);
        let reader = reader.current_dir(folder).env("HOME", folder);
        let inspect = words("-m wandb leet inspect --json wandb/latest-run");
        let said = printed(&reader.args(inspect).output().unwrap());
        said.lines().map(json).collect()
    };
    let of = |records: &[Value], kind: &str| -> Vec<Value> {
        let of_kind = records.iter().filter(|record| record["type"] == kind);
        of_kind.map(|record| record[kind].clone()).collect()
    };
    let history = |records: &[Value], name: &str| -> Value {
        let point = |item: &Value| Some(literal!([item["item"]["_step"], item["item"].get(name)?]));
        of(records, "history").iter().filter_map(point).collect()
    };
    let lines = |run: &str| -> Vec<Value> {
        let text = read(&folder.join(run).join("metrics.jsonl"));
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(json)
            .collect()
    };

    let copy = records("wandb signal-1");
    assert_same_numbers(&|name| history(&copy, name), &lines("signal-1"));
    let run = &of(&copy, "run")[0];
    assert_eq!(
        (&run["project"], &run["display_name"]),
        (&literal!("commformer"), &literal!("signal-1"))
    );
    let settings = &run["config"]["update"];
    assert_eq!(settings["env.kind"], "signal");
    assert_eq!(settings["policy.embed_dim"], 16);
    assert_eq!(settings["graph.edges"], literal!([]));
    let last = json(&read(&folder.join("signal-1/final.json")));
    let summary = of(&copy, "summary");
    let told = |update: &Value| update["update"].get("final/accuracy").cloned();
    assert_eq!(
        summary.iter().find_map(told),
        Some(last["accuracy"]["mean"].clone())
    );
    assert_eq!(of(&copy, "exit")[0]["exit_code"], 0);

    // A run that failed, with a line that is cut, and names in which other characters than `\n` break lines.
    fs::rename(
        folder.join("signal-1/final.json"),
        folder.join("signal-1/failure.json"),
    )
    .unwrap();
    let file = folder.join("signal-1/metrics.jsonl");
    let text = read(&file).replace(
        "\"each_episode\":{",
        "\"each_episode\":{\"a\u{2028}name\u{85}\":[1.0],",
    );
    assert!(text.contains('\u{2028}'));
    fs::write(&file, &text[..text.len() - 9]).unwrap();
    let copy = records("wandb signal-1");
    assert_eq!(lines("signal-1").len(), 5);
    assert_same_numbers(&|name| history(&copy, name), &lines("signal-1"));
    assert_eq!(of(&copy, "exit")[0]["exit_code"], 1);
}

#[test]
fn weights_and_biases_takes_the_event_files() {
    let variable = "COMMFORMER_WANDB_SYNC_PYTHON";
    let Some(python) = python_with("wandb", "version <= (0, 29)", variable) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run signal-1")));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/sync_events.py");
    let mut sync = Command::new(&python);
    sync.current_dir(folder).env("HOME", folder).arg(script);
    let sent = json(&printed(
        &sync.arg("signal-1/tensorboard").output().unwrap(),
    ));
    let history = |name: &str| -> Value {
        let rows = sent["history"].as_array().unwrap().iter();
        rows.filter_map(|row| Some(literal!([row["global_step"], row.get(name)?])))
            .collect()
    };
    let lines = metrics(&folder.join("signal-1"));
    for (name, kind, pointer) in [
        ("loss/policy", "iteration", "/losses/policy"),
        ("eval/return", "evaluation", "/metrics/return/mean"),
    ] {
        let expected = curve_of(&lines, kind, pointer);
        assert!(!expected.is_empty(), "{name}");
        let sent = history(&format!("tensorboard/{name}"));
        assert_eq!(curve(&sent), expected, "{name}");
    }
    let files = sent["files"].to_string();
    for part in ["tfevents", "media/images/tensorboard/graph_"] {
        assert!(files.contains(part), "{files}");
    }
}
