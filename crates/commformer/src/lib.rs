//! Trains, evaluates and runs teams of agents that learn whom to talk to: configuration, composition
//! and the program `commformer`. What is learned and how is decided elsewhere.
//!
//! A tour, in the order in which `commformer train` uses it:
//!
//! 1. [`config`]: layers of TOML become a checked [`Config`](config::Config); [`config::presets`] come
//!    with the program.
//! 2. [`compose`]: a configuration becomes environments, a policy and a trainer.
//! 3. [`run_dir`]: the run's folder; [`record`]: what is written to it and shown on the way.
//! 4. [`evaluation`]: a checkpoint plays episodes; [`metrics`] say how sure the means are.
//! 5. [`replay`]: the same episodes once more, with all that went on in them.
//! 6. [`compare`]: many runs from one file.
//! 7. [`cli`]: the commands.
//!
//! ```
//! use commformer::config::{Config, Overrides};
//! use commformer::{compose, metrics};
//! use commformer_train::{EvaluateOptions, Purpose, evaluate};
//!
//! // A preset, much smaller.
//! let small = ["policy.embed_dim=16", "rollout.num_envs=4", "rollout.steps=5", "env.agents=3", "graph.sparsity=0.4"];
//! let config = Config::resolve(Some("signal"), &Overrides::set(&small))?;
//!
//! // One iteration of training.
//! let device = compose::device(&config)?;
//! let mut trainer = compose::trainer(&config, device)?;
//! assert_eq!(trainer.iterate()?.steps, 20);
//!
//! // An evaluation: ten episodes, the greedy actions, on the graph of execution.
//! let mut envs = compose::evaluation(&config, 10, 1, Purpose::Evaluation)?;
//! let options = EvaluateOptions { device, ..EvaluateOptions::default() };
//! let report = evaluate(trainer.policy(), &trainer.execution_graph()?, &mut envs, &options)?;
//! let metrics = metrics::of(&report, 1);
//! assert_eq!(metrics.get("steps").map(|steps| steps.mean), Some(10.0));
//! // Each agent hears one other in every step.
//! assert_eq!(metrics.get("messages").map(|messages| messages.mean), Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cli;
pub mod compare;
pub mod compose;
pub mod config;
pub mod evaluation;
pub mod interrupt;
pub mod links;
pub mod lock;
pub mod metrics;
mod process;
pub mod record;
pub mod replay;
pub mod run_dir;
mod terminal;

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
