mod teams;

use super::*;
use std::fs;
use tempfile::TempDir;

/// The plan of a file with this text, in a folder of its own; its runs are there, too.
fn plan(text: &str) -> (TempDir, Result<Plan, PlanError>) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("comparison.toml");
    let folder = toml::Value::from(scratch.path().join("runs").to_str().unwrap());
    fs::write(&path, format!("folder = {folder}\n{text}")).unwrap();
    let plan = Plan::read(&path);
    (scratch, plan)
}

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let said = plan(text).1.unwrap_err().to_string();
    for part in parts.iter().chain(&["comparison.toml"]) {
        assert!(said.contains(part), "{said:?} lacks {part:?}");
    }
}

#[test]
fn runs_come_seed_by_seed_and_settings_in_their_order() {
    let (scratch, plan) = plan(
        "seeds = [2, 7]\nprocesses = 3\n[settings]\nppo.lr = 0.1\nppo.clip = 0.1\nppo.gamma = 0.5\n\
         run.threads = 0\n[tasks.signal]\nppo.lr = 0.2\nppo.clip = 0.2\n[tasks.predator-prey]\nrun.threads = 4\n\
         [methods.a]\nppo.lr = 0.3\n[methods.b]\nmethod.kind = 'mappo'\n",
    );
    let plan = plan.unwrap();
    let names: Vec<String> = plan.runs.iter().map(Planned::name).collect();
    assert_eq!(
        names[..5],
        [
            "signal/a/seed-2",
            "signal/b/seed-2",
            "predator-prey/a/seed-2",
            "predator-prey/b/seed-2",
            "signal/a/seed-7"
        ]
    );
    assert_eq!(names.len(), 8);
    let run = &plan.runs[0];
    assert_eq!(run.folder, scratch.path().join("runs/signal/a/seed-2"));
    assert_eq!(
        run.beside("log"),
        scratch.path().join("runs/signal/a/seed-2.log")
    );
    let of = |run: &Planned| {
        let Config {
            ppo, run, method, ..
        } = &run.config;
        (ppo.lr, ppo.clip, ppo.gamma, run.seed, method.kind())
    };
    assert_eq!(of(run), (0.3, 0.2, 0.5, 2, "commformer"));
    assert_eq!(of(&plan.runs[5]), (0.2, 0.2, 0.5, 7, "mappo"));
    assert_eq!(of(&plan.runs[2]), (0.3, 0.1, 0.5, 2, "commformer"));
    // Threads that the file asks for are left alone; all cores are shared.
    let threads = [0, 2].map(|run| plan.runs[run].with_threads(9).run.threads);
    assert_eq!(threads, [9, 4]);
    assert_eq!([0, 2].map(|run| plan.runs[run].threads(9)), [9, 4]);
}

#[test]
fn runs_share_the_cores() {
    let of = |text: &str| {
        plan(&format!("{text}seeds = [1]\n[tasks.signal]\n"))
            .1
            .unwrap()
    };
    let cores = workers(0);
    assert_eq!(of("").processes(1000), [cores, 1]);
    assert_eq!(of("").processes(1), [1, cores]);
    assert_eq!(of("").processes(0), [1, cores]);
    assert_eq!(of("processes = 1\n").processes(5), [1, cores]);
    let more = 2 * cores;
    assert_eq!(
        of(&format!("processes = {more}\n")).processes(100),
        [more, 1]
    );
}

