//! Operations that teams' networks are written in.
//!
//! A network is a [`layout::Layout`] of parameters and a function over [`Ops`], written once. A backend carries the
//! operations out: [`native::Native`] runs on a CPU by kernels of its own, and needs no library for tensors;
//! `torch::Torch` (feature `torch`) runs wherever libtorch does, with autograd; [`count::Count`] tells what a pass
//! costs. Whom agents hear comes in lists ([`links::Senders`]), so that an attention costs as much as there are edges.
//!
//! ```
//! use commformer_nn::layers::{Activation, Linear, Norm};
//! use commformer_nn::layout::{Init, Layout};
//! use commformer_nn::native::{Gradients, Native, Tape};
//! use commformer_nn::Ops;
//!
//! // y = LN(x + tanh(x W^T + b))
//! let mut layout = Layout::new();
//! let layer = Linear::new(&mut layout, "layer", [2, 2], Init::ACTIVATED);
//! let norm = Norm::new(&mut layout, "norm", 2);
//!
//! let numbers = [vec![1.0, 0.0, 0.0, 1.0], vec![0.0; 2], vec![1.0; 2], vec![0.0; 2]];
//! let leaves: Vec<&[f32]> = numbers.iter().map(Vec::as_slice).collect();
//! let mut tape = Tape::default();
//! tape.begin([1, 1]); // one team of one agent
//! let x = tape.input(&[0.5, -1.0], 2, true);
//! let mut ops = Native::new(&mut tape, &leaves);
//! let hidden = ops.activated(&layer, Activation::Tanh, &x);
//! let y = ops.norm(&norm, &x, Some(&hidden));
//!
//! let mut gradients = Gradients::default();
//! gradients.of_weights = true;
//! gradients.clear(numbers.iter().map(Vec::len));
//! tape.backward(&leaves, &[(y, &[1.0, 0.0])], &mut gradients);
//! assert_eq!(gradients.of(norm.bias), [1.0, 0.0]);
//! ```

pub mod count;
mod error;
pub mod inputs;
pub mod layers;
pub mod layout;
pub mod levels;
pub mod links;
pub mod native;
mod ops;
pub mod passes;
pub mod recurrent;
pub mod seen;
#[cfg(feature = "torch")]
pub mod torch;

pub use error::NetworkError;
pub use ops::Ops;

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
