//! `[env]`: which task, and its settings. How many of its observations are shown is in `stack.rs`.

use commformer_bridge::{Fault, PythonConfig};
use commformer_env::{
    Environment, PredatorCapturePrey, PredatorCapturePreyConfig, PredatorPrey, PredatorPreyConfig,
    Signal, SignalConfig, Spec, TrafficJunction, TrafficJunctionConfig,
    smac::{Script, Smac, SmacConfig, Start},
};
use serde::{Deserialize, Serialize};

/// A task and its settings; `env.kind` names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskConfig {
    /// Predators look for a prey that does not move.
    PredatorPrey(PredatorPreyConfig),
    /// Some agents see, others capture.
    PredatorCapturePrey(PredatorCapturePreyConfig),
    /// Every agent must name what its source saw.
    Signal(SignalConfig),
    /// Cars come and go where roads cross.
    TrafficJunction(TrafficJunctionConfig),
    /// Two teams fight.
    Smac(SmacConfig),
    /// Any task in Python.
    Python(PythonConfig),
}

/// Why a task cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Its settings cannot be.
    #[error("[env]: {0}")]
    Settings(#[from] commformer_env::ConfigError),
    /// It is a task in Python, and its workers did not come up.
    #[error(transparent)]
    Python(#[from] Fault),
}

/// Names of all kinds, as `env.kind` takes them.
pub const KINDS: [&str; 6] = [
    "predator-prey",
    "predator-capture-prey",
    "signal",
    "traffic-junction",
    "smac",
    "python",
];

impl Default for TaskConfig {
    fn default() -> Self {
        Self::PredatorPrey(PredatorPreyConfig::default())
    }
}

impl TaskConfig {
    pub(super) fn complete(kind: &str) -> Option<Self> {
        match kind {
            "predator-prey" => Some(Self::PredatorPrey(PredatorPreyConfig {
                episode_limit: Some(0),
                ..PredatorPreyConfig::default()
            })),
            "predator-capture-prey" => Some(Self::PredatorCapturePrey(PredatorCapturePreyConfig {
                capture_vision: Some(0),
                episode_limit: Some(0),
                ..PredatorCapturePreyConfig::default()
            })),
            "signal" => Some(Self::Signal(SignalConfig::default())),
            "traffic-junction" => Some(Self::TrafficJunction(TrafficJunctionConfig {
                episode_limit: Some(0),
                ..TrafficJunctionConfig::default()
            })),
            "smac" => Some(Self::Smac(SmacConfig {
                opponent: Some(Script::AttackNearest),
                start: Some(Start::Either),
                sight_cone: Some(90.0),
                episode_limit: Some(0),
                ..SmacConfig::default()
            })),
            "python" => Some(Self::Python(PythonConfig {
                make: "module:function".into(),
                ..PythonConfig::default()
            })),
            _ => None,
        }
    }

    /// Its name in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PredatorPrey(_) => "predator-prey",
            Self::PredatorCapturePrey(_) => "predator-capture-prey",
            Self::Signal(_) => "signal",
            Self::TrafficJunction(_) => "traffic-junction",
            Self::Smac(_) => "smac",
            Self::Python(_) => "python",
        }
    }

    /// The kind, and of a task in Python what makes it.
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Python(config) => &config.make,
            _ => self.kind(),
        }
    }

    /// A name for runs of a task in Python, from what makes it.
    pub(crate) fn make_name(&self) -> Option<String> {
        let Self::Python(config) = self else {
            return None;
        };
        let last = config.make.rsplit([':', '.']).next().unwrap_or_default();
        let plain = |letter: char| match letter.is_alphanumeric() || letter == '_' {
            true => letter,
            false => '-',
        };
        Some(last.chars().map(plain).collect())
    }

    /// What the user should know of the task, such as what was padded.
    pub(crate) fn notes(&self) -> Vec<String> {
        match self {
            Self::Python(config) => {
                commformer_bridge::known(config).map_or_else(Vec::new, |task| task.notes)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn build(&self) -> Result<Box<dyn Environment>, TaskError> {
        Ok(match self.clone() {
            Self::PredatorPrey(config) => Box::new(PredatorPrey::new(config)?),
            Self::PredatorCapturePrey(config) => Box::new(PredatorCapturePrey::new(config)?),
            Self::Signal(config) => Box::new(Signal::new(config)?),
            Self::TrafficJunction(config) => Box::new(TrafficJunction::new(config)?),
            Self::Smac(config) => Box::new(Smac::new(config)?),
            Self::Python(config) => Box::new(commformer_bridge::one(&config)?),
        })
    }

    pub(super) fn copies(&self, count: usize) -> Result<Vec<Box<dyn Environment>>, TaskError> {
        match self {
            Self::Python(config) => {
                let copies = commformer_bridge::copies(config, count)?.into_iter();
                Ok(copies
                    .map(|copy| Box::new(copy) as Box<dyn Environment>)
                    .collect())
            }
            _ => (0..count).map(|_| self.build()).collect(),
        }
    }

    pub(super) fn spec(&self) -> Result<Spec, TaskError> {
        match self {
            Self::Python(config) => Ok(commformer_bridge::spec(config)?.spec()),
            _ => Ok(self.build()?.spec().clone()),
        }
    }

    /// How many episodes are played at once if there are so many: copies of a task in Python may be large, so that there
    /// are those of a rollout. For fewer episodes, too: sums are rounded by the size of a batch, and what an episode
    /// returns must not depend on how many there are.
    pub(crate) fn at_once(&self, episodes: usize, rollout_copies: usize) -> usize {
        match self {
            Self::Python(_) => rollout_copies,
            _ => episodes,
        }
    }

    /// Bytes of memory that so many copies share with another process.
    pub(super) fn shared_bytes(&self, copies: usize) -> f64 {
        match self {
            Self::Python(config) => {
                commformer_bridge::known(config).map_or(0.0, |task| task.shared_bytes(copies))
            }
            _ => 0.0,
        }
    }

    /// Agents in the team (N); 0 if its map does not exist, and of a task in Python until its first worker has
    /// [told](super::EnvConfig::spec).
    pub fn agents(&self) -> usize {
        match self {
            Self::PredatorPrey(config) => config.agents,
            Self::PredatorCapturePrey(config) => config.perception.saturating_add(config.capture),
            Self::Signal(config) => config.agents,
            Self::TrafficJunction(config) => config.agents,
            Self::Smac(config) => config.scenario().map_or(0, |map| map.allies.len()),
            Self::Python(config) => commformer_bridge::known(config).map_or(0, |task| task.agents),
        }
    }

    /// What a picture calls each agent: its number, and the initial of its role where roles have names.
    pub fn labels(&self) -> Vec<String> {
        let number = |(agent, role): (usize, String)| format!("{role}{agent}");
        self.roles().into_iter().enumerate().map(number).collect()
    }

    fn roles(&self) -> Vec<String> {
        match self {
            Self::PredatorCapturePrey(config) => {
                let roles = [("P", config.perception), ("C", config.capture)];
                let roles = roles.map(|(role, agents)| vec![role.to_owned(); agents]);
                roles.concat()
            }
            Self::Smac(config) => config.scenario().map_or_else(
                |_| Vec::new(),
                |map| {
                    let initial =
                        |name: &str| name.chars().take(1).flat_map(char::to_uppercase).collect();
                    if map.is_drawn() {
                        return vec![String::new(); map.allies.len()];
                    }
                    let kinds = map.allies.iter().map(|member| &map.units[member.unit].0);
                    kinds.map(|name| initial(name)).collect()
                },
            ),
            Self::PredatorPrey(_)
            | Self::Signal(_)
            | Self::TrafficJunction(_)
            | Self::Python(_) => {
                vec![String::new(); self.agents()]
            }
        }
    }

    /// Steps after which an episode is cut; 0 for never, or where a task in Python decides.
    pub fn episode_limit(&self) -> u32 {
        match self {
            Self::PredatorPrey(config) => config.limit(),
            Self::PredatorCapturePrey(config) => config.limit(),
            Self::Signal(config) => config.episode_limit,
            Self::TrafficJunction(config) => config.limit(),
            Self::Smac(config) => config.limit(),
            Self::Python(config) => config.episode_limit,
        }
    }

    /// Whether an episode can go on for ever, as far as is known here.
    pub fn is_endless(&self) -> bool {
        self.episode_limit() == 0 && !matches!(self, Self::Python(_))
    }

    pub(super) fn with_limit(&self, limit: u32) -> Self {
        let mut limited = self.clone();
        if limit > 0 {
            match &mut limited {
                Self::PredatorPrey(config) => config.episode_limit = Some(limit),
                Self::PredatorCapturePrey(config) => config.episode_limit = Some(limit),
                Self::Signal(config) => config.episode_limit = limit,
                Self::TrafficJunction(config) => config.episode_limit = Some(limit),
                Self::Smac(config) => config.episode_limit = Some(limit),
                Self::Python(config) => config.episode_limit = limit,
            }
        }
        limited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EnvConfig;

    #[test]
    fn every_kind_is_complete_and_knows_its_name() {
        for kind in KINDS {
            assert_eq!(EnvConfig::complete(kind).unwrap().kind(), kind);
        }
        assert_eq!(EnvConfig::complete("chess"), None);
    }

    #[test]
    fn a_limit_of_zero_changes_nothing() {
        let endless = EnvConfig::complete("predator-prey").unwrap();
        assert!(endless.with_limit(0).is_endless());
        assert!(!endless.with_limit(20).is_endless());
        assert!(!EnvConfig::default().is_endless());
    }

    #[test]
    fn labels_tell_the_roles() {
        let labels = EnvConfig::complete("predator-capture-prey")
            .unwrap()
            .labels();
        assert_eq!(labels, ["P0", "P1", "C2"]);
        assert_eq!(EnvConfig::default().labels(), ["0", "1", "2"]);
    }
}
