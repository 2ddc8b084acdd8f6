//! Adam whose state is ours: it can be saved, loaded and looked at.
//!
//! tch's optimiser hides its moments, so a run could not be continued from a checkpoint. Here the
//! moments are plain tensors and libtorch's fused kernel updates everything in one call.
//!
//! Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015, Algorithm 1. With a
//! gradient `g`, after `t` steps (this one included) and all operations elementwise:
//!
//! ```text
//! g <- g + weight_decay * p
//! m <- beta1 * m + (1 - beta1) * g
//! v <- beta2 * v + (1 - beta2) * g * g
//! p <- p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
//! ```

mod state;

pub use state::{AdamState, Moments};

use crate::error::During;
use crate::{TorchError, ffi};
use std::collections::HashSet;
use tch::{Device, Kind, Tensor};

/// The constants of [`Adam`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamConfig {
    /// Learning rate, at least 0.
    pub lr: f64,
    /// Decay of the mean of gradients, in `[0, 1)`.
    pub beta1: f64,
    /// Decay of the mean of squared gradients, in `[0, 1)`.
    pub beta2: f64,
    /// Added to the denominator, positive.
    pub eps: f64,
    /// Coefficient of the L2 penalty, at least 0. It goes through the moments, unlike AdamW's.
    pub weight_decay: f64,
}

impl Default for AdamConfig {
    /// The values of Adam's paper.
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// The optimiser: parameters, their moments, and the count of steps.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    names: Vec<String>,
    parameters: Vec<Tensor>,
    exp_avg: Vec<Tensor>,
    exp_avg_sq: Vec<Tensor>,
    step: u64,
    device: Device,
}

impl Adam {
    /// An optimiser with moments of zero.
    ///
    /// The tensors are handles: [`Adam::step`] writes to the memory that they share with the
    /// model's own, so give `tensor.shallow_clone()`.
    ///
    /// # Errors
    ///
    /// [`TorchError::OutOfRange`] for a constant outside its range, [`TorchError::Count`] for no
    /// parameters, [`TorchError::Name`] for a name given twice, [`TorchError::Mismatch`] for a
    /// parameter that is not contiguous, not of `f32`, or not on the first one's device.
    pub fn new(parameters: Vec<(String, Tensor)>, config: AdamConfig) -> Result<Self, TorchError> {
        check_config(&config)?;
        let Some((_, first)) = parameters.first() else {
            return Err(TorchError::Count {
                what: "parameter or more",
                expected: 1,
                found: 0,
            });
        };
        check_defined(first, || format!("parameter {:?}", parameters[0].0))?;
        let device = first.device();
        let mut seen = HashSet::new();
        for (name, parameter) in &parameters {
            if !seen.insert(name.as_str()) {
                return Err(TorchError::Name {
                    name: name.clone(),
                    problem: "is given twice",
                });
            }
            let tensor = || format!("parameter {name:?}");
            check_tensor(parameter, device, tensor)?;
            if !parameter.is_contiguous() {
                return Err(TorchError::Mismatch {
                    tensor: tensor(),
                    expected: "a contiguous tensor".into(),
                    found: format!("strides {:?}", parameter.stride()),
                });
            }
        }
        let (names, parameters): (Vec<_>, Vec<_>) = parameters.into_iter().unzip();
        Ok(Self {
            config,
            names,
            exp_avg: zeros_like(&parameters)?,
            exp_avg_sq: zeros_like(&parameters)?,
            parameters,
            step: 0,
            device,
        })
    }

