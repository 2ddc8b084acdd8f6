//! Environments in Python, stepped by worker processes.
//!
//! [`envs`] starts workers, each a Python interpreter that holds several environments of a task, and gives
//! [`PythonEnv`]s: ordinary [`Environment`](commformer_env::Environment)s, so that whatever steps the built-in tasks
//! steps these. Observations, rewards and actions lie in memory that is shared with the worker, laid out by
//! a versioned header; a short line over a socket wakes the other side. Both sides are to be read in
//! `python/commformer_bridge/` (`worker.py` and `memory.py`), which needs numpy and the environment, and in `layout.rs`
//! and `group.rs`.
//!
//! What may happen to a worker (an exception, a hang, an exit, a kill) becomes an error that names it, the
//! environment, the step, and says what Python said. A worker never outlives this process.
//!
//! ```no_run
//! use commformer_bridge::{PythonConfig, envs};
//! use commformer_env::VecEnv;
//!
//! let config = PythonConfig { make: "pettingzoo:mpe2.simple_spread_v3".into(), ..PythonConfig::default() };
//! let envs = VecEnv::new(envs(&config, 8)?, 42)?;
//! println!("{} agents", envs.spec().agents);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anonymous;
mod config;
mod env;
mod group;
mod layout;
mod options;
mod picture;
mod pool;
mod process;
mod rows;
mod spec;

pub use config::PythonConfig;
pub use env::PythonEnv;
pub use group::{envs, one, spec};
pub use pool::{forget, known};
#[doc(hidden)]
pub use process::read_answer;
pub use process::{Checked, Fault, check};
pub use spec::TaskSpec;

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
