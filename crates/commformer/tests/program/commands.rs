//! What the commands do when all is well, and mistakes that are told before any work.

use crate::{SMALL, complaint, json, metrics, printed, program, read, train, words};
use serde_json::Value;
use std::path::Path;

#[test]
fn the_books_page_of_settings_is_what_the_program_says() {
    let scratch = tempfile::tempdir().unwrap();
    let said = printed(&program(scratch.path(), &["settings", "--markdown"]));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/settings.md");
    assert!(
        said == read(&page),
        "docs/src/settings.md is out of date; write it anew with `cargo xtask settings --markdown > docs/src/settings.md`"
    );
}

#[test]
fn settings_are_told_one_by_one() {
    let scratch = tempfile::tempdir().unwrap();
    let told = |line: &str| printed(&program(scratch.path(), &words(line)));
    assert!(told("settings").contains("\n[run] Length, seed and machine."));
    let lr = told("settings ppo.lr");
    assert!(lr.contains("lr = 0.001  (number, above 0)"), "{lr}");
    assert_eq!(lr.lines().filter(|line| line.contains(" = ")).count(), 1);
    assert!(told("settings env --env smac").contains("sight_cone = left out"));
    let schema: Value = serde_json::from_str(&told("settings --json-schema")).unwrap();
    let lr = &schema["properties"]["ppo"]["properties"]["lr"];
    assert_eq!(
        (&lr["type"], &lr["exclusiveMinimum"]),
        (&"number".into(), &0.0.into())
    );
    for (line, hint) in [
        ("settings polici", "did you mean `policy`?"),
        ("settings ppo.learning_rate", "did you mean"),
        ("settings --env chess", "there is no task `chess`"),
    ] {
        let said = complaint(&program(scratch.path(), &words(line)), 1);
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_run_is_played_again_in_a_page_and_a_film() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal"]));
    let arguments = words("replay --run runs/signal-1 --episodes 2 --gif film.gif");
    let said = printed(&program(folder, &arguments));
    assert!(
        said.contains("runs/signal-1/replay.html: 2 episodes"),
        "{said}"
    );
    let page = read(&folder.join("runs/signal-1/replay.html"));
    assert!(page.starts_with("<!doctype html>") && page.contains("<title>signal: 2 episodes"));
    assert!(
        std::fs::read(folder.join("film.gif"))
            .unwrap()
            .starts_with(b"GIF89a")
    );

    // Beside another run of the same task, but of no other.
    printed(&train(folder, &["signal", "--seed", "2"]));
    let against = |run: &str| {
        let line =
            format!("replay --run runs/signal-1 --against {run} --episodes 1 --out both.html");
        program(folder, &words(&line))
    };
    printed(&against("runs/signal-2"));
    assert!(folder.join("both.html").is_file());
    printed(&train(folder, &["predator-prey"]));
    let said = complaint(&against("runs/predator-prey-1"), 1);
    assert!(said.contains("other tasks"), "{said}");

    std::fs::remove_dir_all(folder.join("runs/signal-1/checkpoints")).unwrap();
    let said = complaint(&against("runs/signal-2"), 1);
    assert!(said.contains("checkpoint"), "{said}");
}

#[test]
fn a_run_leaves_what_it_promises_and_can_be_judged_and_repeated() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let said = printed(&train(folder, &["signal"]));
    let run = folder.join("runs/signal-1");
    for part in [
        "runs/signal-1",
        "update",
        "messages",
        "commformer replay --run runs/signal-1",
        "commformer report --run runs/signal-1",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(read(&run.join("graph.svg")).starts_with("<svg"));
    assert_eq!(
        std::fs::read_dir(run.join("tensorboard")).unwrap().count(),
        1
    );
    assert!(run.join("checkpoints").is_dir());

    // 4 iterations of 40 steps, an evaluation every 80.
    let lines = metrics(&run);
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "iteration",
            "iteration",
            "evaluation",
            "iteration",
            "iteration",
            "evaluation"
        ]
    );
    assert_eq!(lines[5]["steps"], 160);

    // The same evaluation again, by name of the run alone.
    let written = json(&read(&run.join("final.json")));
    let said = printed(&program(
        folder,
        &["eval", "--run", "runs/signal-1", "--json"],
    ));
    let critic_width = json(said.lines().last().unwrap());
    for metric in ["return", "steps", "accuracy", "messages"] {
        let estimate = critic_width[metric].as_object().unwrap();
        assert!(
            estimate["low"].as_f64() <= estimate["mean"].as_f64(),
            "{metric}"
        );
        assert_eq!(critic_width[metric], written[metric], "{metric}");
    }
    assert_eq!(critic_width["steps"]["mean"], 10.0);
    assert_eq!(critic_width["messages"]["mean"], 1.0);
    assert_eq!(critic_width["episodes"], 5);

    // Other episodes, other weights, drawn actions.
    let arguments = [
        "eval",
        "--run",
        "runs/signal-1",
        "--episodes",
        "7",
        "--seed",
        "9",
        "--checkpoint",
        "latest",
        "--sampled",
    ];
    let said = printed(&program(folder, &arguments));
    assert!(
        said.contains("7 episodes, sampled actions, seed 9"),
        "{said}"
    );

    // The run repeated from what it wrote about itself.
    printed(&program(
        folder,
        &[
            "train",
            "--config",
            "runs/signal-1/config.toml",
            "--run",
            "again",
        ],
    ));
    assert_eq!(metrics(&folder.join("again")), lines);
}