    /// One step of Adam: `gradients[i]` moves the `i`-th parameter, in place.
    ///
    /// # Errors
    ///
    /// [`TorchError::Count`] or [`TorchError::Mismatch`] when the gradients do not fit the
    /// parameters, or these no longer what they were; then nothing has changed. [`TorchError::Libtorch`] if libtorch refuses.
    pub fn step(&mut self, gradients: &[Tensor]) -> Result<(), TorchError> {
        if gradients.len() != self.parameters.len() {
            return Err(TorchError::Count {
                what: "gradients, one for each parameter",
                expected: self.parameters.len(),
                found: gradients.len(),
            });
        }
        let mut dense = Vec::with_capacity(gradients.len());
        let own = self.names.iter().zip(&self.parameters).zip(&self.exp_avg);
        for (((name, parameter), exp_avg), gradient) in own.zip(gradients) {
            // Whoever shares the handle can have made another tensor of it.
            let tensor = || format!("parameter {name:?}");
            check_tensor(parameter, self.device, tensor)?;
            if parameter.size() != exp_avg.size() || !parameter.is_contiguous() {
                return Err(TorchError::Mismatch {
                    tensor: tensor(),
                    expected: format!("a contiguous tensor of shape {:?}", exp_avg.size()),
                    found: format!(
                        "shape {:?}, strides {:?}",
                        parameter.size(),
                        parameter.stride()
                    ),
                });
            }
            let tensor = || format!("gradient of {name:?}");
            check_tensor(gradient, self.device, tensor)?;
            if gradient.size() != parameter.size() {
                return Err(TorchError::Mismatch {
                    tensor: tensor(),
                    expected: format!("shape {:?}", parameter.size()),
                    found: format!("shape {:?}", gradient.size()),
                });
            }
            // The kernel reads memory in order, whatever the strides say.
            dense.push(gradient.f_contiguous().during("lay out a gradient")?);
        }
        let step = self.step.saturating_add(1);
        // The kernel takes the count as f32. It counts exactly up to 2^24, where both powers of
        // beta have long vanished beside 1.
        let count = Tensor::f_full([1], step as f64, (Kind::Float, self.device))
            .during("make the step's tensor")?;
        let AdamConfig {
            lr,
            beta1,
            beta2,
            eps,
            weight_decay,
        } = self.config;
        let parameters = ffi::handles(&self.parameters);
        let gradients = ffi::handles(&dense);
        let exp_avg = ffi::handles(&self.exp_avg);
        let exp_avg_sq = ffi::handles(&self.exp_avg_sq);
        // SAFETY: four lists of `parameters.len()` handles, all valid for the call, of f32,
        // contiguous, on one device and of pairwise equal shapes: parameters and gradients are
        // checked above, and the moments, which nobody else holds, are made so in `new` and `load_state`. Writing through a shared handle is what in-place operations do.
        unsafe {
            ffi::check(
                "do a step of Adam",
                ffi::commformer_fused_adam(
                    parameters.as_ptr(),
                    gradients.as_ptr(),
                    exp_avg.as_ptr(),
                    exp_avg_sq.as_ptr(),
                    parameters.len(),
                    count.as_ptr(),
                    lr,
                    beta1,
                    beta2,
                    weight_decay,
                    eps,
                ),
            )?;
        }
        self.step = step;
        Ok(())
    }

    /// The parameters' names, in the order that [`Adam::step`] expects gradients in.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The parameters, in the same order.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// The constants in use.
    pub fn config(&self) -> &AdamConfig {
        &self.config
    }

    /// Changes the learning rate from the next step on.
    ///
    /// # Errors
    ///
    /// [`TorchError::OutOfRange`] if it is negative or not finite.
    pub fn set_lr(&mut self, lr: f64) -> Result<(), TorchError> {
        let config = AdamConfig { lr, ..self.config };
        check_config(&config)?;
        self.config = config;
        Ok(())
    }
}

fn check_config(config: &AdamConfig) -> Result<(), TorchError> {
    let check = |name, expected, found: f64, right: bool| {
        if right && found.is_finite() {
            Ok(())
        } else {
            Err(TorchError::OutOfRange {
                name,
                expected,
                found,
            })
        }
    };
    let AdamConfig {
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
    } = *config;
    let positive = "finite and positive";
    let not_negative = "finite and at least 0";
    let decay = "at least 0 and below 1";
    check("Adam's learning rate", not_negative, lr, lr >= 0.0)?;
    check("Adam's beta1", decay, beta1, (0.0..1.0).contains(&beta1))?;
    check("Adam's beta2", decay, beta2, (0.0..1.0).contains(&beta2))?;
    check("Adam's eps", positive, eps, eps > 0.0)?;
    check(
        "Adam's weight decay",
        not_negative,
        weight_decay,
        weight_decay >= 0.0,
    )
}

fn check_defined(tensor: &Tensor, name: impl Fn() -> String) -> Result<(), TorchError> {
    if tensor.defined() {
        return Ok(());
    }
    Err(TorchError::Mismatch {
        tensor: name(),
        expected: "a tensor".into(),
        found: "an undefined one (give zeros where a parameter was not used)".into(),
    })
}

fn check_tensor(
    tensor: &Tensor,
    device: Device,
    name: impl Fn() -> String,
) -> Result<(), TorchError> {
    check_defined(tensor, &name)?;
    let expected = (Kind::Float, device);
    let found = (tensor.kind(), tensor.device());
    if found == expected {
        return Ok(());
    }
    Err(TorchError::Mismatch {
        tensor: name(),
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}

fn zeros_like(tensors: &[Tensor]) -> Result<Vec<Tensor>, TorchError> {
    let zeros = tensors.iter().map(Tensor::f_zeros_like);
    zeros.collect::<Result<_, _>>().during("make the moments")
}
