//! The joint actions of a rollout, whatever their kind.

use super::rows::Rows;
use crate::TrainError;
use commformer_env::{ActionSpace, Actions};
use tch::{Device, Tensor};

/// The actions taken in T steps of C environments with N agents.
#[derive(Debug)]
pub enum Taken {
    /// (T, C, N).
    Discrete(Rows<i64>),
    /// (T, C, N, A).
    Continuous(Rows<f32>),
}

impl Taken {
    /// Room for actions of this kind, [T, C, N].
    pub fn new(actions: ActionSpace, shape: [i64; 3]) -> Result<Self, TrainError> {
        Ok(match actions {
            ActionSpace::Discrete(_) => Self::Discrete(Rows::zeros(&shape)?),
            ActionSpace::Continuous(width) => {
                let [steps, envs, agents] = shape;
                Self::Continuous(Rows::zeros(&[steps, envs, agents, width as i64])?)
            }
        })
    }

    /// Mirrors them where the policy works.
    pub fn mirror_on(&mut self, device: Device) -> Result<(), TrainError> {
        match self {
            Self::Discrete(actions) => actions.mirror_on(device),
            Self::Continuous(actions) => actions.mirror_on(device),
        }
    }

    /// Keeps those of step `t` and brings them to the environments.
    pub fn record(&mut self, t: usize, taken: &Tensor) -> Result<(), TrainError> {
        fn keep<T: commformer_torch::shared::Element>(
            rows: &mut Rows<T>,
            t: usize,
            taken: &Tensor,
        ) -> Result<(), TrainError> {
            rows.write(t, taken)?;
            rows.fetch(t..t + 1)
        }
        match self {
            Self::Discrete(actions) => keep(actions, t, taken),
            Self::Continuous(actions) => keep(actions, t, taken),
        }
    }

    /// Those of step `t`, for the environments.
    pub fn at(&self, t: usize) -> Result<Actions<'_>, TrainError> {
        Ok(match self {
            Self::Discrete(actions) => Actions::Discrete(actions.row(t)?),
            Self::Continuous(actions) => Actions::Continuous(actions.row(t)?),
        })
    }

    /// Those of the first `steps` steps, for the policy: (S, N) or (S, N, A).
    pub fn samples(&mut self, steps: usize) -> Result<Tensor, TrainError> {
        match self {
            Self::Discrete(actions) => actions.samples(steps),
            Self::Continuous(actions) => actions.samples(steps),
        }
    }
}
