//! Environments for teams of agents.
//!
//! A task implements [`Environment`]: it writes each agent's observation straight into the caller's
//! memory and says with a [`Status`] whether its episode goes on, has reached its end, or was truncated by
//! a time limit. Its [`Spec`] gives the sizes. These tasks are built in, each with settings that
//! serde can read; [`BuiltIn`] and [`TASKS`] list them:
//!
//! - [`PredatorPrey`]: predators with a short sight look for a prey. Telling the others where it is
//!   saves steps.
//! - [`PredatorCapturePrey`]: those who see cannot capture, those who capture do not see.
//! - [`Signal`]: the best communication graph and the best gate are known, so that learned ones can
//!   be held against them.
//! - [`TrafficJunction`]: cars come and go where roads cross, so that the agents who are active change.
//! - [`Warehouse`]: robots bring shelves that are requested, and put them back.
//! - [`Smac`](smac::Smac): two teams fight, with the interface of the StarCraft Multi-Agent Challenge
//!   and without StarCraft.
//! - [`Foraging`]: agents with levels load food together (level-based foraging).
//!
//! Any task can be wrapped, in any order: [`Stacked`] gives it a short memory, in which agents are shown their last
//! observations, too; [`Augmented`] tells them which of them they are and what they did last; [`TimeLimit`] truncates its episodes;
//! [`RewardScale`] scales what it pays; [`SharedReward`] pays its agents together.
//!
//! A task of your own is played and looked at by [`check`](check()), which names what does not keep to the contract.
//!
//! [`VecEnv`] steps many environments of a task at once, on as many threads as the current rayon pool has,
//! and begins a new episode where one ends. Every environment has its own stream of random numbers, an
//! [`Rng`], so the same seed gives the same episodes on any number of threads.
//!
//! # Stepping a team
//!
//! ```
//! use commformer_env::{Actions, Buffers, PredatorPrey, PredatorPreyConfig, Rng, VecEnv};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = PredatorPreyConfig { agents: 2, ..Default::default() };
//! let task = PredatorPrey::new(config)?;
//! let mut envs = VecEnv::new(vec![task; 8], 42)?;
//!
//! // 8 environments of 2 predators, each of which sees 3 x 3 cells of 5 * 5 + 4 channels.
//! let (num_envs, agents, obs_dim) = (envs.num_envs(), envs.spec().agents, envs.spec().obs_dim);
//! assert_eq!((num_envs, agents, obs_dim), (8, 2, 3 * 3 * (5 * 5 + 4)));
//! let mut out = Buffers::of(&envs);
//! out.reset(&mut envs)?;
//! assert_eq!((out.obs.len(), out.rewards.len()), (num_envs * agents * obs_dim, num_envs * agents));
//!
//! let mut policy = Rng::new(7, 0);
//! let mut episodes = 0;
//! while episodes < 10 {
//!     let actions: Vec<i64> = (0..num_envs * agents).map(|_| policy.below(5).into()).collect();
//!     out.step(&mut envs, Actions::Discrete(&actions))?;
//!     for episode in envs.episodes() {
//!         println!("env {}: {} steps, success {}", episode.env, episode.steps, episode.metrics[0]);
//!         // Where a time limit truncated the episode, its last observation is still worth something.
//!         assert_eq!(envs.final_obs(episode.env).len(), agents * obs_dim);
//!         episodes += 1;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing of policies or tensors, and does no input or output.

mod augmented;
mod check;
mod environment;
mod error;
mod foraging;
mod forward;
mod frame;
mod grid;
pub mod heap;
mod hunt;
mod lanes;
mod limited;
mod metric_names;
mod predator_capture_prey;
mod predator_prey;
mod registry;
mod rng;
mod rware;
mod saved;
pub mod settings;
mod shared;
mod signal;
pub mod smac;
mod stacked;
mod text;
mod traffic_junction;
mod vacant;
mod vec_env;

pub use augmented::{Augment, Augmented};
pub use check::{CheckError, check};
pub use environment::{
    ActionSpace, Actions, Environment, LARGEST_NUMBER, Observation, Remote, Spec, Status,
};
pub use error::{ConfigError, StateError, VecEnvError};
pub use foraging::{Foraging, ForagingConfig, Item};
pub use frame::{Form, Frame, Role, Shape};
pub use hunt::Mode;
pub use lanes::EnvState;
pub use limited::{RewardScale, TimeLimit};
pub use metric_names::{
    MetricNameError, RESERVED_METRIC_GROUPS, RESERVED_METRICS, check_metric_names,
    is_reserved_metric,
};
pub use predator_capture_prey::{PredatorCapturePrey, PredatorCapturePreyConfig};
pub use predator_prey::{PredatorPrey, PredatorPreyConfig};
pub use registry::{BuiltIn, TASKS, Task};
pub use rng::Rng;
pub use rware::{Warehouse, WarehouseConfig, WarehouseReward, WarehouseSize};
pub use shared::{Share, SharedReward};
pub use signal::{Signal, SignalConfig};
pub use stacked::{MOST_STACKED, Stacked};
pub use text::printable;
pub use traffic_junction::{Difficulty, TrafficJunction, TrafficJunctionConfig};
pub use vec_env::{Batch, Buffers, Episode, VecEnv};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
