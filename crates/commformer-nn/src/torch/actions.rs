//! Actions between tensors and the kernels.

use super::slices::{integers, numbers};
use crate::native::Actions;
use tch::{Device, Kind, Tensor};

impl Actions {
    /// Of a tensor that was checked: of i64, or of f32 if they are continuous.
    pub fn of_tensor(actions: &Tensor) -> Self {
        let actions = actions.to_device(Device::Cpu).contiguous();
        match actions.kind() {
            Kind::Int64 => Self::Discrete(integers(&actions).to_vec()),
            _ => Self::Continuous(numbers(&actions).to_vec()),
        }
    }

    /// Those of B teams of N agents, (B, N) of i64, or (B, N, A) of f32 if they are continuous.
    pub fn to_tensor(&self, [batch, agents]: [i64; 2]) -> Tensor {
        match self {
            Self::Discrete(actions) => Tensor::from_slice(actions).view([batch, agents]),
            Self::Continuous(actions) => Tensor::from_slice(actions).view([batch, agents, -1]),
        }
    }
}