#[test]
fn every_fault_is_told_once_with_its_table_and_combination() {
    let head = "seeds = [1, 2]\n[tasks.signal]\n[tasks.predator-prey]\n";
    let methods =
        "[methods.fine]\n[methods.typo]\nppo.learning_rate = 1\n[methods.high]\nppo.gamma = 2\n";
    let said = plan(&format!("{head}{methods}")).1.unwrap_err().to_string();
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert!(lines[0].contains("comparison.toml"), "{said}");
    let [typo, high] = ["ppo.learning_rate", "`ppo.gamma` is 2"].map(|part| {
        let found: Vec<_> = lines.iter().filter(|line| line.contains(part)).collect();
        assert_eq!(found.len(), 1, "{part}: {said}");
        *found[0]
    });
    assert!(
        typo.starts_with("task signal, method typo (and 1 more): "),
        "{typo}"
    );
    assert!(
        typo.contains("from [methods.typo] of") && typo.contains("`ppo.lr`"),
        "{typo}"
    );
    assert!(
        high.starts_with("task signal, method high (and 1 more): "),
        "{high}"
    );
    refused(
        "seeds = [1]\n[tasks.signal]\n[sweep]\nppo.lr = [0.5, 'fast']\n",
        &[
            "task signal, method ppo.lr=fast: `ppo.lr` is",
            "from [sweep] of",
        ],
    );
    refused(
        "seeds = [1]\n[tasks.signal]\n[methods.m]\nmethod.kind = 'mappo'\ngraph.mode = 'full'\n",
        &[
            "method m:",
            "`graph.mode` is nothing that the method `mappo` has",
            "leave it out, or set `method.kind`",
        ],
    );
    refused(
        "seeds = [1]\n[tasks.signal]\n[settings]\ngraph.mode = 'full'\n[methods.a]\n[methods.m]\nmethod.kind = 'mappo'\n",
        &[
            "method m: `graph.mode` is nothing that the method `mappo` has (from [settings] of",
            "; move it into the tables of the methods that have it",
        ],
    );
    refused(
        "seeds = [1]\n[tasks.x]\npreset = 'signl'",
        &["did you mean `signal`?"],
    );
    refused(
        "seeds = [1]\n[tasks.signal]\nrun.seed = 3\n",
        &["`run.seed` is set", "[tasks.signal]", "leave it out"],
    );
    refused(
        "seeds = [1]\n[tasks.signal]\n[methods.a]\n[methods.b]\nppo.lr = 5e-4\n[settings]\nppo.lr = 5e-4\n",
        &["task signal: the methods a and b have the same settings"],
    );
    // What makes no other run of a run makes no other method.
    refused(
        "seeds = [1]\n[tasks.signal]\n[methods.a]\n[methods.b]\nrun.threads = 3\nrun.device = 'cuda:1'\n",
        &["task signal: the methods a and b have the same settings"],
    );
    refused(
        "seeds = [1]\n[tasks.signal]\n[tasks.twin]\npreset = 'signal'\n[methods.a]\n",
        &["method a: the tasks signal and twin have the same settings"],
    );
    // Another task with another method is another cell of the table, though it comes to the same.
    plan(
        "seeds = [1]\n[tasks.signal]\nppo.lr = 0.1\nppo.clip = 0.1\n[tasks.twin]\npreset = 'signal'\nppo.lr = 0.2\n\
         ppo.clip = 0.2\n[methods.a]\nppo.lr = 0.2\n[methods.b]\nppo.clip = 0.1\n",
    )
    .1
    .unwrap();
}

/// A layer that changes the kind drops the settings of the former one: those that are swept beside it are of the new one.
#[test]
fn what_is_swept_beside_a_kind_is_of_that_kind() {
    let text = "seeds = [1]\n[tasks.signal]\n[methods.m.sweep]\nmethod.activation = ['tanh']\n\
                method.hidden = [32]\nmethod.kind = ['mappo', 'ippo']\nmethod.layers = [1]\n";
    let plan = plan(text).1.unwrap();
    assert_eq!(plan.runs.len(), 2);
    for run in &plan.runs {
        let toml = run.config.to_toml().unwrap();
        for line in ["activation = \"tanh\"", "hidden = 32", "layers = 1"] {
            assert!(toml.contains(line), "{}: {toml}", run.name());
        }
    }
    assert_eq!(
        plan.runs[0].method,
        "m+activation=tanh+hidden=32+kind=mappo+layers=1"
    );
}

