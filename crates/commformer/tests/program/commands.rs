//! What the commands do when all is well, and mistakes that are told before any work.

use crate::{complaint, json, metrics, printed, program, read, train, words};
use serde_json::Value;
use std::fs;
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
    // What a method refuses is told of where it is asked for alone.
    let of_mappo = told("settings --method mappo");
    for (section, is_told) in [
        ("policy", false),
        ("graph", false),
        ("gate", false),
        ("ppo", true),
    ] {
        assert_eq!(
            of_mappo.contains(&format!("[{section}]")),
            is_told,
            "{section}"
        );
    }
    assert!(told("settings graph --method mappo").contains("[graph]"));
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
        ("settings lr", "did you mean `graph.lr` or `ppo.lr`?"),
        (
            "settings env.sight",
            "there is no `env.sight` with the task `predator-prey`; add `--env smac` or `--env lbf`",
        ),
        ("settings method.hidden", "add `--method ippo` or "),
        ("settings env.agents --env smac", "is set by `env.map`"),
    ] {
        let said = complaint(&program(scratch.path(), &words(line)), 1);
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_run_leaves_what_it_promises_and_can_be_evaluated_and_repeated() {
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
    let evaluated = json(said.lines().last().unwrap());
    for metric in ["return", "steps", "accuracy", "messages"] {
        let estimate = evaluated[metric].as_object().unwrap();
        assert!(
            estimate["low"].as_f64() <= estimate["mean"].as_f64(),
            "{metric}"
        );
        assert_eq!(evaluated[metric], written[metric], "{metric}");
    }
    assert_eq!(evaluated["steps"]["mean"], 10.0);
    assert_eq!(evaluated["messages"]["mean"], 1.0);
    assert_eq!(evaluated["episodes"], 5);

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

    // The user's limit counts, not the run's own for evaluations.
    let short = "signal --run short --set eval.episode_limit=7";
    printed(&train(folder, &words(short)));
    for (set, steps) in [("", 7.0), ("--set env.episode_limit=4", 4.0)] {
        let eval = format!("eval --run short --json {set}");
        let said = printed(&program(folder, &words(&eval)));
        let evaluated = json(said.lines().last().unwrap());
        assert_eq!(evaluated["steps"]["mean"], steps, "{set}");
    }
    let endless = words("eval --run short --set env.episode_limit=0");
    let said = complaint(&program(folder, &endless), 1);
    assert!(said.contains("might never end; name a limit"), "{said}");

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
    let evaluate = |more: &[&str]| {
        let eval = ["eval", "--run", "run", "--decentralised"];
        printed(&program(folder, &[&eval, more].concat()))
    };
    let evaluated = json(evaluate(&["--json"]).lines().last().unwrap());
    let written = json(&read(&folder.join("run/final.json")));
    assert_eq!(evaluated["return"], written["return"]);
    let alone = &evaluated["decentralised"];
    assert_eq!(alone["delivered"], alone["by_formula"]);
    assert!(alone["delivered"]["messages"].as_u64() > Some(0), "{alone}");
    let said = evaluate(&["--episodes", "2", "--sampled"]);
    assert!(
        said.contains("all 2 episodes are those of all agents at once"),
        "{said}"
    );
}

#[test]
fn agents_alone_compute_in_float32_whatever_the_batch_did_in_training() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let narrow = "signal --run run --set run.precision=bfloat16";
    printed(&train(folder, &words(narrow)));
    // The batch in bfloat16 plays some of these otherwise.
    let eval = "eval --run run --decentralised --episodes 400 --sampled";
    let said = printed(&program(folder, &words(eval)));
    assert!(
        said.contains("all 400 episodes are those of all agents at once"),
        "{said}"
    );
}

