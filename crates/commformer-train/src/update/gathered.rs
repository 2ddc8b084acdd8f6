//! What a rollout left in the buffers of all shards, put together.

use super::bilevel::Outcomes;
use crate::rollout::Shard;
use crate::{PpoConfig, TrainError, ValueNorm};
use ndarray::{Array3, Axis, concatenate};

/// Of S = T x C samples with N agents, in the order of [`Experience`](super::experience::Experience).
pub struct Gathered {
    /// (S, N).
    pub advantages: Vec<f32>,
    /// In units of reward, (S, N).
    pub returns: Vec<f32>,
    /// (S, N).
    pub active: Vec<bool>,
    /// Values that do not know what the gates decided, normalised, (S, N); empty without gates.
    pub gate_values: Vec<f32>,
    /// 1 where what an agent carries begins anew, (S, N).
    pub begins: Vec<f32>,
    /// How the agents fared.
    pub outcomes: Outcomes,
}

impl Gathered {
    /// Of these shards, which have the same steps and agents; `norm` has the scale of the policy's values.
    pub fn of<E>(
        shards: &[Shard<E>],
        norm: &ValueNorm,
        config: &PpoConfig,
    ) -> Result<Self, TrainError> {
        let (mut advantages, mut returns) = (Vec::new(), Vec::new());
        let (mut active, mut gate_values) = (Vec::new(), Vec::new());
        let mut begins = Vec::new();
        let (mut rewards, mut ended) = (Vec::new(), Vec::new());
        for buffer in shards.iter().map(|shard| &shard.buffer) {
            let (of_shard, returns_of_shard) = buffer.advantages(norm, config)?;
            advantages.extend(of_shard);
            returns.extend(returns_of_shard);
            active.extend_from_slice(buffer.active_samples());
            if let Some(gates) = buffer.gates() {
                gate_values.extend_from_slice(gates.values()?);
            }
            begins.extend(buffer.begins());
            rewards.push(buffer.rewards());
            ended.push(buffer.ended());
        }
        let ended: Vec<_> = ended.iter().map(Array3::view).collect();
        Ok(Self {
            advantages,
            returns,
            active,
            gate_values,
            begins,
            outcomes: Outcomes {
                rewards: concatenate(Axis(1), &rewards).unwrap_or_default(),
                ended: concatenate(Axis(1), &ended).unwrap_or_default(),
            },
        })
    }
}
