//! Settings that nothing reads as the others are. They are no mistake to be refused: the same settings may serve several
//! modes.

use super::super::layers::Layers;
use crate::config::{Config, GateBudget, GateMode, GraphMode, Source, sections};
use toml::{Table, Value};

/// A setting that the user has given and that has no effect.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unused {
    /// The key.
    pub path: String,
    /// Where it was set.
    pub source: Source,
    /// What to say of it.
    pub note: String,
}

/// What a key must be for others to be read.
enum Is {
    /// One of these; the first is what to recommend.
    OneOf(&'static [&'static str]),
    /// A number below this.
    Below(f64),
    /// Left out, or an empty text.
    LeftOut,
}

use Is::{Below, LeftOut, OneOf};

type Need = (&'static str, Is);

const LEARNED_GATE: Need = ("gate.mode", OneOf(&["learned"]));
const LEARNED_GRAPH: Need = ("graph.mode", OneOf(&["learned"]));

/// Keys, and what they are read with. What is not here is read in any case, and a key that stands here twice is read with
/// either.
const READ: &[(&[&str], &[Need])] = &[
    (
        &[
            "gate.per",
            "gate.estimator",
            "gate.execution",
            "gate.budget",
        ],
        &[LEARNED_GATE],
    ),
    (
        &["gate.temperature"],
        &[
            LEARNED_GATE,
            ("gate.estimator", OneOf(&["straight-through"])),
        ],
    ),
    (
        &["gate.entropy_coef"],
        &[LEARNED_GATE, ("gate.estimator", OneOf(&["action"]))],
    ),
    (
        &["gate.closed", "gate.start"],
        &[(
            "gate.mode",
            OneOf(&["learned", "open", "random", "periodic", "uncertainty"]),
        )],
    ),
    (
        &["gate.target_rate"],
        &[("gate.mode", OneOf(&["random", "periodic", "uncertainty"]))],
    ),
    (
        &[
            "gate.target_rate",
            "gate.ramp",
            "gate.dual_step",
            "gate.damping",
            "gate.max_price",
        ],
        &[LEARNED_GATE, ("gate.budget", OneOf(&["target"]))],
    ),
    (
        &["gate.cost"],
        &[LEARNED_GATE, ("gate.budget", OneOf(&["cost"]))],
    ),
    (
        &[
            "graph.self_edge",
            "graph.estimator",
            "graph.rollout",
            "graph.lr",
            "graph.upper_every",
            "graph.upper_data",
            "graph.warmup",
            "graph.post_stable",
        ],
        &[LEARNED_GRAPH],
    ),
    (
        &["graph.sparsity"],
        &[("graph.mode", OneOf(&["learned", "random"]))],
    ),
    (
        &["graph.temperature"],
        &[
            LEARNED_GRAPH,
            ("graph.estimator", OneOf(&["straight-through"])),
        ],
    ),
    (
        &["graph.entropy_coef", "graph.groups"],
        &[
            LEARNED_GRAPH,
            ("graph.estimator", OneOf(&["score-function"])),
        ],
    ),
    (
        &["graph.held_out"],
        &[LEARNED_GRAPH, ("graph.upper_data", OneOf(&["held-out"]))],
    ),
    (
        &["policy.sequence"],
        &[("policy.recurrence", OneOf(&["gru"]))],
    ),
    (
        &["policy.relation_order"],
        &[("policy.relation", OneOf(&["true"]))],
    ),
    (
        &["policy.previous_action"],
        &[("policy.decoder", OneOf(&["autoregressive"]))],
    ),
    (
        &["method.sequence"],
        &[("method.recurrence", OneOf(&["gru"]))],
    ),
    // Of battles; the crossings' has no other key to go by.
    (&["env.curriculum_end"], &[("env.enemy_health", Below(1.0))]),
    (
        &["env.reward_negative_scale"],
        &[("env.reward_only_positive", OneOf(&["false"]))],
    ),
    (
        &["env.min_food_level"],
        &[("env.force_coop", OneOf(&["false"]))],
    ),
    (
        &["env.size", "env.column_height"],
        &[("env.floor_plan", LeftOut)],
    ),
];

/// What is not there with a weight or a price of 0 either, so that it says nothing else.
const NOTHING_AT_0: [&str; 3] = ["gate.cost", "gate.entropy_coef", "graph.entropy_coef"];

impl Is {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (LeftOut, value) => value.is_none_or(|value| value.as_str() == Some("")),
            // Another task or method, which has no such key.
            (_, None) => true,
            (OneOf(names), Some(value)) => {
                let written = value.to_string();
                names.contains(&value.as_str().unwrap_or(&written))
            }
            (Below(bound), Some(value)) => value.as_float().is_none_or(|number| number < *bound),
        }
    }

    /// What a key must be, in words.
    fn told(&self, key: &str) -> String {
        match self {
            LeftOut => format!("no `{key}`"),
            Below(bound) => format!("`{key}` below {bound}"),
            OneOf([truth @ ("true" | "false"), ..]) => format!("`{key} = {truth}`"),
            OneOf(names) => format!("`{key} = \"{}\"`", names.first().unwrap_or(&"")),
        }
    }
}