#[test]
fn a_team_of_another_size_is_evaluated_and_trained_on() {
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
        let evaluated = json(
            printed(&program(folder, &words(&eval)))
                .lines()
                .last()
                .unwrap(),
        );
        let graph = evaluated["graph"].as_array().unwrap();
        assert_eq!(graph.len(), 7);
        let set = format!("--run {name} --set env.agents=7");
        let exported = printed(&program(folder, &words(&format!("export {set}"))));
        assert!(
            exported.contains("team.safetensors: 7 agents"),
            "{exported}"
        );
        printed(&program(
            folder,
            &words(&format!("replay {set} --episodes 1")),
        ));
        let more = format!(
            "traffic-junction-easy --run more-{name} --weights {name} --set env.agents=7 --set policy.shared_head=true"
        );
        printed(&train(folder, &words(&more)));
        // The same command goes on with what it has.
        let lines = metrics(&folder.join(format!("more-{name}")));
        printed(&train(folder, &words(&more)));
        assert_eq!(metrics(&folder.join(format!("more-{name}"))), lines);
        // Its configuration names the weights: it makes the same run again, and goes on where nothing else was saved.
        let again = format!("train --config more-{name}/config.toml --run again-{name}");
        printed(&program(folder, &words(&again)));
        let stopped = folder.join(format!("stopped-{name}"));
        fs::create_dir(&stopped).unwrap();
        fs::copy(
            folder.join(format!("more-{name}/config.toml")),
            stopped.join("config.toml"),
        )
        .unwrap();
        printed(&program(
            folder,
            &words(&format!("train --run stopped-{name}")),
        ));
        for run in ["again", "stopped"] {
            assert_eq!(metrics(&folder.join(format!("{run}-{name}"))), lines);
        }
    }
    let eval = "eval --run own --set env.agents=7";
    let said = complaint(&program(folder, &words(eval)), 1);
    for part in [
        "does not fit the configuration",
        "and this team has 7 agents",
        "`policy.shared_head=true`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let train = "traffic-junction-easy --run other --method slim --weights own";
    let said = complaint(
        &program(folder, &[&["train"], &words(train)[..]].concat()),
        1,
    );
    for part in [
        "the weights of own do not fit this run (the weights are of the method `commformer`, and this run is of `slim`",
        "--method commformer",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(said.matches("the saved state").count(), 1, "{said}");
    let eval = "eval --run own --set ppo.lr=1.0";
    let said = complaint(&program(folder, &words(eval)), 1);
    assert!(
        said.contains("the task alone can be changed, by keys such as env.agents"),
        "{said}"
    );
}

#[test]
fn a_run_of_stacked_observations_is_evaluated_shown_and_gone_on_with() {
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
    let evaluated = json(said.lines().last().unwrap());
    let written = json(&read(&folder.join("run/final.json")));
    assert_eq!(evaluated["return"], written["return"]);
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
        "bench act signal --num-envs 4000000000 --seconds 0.1 --device cpu",
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
fn a_run_without_its_checkpoints_or_settings_is_not_trained_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let run = folder.join("run");
    let output = train(folder, &["--set", "env.kind=signal", "--run", "run"]);
    assert!(
        complaint(&output, 0).contains("note: run holds no run, so one of signal begins there")
    );
    let lines = metrics(&run);
    let longer = words("train --run run --steps 1e6");
    let said = complaint(&program(folder, &longer), 1);
    assert!(
        said.contains("`commformer train --config run/config.toml --weights run --steps ...`"),
        "{said}"
    );
    std::fs::remove_dir_all(run.join("checkpoints")).unwrap();
    let again = words("train --run run");
    let said = complaint(&program(folder, &again), 1);
    assert!(said.contains("no checkpoint of it any more"), "{said}");
    assert_eq!(metrics(&run), lines);
    std::fs::write(run.join("config.toml"), "").unwrap();
    for command in ["train --run run", "eval --run run"] {
        let said = complaint(&program(folder, &words(command)), 1);
        assert!(said.contains("run/config.toml is empty"), "{said}");
    }
}

#[test]
fn an_evaluation_says_what_has_no_effect_on_it_and_a_replay_what_is_wrong_with_its_second_run_first()
 {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("lbf-8x8-2p-2f-coop --run run")));
    let eval = words("eval --run run --set env.min_food_level=2");
    let said = complaint(&program(folder, &eval), 0);
    let note =
        "note: `env.min_food_level` (from `--set env.min_food_level=2`) has no effect without";
    assert!(said.contains(note), "{said}");
    assert_eq!(complaint(&program(folder, &eval[..3]), 0), "");
    // The first could not be played.
    let config = folder.join("run/config.toml");
    let text = read(&config).replace("embed_dim = 16", "embed_dim = 32");
    fs::write(&config, text).unwrap();
    let said = complaint(
        &program(folder, &words("replay --run run --against none")),
        1,
    );
    assert!(said.contains("none holds no run"), "{said}");
}

#[test]
fn a_run_is_called_after_its_task() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["--set", "env.kind=signal"]));
    assert!(folder.join("runs/signal-1/config.toml").is_file());
}

#[test]
fn a_run_counts_as_ended_once_all_of_its_files_are_there() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let run = folder.join("run");
    printed(&train(folder, &["signal", "--run", "run"]));
    let files = ["graph.svg", "final.json"].map(|file| run.join(file));
    let whole = files.each_ref().map(|file| read(file));
    for file in &files {
        std::fs::remove_file(file).unwrap();
    }
    // In the way of the picture.
    std::fs::create_dir(&files[0]).unwrap();
    complaint(&program(folder, &["train", "--run", "run"]), 1);
    assert!(!files[1].exists());
    std::fs::remove_dir(&files[0]).unwrap();
    printed(&program(folder, &["train", "--run", "run"]));
    assert_eq!(files.each_ref().map(|file| read(file)), whole);
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
    let message = complaint(&train(folder, &["mine.toml"]), 1);
    assert!(message.contains("`--config mine.toml`"), "{message}");
    let message = complaint(&train(folder, &["--config", "."]), 1);
    assert!(message.contains("it is a folder"), "{message}");
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
    assert!(message.contains("(from `--over agents=27`)"), "{message}");
    let message = complaint(&over("agnets=3"), 2);
    assert!(message.contains("did you mean `agents`?"), "{message}");
    complaint(&program(folder, &["bench", "--seconds", "0"]), 2);
    complaint(&program(folder, &["doctor", "--seconds", "0"]), 2);
    complaint(&program(folder, &["bench", "act", "--num-envs", "0"]), 2);
    complaint(&program(folder, &["eval"]), 2);
    for seed in ["many", "-1"] {
        let message = complaint(&program(folder, &["train", "--seed", seed]), 2);
        assert!(message.contains("expected a whole number"), "{message}");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}
