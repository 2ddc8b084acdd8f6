//! CommFormer's policy: a learnable communication graph and a relation-enhanced transformer.
//!
//! After Hu, Shen, Zhang, Tao, "Learning Multi-Agent Communication from Graph Modeling Perspective"
//! (ICLR 2024, arXiv 2405.08550). A tour, in the order in which data flows:
//!
//! 1. [`graph`]: edge logits become an adjacency, receiver by sender: [`graph::exact`] for
//!    execution, [`graph::sample`] for training.
//! 2. The network stands in `network.rs`, written once over the operations of `commformer_nn`, and every pass is it.
//!    [`CommFormer::embed`] turns each agent's observation into an embedding. A receive gate may
//!    decide on it who receives in this step; the decision is part of the [`Input`].
//!    The encoder turns embeddings into representations. Its attention lets an agent hear only
//!    its senders and itself, and its scores read whether there is an edge.
//! 3. The value head gives each agent a value; [`CommFormer::encode`] ends here.
//! 4. The decoder lets agents decide one after the other. [`CommFormer::act`] decodes step by
//!    step with cached keys and values; [`CommFormer::evaluate`] scores actions that were taken,
//!    for all agents in one pass.
//! 5. [`CommFormer::pass`] scores and differentiates at once, for training. On the CPU it and acting
//!    run on kernels, which give the numbers of libtorch in half the time or less.
//! 6. [`CommFormer::parameters`] are the lower level's leaves, [`CommFormer::edge_logits`] is the
//!    upper level's; [`CommFormer::state`] names all tensors as they are on disk.
//! 7. [`decentralised`] runs every agent alone, on the messages that reach it, to the same actions, and needs no
//!    libtorch (`default-features = false`).
//!
//! What is deliberately absent: objectives, optimisers and schedules (the trainer's), files (the
//! caller writes what [`CommFormer::state`] returns), and randomness. All noise is passed in.
//! Where the authors' release departs from their paper, a switch of [`PolicyConfig`] follows it.
//!
//! # Without libtorch
//!
//! With `default-features = false` there are [`PolicyConfig`] and [`decentralised`]: trained agents run, and nothing is
//! trained.
//!
//! # An example
//!
// Without libtorch the code is shown and not run, and links to what is left out lead to where that is said.
#![cfg_attr(feature = "torch", doc = "```")]
#![cfg_attr(not(feature = "torch"), doc = "```ignore")]
//! use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig, SelfEdge, graph, senders};
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
//! // Three agents that see 17 numbers each and choose one of 5 actions.
//! let config = PolicyConfig::new(3, 17, ActionSpace::Discrete(5));
//! let policy = CommFormer::new(&config, Device::Cpu, &mut normal)?;
//!
//! // Each agent hears k = max(1, floor(0.4 * 3)) = 1 sender.
//! let k = senders(0.4, config.agents);
//! let graph = graph::exact(policy.edge_logits(), k, SelfEdge::Excluded).unsqueeze(0);
//!
//! // Act greedily in a batch of four environments, then score the same actions.
//! let obs = Tensor::ones([4, 3, 17], (Kind::Float, Device::Cpu));
//! let embedding = policy.embed(&obs)?;
//! let input = Input::new(&embedding, &graph);
//! let act = policy.act(&input, None)?;
//! let evaluation = policy.evaluate(&input, &act.actions, None)?;
//! assert!(act.log_probs.allclose(&evaluation.log_probs, 0.0, 1e-5, false));
//! # Ok::<(), commformer_model::ModelError>(())
//! ```
#![cfg_attr(
    not(feature = "torch"),
    doc = "
[`graph`]: #without-libtorch
[`graph::exact`]: #without-libtorch
[`graph::sample`]: #without-libtorch
[`Input`]: #without-libtorch
[`CommFormer::embed`]: #without-libtorch
[`CommFormer::encode`]: #without-libtorch
[`CommFormer::act`]: #without-libtorch
[`CommFormer::evaluate`]: #without-libtorch
[`CommFormer::pass`]: #without-libtorch
[`CommFormer::parameters`]: #without-libtorch
[`CommFormer::edge_logits`]: #without-libtorch
[`CommFormer::state`]: #without-libtorch
"
)]

#[cfg(feature = "torch")]
mod by_torch;
mod config;
mod cost;
pub mod decentralised;
#[cfg(feature = "torch")]
mod explain;
#[cfg(feature = "torch")]
pub mod graph;
#[cfg(feature = "torch")]
mod input;
mod message;
#[cfg(feature = "torch")]
mod native;
mod network;
#[cfg(feature = "torch")]
mod observations;
#[cfg(feature = "torch")]
mod pass;
#[cfg(feature = "torch")]
mod policy;
mod stale;

pub use commformer_nn::NetworkError as ModelError;
pub use commformer_nn::native::kernel_vectors;
#[cfg(feature = "torch")]
pub use commformer_nn::torch::Uniform as UniformNoise;
pub use config::{
    ActionSpace, AttentionOver, Closed, Decoding, Design, ObsNorm, PolicyConfig, Precision,
    PreviousAction, Recurrence, RelationOrder, ScoreScale, SelfEdge, SelfLoop, senders,
};
#[cfg(feature = "torch")]
pub use explain::{Attention, Explanation};
#[cfg(feature = "torch")]
pub use input::Input;
#[cfg(feature = "torch")]
pub use observations::Observations;
#[cfg(feature = "torch")]
pub use pass::{Pass, Scores};
#[cfg(feature = "torch")]
pub use policy::{Act, CommFormer, Evaluation};

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