/// Why what lacks these has no effect, and what to do.
fn remedy(missing: &[&Need]) -> String {
    let needed: Vec<String> = missing.iter().map(|(key, is)| is.told(key)).collect();
    let needed = needed.join(" and ");
    match missing {
        [(key, LeftOut), ..] => {
            format!("has no effect beside `{key}`: leave one of the two out")
        }
        [_] => format!("has no effect without {needed}: set that too, or leave it out"),
        _ => format!("has no effect without {needed}: set these too, or leave it out"),
    }
}

/// A word on each setting of the user's that nothing reads. What a preset says is for others that may be put over it.
pub(super) fn unused(config: &Config, layers: &Layers) -> Vec<Unused> {
    let Ok(settings) = config.to_table() else {
        return Vec::new();
    };
    let value = |path: &str| {
        let (section, key) = path.split_once('.')?;
        settings.get(section)?.get(key)
    };
    let told = Told { config, layers };
    let mut found = Vec::new();
    let is_nothing = |path: &str| {
        NOTHING_AT_0.contains(&path) && value(path).and_then(Value::as_float) == Some(0.0)
    };
    for path in set(layers).into_iter().filter(|path| !is_nothing(path)) {
        let mut missing: Vec<&Need> = Vec::new();
        for (_, needs) in READ.iter().filter(|(keys, _)| keys.contains(&&*path)) {
            let lacks = |(key, is): &&Need| !is.holds(value(key));
            missing = needs.iter().filter(lacks).collect();
            if missing.is_empty() {
                break;
            }
        }
        if let Some((key, _)) = missing.first() {
            found.extend(told.of(&path, key, &remedy(&missing)));
        }
    }
    if config.method.reads("gate") && config.gate.mode == GateMode::Learned {
        if config.gate.budget == GateBudget::Cost && layers.source("gate.cost") == Source::Default {
            let free =
                "charges nothing while `gate.cost` is 0: set that too, such as `gate.cost = 0.01`";
            found.extend(told.of("gate.budget", "gate.cost", free));
        }
        if config.graph.mode == GraphMode::None {
            let none = "has no messages to gate with `graph.mode = \"none\"`: choose another graph, or leave it out";
            found.extend(told.of("gate.mode", "graph.mode", none));
        }
    }
    found
}

/// The keys that were set.
fn set(layers: &Layers) -> Vec<String> {
    let sections = layers.merged.iter();
    sections
        .filter_map(|(section, keys)| Some((section, keys.as_table()?)))
        .flat_map(|(section, keys): (&String, &Table)| {
            keys.keys().map(move |key| format!("{section}.{key}"))
        })
        .collect()
}

/// Whom a word on a setting may be said to.
struct Told<'a> {
    config: &'a Config,
    layers: &'a Layers,
}

impl Told<'_> {
    /// A setting that is not read because of what `decides`; nothing where that is how the user wants it.
    fn of(&self, path: &str, decides: &str, what: &str) -> Option<Unused> {
        let source = self.layers.source(path);
        let is_told = match &source {
            Source::Default | Source::Preset(_) => false,
            Source::Argument(_) | Source::Table(_) => true,
            // Who turns something off in the command line leaves a file as it is.
            Source::File(_) => {
                !matches!(self.layers.source(decides), Source::Argument(_)) && !self.is_whole(path)
            }
        };
        is_told.then(|| Unused {
            path: path.to_owned(),
            note: format!("`{path}` ({source}) {what}"),
            source,
        })
    }

    /// Whether files have most keys of a setting's section: so does the `config.toml` of a run, which has them all, and those
    /// that are not read, too.
    fn is_whole(&self, path: &str) -> bool {
        let name = path.split('.').next().unwrap_or(path);
        let known = sections(self.config.env.kind(), self.config.method.kind());
        let known = known.iter().find(|section| section.name == name);
        let known = known.map_or(0, |section| section.settings.len());
        let keys = set(self.layers);
        let of_files = keys.iter().filter(|path| {
            path.split('.').next() == Some(name)
                && matches!(self.layers.source(path), Source::File(_))
        });
        2 * of_files.count() >= known
    }
}

#[cfg(test)]
mod tests {
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
            let found = of_name
                .find_map(|section| section.settings.iter().find(|setting| setting.name == key));
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
            let resolve = |preset, overrides: &Overrides| {
                Config::resolve_with_notes(preset, overrides).unwrap()
            };
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
}
