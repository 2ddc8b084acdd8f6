use super::*;
use crate::config::{Overrides, presets};

/// Every key of the table, and every one that it goes by, is a setting with these names.
#[test]
fn the_table_has_settings_alone() {
    let of_kinds = crate::config::kinds()
        .into_iter()
        .map(|kind| sections(kind, ""));
    let of_methods = crate::config::METHODS.iter().map(|kind| sections("", kind));
    let all: Vec<_> = of_kinds.chain(of_methods).flatten().collect();
    let find = |path: &str| {
        let (section, key) = path.split_once('.').unwrap();
        let mut of_name = all.iter().filter(|found| found.name == section);
        let found =
            of_name.find_map(|section| section.settings.iter().find(|setting| setting.name == key));
        found.unwrap_or_else(|| panic!("there is no {path}"))
    };
    for (keys, needs) in READ {
        for key in *keys {
            find(key);
        }
        for (key, is) in *needs {
            let setting = find(key);
            if let OneOf(names) = is {
                let value = |name: &str| match name.parse() {
                    Ok(truth) => Value::Boolean(truth),
                    Err(_) => name.into(),
                };
                let accepted = |name: &&str| setting.accept(value(name)).is_ok();
                assert!(names.iter().all(accepted), "{key}");
            }
        }
    }
}

#[test]
fn what_presets_and_runs_say_is_not_told() {
    for preset in presets::ALL {
        let resolve =
            |preset, overrides: &Overrides| Config::resolve_with_notes(preset, overrides).unwrap();
        let (config, notes) = resolve(Some(preset.name), &Overrides::default());
        assert_eq!(notes, [""; 0], "{}", preset.name);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config.to_toml().unwrap()).unwrap();
        let overrides = Overrides {
            file: Some(file.path().to_owned()),
            ..Overrides::default()
        };
        assert_eq!(resolve(None, &overrides).1, [""; 0], "{}", preset.name);
    }
}

#[test]
fn files_of_the_book_have_no_settings_that_nothing_reads() {
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/experiments");
    let book = std::path::Path::new(book);
    let check = |preset: &str, file: std::path::PathBuf| {
        let overrides = Overrides {
            file: Some(file),
            ..Overrides::default()
        };
        let resolved = Config::resolve_with_notes(Some(preset), &overrides);
        assert_eq!(resolved.unwrap().1, [""; 0], "{preset}");
    };
    for preset in presets::ALL {
        check(preset.name, book.join("authors.toml"));
    }
    for file in std::fs::read_dir(book.join("paper")).unwrap() {
        let file = file.unwrap().path();
        let map = file.file_stem().unwrap().to_str().unwrap();
        check(&format!("smac-{map}"), file.clone());
    }
}