#[test]
fn a_method_is_named_after_the_kind_that_it_trains() {
    let head = "seeds = [1]\n[tasks.signal]\n";
    refused(
        &format!("{head}[methods.mappo]\n"),
        &[
            "method mappo: [methods.mappo] sets no `method.kind`",
            "`commformer` would be trained",
            "add `method.kind = \"mappo\"`",
        ],
    );
    // A variant of it, too, and one under the name of the program's own method.
    refused(
        &format!("{head}[methods.slim.sweep]\nppo.lr = [0.1, 0.2]\n"),
        &["method slim+ppo.lr=0.1 (and 1 more): [methods.slim] sets no `method.kind`"],
    );
    refused(
        &format!("{head}[methods.commformer]\n[settings]\nmethod.kind = 'mappo'\n"),
        &["[methods.commformer] sets no", "`mappo` would be trained"],
    );
    refused(
        &format!("{head}[methods.mapo]\n"),
        &["[methods.mapo] sets nothing; did you mean [methods.mappo]"],
    );
    for fine in [
        "[methods.commformer]\n",
        "[methods.mappo]\n[settings]\nmethod.kind = 'mappo'\n",
        "[methods.mappo]\nmethod.kind = 'mappo'\n",
        "[methods.mappo.sweep]\nmethod.kind = ['mappo', 'mat']\n",
        "[methods.anything]\n",
    ] {
        plan(&format!("{head}{fine}")).1.unwrap();
    }
}

#[test]
fn a_task_is_the_same_for_all_methods() {
    let head = "seeds = [1, 2]\n[tasks.hunt]\npreset = 'predator-prey'\n";
    for (methods, names) in [
        (
            "[methods.a]\n[methods.b]\nenv.dim = 6\n",
            "method a and 6 for b",
        ),
        (
            "[sweep]\nenv.dim = [5, 6]\n",
            "method dim=5 and 6 for dim=6",
        ),
    ] {
        refused(
            &format!("{head}{methods}"),
            &[
                "task hunt: `env.dim` is 5 for the",
                names,
                "[tasks.hunt-2] with `preset = \"predator-prey\"`",
            ],
        );
    }
    refused(
        &format!("{head}[methods.a]\n[methods.b]\nenv.agent_id = true\n"),
        &["`env.agent_id` is not set for the method a and true for b"],
    );
    // What makes no other task, and two tasks.
    for fine in [
        "[methods.a]\n[methods.b]\nenv.dim = 5\nppo.lr = 0.5\n",
        "[tasks.wide]\npreset = 'predator-prey'\nenv.dim = 6\n[methods.a]\n",
    ] {
        plan(&format!("{head}{fine}")).1.unwrap();
    }
}

#[test]
fn a_run_of_other_settings_is_refused_with_the_difference() {
    let (_scratch, plan) = plan("seeds = [1]\n[tasks.signal]\n");
    let plan = plan.unwrap();
    plan.check_existing().unwrap();
    let [run] = &plan.runs[..] else {
        panic!("one run")
    };
    fs::create_dir_all(&run.folder).unwrap();
    let file = run.folder.join("config.toml");
    let mut there = run.config.clone();
    there.run.threads = 17;
    fs::write(&file, there.to_toml().unwrap()).unwrap();
    plan.check_existing().unwrap();
    there.run.steps = 17;
    fs::write(&file, there.to_toml().unwrap()).unwrap();
    let said = plan.check_existing().unwrap_err().to_string();
    for part in [
        "comparison.toml",
        "default/seed-1: run.steps is 17 there and",
        "here",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("threads"), "{said}");
    fs::write(&file, "[run\n").unwrap();
    let said = plan.check_existing().unwrap_err().to_string();
    assert!(said.contains("cannot read the run in"), "{said}");
}