#[test]
fn a_report_lies_in_the_folder_of_its_run() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal"]));
    let said = printed(&program(folder, &["report", "--run", "runs/signal-1"]));
    assert!(said.contains("runs/signal-1/report/report.html"), "{said}");
    let report = folder.join("runs/signal-1/report");
    let page = read(&report.join("report.html"));
    for part in [
        "<h1>signal</h1>",
        "Right answers",
        "Traffic",
        "seed 1",
        "The graph",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("What is missing"), "{page}");
    // What is listed as not by default is what the test sets.
    assert!(page.contains("<th scope=\"row\">run.steps</th><td>600000</td><td>160</td>"));
    assert!(read(&report.join("plots/evaluation-return.svg")).starts_with("<svg"));
    assert!(read(&report.join("tables/metrics.csv")).contains("signal,runs/signal-1,accuracy,1,"));
    assert!(json(&read(&report.join("marl-eval.json")))["signal"].is_object());
    let said = complaint(&program(folder, &["report", "--run", "nowhere"]), 1);
    assert!(said.contains("nowhere/config.toml"), "{said}");
}

#[test]
fn a_fixed_graph_is_kept_and_told() {
    let scratch = tempfile::tempdir().unwrap();
    let arguments = [
        "--set",
        "graph.mode=given",
        "--set",
        "graph.edges=[[1,1,0],[0,0,1],[0,0,0]]",
        "--run",
        "run",
    ];
    printed(&train(scratch.path(), &arguments));
    let written = json(&read(&scratch.path().join("run/final.json")));
    assert_eq!(
        written["graph"],
        json("[[1.0,1.0,0.0],[0.0,0.0,1.0],[0.0,0.0,0.0]]")
    );
    // Two edges between different agents, three agents.
    assert!((written["messages"]["mean"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert!(written["success"]["mean"].is_number());
}

#[test]
fn agents_alone_are_given_what_was_counted() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let gates = "gate.mode=random gate.target_rate=0.5 gate.closed=stale gate.start=0";
    let set = gates.split(' ').flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> = ["signal", "--run", "run"].into_iter().chain(set).collect();
    printed(&train(folder, &arguments));
    let judge = |more: &[&str]| {
        let eval = ["eval", "--run", "run", "--decentralised"];
        printed(&program(folder, &[&eval, more].concat()))
    };
    let critic_width = json(judge(&["--json"]).lines().last().unwrap());
    let written = json(&read(&folder.join("run/final.json")));
    assert_eq!(critic_width["return"], written["return"]);
    let alone = &critic_width["decentralised"];
    assert_eq!(alone["delivered"], alone["by_formula"]);
    assert!(alone["delivered"]["messages"].as_u64() > Some(0), "{alone}");
    let said = judge(&["--episodes", "2", "--sampled"]);
    assert!(
        said.contains("all 2 episodes are those of all agents at once"),
        "{said}"
    );
}

#[test]
fn a_team_of_another_size_is_judged_and_trained_on() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    for (name, more) in [
        ("learned", "--set policy.shared_head=true"),
        (
            "none",
            "--set policy.shared_head=true --set graph.mode=none",
        ),
        ("own", "--set policy.shared_head=false"),
    ] {
        let run = format!("traffic-junction-easy --run {name} {more}");
        printed(&train(folder, &words(&run)));
    }
    for name in ["learned", "none"] {
        let eval = format!("eval --run {name} --set env.agents=7 --json");
        let critic_width = json(
            printed(&program(folder, &words(&eval)))
                .lines()
                .last()
                .unwrap(),
        );
        let graph = critic_width["graph"].as_array().unwrap();
        assert_eq!(graph.len(), 7);
        let more = format!(
            "traffic-junction-easy --run more-{name} --weights {name} --set env.agents=7 --set policy.shared_head=true"
        );
        printed(&train(folder, &words(&more)));
        // The same command goes on with what it has.
        let lines = metrics(&folder.join(format!("more-{name}")));
        printed(&train(folder, &words(&more)));
        assert_eq!(metrics(&folder.join(format!("more-{name}"))), lines);
    }
    let eval = "eval --run own --set env.agents=7";
    let said = complaint(&program(folder, &words(eval)), 1);
    assert!(said.contains("does not fit the configuration"), "{said}");
    let eval = "eval --run own --set ppo.lr=1.0";
    let said = complaint(&program(folder, &words(eval)), 1);
    assert!(said.contains("the task alone"), "{said}");
}

#[test]
fn a_run_of_stacked_observations_is_judged_shown_and_gone_on_with() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let arguments = ["predator-prey", "--run", "run", "--set", "env.stack=3"];
    printed(&train(folder, &arguments));
    let config = read(&folder.join("run/config.toml"));
    assert!(config.contains("\nstack = 3\n"), "{config}");
    let lines = metrics(&folder.join("run"));

    // Its own checkpoint, by all and by every agent alone.
    let eval = "eval --run run --decentralised --json";
    let said = printed(&program(folder, &words(eval)));
    let critic_width = json(said.lines().last().unwrap());
    let written = json(&read(&folder.join("run/final.json")));
    assert_eq!(critic_width["return"], written["return"]);
    printed(&program(folder, &words("replay --run run --episodes 1")));
    assert!(folder.join("run/replay.html").is_file());

    // The same command finds the run done; another stack makes another run of it.
    printed(&train(folder, &arguments));
    assert_eq!(metrics(&folder.join("run")), lines);
    let other = ["predator-prey", "--run", "run", "--set", "env.stack=2"];
    let said = complaint(&train(folder, &other), 1);
    assert!(said.contains("env.stack"), "{said}");
    let plain = ["predator-prey", "--run", "plain"];
    printed(&train(folder, &plain));
    assert!(!read(&folder.join("plain/config.toml")).contains("stack"));
    assert_ne!(metrics(&folder.join("plain")), lines);
}

