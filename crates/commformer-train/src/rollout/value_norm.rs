//! Value normalisation: the critic learns returns of mean 0 and standard deviation 1 (as in MAPPO, Yu et al.,
//! 2022), with debiased running moments.

use serde::{Deserialize, Serialize};

const BETA: f64 = 0.99999;
const EPSILON: f64 = 1e-5;
const VARIANCE_FLOOR: f64 = 1e-2;

/// Running moments of the returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueNorm {
    mean: f64,
    mean_square: f64,
    /// Weight that the zeros at the start no longer have.
    debias: f64,
}

impl ValueNorm {
    /// Takes a batch of returns in. An empty batch changes nothing.
    pub fn update(&mut self, returns: impl Iterator<Item = f32> + Clone) {
        let count = returns.clone().count();
        if count == 0 {
            return;
        }
        let (sum, squares) = returns.fold((0.0, 0.0), |(sum, squares), r| {
            (sum + f64::from(r), squares + f64::from(r).powi(2))
        });
        let keep = |old: f64, new: f64| BETA * old + (1.0 - BETA) * new;
        self.mean = keep(self.mean, sum / count as f64);
        self.mean_square = keep(self.mean_square, squares / count as f64);
        self.debias = keep(self.debias, 1.0);
    }

    /// Debiased mean and variance of the returns; the variance is at least 0.01. Before the first update: 0 and 0.01.
    pub fn moments(&self) -> (f64, f64) {
        let debias = self.debias.max(EPSILON);
        let mean = self.mean / debias;
        (
            mean,
            (self.mean_square / debias - mean * mean).max(VARIANCE_FLOOR),
        )
    }

    /// Brings a return to the critic's scale.
    pub fn normalize(&self, value: f32) -> f32 {
        let (mean, variance) = self.moments();
        ((f64::from(value) - mean) / variance.sqrt()) as f32
    }

    /// Brings the critic's output back to the scale of returns.
    pub fn denormalize(&self, value: f32) -> f32 {
        let (mean, variance) = self.moments();
        (f64::from(value) * variance.sqrt() + mean) as f32
    }
}