#[test]
fn a_run_is_as_far_as_its_folder_says() {
    let (_scratch, plan) = plan("seeds = [1]\n[tasks.signal]\n");
    let plan = plan.unwrap();
    let [run] = &plan.runs[..] else {
        panic!("one run")
    };
    assert_eq!(State::of(run), State::New);
    fs::create_dir_all(&run.folder).unwrap();
    fs::write(
        run.folder.join("config.toml"),
        run.config.to_toml().unwrap(),
    )
    .unwrap();
    assert_eq!(State::of(run), State::Begun(0));
    fs::write(run.folder.join("failure.json"), "{}").unwrap();
    assert!(matches!(State::of(run), State::Failed(why) if why.contains("failure.json")));
    fs::write(run.beside("failed"), "numbers were not finite").unwrap();
    assert_eq!(
        State::of(run).to_string(),
        "failed: numbers were not finite"
    );
    let outcome = r#"{"return":{"mean":1.0,"low":1.0,"high":1.0},"checkpoint":"best","trained_steps":9,
        "episodes":200,"seed":1,"sampled":false,"graph":[]}"#;
    fs::write(run.folder.join("final.json"), outcome).unwrap();
    assert!(State::of(run).is_over() && State::of(run).to_string() == "finished");
}

#[test]
fn files_of_the_book_are_comparisons() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let runs = |name: &str| {
        let plan = Plan::read(&docs.join("experiments").join(name)).unwrap();
        plan.check_sizes().unwrap();
        plan.check_teams(|| false).unwrap();
        plan.runs.len()
    };
    assert_eq!(runs("comparison-small.toml"), 12);
    assert_eq!(runs("optuna-example.toml"), 2);
    // Those of the tables, but for a configuration: what made a table can make it again.
    for file in fs::read_dir(docs.join("experiments")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml")
            && !path.ends_with("authors.toml")
        {
            let notes = Plan::read(&path).unwrap().notes;
            let unread = |note: &String| note.contains("has no effect");
            assert!(!notes.iter().any(unread), "{}: {notes:?}", path.display());
        }
    }
    let page = fs::read_to_string(docs.join("src/comparing.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| !block.starts_with("{{")).collect();
    let [sweep] = blocks[..] else {
        panic!("{blocks:?}")
    };
    // Six variants and three, each with two seeds.
    assert_eq!(plan(sweep).1.unwrap().runs.len(), 18);
}

#[test]
fn a_part_has_the_runs_that_were_asked_for() {
    let text = "seeds = [1, 2]\n[tasks.signal]\n[tasks.predator-prey]\n[methods.own]\n[methods.own-none]\n\
                graph.mode = 'none'\n[methods.own.sweep]\nppo.lr = [1e-3, 1e-4]\n\
                [methods.'own+more']\ngraph.mode = 'full'\n";
    let (_folder, plan) = plan(text);
    let plan = plan.unwrap();
    let part = |[task, method]: [&str; 2], seeds: &[u64]| {
        let list = |name: &str| {
            (!name.is_empty())
                .then(|| name.to_owned())
                .into_iter()
                .collect()
        };
        let seeds = seeds.to_vec();
        plan.part(&Part {
            tasks: list(task),
            methods: list(method),
            seeds,
        })
    };
    assert_eq!(part(["", ""], &[]).unwrap().runs, plan.runs);
    assert_eq!(plan.runs.len(), 16);
    // Both variants, but not the methods whose names begin in the same way.
    let runs = part(["signal", "own"], &[2]).unwrap().runs;
    let names: Vec<String> = runs.iter().map(Planned::name).collect();
    assert_eq!(
        names,
        [
            "signal/own+ppo.lr=0.001/seed-2",
            "signal/own+ppo.lr=0.0001/seed-2"
        ]
    );
    for (asked, seeds, kind, known) in [
        (
            ["signals", ""],
            vec![],
            "no task \"signals\"",
            "signal, predator-prey",
        ),
        (
            ["", "ow"],
            vec![],
            "no method \"ow\"",
            "own+ppo.lr=0.001, own+ppo.lr=0.0001, own-none, own+more",
        ),
        (["sig", ""], vec![], "no task \"sig\"", "it has signal"),
        (["", ""], vec![1, 3], "no seed \"3\"", "it has 1, 2"),
    ] {
        let said = part(asked, &seeds).unwrap_err().to_string();
        assert!(said.contains(kind) && said.contains(known), "{said}");
    }
}