/// The JSON object on the last line of what `bench` prints; it leaves no file behind.
#[track_caller]
fn benched(arguments: &[&str]) -> (String, Value) {
    let scratch = tempfile::tempdir().unwrap();
    let said = printed(&program(scratch.path(), &[&["bench"], arguments].concat()));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    let last = json(said.lines().last().unwrap());
    (said, last)
}

/// That metrics of a measurement are numbers above 0.
#[track_caller]
fn assert_positive(measured: &Value, metrics: &[&str]) {
    for metric in metrics {
        let number = measured[metric].as_f64().unwrap_or(f64::NAN);
        assert!(number.is_finite() && number > 0.0, "{metric}: {measured}");
    }
}

const FIGURES: [&str; 6] = [
    "steps_per_second",
    "seconds",
    "senders",
    "update_gflops",
    "plain_gflops",
    "share_of_plain",
];

#[test]
fn a_bench_says_how_fast_and_where_the_time_goes() {
    let arguments = ["--iterations", "2", "--seconds", "60", "--json"];
    let (said, measured) = benched(&[&arguments[..], &SMALL].concat());
    assert!(said.contains("of a plain matrix product's"), "{said}");
    assert_positive(&measured, &FIGURES);
    if cfg!(target_os = "linux") {
        assert_positive(&measured, &["peak_memory_bytes"]);
    }
    assert_eq!(
        (&measured["steps"], &measured["iterations"]),
        (&json("80"), &json("2"))
    );
    let shares = measured["shares"].as_object().unwrap();
    let total: f64 = shares.values().map(|share| share.as_f64().unwrap()).sum();
    assert!(
        shares.len() == 3 && total > 0.1 && total <= 1.001,
        "{measured}"
    );
}

