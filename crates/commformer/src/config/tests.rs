use super::*;
use commformer_model::Precision;
use proptest::prelude::*;

/// Numbers as awkward as they come.
fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![
        1e-300..1e-3,
        1e-3..1.0,
        Just(0.1 + 0.2),
        Just(f64::MIN_POSITIVE)
    ]
}

proptest! {
    #[test]
    fn a_configuration_reads_back_as_it_was(
        (preset, kind) in (0..presets::ALL.len(), 0..kinds().len()),
        (lr, clip, gamma, held_out) in (positive(), positive(), 0.0..1.0, 0.3..0.7),
        (seed, steps, threads) in (0..=run::MOST as u64, 1..=run::MOST as u64, 0..64usize),
        (limit, cuda, relation, bfloat16) in (1..u32::MAX, 0..9usize, any::<bool>(), any::<bool>()),
        stack in 1..=commformer_env::MOST_STACKED,
        edges in proptest::collection::vec(proptest::collection::vec(0..=1i64, 3), 3),
    ) {
        let mut config = presets::ALL[preset].config().unwrap();
        config.ppo.lr = lr;
        config.ppo.clip = clip;
        config.ppo.gamma = gamma;
        config.graph.schedule.held_out = held_out;
        let precision = if bfloat16 { Precision::Bfloat16 } else { Precision::Float32 };
        let device = Device::Cuda(cuda);
        config.run = RunSettings { seed, steps, threads, device, precision, ..config.run };
        config.policy.relation = relation;
        config.eval.episode_limit = limit;
        config.env.stack = stack;
        if config.env.agents() == 3 {
            config.graph.mode = GraphMode::Given;
            config.graph.edges = edges;
        }
        let text = config.to_toml().unwrap();
        prop_assert_eq!(Config::parse(&text, Source::Default).unwrap(), config.clone());

        // So does one with every optional key.
        config.graph = GraphConfig::default();
        let env = schema::sections(kinds()[kind], "").swap_remove(0);
        let keys = env.settings.iter().filter(|setting| setting.name != "kind");
        let keys = keys.map(|setting| (setting.name.clone(), setting.example()));
        let kind = ("kind".to_owned(), kinds()[kind].into());
        config.env = Value::Table(keys.chain([kind]).collect()).try_into().unwrap();
        config.env = config.env.with_limit(limit);
        config.env.stack = stack;
        if let TaskConfig::Python(task) = &mut config.env.task {
            task.make = "module:function".into();
        }
        let text = config.to_toml().unwrap();
        prop_assert_eq!(Config::parse(&text, Source::Default).unwrap(), config);
    }
}

#[test]
fn differences_are_named_with_both_values() {
    let config = |text: &str| Config::parse(text, Source::Default).unwrap();
    let one = config("[ppo]\nlr = 0.5\n[env]\nkind = 'predator-prey'\nepisode_limit = 9");
    let other = config("[ppo]\nlr = 0.25\n[env]\nkind = 'predator-prey'");
    let found = one.differences(&other).unwrap();
    let told = |path: &str, values: [Option<&str>; 2]| Difference {
        path: path.into(),
        values: values.map(|value| value.map(String::from)),
    };
    assert_eq!(
        found,
        [
            told("env.episode_limit", [Some("9"), None]),
            told("ppo.lr", [Some("0.5"), Some("0.25")])
        ]
    );
    assert_eq!(one.differences(&one).unwrap(), []);

    // Of another kind only the kind is told, first, and what does not come with it.
    let paths = |text: &str| {
        let found = one.differences(&config(text)).unwrap();
        let paths = found.into_iter().map(|difference| difference.path);
        paths.collect::<Vec<_>>()
    };
    assert_eq!(
        paths("[ppo]\nlr = 0.5\n[env]\nkind = 'signal'\nagents = 8\nstack = 2"),
        ["env.kind", "env.stack"]
    );
    assert_eq!(
        paths(
            "[eval]\nevery = 1\n[ppo]\nlr = 0.5\n[env]\nepisode_limit = 9\n[method]\nkind = 'mappo'"
        ),
        ["method.kind", "eval.every"]
    );
}

#[test]
fn layers_lie_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layers.toml");
    std::fs::write(&file, "[run]\nsteps = 10\nseed = 10\n[ppo]\nlr = 0.1\n").unwrap();
    let overrides = Overrides {
        file: Some(file),
        threads: Some(30),
        ..Overrides::set(&["run.seed=20", "run.threads=20"])
    };
    let config = Config::resolve(Some("signal"), &overrides).unwrap();
    // The preset's, the file's, the assignment's, the option's.
    assert_eq!(
        (
            config.env.agents(),
            config.run.steps,
            config.run.seed,
            config.run.threads
        ),
        (8, 10, 20, 30)
    );
}

#[test]
fn a_section_without_a_kind_has_the_defaults_kind() {
    let resolve = |text: &str, set: &[&str]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let overrides = Overrides {
            file: Some(file.path().to_owned()),
            ..Overrides::set(set)
        };
        Config::resolve(None, &overrides).unwrap()
    };
    let default = Config::default();
    for (text, set) in [("[env]\nagents = 5", &[][..]), ("", &["env.agents=5"])] {
        let config = resolve(text, set);
        assert_eq!(config.env.kind(), default.env.kind());
        assert_eq!(config.env.agents(), 5);
    }
    for text in ["[env]", "[method]"] {
        assert_eq!(resolve(text, &[]), default, "{text}");
    }
}

