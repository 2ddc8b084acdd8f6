//! The configuration: typed, written as TOML, checked before any work.
//!
//! It is put together from layers, each over the one before: the defaults, a [preset](presets), a file, and the command
//! line. There, `--method`, `--seed`, `--steps`, `--weights`, `--threads` and `--device` count more than a
//! `--set KEY=VALUE` for the same key. Every message names the key, such as `ppo.lr`, and the layer that set it.
//!
//! ```
//! use commformer::config::{Config, Overrides};
//!
//! let overrides = Overrides { seed: Some(7), ..Overrides::set(&["ppo.lr=3e-4"]) };
//! let config = Config::resolve(Some("signal"), &overrides)?;
//! assert_eq!((config.ppo.lr, config.run.seed), (3e-4, 7));
//!
//! let wrong = Overrides::set(&["ppo.learning_rate=3e-4"]);
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
mod text;

pub(crate) use check::Unused;
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
pub use schema::{Section, sections};
pub(crate) use schema::{hint, kinds_with, nearest, sections_with};
pub use stack::EnvConfig;
pub(crate) use text::{
    parse as parse_toml, parse_value, read as read_text, split as split_assignment,
};

use layers::Layers;
use serde::{Deserialize, Serialize};
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

/// A configuration, and what its user should know.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The configuration.
    pub config: Config,
    /// Which keys and names have others today, and what was left out.
    pub notes: Vec<String>,
    /// What was set without effect.
    pub unused: Vec<Unused>,
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

    /// [`resolve`](Self::resolve)s, and says which keys and names have others today, and which settings have no effect.
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
            let table = text::parse(&text::read(path)?, source.clone())?;
            layers.note_other_task(preset, &table, path);
            layers.push(table, |_| source.clone());
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
        let Resolved {
            config,
            mut notes,
            unused,
        } = Self::from_layers(layers)?;
        notes.extend(unused.into_iter().map(|unused| unused.note));
        Ok((config, notes))
    }

    /// Reads one layer over the defaults, such as the `config.toml` of a run, and checks it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key and `source`.
    pub fn parse(toml: &str, source: Source) -> Result<Self, ConfigError> {
        let table = text::parse(toml, source.clone())?;
        Ok(Self::from_tables(None, &[(table, source)])?.config)
    }

    /// Lays tables, each with where it came from, over a preset or the defaults, and checks the result.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key and the table.
    pub(crate) fn from_tables(
        preset: Option<&str>,
        tables: &[(Table, Source)],
    ) -> Result<Resolved, ConfigError> {
        let mut layers = Layers::of_preset(preset)?;
        for (table, source) in tables {
            layers.push(table.clone(), |_| source.clone());
        }
        Self::from_layers(layers)
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

    fn from_layers(mut layers: Layers) -> Result<Resolved, ConfigError> {
        schema::conform(&mut layers)?;
        let config: Self = Value::Table(layers.merged.clone())
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Rejected(error.message().to_owned()))?;
        check::all(&config, &layers)?;
        Ok(Resolved {
            unused: check::unused(&config, &layers),
            notes: layers.notes,
            config,
        })
    }
}

#[cfg(test)]
mod tests;
