//! All methods. One that is added here can be trained, resumed, evaluated, replayed and run with every agent alone.

use crate::actor_critic::{Running, running};
use crate::alone::TeamSizes;
use crate::choose::Choose;
use crate::commnet::CommNet;
use crate::expocomm::ExpoComm;
use crate::gacomm::GaComm;
use crate::ic3net::Ic3Net;
use crate::ippo::Ippo;
use crate::magic::Magic;
use crate::mappo::Mappo;
use crate::slim::Slim;
use crate::tarmac::TarMac;
#[cfg(feature = "torch")]
use crate::{Footprint, MethodError, Team, commformer::CommFormer, config::TeamConfig, mat::Mat};
#[cfg(feature = "torch")]
use commformer_env::settings::{Setting, settings};
#[cfg(feature = "torch")]
use commformer_env::{ConfigError, Spec};
use commformer_model::ModelError;
use commformer_nn::layout::Saved;
#[cfg(feature = "torch")]
use commformer_train::{BilevelConfig, GatePlan, GraphPlan};
use serde::Deserialize;
#[cfg(feature = "torch")]
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
#[cfg(feature = "torch")]
use tch::Device;

/// A way in which teams act and learn; its settings are its fields.
#[cfg(feature = "torch")]
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

    /// What a team takes for a task that looks like `spec`, each of whose agents hears `senders` others; a mean need not be
    /// whole.
    fn footprint(&self, config: &TeamConfig, spec: &Spec, senders: f64) -> Footprint;

    /// When its gates come into force, for [`Trainer::with_gates`](commformer_train::Trainer::with_gates): those of CommFormer,
    /// and what agents decide about messages, if they do. Without them everybody talks all the time. An evaluation has gates
    /// by [`EvaluateOptions::gates`](commformer_train::EvaluateOptions::gates). `None`, as here, without any.
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
    (
        transformers { $($other:literal => $transformer:ident,)* }
        actors { $($name:literal => $method:ident,)* }
    ) => {
        /// A method and its settings; `method.kind` names it.
        #[cfg(feature = "torch")]
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum MethodConfig {
            $(
                #[doc = concat!("[`", stringify!($transformer), "`].")]
                #[serde(rename = $other)]
                $transformer($transformer),
            )*
            $(
                #[doc = concat!("[`", stringify!($method), "`].")]
                #[serde(rename = $name)]
                $method($method),
            )*
        }

        /// Names of all methods, as `method.kind` takes them.
        pub const METHODS: &[&str] = &[$($other,)* $($name),*];

        #[cfg(feature = "torch")]
        impl MethodConfig {
            /// A method of this name with its defaults.
            pub fn of_kind(kind: &str) -> Option<Self> {
                match kind {
                    $($other => Some(Self::$transformer($transformer::default())),)*
                    $($name => Some(Self::$method($method::default())),)*
                    _ => None,
                }
            }

            /// Its name in the configuration.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$transformer(_) => $other,)*
                    $(Self::$method(_) => $name),*
                }
            }

            /// The settings that it has.
            pub fn settings(&self) -> &'static [Setting] {
                match self {
                    $(Self::$transformer(_) => settings::<$transformer>(),)*
                    $(Self::$method(_) => settings::<$method>()),*
                }
            }

            /// What it does.
            pub fn method(&self) -> &dyn Method {
                match self {
                    $(Self::$transformer(method) => method,)*
                    $(Self::$method(method) => method),*
                }
            }
        }

        /// A method of actor-critics and its settings, as an exported team names it.
        #[derive(Debug, Deserialize)]
        #[serde(tag = "kind")]
        pub(crate) enum ActorsConfig {
            $(
                #[serde(rename = $name)]
                $method($method),
            )*
        }

        impl ActorsConfig {
            /// Trained actors with these weights.
            pub(crate) fn running(
                &self,
                sizes: &TeamSizes,
                saved: HashMap<String, Saved>,
            ) -> Result<Arc<dyn Running>, ModelError> {
                match self {
                    $(Self::$method(method) => running(method, sizes, saved)),*
                }
            }
        }
    };
}

methods! {
    transformers {
        "commformer" => CommFormer,
        "mat" => Mat,
    }
    actors {
        "ippo" => Ippo,
        "mappo" => Mappo,
        "commnet" => CommNet,
        "ic3net" => Ic3Net,
        "tarmac" => TarMac,
        "choose" => Choose,
        "expocomm" => ExpoComm,
        "slim" => Slim,
        "gacomm" => GaComm,
        "magic" => Magic,
    }
}

#[cfg(feature = "torch")]
impl Default for MethodConfig {
    fn default() -> Self {
        Self::CommFormer(CommFormer::default())
    }
}

/// The sections of a configuration that only some methods read.
#[cfg(feature = "torch")]
const OF_SOME: [&str; 3] = ["policy", "graph", "gate"];

#[cfg(feature = "torch")]
impl MethodConfig {
    /// Whether the method reads a section of a configuration.
    pub fn reads(&self, section: &str) -> bool {
        !OF_SOME.contains(&section) || self.method().sections().contains(&section)
    }
}