#[test]
fn settings_of_the_command_line_are_of_its_method() {
    let resolve = |set: &[&str], method: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[method]\nkind = 'mappo'\nhidden = 16").unwrap();
        let overrides = Overrides {
            file: Some(file.path().to_owned()),
            method: Some(method.to_owned()),
            ..Overrides::set(set)
        };
        Config::resolve(None, &overrides)
    };
    let with = Overrides::set(&["method.kind=ippo", "method.hidden=32"]);
    let expected = Config::resolve(None, &with).unwrap();
    assert_eq!(resolve(&["method.hidden=32"], "ippo").unwrap(), expected);
    // The option counts more than an assignment, wherever that stands.
    let set = ["method.kind=mat", "method.hidden=32"];
    assert_eq!(resolve(&set, "ippo").unwrap(), expected);
    for (set, method, part) in [
        (
            "method.hiden=32",
            "ippo",
            "`method.hiden` (from `--set method.hiden=32`)",
        ),
        ("method.hidden=32", "ipo", "(from `--method`)"),
        ("method=mat", "ippo", "(from `--set method=mat`)"),
        ("run=3", "ippo", "(from `--set run=3`)"),
    ] {
        let error = resolve(&[set], method).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let notes = |preset: &str, set: &[&str], text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let overrides = Overrides {
            file: Some(file.path().to_owned()),
            ..Overrides::set(set)
        };
        let resolved = Config::resolve_with_notes(Some(preset), &overrides);
        resolved.unwrap().1.join("\n")
    };
    let told = "`gate.target_rate` (from `--set gate.target_rate=0.5`) has no effect";
    assert!(notes("signal", &["gate.target_rate=0.5"], "").starts_with(told));
    let told = notes("signal", &[], "[gate]\nstart = 0.5");
    assert!(told.starts_with("`gate.start` (from "), "{told}");
    // A gate, or a file that leaves it for another time, as that of a run does.
    let off = Config::default().to_toml().unwrap();
    for (preset, set, text) in [
        ("signal-gate", &["gate.target_rate=0.5"][..], ""),
        ("signal", &["gate.mode=random", "gate.start=0.5"], ""),
        ("predator-prey", &[], off.as_str()),
        ("signal-gate", &[], ""),
    ] {
        assert_eq!(notes(preset, set, text), "", "{preset} {set:?}");
    }
    let told = notes("signal", &[], &off);
    assert!(
        told.contains("takes the place of that of the preset `signal`"),
        "{told}"
    );
    let left_out = notes("signal-gate", &["method.kind=slim"], "");
    assert!(
        left_out.contains("the method `slim` has none"),
        "{left_out}"
    );
}

/// As when another method is tried with the `config.toml` of a run.
#[test]
fn sections_of_a_files_own_method_are_left_out_for_another() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let resolved = |text: &str| {
        std::fs::write(file.path(), text).unwrap();
        let overrides = Overrides {
            file: Some(file.path().to_owned()),
            method: Some("mappo".to_owned()),
            ..Overrides::default()
        };
        Config::resolve_with_notes(None, &overrides)
    };
    let mut of_run = Config::default();
    of_run.ppo.lr = 0.25;
    let (config, notes) = resolved(&of_run.to_toml().unwrap()).unwrap();
    assert_eq!((config.method.kind(), config.ppo.lr), ("mappo", 0.25));
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("[gate], [graph], [policy] of "),
        "{notes:?}"
    );
    // Who names no method wants what is there.
    let refused = resolved("[graph]\nmode = 'full'").unwrap_err().to_string();
    assert!(
        refused.contains("`graph.mode` is nothing that"),
        "{refused}"
    );
}

#[test]
fn an_error_names_the_layer() {
    let message = |overrides: Overrides| {
        Config::resolve(Some("signal"), &overrides)
            .unwrap_err()
            .to_string()
    };
    // Eight agents are the preset's.
    assert!(
        message(Overrides::set(&["graph.sparsity=1"])).contains("`graph.self_edge`: the default")
    );
    let message_of = message(Overrides {
        device: Some("gpu".into()),
        ..Overrides::default()
    });
    assert!(
        message_of.contains("`run.device` is `gpu`") && message_of.contains("from `--device`"),
        "{message_of}"
    );
    assert!(
        message(Overrides {
            seed: Some(u64::MAX),
            ..Overrides::default()
        })
        .contains("`run.seed`")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.toml");
    std::fs::write(&file, "[run\n").unwrap();
    let overrides = Overrides {
        file: Some(file.clone()),
        ..Overrides::default()
    };
    assert!(message(overrides).contains("broken.toml"));
    let overrides = Overrides {
        file: Some(file.with_file_name("missing.toml")),
        ..Overrides::default()
    };
    assert!(message(overrides).contains("missing.toml"));
}
