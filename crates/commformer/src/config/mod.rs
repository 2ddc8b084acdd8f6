//! The configuration: typed, written as TOML, checked before any work.
//!
//! It is put together from layers, each over the one before: the defaults, a [preset](presets), a file, and the command
//! line. There, `--method`, `--seed`, `--steps`, `--weights`, `--threads` and `--device` count more than a
//! `--set KEY=VALUE` for the same key. Every message names the key, such as `ppo.lr`, and the layer that set it.
//!
//! ```
//! use commformer::config::{Config, Overrides};
//!
//! let overrides = Overrides { set: vec!["ppo.lr=3e-4".into()], seed: Some(7), ..Overrides::default() };
//! let config = Config::resolve(Some("signal"), &overrides)?;
//! assert_eq!((config.ppo.lr, config.run.seed), (3e-4, 7));
//!
//! let wrong = Overrides { set: vec!["ppo.learning_rate=3e-4".into()], ..Overrides::default() };
//! let error = Config::resolve(Some("signal"), &wrong).unwrap_err();
//! assert!(error.to_string().starts_with("there is no `ppo.learning_rate`"));
//! # Ok::<(), commformer::config::ConfigError>(())
//! ```

mod check;
mod difference;
mod env;
mod error;
mod layers;
mod overrides;
pub mod presets;
mod run;
mod schema;
mod stack;
mod tables;
mod text;

pub use commformer_methods::config::{
    GateBudget, GateConfig, GateEstimator, GateMode, GraphConfig, GraphMode, ObsNormName,
    PolicySettings, PreviousActionName, TeamConfig,
};
pub use commformer_methods::{METHODS, MethodConfig};
pub use commformer_train::{PpoConfig, RolloutConfig};
pub use difference::Difference;
pub use env::{TaskConfig, TaskError, kinds};
pub use error::{ConfigError, Source};
pub use overrides::Overrides;
pub use run::{Device, EvalConfig, RunSettings};
pub(crate) use schema::nearest;
pub use schema::{Section, sections};
pub use stack::EnvConfig;
pub(crate) use text::{
    parse as parse_toml, parse_value, read as read_text, split as split_assignment,
};

use layers::Layers;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Everything a run is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The task.
    pub env: EnvConfig,
    /// How the team acts and learns.
    pub method: MethodConfig,
    /// The network, of CommFormer.
    pub policy: PolicySettings,
    /// The communication graph, of CommFormer.
    pub graph: GraphConfig,
    /// When agents receive, of CommFormer.
    pub gate: GateConfig,
    /// What is played between two updates.
    pub rollout: RolloutConfig,
    /// How the policy learns from it.
    pub ppo: PpoConfig,
    /// How it is evaluated.
    pub eval: EvalConfig,
    /// Length, seed and machine.
    pub run: RunSettings,
}

impl Config {
    /// Puts all layers together and checks the result.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key and the layer.
    pub fn resolve(preset: Option<&str>, overrides: &Overrides) -> Result<Self, ConfigError> {
        Ok(Self::resolve_with_notes(preset, overrides)?.0)
    }

