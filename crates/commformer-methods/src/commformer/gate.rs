//! The team's receive gate: what `[gate]` makes, what of it is saved, and how it is calibrated.

mod decisions;

pub use decisions::{Decision, GateInputs, for_policy};

use crate::config::{GateConfig, GateEstimator, GateMode};
use commformer_env::Rng;
use commformer_gate::{
    Execution, GateError, Per, TemporalGate, TemporalGateConfig, check_threshold,
    diffusion_threshold, quantile_threshold,
};
use commformer_train::{PolicyResult, Purpose, ReceiveGates, seed_for};
use tch::{Device, Tensor};

/// The stream of the gate's starting weights, apart from the policy's, which a gate does not change.
const STREAM: u64 = 1;

/// A gate of any kind.
#[derive(Debug)]
pub struct TeamGate {
    kind: Kinds,
    /// Of straight-through gradients.
    temperature: f64,
    estimator: GateEstimator,
    execution: Execution,
}

#[derive(Debug)]
enum Kinds {
    Open,
    Learned(Box<TemporalGate>),
    Random(f64),
    Periodic(f64),
    /// Open where the entropy lies above this threshold, (1), shared by all replicas.
    Uncertainty(Tensor),
}

impl TeamGate {
    /// The gate of a team of `agents` whose policy embeds observations in `width` numbers; `None` if
    /// it has none.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the settings make no gate or the device refuses it.
    pub fn new(
        config: &GateConfig,
        [agents, width]: [usize; 2],
        seed: u64,
        device: Device,
    ) -> Result<Option<Self>, GateError> {
        let kind = match config.mode {
            GateMode::Off => return Ok(None),
            GateMode::Open => Kinds::Open,
            GateMode::Random => Kinds::Random(config.target_rate),
            GateMode::Periodic => Kinds::Periodic(config.target_rate),
            GateMode::Uncertainty => Kinds::Uncertainty(Tensor::from_slice(&[0.0f32])),
            GateMode::Learned => {
                let mut rng = Rng::new(seed_for(seed, Purpose::Weights), STREAM);
                let sizes = TemporalGateConfig {
                    per: config.per,
                    ..TemporalGateConfig::new(agents, width)
                };
                Kinds::Learned(Box::new(TemporalGate::new(&sizes, device, &mut || {
                    rng.normal()
                })?))
            }
        };
        Ok(Some(Self {
            kind,
            temperature: config.temperature,
            estimator: config.estimator,
            execution: config.execution,
        }))
    }

    /// The same gate with gradients of its own.
    ///
    /// # Errors
    ///
    /// [`GateError::Torch`].
    ///
    /// # Safety
    ///
    /// As for [`TemporalGate::replica`].
    pub unsafe fn replica(&self) -> Result<Self, GateError> {
        Ok(Self {
            kind: match &self.kind {
                Kinds::Open => Kinds::Open,
                // SAFETY: the caller keeps to it.
                Kinds::Learned(gate) => Kinds::Learned(Box::new(unsafe { gate.replica() }?)),
                Kinds::Random(rate) => Kinds::Random(*rate),
                Kinds::Periodic(rate) => Kinds::Periodic(*rate),
                Kinds::Uncertainty(threshold) => Kinds::Uncertainty(threshold.shallow_clone()),
            },
            ..*self
        })
    }

    /// Decisions of each agent (W).
    pub fn width(&self) -> usize {
        match &self.kind {
            Kinds::Learned(gate) => gate.config().decisions(),
            _ => 1,
        }
    }

    /// Numbers that each agent's gate carries from step to step: a clock, or for each decision by how much it has
    /// opened less often than its probabilities said.
    pub fn recurrent_width(&self) -> usize {
        match &self.kind {
            Kinds::Periodic(_) => 1,
            Kinds::Learned(gate) if self.execution == Execution::ErrorDiffusion => {
                gate.config().decisions()
            }
            _ => 0,
        }
    }

    /// What it is made of and how it decides, where an agent can decide by itself; nothing of one that is always open.
    ///
    /// # Errors
    ///
    /// A sentence that says why it cannot.
    pub fn portable(&self) -> Result<Option<(TemporalGateConfig, Execution)>, String> {
        match &self.kind {
            Kinds::Open => Ok(None),
            Kinds::Learned(gate) => Ok(Some((gate.config().clone(), self.execution))),
            Kinds::Random(_) | Kinds::Periodic(_) | Kinds::Uncertainty(_) => Err(
                "its gates decide within the program alone: found a gate.mode of random, periodic or uncertainty, \
                 expected learned, open or off"
                    .to_owned(),
            ),
        }
    }

    /// Whether it learns when to open.
    pub fn is_learned(&self) -> bool {
        matches!(self.kind, Kinds::Learned(_))
    }

    /// Whether it goes by the policy's own entropy.
    pub fn needs_entropy(&self) -> bool {
        matches!(self.kind, Kinds::Uncertainty(_))
    }

    /// Whether it looks at who is heard by whom.
    pub fn reads_graph(&self) -> bool {
        match &self.kind {
            Kinds::Learned(gate) => {
                let straight = self.estimator == GateEstimator::StraightThrough;
                straight || gate.config().per == Per::Edge
            }
            _ => false,
        }
    }

    /// What is trained.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        match &self.kind {
            Kinds::Learned(gate) => gate.parameters(),
            _ => Vec::new(),
        }
    }

    /// What is saved.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        match &self.kind {
            Kinds::Learned(gate) => gate.state(),
            Kinds::Uncertainty(threshold) => vec![(THRESHOLD.to_owned(), threshold.copy())],
            _ => Vec::new(),
        }
    }

    /// Takes what was saved. Nothing is changed unless all fits.
    ///
    /// # Errors
    ///
    /// [`GateError::State`], [`GateError::Input`] for a threshold that is not a number.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), GateError> {
        let own = match &mut self.kind {
            Kinds::Learned(gate) => return gate.load_state(state),
            Kinds::Uncertainty(threshold) => {
                vec![(THRESHOLD.to_owned(), threshold.shallow_clone())]
            }
            _ => Vec::new(),
        };
        check_threshold(state)?;
        Ok(commformer_torch::named::copy_into(&own, state)?)
    }
}

impl ReceiveGates for TeamGate {
    fn draws_by_threshold(&self) -> bool {
        matches!(self.kind, Kinds::Uncertainty(_))
    }

    fn has_threshold(&self) -> bool {
        matches!(self.kind, Kinds::Learned(_) | Kinds::Uncertainty(_))
    }

    fn calibrate(&mut self, scores: &[f32], target: f64, found: Option<f64>) -> PolicyResult<()> {
        match &mut self.kind {
            Kinds::Learned(gate) => {
                let now = gate.threshold();
                let threshold = match self.execution {
                    Execution::ErrorDiffusion => diffusion_threshold(scores, target, found, now),
                    Execution::Threshold => quantile_threshold(scores, target),
                };
                if let Some(threshold) = threshold {
                    gate.set_threshold(threshold)?;
                }
            }
            Kinds::Uncertainty(own) => {
                if let Some(threshold) = quantile_threshold(scores, target) {
                    let _ = own.f_fill_(threshold)?;
                }
            }
            Kinds::Open | Kinds::Random(_) | Kinds::Periodic(_) => {}
        }
        Ok(())
    }
}

const THRESHOLD: &str = "gate.threshold";