#[test]
fn a_bench_over_settings_has_a_row_for_each_even_if_it_fails() {
    let over = ["train", "signal", "--iterations", "1", "--json", "--over"];
    let of_agents = [&over[..], &["agents=3,5", "--over", "senders=2"], &SMALL].concat();
    let (said, told) = benched(&of_agents);
    let rows = told["rows"].as_array().unwrap();
    assert_eq!((rows.len(), said.lines().count()), (2, 4), "{said}");
    for (row, agents) in rows.iter().zip([3, 5]) {
        assert_eq!(row["at"]["agents"], agents);
        assert_eq!(
            (&row["agents"], &row["senders"]),
            (&json(&agents.to_string()), &json("2.0"))
        );
        assert_positive(row, &FIGURES);
    }
    // No machine has this GPU; SMALL's own `--device cpu` does not hide the axis.
    let devices = [&over[..], &["run.device=cpu,cuda:4000"], &SMALL].concat();
    let (said, told) = benched(&devices);
    assert_positive(&told["rows"][0], &FIGURES);
    let error = told["rows"][1]["error"].as_str().unwrap();
    assert!(
        said.contains(error) && error.contains("cuda:4000"),
        "{said}"
    );
}

#[test]
fn a_bench_of_acting_has_a_row_for_each_number_and_kind_of_actions() {
    let arguments = [
        "act",
        "--environments",
        "1,3",
        "--seconds",
        "0.01",
        "--json",
    ];
    let gate = ["--set", "gate.mode=learned", "--set", "gate.closed=stale"];
    for more in [&[][..], &gate] {
        let (said, told) = benched(&[&arguments[..], more, &SMALL].concat());
        let rows = told["rows"].as_array().unwrap();
        assert_eq!((rows.len(), said.lines().count()), (4, 7), "{said}");
        for row in rows {
            assert_positive(row, &["step_milliseconds", "decisions_per_second"]);
        }
    }
}

#[test]
fn a_bench_of_environments_has_a_row_for_each_task_number_and_threads() {
    let arguments = ["env", "--num-envs", "1,3", "--seconds", "0.001", "--json"];
    let (said, told) = benched(&[&arguments[..], &["--threads", "1,2"]].concat());
    let rows = told["rows"].as_array().unwrap();
    let expected = 2 * 2 * commformer_env::TASKS.len();
    assert_eq!(
        (rows.len(), said.lines().count()),
        (expected, expected + 2),
        "{said}"
    );
    for row in rows {
        assert_positive(row, &["steps_per_second"]);
    }
    let one = ["signal", "--set", "env.agents=6", "--threads", "1"];
    let (_, told) = benched(&[&arguments[..], &one].concat());
    assert_eq!(told["rows"].as_array().unwrap().len(), 2);
    assert_eq!(told["rows"][0]["agents"], 6);
}

/// Where the doctor's values begin, after four spaces and a key.
const VALUES: usize = 20;

/// Keys and values of what `doctor` prints; a value that goes on in further lines is cut.
#[track_caller]
fn told(said: &str) -> Vec<(&str, &str)> {
    let lines = said.lines().filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        assert!(line.starts_with("    "), "{line}");
        let (key, value) = line.split_at(VALUES);
        (key.trim(), value)
    });
    pairs.filter(|(key, _)| !key.is_empty()).collect()
}

#[test]
fn a_doctor_tells_each_fact_once_and_finds_nothing_wrong() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let said = printed(&program(folder, &["doctor", "--seconds", "0.1"]));
    let told = told(&said);
    let keys: Vec<_> = told.iter().map(|(key, _)| *key).collect();
    let facts = [
        "commformer",
        "libtorch",
        "CUDA",
        "system",
        "processor",
        "vectors",
        "threads",
        "memory",
        "disk",
        "environment",
    ];
    let checks = [
        "kernels",
        "speed",
        "repeatable",
        "learning",
        "checkpoint",
        "GPU",
    ];
    assert_eq!(keys, [&facts[..], &checks].concat());
    let values = told.iter().map(|(_, value)| *value);
    for value in values.clone().take(facts.len()) {
        assert!(!value.is_empty() && !value.starts_with(' '), "{said}");
    }
    for value in values.skip(facts.len()) {
        let well = value.starts_with("ok: ") || value.starts_with("skipped: ");
        assert!(well, "{said}");
    }
    assert!(said.contains("steps/s"), "{said}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

/// Even the superuser can make no folder in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_doctor_in_a_folder_that_takes_no_file_says_so_and_goes_on() {
    let output = program(Path::new("/proc"), &["doctor", "--seconds", "0.1"]);
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    let message = complaint(&output, 1);
    assert!(
        message.starts_with("error: failed here: checkpoint;"),
        "{message}"
    );
    let told = told(&said);
    let value = |key: &str| told.iter().find(|(found, _)| *found == key).unwrap().1;
    let found = value("checkpoint");
    assert!(
        found.starts_with("FAILED: cannot make a folder in the current one: "),
        "{said}"
    );
    assert!(found.contains("(os error "), "{said}");
    assert!(!value("GPU").is_empty(), "{said}");
    // It lies on no disk, and not on the one around it.
    assert!(value("disk").ends_with("not known"), "{said}");
}

