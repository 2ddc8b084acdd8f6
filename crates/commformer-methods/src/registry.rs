//! All methods. One that is added here can be trained, resumed, evaluated, replayed and run with every agent alone.

use crate::choose::Choose;
use crate::commformer::CommFormer;
use crate::commnet::CommNet;
use crate::config::TeamConfig;
use crate::expocomm::ExpoComm;
use crate::gacomm::GaComm;
use crate::ic3net::Ic3Net;
use crate::ippo::Ippo;
use crate::magic::Magic;
use crate::mappo::Mappo;
use crate::mat::Mat;
use crate::slim::Slim;
use crate::tarmac::TarMac;
use crate::{Footprint, MethodError, Team};
use commformer_env::settings::{Setting, settings};
use commformer_env::{ConfigError, Spec};
use commformer_train::{BilevelConfig, GatePlan, GraphPlan};
use serde::{Deserialize, Serialize};
use tch::Device;

/// A way in which teams act and learn; its settings are its fields.
pub trait Method {
    /// What it is, in a line.
    fn about(&self) -> &'static str;

    /// The sections of a configuration that it reads beside `[method]`, of those that only some methods do.
    fn sections(&self) -> &'static [&'static str] {
        &[]
    }

    /// Refuses settings that do not go together; each is in its range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names one.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// A new team for a task that looks like `spec`; its weights follow from the seed.
    ///
    /// # Errors
    ///
    /// [`MethodError`] if the settings make none or the device refuses it.
    fn team(
        &self,
        config: &TeamConfig,
        spec: &Spec,
        device: Device,
    ) -> Result<Box<dyn Team>, MethodError>;

    /// Whom its agents hear; nobody, as here, without a graph.
    ///
    /// # Errors
    ///
    /// [`MethodError::Edges`] if a graph is given that is of another team, and if the device refuses it.
    fn graph(
        &self,
        config: &TeamConfig,
        agents: usize,
        device: Device,
    ) -> Result<GraphPlan, MethodError> {
        let _ = (config, agents, device);
        Ok(GraphPlan::None)
    }

    /// Others that an agent hears, at most: that is known before there is a graph.
    fn senders(&self, config: &TeamConfig, agents: usize) -> usize {
        let _ = (config, agents);
        0
    }

    /// Whether the weights of a team serve one of another size; not, as here, unless it says so.
    fn fits_any_size(&self, config: &TeamConfig) -> bool {
        let _ = config;
        false
    }

    /// How its graph is learned; `None`, as here, if it learns none.
    fn schedule(&self, config: &TeamConfig, agents: usize) -> Option<BilevelConfig> {
        let _ = (config, agents);
        None
    }

    /// What a team for a task that looks like `spec` takes.
    fn footprint(&self, config: &TeamConfig, spec: &Spec) -> Box<dyn Footprint>;

    /// When its gates come into force; `None`, as here, without any.
    ///
    /// # Errors
    ///
    /// [`MethodError::Budget`].
    fn gates(&self, config: &TeamConfig) -> Result<Option<GatePlan>, MethodError> {
        let _ = config;
        Ok(None)
    }
}

macro_rules! methods {
    ($($name:literal => $method:ident: $about:literal),* $(,)?) => {
        /// A method and its settings; `method.kind` names it.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum MethodConfig {
            $(
                #[doc = $about]
                #[serde(rename = $name)]
                $method($method),
            )*
        }

        /// Names of all methods, as `method.kind` takes them.
        pub const METHODS: &[&str] = &[$($name),*];

        impl MethodConfig {
            /// A method of this name with its defaults.
            pub fn of_kind(kind: &str) -> Option<Self> {
                match kind {
                    $($name => Some(Self::$method($method::default())),)*
                    _ => None,
                }
            }

            /// Its name in the configuration.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$method(_) => $name),*
                }
            }

            /// The settings that it has.
            pub fn settings(&self) -> &'static [Setting] {
                match self {
                    $(Self::$method(_) => settings::<$method>()),*
                }
            }

            /// What it does.
            pub fn method(&self) -> &dyn Method {
                match self {
                    $(Self::$method(method) => method),*
                }
            }
        }
    };
}

methods! {
    "commformer" => CommFormer: "A transformer along a learned graph, with gates.",
    "mat" => Mat: "A transformer over the whole team.",
    "ippo" => Ippo: "Agents that learn by themselves.",
    "mappo" => Mappo: "The same with values of the whole team's state.",
    "commnet" => CommNet: "Agents that hear the mean of all others.",
    "ic3net" => Ic3Net: "The same, in which agents decide when to send.",
    "tarmac" => TarMac: "Agents that attend to the messages of all others.",
    "choose" => Choose: "Agents that choose in each step whom they hear.",
    "expocomm" => ExpoComm: "Agents that attend to few others, so that news reaches everybody soon.",
    "slim" => Slim: "Agents that attend to messages of few numbers.",
    "gacomm" => GaComm: "Agents that attend along edges on which both ends decide.",
    "magic" => Magic: "Agents that attend along a graph that a scheduler makes in each step.",
}

impl Default for MethodConfig {
    fn default() -> Self {
        Self::CommFormer(CommFormer::default())
    }
}

/// The sections of a configuration that only some methods read.
const OF_SOME: [&str; 3] = ["policy", "graph", "gate"];

impl MethodConfig {
    /// Whether the method reads a section of a configuration.
    pub fn reads(&self, section: &str) -> bool {
        !OF_SOME.contains(&section) || self.method().sections().contains(&section)
    }
}
