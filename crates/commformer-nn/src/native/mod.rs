//! The operations on a CPU, by kernels of our own.
//!
//! libtorch computes a small network in some hundred operations on small tensors, each of which costs its dispatch,
//! a new tensor and a trip through the cache. Here an operation is a product (`product.rs`) or a loop over rows
//! (`rows.rs`, `activations.rs`) into a buffer that is kept from pass to pass. A [`Tape`] remembers the operations of a
//! pass, and runs them backwards. Attention reads lists of senders, so that its cost grows with the edges.

mod activations;
mod attend;
mod backward;
mod dense;
pub(crate) mod distribution;
mod forward;
mod heard;
mod observe;
mod pairs;
mod product;
mod recurrent;
mod rows;
mod shared;
mod tape;
mod vectors;

pub use distribution::{Actions, Scored};
pub use forward::{Native, Uniform};
pub use tape::{Gradients, Index, Links, Tape, Var};
pub use vectors::kernel_vectors;