#[test]
fn a_run_that_cannot_fit_is_refused_with_the_numbers() {
    let refused = |setting: &str, largest: &str, lower: &str| {
        let scratch = tempfile::tempdir().unwrap();
        let set = format!("{setting}=1000000000000000");
        let output = program(scratch.path(), &["train", "--device", "cpu", "--set", &set]);
        let said = complaint(&output, 1);
        for part in [
            "this would take about ",
            " EB of memory, and ",
            &format!(" EB for {largest}, "),
            " MB for the program",
            &format!("; lower {lower}"),
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    };
    let rollout = "`rollout.num_envs` or `rollout.steps`";
    refused("rollout.num_envs", "the rollout", rollout);
    refused("rollout.steps", "the rollout", rollout);
    refused("eval.episodes", "evaluations", "`eval.episodes`");
    let last = "the last evaluation";
    refused("eval.final_episodes", last, "`eval.final_episodes`");
    let weights = "weights, gradients and moments";
    refused("policy.embed_dim", weights, "`policy.embed_dim`, ");
}

#[test]
fn more_environments_or_episodes_than_there_is_room_for_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal", "--run", "run"]));
    for arguments in [
        "eval --run run --episodes 4000000000",
        "bench env signal --num-envs 4000000000 --seconds 0.1",
        "bench act signal --environments 4000000000 --seconds 0.1 --device cpu",
    ] {
        let said = complaint(&program(folder, &words(arguments)), 1);
        assert!(said.contains("TB of memory, and "), "{arguments}: {said}");
    }
    // A configuration that was edited since.
    let config = folder.join("run/config.toml");
    let text = read(&config).replace("embed_dim = 16", "embed_dim = 1000000000000000");
    std::fs::write(&config, text).unwrap();
    let said = complaint(&program(folder, &words("eval --run run")), 1);
    assert!(
        said.contains(" EB for weights, gradients and moments"),
        "{said}"
    );
}

#[test]
fn mistakes_are_told_before_any_work() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let message = complaint(
        &train(folder, &["signal", "--set", "ppo.learning_rate=1"]),
        1,
    );
    assert!(
        message.starts_with("error: there is no `ppo.learning_rate`"),
        "{message}"
    );
    assert!(message.contains("did you mean `ppo.lr`?"), "{message}");
    let message = complaint(&train(folder, &["signl"]), 1);
    assert!(message.contains("did you mean `signal`?"), "{message}");
    let message = complaint(&train(folder, &["--config", "missing.toml"]), 1);
    assert!(
        message.contains("missing.toml") && message.contains("No such file"),
        "{message}"
    );
    let message = complaint(&program(folder, &["eval", "--run", "nowhere"]), 1);
    assert!(message.contains("nowhere holds no run"), "{message}");
    let over = |axis| program(folder, &["bench", "--over", axis]);
    let message = complaint(&over("ppo.learning_rate=1,2"), 1);
    assert!(message.contains("did you mean `ppo.lr`?"), "{message}");
    let message = complaint(&over("agents=3,27"), 1);
    assert!(message.contains("--over agents=27"), "{message}");
    let message = complaint(&over("agnets=3"), 2);
    assert!(message.contains("did you mean `agents`?"), "{message}");
    complaint(&program(folder, &["bench", "--seconds", "0"]), 2);
    complaint(&program(folder, &["doctor", "--seconds", "0"]), 2);
    complaint(
        &program(folder, &["bench", "act", "--environments", "0"]),
        2,
    );
    complaint(&program(folder, &["eval"]), 2);
    complaint(&program(folder, &["train", "--seed", "many"]), 2);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn a_run_can_be_looked_at_without_a_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let missing = program(folder, &["watch", "--run", "run"]);
    let told = complaint(&missing, 1);
    assert!(told.contains("run/config.toml"), "{told}");
    printed(&train(folder, &["signal", "--run", "run"]));
    let once = printed(&program(folder, &["watch", "--run", "run", "--once"]));
    for part in [
        "run has ended; final.json has its metrics",
        "160 of 160 steps",
        "time  environment ",
        ">return ",
        " accuracy ",
        "latest evaluation, 3 episodes",
        "graph after 160 steps: a row hears columns",
    ] {
        assert!(once.contains(part), "no {part:?} in\n{once}");
    }
    // Output into a pipe is no terminal.
    let piped = printed(&program(folder, &["watch", "--run", "run"]));
    assert_eq!(piped, once);
}
