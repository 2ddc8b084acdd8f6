//! When an agent takes messages in.
//!
//! At every step each agent decides, from its own observation alone, whether to take in what
//! others send. The crate knows no policy and no trainer: embeddings go in, decisions of 0 and 1
//! come out, and whoever calls it multiplies them into a communication graph. A tour, in the order
//! in which data flows:
//!
//! 1. [`TemporalGate`]: a small network from each agent's embedding to the log-odds of receiving,
//!    and to the value of the state before the decision.
//! 2. [`decision`]: from log-odds to decisions, drawn ([`decision::draw`],
//!    [`decision::straight_through`]) or not ([`decision::error_diffusion`], [`decision::execute`]), and to
//!    their log-probability and entropy.
//! 3. [`budget`]: what receiving costs, so that a trained gate closes where messages do not help.
//! 4. [`diffusion_threshold`] and [`quantile_threshold`]: the thresholds with which a gate that draws
//!    nothing meets a rate.
//! 5. [`fixed`]: gates that learn nothing, to compare with.
//! 6. [`alone`]: a trained gate as one agent carries it, without libtorch (`default-features = false`).
//!
//! What is deliberately absent: objectives and optimisers (the trainer's), files (the caller
//! writes what [`TemporalGate::state`] returns), and randomness. All noise is passed in.
//!
//! The idea of a gate in time is that of the extension of CommFormer (arXiv 2411.00382), of which
//! only the abstract was available to us. The design is our own: do not take it for theirs.
//!
//! # Without libtorch
//!
//! With `default-features = false` there are budgets, thresholds and a gate [`alone`]. The tensors' side is left out:
//! `TemporalGate`, `decision` and `fixed`.
//!
//! # On a policy of your own
//!
// Without libtorch the code is shown and not run, and links to what is left out lead to where that is said.
#![cfg_attr(feature = "torch", doc = "```")]
#![cfg_attr(not(feature = "torch"), doc = "```ignore")]
//! use commformer_gate::budget::{Budget, BudgetConfig, TargetConfig};
//! use commformer_gate::{TemporalGate, TemporalGateConfig, decision, quantile_threshold};
//! use tch::{Device, Kind, Tensor};
//!
//! // Any source of standard normal numbers will do: here twelve uniform ones, less their mean.
//! let mut state = 7u64;
//! let mut uniform = move || {
//!     state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//!     (state >> 40) as f32 / (1u64 << 24) as f32
//! };
//! let mut normal = || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
//!
//! // A gate for three agents, whose policy embeds observations in eight numbers each.
//! let mut gate = TemporalGate::new(&TemporalGateConfig::new(3, 8), Device::Cpu, &mut normal)?;
//! let mut budget = Budget::new(BudgetConfig::Target(TargetConfig::default()))?;
//!
//! // A batch of four observations, as the policy embeds them before any message is sent.
//! let options = (Kind::Float, Device::Cpu);
//! let embeddings = Tensor::randn([4, 3, 8], options);
//! let noise = Tensor::rand([4, 3, 1], options);
//!
//! // Act: who receives? A closed gate removes every edge that leads to the agent.
//! let open = decision::draw(&gate.logits(&embeddings)?, &noise); // (4, 3, 1), receivers in rows
//! let adjacency = Tensor::ones([3, 3], options); // row the receiver, column the sender
//! let heard = &adjacency * &open; // (4, 3, 3), for the policy
//! assert_eq!(heard.size(), [4, 3, 3]);
//!
//! // Learn: what the team earned (here nothing) less what receiving cost, against the baseline.
//! let found = gate.forward(&embeddings)?;
//! let earned = Tensor::zeros([4, 3], options) - open.squeeze_dim(-1) * budget.price().receiving;
//! let advantage = (&earned - &found.values).detach();
//! let log_prob = decision::log_prob(&found.logits, &open).sum_dim_intlist(-1, false, None);
//! let baseline = (&found.values - &earned).square().mean(None);
//! let loss = baseline - (log_prob * advantage).mean(None);
//! loss.backward(); // then one step of any optimiser over `gate.parameters()`
//! budget.update(open.mean(None).double_value(&[]), 1.0);
//!
//! // Deploy: a gate that draws nothing and is open in a third of these observations.
//! let logits = gate.logits(&embeddings)?.detach();
//! let scores = Vec::<f32>::try_from(logits.reshape([-1]))?;
//! if let Some(threshold) = quantile_threshold(&scores, 1.0 / 3.0) {
//!     gate.set_threshold(threshold)?;
//! }
//! let open = decision::execute(&logits, gate.threshold());
//! assert_eq!(open.sum(None).double_value(&[]), 4.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(feature = "torch"),
    doc = "
[`TemporalGate`]: #without-libtorch
[`TemporalGate::state`]: #without-libtorch
[`decision`]: #without-libtorch
[`decision::draw`]: #without-libtorch
[`decision::straight_through`]: #without-libtorch
[`decision::error_diffusion`]: #without-libtorch
[`decision::execute`]: #without-libtorch
[`fixed`]: #without-libtorch
"
)]

pub mod alone;
pub mod budget;
mod config;
#[cfg(feature = "torch")]
pub mod decision;
#[cfg(feature = "torch")]
pub mod fixed;
mod network;
#[cfg(feature = "torch")]
mod temporal;
mod threshold;

pub use budget::{Budget, BudgetConfig, BudgetError, BudgetState, Price, TargetConfig};
pub use commformer_nn::NetworkError as GateError;
pub use config::{Execution, Per, TemporalGateConfig};
#[cfg(feature = "torch")]
#[doc(hidden)]
pub use temporal::check_threshold;
#[cfg(feature = "torch")]
pub use temporal::{Logits, TemporalGate};
pub use threshold::{diffusion_threshold, quantile_threshold};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
