#![doc = include_str!("../README.md")]
// What the functions are for is said in the header, and once.
#![allow(missing_docs)]

mod agent;
mod call;
mod team;

pub use agent::*;
pub use call::{commformer_error, commformer_version};
pub use team::*;

use commformer_methods::alone::{TeamSizes, TrainedAgent, TrainedTeam};
use commformer_model::ActionSpace;

/// `commformer_sizes` of the header.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub agents: usize,
    pub obs_dim: usize,
    pub actions: usize,
    pub discrete: bool,
    pub obs_version: i64,
}

impl Sizes {
    fn new(sizes: TeamSizes, obs_version: Option<u32>) -> Self {
        Self {
            agents: sizes.agents,
            obs_dim: sizes.obs_dim,
            actions: sizes.actions.width(),
            discrete: matches!(sizes.actions, ActionSpace::Discrete(_)),
            obs_version: obs_version.map_or(-1, i64::from),
        }
    }
}

// The header lets any thread use a team or an agent.
const _: () = {
    const fn check<T: Send>() {}
    check::<TrainedTeam>();
    check::<TrainedAgent>();
};