    /// [`resolve`](Self::resolve)s, and says which keys and names have others today.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn resolve_with_notes(
        preset: Option<&str>,
        overrides: &Overrides,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        let mut layers = Layers::of_preset(preset)?;
        if let Some(path) = &overrides.file {
            let source = Source::File(path.clone());
            let toml = text::read(path)?;
            layers.push(text::parse(&toml, source.clone())?, |_| source.clone());
        }
        // One layer: what `--set` says of a method is said of the one that `--method` names.
        let (mut line, sources) = text::parse_assignments(&overrides.set)?;
        let options = overrides.options()?;
        for (section, keys) in &options {
            let section = line.entry(section).or_insert_with(|| Table::new().into());
            // What is no section is refused as what it is.
            if let (Some(section), Some(keys)) = (section.as_table_mut(), keys.as_table()) {
                section.extend(keys.clone());
            }
        }
        layers.push(line, |path| {
            let (section, key) = path.split_once('.').unwrap_or((path, ""));
            let is_option = options
                .get(section)
                .is_some_and(|keys| keys.get(key).is_some());
            match is_option {
                true if key == "kind" => Source::Argument(format!("--{section}")),
                true => Source::Argument(format!("--{key}")),
                false => text::source_of(&sources, path),
            }
        });
        Self::from_layers(layers)
    }

    /// Reads one layer over the defaults, such as the `config.toml` of a run, and checks it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key and `source`.
    pub fn parse(toml: &str, source: Source) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        layers.push(text::parse(toml, source.clone())?, |_| source.clone());
        Ok(Self::from_layers(layers)?.0)
    }

    /// The whole configuration as TOML; [`Config::parse`] reads it back.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Write`] for a number that TOML cannot hold; a checked configuration has none.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        Ok(toml::to_string(&self.to_table()?)?)
    }

    /// Checks what depends on the number of agents, once a task in Python has told it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key.
    pub(crate) fn check_team(&self) -> Result<(), ConfigError> {
        check::team(self, &Layers::default())
    }

    /// The task of evaluations.
    pub(crate) fn evaluated(&self) -> EnvConfig {
        self.env.with_limit(self.eval.episode_limit)
    }

    /// The keys in which two configurations differ, with both values.
    ///
    /// # Errors
    ///
    /// As for [`to_toml`](Self::to_toml).
    pub fn differences(&self, other: &Self) -> Result<Vec<Difference>, ConfigError> {
        let keys = |config: &Self| -> Result<BTreeMap<String, String>, ConfigError> {
            let sections = config.to_table()?.into_iter();
            Ok(sections
                .flat_map(|(section, keys)| {
                    let keys = keys.as_table().cloned().unwrap_or_default();
                    keys.into_iter()
                        .map(move |(key, value)| (format!("{section}.{key}"), value.to_string()))
                })
                .collect())
        };
        let (mine, theirs) = (keys(self)?, keys(other)?);
        let paths: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        let difference = |path: &String| {
            let of = |keys: &BTreeMap<String, String>| keys.get(path).cloned();
            (of(&mine) != of(&theirs)).then(|| Difference {
                path: path.clone(),
                values: [of(&mine), of(&theirs)],
            })
        };
        Ok(paths.into_iter().filter_map(difference).collect())
    }

    /// The sections that its method reads, with every key.
    fn to_table(&self) -> Result<Table, toml::ser::Error> {
        let mut table = Table::try_from(self)?;
        table.retain(|section, _| self.method.reads(section));
        Ok(table)
    }

    /// What its team follows from.
    pub fn team(&self) -> TeamConfig {
        TeamConfig {
            method: self.method.clone(),
            policy: self.policy.clone(),
            graph: self.graph.clone(),
            gate: self.gate.clone(),
            seed: self.run.seed,
            precision: self.run.precision,
            known_scales: !matches!(self.env.task, TaskConfig::Python(_)),
        }
    }

    fn from_layers(mut layers: Layers) -> Result<(Self, Vec<String>), ConfigError> {
        schema::conform(&mut layers)?;
        let config: Self = Value::Table(layers.merged.clone())
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Rejected(error.message().to_owned()))?;
        check::all(&config, &layers)?;
        let unused = check::notes(&config, &layers);
        layers.notes.extend(unused);
        Ok((config, layers.notes))
    }
}

#[cfg(test)]
mod tests {
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
        let config = |text| Config::parse(text, Source::Default).unwrap();
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
    }

    #[test]
    fn layers_lie_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("layers.toml");
        std::fs::write(&file, "[run]\nsteps = 10\nseed = 10\n[ppo]\nlr = 0.1\n").unwrap();
        let overrides = Overrides {
            file: Some(file),
            set: vec!["run.seed=20".into(), "run.threads=20".into()],
            threads: Some(30),
            ..Overrides::default()
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
                set: set.iter().map(|text| (*text).to_owned()).collect(),
                ..Overrides::default()
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
                set: set.iter().map(|text| (*text).to_owned()).collect(),
                method: Some(method.to_owned()),
                ..Overrides::default()
            };
            Config::resolve(None, &overrides)
        };
        let with = |set: &[&str]| {
            Config::resolve(
                None,
                &Overrides {
                    set: set.iter().map(|text| (*text).to_owned()).collect(),
                    ..Overrides::default()
                },
            )
        };
        let expected = with(&["method.kind=ippo", "method.hidden=32"]).unwrap();
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
                set: set.iter().map(|text| (*text).to_owned()).collect(),
                ..Overrides::default()
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
            ("signal", &[], off.as_str()),
            ("signal-gate", &[], ""),
        ] {
            assert_eq!(notes(preset, set, text), "", "{preset} {set:?}");
        }
        let left_out = notes("signal-gate", &["method.kind=slim"], "");
        assert!(
            left_out.contains("the method `slim` has none"),
            "{left_out}"
        );
    }

    #[test]
    fn an_error_names_the_layer() {
        let message = |overrides: Overrides| {
            Config::resolve(Some("signal"), &overrides)
                .unwrap_err()
                .to_string()
        };
        let set = |texts: &[&str]| Overrides {
            set: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..Overrides::default()
        };
        // Eight agents are the preset's.
        assert!(message(set(&["graph.sparsity=1"])).contains("`graph.self_edge`: the default"));
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
}
