//! Methods by which teams act and learn. Each is a policy for the trainer, with its settings and its preset.
//!
//! | method | agents hear | values see |
//! |---|---|---|
//! | [`commformer`] | those of a learned graph, while their gates are open | what the agent sees and hears |
//! | [`mat`] | everybody | the same |
//! | [`ippo`] | nobody | what the agent sees |
//! | [`mappo`] | nobody | that and the global state |
//! | [`commnet`] | everybody | what the agent sees, remembers and hears |
//! | [`ic3net`] | those who decide to send | the same |
//! | [`tarmac`] | everybody, with attention | what the agent sees, and the global state |
//! | [`choose`] | those whom they choose in each step, with attention | the same |
//! | [`expocomm`] | those 1, 2, 4, ... places before | the same |
//! | [`slim`] | everybody, with attention to messages of few numbers | the same |
//! | [`gacomm`] | everybody, with attention to those on whom they decide by all messages | what the agent sees, remembers and hears |
//! | [`magic`] | the same, in three rounds | the same |
//!
//! [`trainer`] trains a team of any of them. A [`Method`] makes a [`Team`]; [`MethodConfig`] lists them all. A team is
//! written over the operations of `commformer_nn`, so that one definition trains, acts, and runs with every agent alone.
//!
//! A method of your own whose agents are actors says what they are made of ([`ActorCriticMethod`]) and how they talk
//! ([`Talk`]); the example `own-method` trains one.
//!
//! With `default-features = false` there is no libtorch: the settings of actors are there, and trained agents run
//! ([`alone`]).

// What a method says for training alone.
#![cfg_attr(not(feature = "torch"), allow(dead_code))]

mod actor_critic;
pub mod alone;
#[cfg(feature = "torch")]
mod apart;
pub mod choose;
#[cfg(feature = "torch")]
pub mod commformer;
pub mod commnet;
#[cfg(feature = "torch")]
pub mod config;
#[cfg(feature = "torch")]
mod error;
pub mod expocomm;
#[cfg(feature = "torch")]
mod export;
#[cfg(feature = "torch")]
mod footprint;
pub mod gacomm;
pub mod ic3net;
pub mod ippo;
pub mod magic;
pub mod mappo;
#[cfg(feature = "torch")]
pub mod mat;
mod registry;
mod sizes;
pub mod slim;
pub mod tarmac;
#[cfg(feature = "torch")]
mod team;
#[cfg(feature = "torch")]
mod training;

pub use actor_critic::{
    Activation, ActorCriticConfig, ActorCriticMethod, Critic, Decides, Heard, Mind, Recurrence,
    Silent, Talk, TalkConfig, TalkCritic,
};
#[cfg(feature = "torch")]
pub use apart::Decentralised;
#[cfg(feature = "torch")]
pub use commformer::{Insight, TeamPolicy};
#[cfg(feature = "torch")]
pub use config::TeamConfig;
#[cfg(feature = "torch")]
pub use error::MethodError;
#[cfg(feature = "torch")]
pub use export::export;
#[cfg(feature = "torch")]
pub use footprint::Footprint;
pub use registry::METHODS;
#[cfg(feature = "torch")]
pub use registry::{Method, MethodConfig};
#[cfg(feature = "torch")]
pub use team::{Apart, Attentions, Delivered, Portable, Team};
#[cfg(feature = "torch")]
pub use training::{trainer, trainer_of};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