#[test]
fn a_setting_that_nothing_reads_is_told_with_what_it_lacks() {
    let notes = |set: &str| {
        let set: Vec<&str> = set.split(' ').collect();
        let resolved = Config::resolve_with_notes(None, &Overrides::set(&set));
        resolved.unwrap().1
    };
    for (set, key, lacks) in [
        (
            "gate.mode=learned gate.cost=5",
            "gate.cost",
            "`gate.budget = \"cost\"`",
        ),
        (
            "gate.mode=learned gate.temperature=3",
            "gate.temperature",
            "`gate.estimator = \"straight-through\"`",
        ),
        (
            "gate.mode=learned gate.budget=cost gate.cost=0.1 gate.target_rate=0.9",
            "gate.target_rate",
            "`gate.budget = \"target\"`",
        ),
        (
            "gate.mode=open gate.target_rate=0.9",
            "gate.target_rate",
            "`gate.mode = \"learned\"`",
        ),
        (
            "gate.mode=random gate.budget=cost",
            "gate.budget",
            "`gate.mode = \"learned\"`",
        ),
        (
            "gate.mode=learned gate.estimator=straight-through gate.entropy_coef=1",
            "gate.entropy_coef",
            "`gate.estimator = \"action\"`",
        ),
        (
            "gate.cost=5",
            "gate.cost",
            "`gate.mode = \"learned\"` and `gate.budget = \"cost\"`: set these too",
        ),
        (
            "gate.mode=learned gate.budget=cost",
            "gate.budget",
            "charges nothing",
        ),
        (
            "gate.mode=learned graph.mode=none",
            "gate.mode",
            "no messages to gate",
        ),
        (
            "graph.temperature=3",
            "graph.temperature",
            "`graph.estimator = \"straight-through\"`",
        ),
        (
            "graph.held_out=0.5",
            "graph.held_out",
            "`graph.upper_data = \"held-out\"`",
        ),
        (
            "graph.mode=full graph.sparsity=0.1",
            "graph.sparsity",
            "`graph.mode = \"learned\"`",
        ),
        (
            "policy.sequence=5",
            "policy.sequence",
            "`policy.recurrence = \"gru\"`",
        ),
        (
            "policy.relation=false policy.relation_order=sender-receiver",
            "policy.relation_order",
            "`policy.relation = true`",
        ),
        (
            "method.kind=mappo method.sequence=5",
            "method.sequence",
            "`method.recurrence = \"gru\"`",
        ),
        (
            "env.kind=smac env.curriculum_end=0.2",
            "env.curriculum_end",
            "`env.enemy_health` below 1",
        ),
        (
            "env.kind=smac env.opponent=kite env.enemy_search=1",
            "env.enemy_search",
            "has no effect beside `env.opponent`: leave one of the two out",
        ),
        (
            "env.kind=rware env.size=small env.floor_plan=xxx.gg",
            "env.size",
            "beside `env.floor_plan`",
        ),
    ] {
        let told = notes(set);
        let [told] = &told[..] else {
            panic!("{set}: {told:?}");
        };
        assert!(
            told.starts_with(&format!("`{key}` (from `--set {key}=")),
            "{told}"
        );
        assert!(told.contains(lacks), "{told}");
    }
    for set in [
        "gate.mode=learned gate.budget=cost gate.cost=5 gate.entropy_coef=1",
        "gate.mode=learned gate.estimator=straight-through gate.temperature=3 gate.ramp=0.1",
        "gate.mode=random gate.target_rate=0.9 gate.start=0.1 gate.closed=stale",
        "graph.mode=random graph.sparsity=0.5",
        "graph.estimator=straight-through graph.entropy_coef=0 gate.cost=0",
        "graph.estimator=straight-through graph.rollout=exact graph.temperature=3",
        "graph.upper_data=held-out graph.held_out=0.5 graph.groups=10",
        "policy.recurrence=gru policy.sequence=5",
        "method.kind=mappo method.recurrence=gru method.sequence=5",
        "method.kind=commnet method.sequence=5",
        "env.kind=smac env.enemy_health=0.5 env.curriculum_end=0.2",
        "env.kind=smac env.enemy_search=1",
        "env.kind=traffic-junction env.curriculum_end=0.7",
        "env.kind=rware env.size=small env.column_height=4",
    ] {
        assert_eq!(notes(set), [""; 0], "{set}");
    }
}

#[test]
fn a_file_is_told_unless_the_command_line_decides() {
    let notes = |text: &str, set: &[&str]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let overrides = Overrides {
            file: Some(file.path().to_owned()),
            ..Overrides::set(set)
        };
        Config::resolve_with_notes(None, &overrides).unwrap().1
    };
    let file = "[gate]\nmode = 'learned'\ncost = 5.0\n";
    let told = notes(file, &[]);
    assert!(
        told.len() == 1 && told[0].starts_with("`gate.cost` (from "),
        "{told:?}"
    );
    for set in ["gate.budget=cost", "gate.mode=off"] {
        assert_eq!(notes(file, &[set]), [""; 0], "{set}");
    }
}
