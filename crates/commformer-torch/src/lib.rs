//! What [`tch`] lacks for training a model that can be stopped, saved and continued.
//!
//! tch gives tensors and automatic differentiation; this crate adds, in the order in which a
//! program meets them:
//!
//! - [`cuda`]: one binary for machines with and without a GPU. [`cuda::device`] turns a name such
//!   as `auto` into a device and loads libtorch's CUDA half; call it before anything of tch.
//! - [`library`]: which libtorch this process runs with.
//! - [`threads`]: how many cores an operation may use, and whether freed memory is kept.
//! - [`Shared`]: memory that environments write as a slice and models read as a tensor.
//! - [`gradients`]: gradients of a loss, and clipping by the global norm.
//! - [`Adam`]: libtorch's fused kernel, with a state that can be saved and loaded.
//! - [`weights`]: named tensors as safetensors bytes, deterministic to write and safe to read.
//! - [`group`]: torch's distributed engine: processes that meet and exchange tensors.
//! - [`named`]: saved tensors copied into a model's own, once all of them are known to fit.
//!
//! What can fail gives a [`TorchError`], a [`named::StateError`] or tch's own error; no C++ exception and no panic
//! crosses over. libtorch's functions are called through tch where it has them, and through the few C
//! functions of `shim.cpp` where it has not.
//!
//! # Example
//!
//! Fits `y = w x` to one point, and saves what a later run needs to go on.
//!
//! ```
//! use commformer_torch::{Adam, AdamConfig, Shared, cuda, gradients, weights};
//! use tch::Tensor;
//!
//! let device = cuda::device("cpu")?;
//!
//! // The environment's side writes plain numbers; the model's side sees a tensor.
//! let mut inputs = Shared::<f32>::zeros(&[1])?;
//! inputs.slice_mut()?[0] = 2.0;
//! let x = inputs.tensor()?.to_device(device);
//!
//! let w = Tensor::from_slice(&[0.0_f32]).to_device(device).set_requires_grad(true);
//! let parameters = vec![("w".to_owned(), w.shallow_clone())];
//! let mut adam = Adam::new(parameters, AdamConfig { lr: 0.1, ..AdamConfig::default() })?;
//! for _ in 0..200 {
//!     let loss = (&w * &x - 6.0).square().sum(None);
//!     let mut found = Tensor::run_backward(&[loss], &[&w], false, false);
//!     let norm = gradients::clip_norm(&mut found, 10.0)?;
//!     assert!(norm.is_finite());
//!     adam.step(&found)?;
//! }
//! assert!((w.double_value(&[0]) - 3.0).abs() < 0.05);
//!
//! let bytes = weights::encode(&[("w".to_owned(), w)], &[])?;
//! let state = adam.state()?;
//!
//! // A later run:
//! let loaded = weights::decode(&bytes)?;
//! let mut adam = Adam::new(loaded.tensors, AdamConfig::default())?;
//! adam.load_state(state)?;
//! # Ok::<(), commformer_torch::TorchError>(())
//! ```

pub mod adam;
pub mod cuda;
mod error;
mod ffi;
pub mod gradients;
pub mod group;
pub mod library;
pub mod named;
pub mod shared;
pub mod threads;
pub mod weights;

pub use adam::{Adam, AdamConfig, AdamState};
pub use error::TorchError;
pub use shared::Shared;

/// The code of the crate's README is tested with that of its documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
