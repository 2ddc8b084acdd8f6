//! What Adam remembers, out and in again.

use super::Adam;
use crate::TorchError;
use crate::error::During;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use tch::{Device, Tensor};

/// All that [`Adam`] remembers between steps. The constants are not in it: they belong to the
/// run's configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AdamState {
    /// How many steps were done.
    pub step: u64,
    /// One entry for each parameter, in the optimiser's order.
    pub moments: Vec<Moments>,
}

/// The two moments of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The parameter's name.
    #[serde(deserialize_with = "borrowed")]
    pub name: String,
    /// The parameter's shape.
    pub shape: Vec<i64>,
    /// The running mean of gradients, row by row.
    pub exp_avg: Vec<f32>,
    /// The running mean of squared gradients, row by row.
    pub exp_avg_sq: Vec<f32>,
}

/// Reads text where it lies: for an owned one, bincode makes room for whatever length a file claims
/// before it looks whether so much is there.
fn borrowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    Text::deserialize(deserializer).map(|Text(text)| text.into_owned())
}

impl Adam {
    /// A copy of the state, to be saved.
    ///
    /// # Errors
    ///
    /// [`TorchError::Tch`] if the moments cannot be copied from their device.
    pub fn state(&self) -> Result<AdamState, TorchError> {
        let moments = self.names.iter().zip(&self.exp_avg).zip(&self.exp_avg_sq);
        let moments = moments.map(|((name, exp_avg), exp_avg_sq)| {
            Ok(Moments {
                name: name.clone(),
                shape: exp_avg.size(),
                exp_avg: values(exp_avg)?,
                exp_avg_sq: values(exp_avg_sq)?,
            })
        });
        Ok(AdamState {
            step: self.step,
            moments: moments.collect::<Result<_, TorchError>>()?,
        })
    }

    /// Takes over a saved state; the order of its entries does not matter. The parameters
    /// themselves are not part of it.
    ///
    /// # Errors
    ///
    /// [`TorchError::Name`] for an entry that is missing, unknown or there twice, and
    /// [`TorchError::Mismatch`] for one of another shape. After an error nothing has changed.
    pub fn load_state(&mut self, state: AdamState) -> Result<(), TorchError> {
        let mut entries = HashMap::new();
        for moments in state.moments {
            let name = moments.name.clone();
            if entries.insert(name.clone(), moments).is_some() {
                let problem = "is in the optimiser's state twice";
                return Err(TorchError::Name { name, problem });
            }
        }
        let mut exp_avg = Vec::with_capacity(self.names.len());
        let mut exp_avg_sq = Vec::with_capacity(self.names.len());
        for (name, parameter) in self.names.iter().zip(&self.parameters) {
            let moments = entries.remove(name).ok_or_else(|| TorchError::Name {
                name: name.clone(),
                problem: "is missing from the optimiser's state; \
                          was it saved by a model of another configuration?",
            })?;
            check_moments(&moments, parameter)?;
            exp_avg.push(tensor(&moments.exp_avg, &moments.shape, self.device)?);
            exp_avg_sq.push(tensor(&moments.exp_avg_sq, &moments.shape, self.device)?);
        }
        // The smallest name, so that the message does not depend on the map's order.
        if let Some(name) = entries.into_keys().min() {
            return Err(TorchError::Name {
                name,
                problem: "is in the optimiser's state, but is no parameter of this model; \
                          was it saved by a model of another configuration?",
            });
        }
        self.exp_avg = exp_avg;
        self.exp_avg_sq = exp_avg_sq;
        self.step = state.step;
        Ok(())
    }
}

fn check_moments(moments: &Moments, parameter: &Tensor) -> Result<(), TorchError> {
    let tensor = format!("moments of {:?}", moments.name);
    if moments.shape != parameter.size() {
        return Err(TorchError::Mismatch {
            tensor,
            expected: format!("shape {:?}", parameter.size()),
            found: format!("shape {:?}", moments.shape),
        });
    }
    let found = (moments.exp_avg.len(), moments.exp_avg_sq.len());
    let expected = parameter.numel();
    if found != (expected, expected) {
        return Err(TorchError::Mismatch {
            tensor,
            expected: format!("{expected} values each"),
            found: format!("{} and {}", found.0, found.1),
        });
    }
    Ok(())
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, TorchError> {
    tensor
        .f_reshape([-1])
        .and_then(Vec::try_from)
        .during("copy the moments")
}

fn tensor(values: &[f32], shape: &[i64], device: Device) -> Result<Tensor, TorchError> {
    Tensor::f_from_slice(values)
        .and_then(|tensor| tensor.f_reshape(shape))
        .and_then(|tensor| tensor.f_to_device(device))
        .during("load the moments")
}
