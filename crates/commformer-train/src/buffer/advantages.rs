//! From what a rollout earned to what is learned from it.

use super::Buffer;
use crate::{TrainError, ValueNorm, gae};
use commformer_env::Status;
use ndarray::{Array3, s};

impl Buffer {
    /// Advantages and returns, (T, C, N).
    pub fn advantages(
        &self,
        norm: &ValueNorm,
        gamma: f64,
        lambda: f64,
    ) -> Result<(Array3<f32>, Array3<f32>), TrainError> {
        let shape = (self.steps + 1, self.copies, self.spec.agents);
        let values: Vec<f32> = self
            .values
            .slice()?
            .iter()
            .map(|value| norm.denormalize(*value))
            .collect();
        // The memory has exactly this shape.
        let values = Array3::from_shape_vec(shape, values).unwrap_or_default();
        let mut next_values = values.slice(s![1.., .., ..]).to_owned();
        let mut ended = Array3::zeros(next_values.raw_dim());
        for (at, status) in self.status.iter().enumerate() {
            if *status != Status::Running {
                let (t, copy) = (at / self.copies, at % self.copies);
                ended.slice_mut(s![t, copy, ..]).fill(1.0);
                next_values.slice_mut(s![t, copy, ..]).fill(0.0);
            }
        }
        let final_values = self.final_values.chunks(self.spec.agents);
        for (&(t, copy), values) in self.final_at.iter().zip(final_values) {
            for (next, value) in next_values
                .slice_mut(s![t, copy, ..])
                .iter_mut()
                .zip(values)
            {
                *next = norm.denormalize(*value);
            }
        }
        let acted_in = values.slice(s![..-1, .., ..]);
        let earned = &self.rewards - &self.tolls;
        Ok(gae(
            earned.view(),
            acted_in,
            next_values.view(),
            ended.view(),
            gamma,
            lambda,
        ))
    }
}
