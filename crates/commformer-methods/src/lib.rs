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
//! | [`tarmac`] | everybody, with attention | the same |
//! | [`choose`] | those whom they choose in each step, with attention | the same |
//! | [`expocomm`] | those 1, 2, 4, ... places before | the same |
//! | [`slim`] | everybody, with attention to messages of few numbers | the same |
//! | [`gacomm`] | everybody, with attention to those on whom they decide by all messages | the same |
//! | [`magic`] | the same, in three rounds | the same |
//!
//! A [`Method`] makes a [`Team`]; [`MethodConfig`] lists them all. A team is written over the operations of
//! `commformer_nn`, so that one definition trains, acts, and runs with every agent alone.

mod actor_critic;
mod apart;
pub mod choose;
pub mod commformer;
pub mod commnet;
pub mod config;
mod error;
pub mod expocomm;
mod footprint;
pub mod gacomm;
pub mod ic3net;
pub mod ippo;
pub mod magic;
pub mod mappo;
pub mod mat;
mod registry;
pub mod slim;
pub mod tarmac;
mod team;

pub use actor_critic::{
    Activation, ActorCritic, ActorCriticConfig, Critic, Heard, Mind, Recurrence, Silent, Talk,
    TalkCritic,
};
pub use apart::Decentralised;
pub use commformer::{Insight, TeamPolicy};
pub use config::TeamConfig;
pub use error::MethodError;
pub use footprint::Footprint;
pub use registry::{METHODS, Method, MethodConfig};
pub use team::{Apart, Attentions, Delivered, Portable, Team};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
