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
    // A script chooses its targets itself.
    (&["env.enemy_search"], &[("env.opponent", LeftOut)]),
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
pub(in crate::config) fn unused(config: &Config, layers: &Layers) -> Vec<Unused> {
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
mod tests;
