//! What agents see, and what they remember when they see it.

use commformer_nn::torch::numbers;
use tch::{Kind, Tensor};

use crate::config::{PolicyConfig, Recurrence};
use crate::input::check_shape;
use crate::native::Memory;
use crate::{CommFormer, ModelError};

/// Observations as a pass takes them. Those of agents that remember nothing, or nothing yet, are a tensor alone.
#[derive(Clone, Copy, Debug)]
pub struct Observations<'a> {
    /// (B, N, O). Of a sequence, which only a recurrent network has, step comes before team: row `l * B + b` of
    /// (L B, N, O) is step l of team b.
    pub obs: &'a Tensor,
    /// What agents of a recurrent network remember before the first step, (B, N, [`CommFormer::recurrent_width`]); `None`:
    /// nothing yet.
    pub recurrent: Option<&'a Tensor>,
    /// For each step of a sequence 0 where an agent begins anew in it and else 1, (L, B, N); `None`: there is one step.
    pub goes_on: Option<&'a Tensor>,
}

impl<'a> From<&'a Tensor> for Observations<'a> {
    fn from(obs: &'a Tensor) -> Self {
        Self {
            obs,
            recurrent: None,
            goes_on: None,
        }
    }
}

impl Observations<'_> {
    fn steps(&self) -> i64 {
        self.goes_on.map_or(1, |goes_on| goes_on.size()[0])
    }

    /// What a recurrent network goes on from, (B, N, E), of (L B, N, O) observations.
    pub(crate) fn state(&self, config: &PolicyConfig, [rows, agents]: [i64; 2]) -> Option<Tensor> {
        if config.recurrence == Recurrence::None {
            return None;
        }
        Some(match self.recurrent {
            Some(recurrent) => recurrent.shallow_clone(),
            None => {
                let size = [rows / self.steps(), agents, config.recurrent_width() as i64];
                self.obs.new_zeros(size, (Kind::Float, self.obs.device()))
            }
        })
    }

    /// The same numbers, densely.
    pub(crate) fn dense(&self, config: &PolicyConfig, teams: [i64; 2]) -> Dense {
        Dense {
            obs: self.obs.contiguous(),
            state: self.state(config, teams).map(|state| state.contiguous()),
            goes_on: self.goes_on.map(Tensor::contiguous),
            steps: self.steps() as usize,
        }
    }
}

/// [`Observations`] on the CPU whose numbers lie one after the other.
#[derive(Debug)]
pub(crate) struct Dense {
    obs: Tensor,
    state: Option<Tensor>,
    goes_on: Option<Tensor>,
    steps: usize,
}

impl Dense {
    /// (B N, O)
    pub fn obs(&self) -> &[f32] {
        numbers(&self.obs)
    }

    /// What a recurrent network goes on from.
    pub fn memory(&self) -> Option<Memory<'_>> {
        self.state.as_ref().map(|state| Memory {
            state: numbers(state),
            goes_on: self.goes_on.as_ref().map_or(&[], numbers),
            steps: self.steps,
        })
    }
}

impl CommFormer {
    /// Checks observations and what is remembered, and returns the rows (B, or L B) and N.
    pub(crate) fn check_observations(
        &self,
        observations: &Observations<'_>,
    ) -> Result<[i64; 2], ModelError> {
        let config = self.config();
        let [rows, agents] = self.check_agents("obs", observations.obs, config.obs_dim)?;
        let given = observations.recurrent.is_some() || observations.goes_on.is_some();
        if given && config.recurrence == Recurrence::None {
            return Err(ModelError::Input {
                input: "recurrent",
                problem: "agents remember nothing unless `recurrence` is `gru`; pass None"
                    .to_owned(),
            });
        }
        let mut teams = rows;
        if let Some(goes_on) = observations.goes_on {
            let steps = goes_on.size().first().copied().unwrap_or(0).max(1);
            teams = rows / steps;
            check_shape("goes_on", goes_on, &[steps, teams, agents])?;
            self.check_kind("goes_on", goes_on, Kind::Float)?;
            if steps * teams != rows {
                return Err(ModelError::Input {
                    input: "goes_on",
                    problem: format!(
                        "has {steps} steps, expected a divisor of {rows}, the observations"
                    ),
                });
            }
        }
        if let Some(recurrent) = observations.recurrent {
            let width = config.recurrent_width() as i64;
            check_shape("recurrent", recurrent, &[teams, agents, width])?;
            self.check_kind("recurrent", recurrent, Kind::Float)?;
        }
        Ok([rows, agents])
    }
}
