//! The learned gate: a small network from an agent's own embedding to its decision.

use commformer_nn::layout::Leaf;
use commformer_nn::torch::{Inputs, Precision, Torch};
use commformer_torch::named;
use tch::{Device, Kind, Tensor};

use crate::network::{Head, Network, THRESHOLD};
use crate::{GateError, Per, TemporalGateConfig};

/// The factor of the output layers' first weights: decisions start nearly independent of the
/// embedding, and values near 0.
const SMALL: f64 = 0.01;

/// Decides, from each agent's own embedding alone, whether it takes messages in.
///
/// All agents share the weights. Nothing reads across agents or batch entries, so an agent can
/// decide before anything is sent, and needs no message to decide:
///
/// ```text
/// logits = W2 GELU(W1 e + b1) + b2      (W numbers: the decisions' log-odds)
/// value  = V2 GELU(V1 e + c1) + c2      (one number)
/// ```
///
/// The value is that of the state before the decision is made. It is a baseline for the gate
/// that does not know the decision, as a policy's own value, computed behind the gate, would.
#[derive(Debug)]
pub struct TemporalGate {
    config: TemporalGateConfig,
    device: Device,
    network: Network,
    /// A tensor for each leaf of the network's layout.
    leaves: Vec<Tensor>,
    /// (1), on the CPU: reading it must not wait for a GPU.
    threshold: Tensor,
}

/// What [`TemporalGate::forward`] finds. Both carry gradients.
#[derive(Debug)]
pub struct Logits {
    /// (B, N, W): the log-odds that the gate opens.
    pub logits: Tensor,
    /// (B, N): the value of the state before the decision.
    pub values: Tensor,
}

impl TemporalGate {
    /// A new gate. `normal` yields independent standard normal numbers.
    ///
    /// Weights start normal: with variance 2 / E in the hidden layers, and with standard
    /// deviation 0.01 in the output layers. Biases start at 0, but that of the decision at
    /// `open_bias`. The threshold starts at 0.
    ///
    /// # Errors
    /// [`GateError::Config`] when the configuration does not make a gate, [`GateError::Torch`]
    /// when the device refuses the tensors.
    pub fn new(
        config: &TemporalGateConfig,
        device: Device,
        normal: &mut dyn FnMut() -> f32,
    ) -> Result<Self, GateError> {
        config.validate()?;
        let network = Network::new(config);
        let hidden = (2.0 / config.embed_dim as f64).sqrt();
        let mut leaf = |leaf: &Leaf| -> Result<Tensor, GateError> {
            let mut starts = |scale: f64| -> Vec<f32> {
                (0..leaf.numel()).map(|_| scale as f32 * normal()).collect()
            };
            let numbers = match leaf.name.as_str() {
                "gate.out.bias" => vec![config.open_bias as f32; leaf.numel()],
                name if name.ends_with("hidden.weight") => starts(hidden),
                name if name.ends_with("out.weight") => starts(SMALL),
                _ => vec![0.0; leaf.numel()],
            };
            let shape: Vec<i64> = leaf.shape.iter().map(|size| *size as i64).collect();
            let tensor = Tensor::f_from_slice(&numbers)?.f_view(&shape[..])?;
            Ok(tensor.f_to_device(device)?.f_set_requires_grad(true)?)
        };
        Ok(Self {
            leaves: (network.layout.leaves().iter())
                .map(&mut leaf)
                .collect::<Result<_, _>>()?,
            network,
            config: config.clone(),
            device,
            threshold: Tensor::f_zeros([1], (Kind::Float, Device::Cpu))?,
        })
    }

    /// A gate whose leaves alias this one's storage but have gradients of their own, so that
    /// another thread can run forward and backward passes: a weight update in place on either is
    /// seen by both, and so is the threshold.
    ///
    /// # Errors
    /// [`GateError::Torch`] when libtorch refuses an operation.
    ///
    /// # Safety
    /// While one of them is in a pass on one thread, no other thread may change their weights or threshold.
    pub unsafe fn replica(&self) -> Result<Self, GateError> {
        Ok(Self {
            config: self.config.clone(),
            device: self.device,
            network: self.network.clone(),
            leaves: (self.leaves.iter())
                .map(|leaf| leaf.f_detach()?.f_set_requires_grad(true))
                .collect::<Result<_, _>>()?,
            threshold: self.threshold.f_detach()?,
        })
    }

    /// The configuration that the gate was built from.
    pub fn config(&self) -> &TemporalGateConfig {
        &self.config
    }

    /// Where the parameters are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The trained leaves under their names on disk, in a fixed order. They share the gate's memory: nobody may write
    /// through them while the gate or a replica is in a call.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let leaves = self.network.layout.leaves().iter().zip(&self.leaves);
        leaves
            .map(|(leaf, tensor)| (leaf.name.clone(), tensor.shallow_clone()))
            .collect()
    }

    /// Contiguous copies of all tensors under their names on disk, the threshold included.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let copy = |(name, part): (String, Tensor)| (name, part.detach().contiguous().copy());
        self.parts().into_iter().map(copy).collect()
    }

    /// Copies saved tensors into the gate's, in place. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// [`GateError::State`] names the missing, unexpected, misshapen or doubled tensor, or one of another kind;
    /// [`GateError::Input`] for a threshold that is not a number.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), GateError> {
        check_threshold(state)?;
        Ok(named::copy_into(&self.parts(), state)?)
    }

    fn parts(&self) -> Vec<(String, Tensor)> {
        let mut parts = self.parameters();
        parts.push((THRESHOLD.to_owned(), self.threshold.shallow_clone()));
        parts
    }

    /// The logit above which the deterministic gate opens ([`crate::decision::execute`]). It is
    /// no parameter: whoever trains the gate sets it, for example to meet a rate
    /// ([`crate::quantile_threshold`]).
    pub fn threshold(&self) -> f64 {
        self.threshold.double_value(&[0])
    }

    /// Sets the threshold, rounded to `f32`, in place: replicas see it.
    ///
    /// # Errors
    /// [`GateError::Input`] for a threshold that is not a number, [`GateError::Torch`] when
    /// libtorch refuses.
    pub fn set_threshold(&mut self, threshold: f64) -> Result<(), GateError> {
        if threshold.is_nan() {
            return Err(not_a_number());
        }
        let _ = self.threshold.f_fill_(threshold)?;
        Ok(())
    }

    /// The decisions' log-odds and the values before the decisions.
    ///
    /// # Shapes
    /// `embeddings` (B, N, E) -> logits (B, N, W), values (B, N).
    ///
    /// # Errors
    /// [`GateError::Shape`] or [`GateError::Input`] when the embeddings do not fit.
    pub fn forward(&self, embeddings: &Tensor) -> Result<Logits, GateError> {
        Ok(Logits {
            logits: self.logits(embeddings)?,
            values: self.values(embeddings)?,
        })
    }

    /// The decisions' log-odds: [`crate::decision`] makes decisions of them.
    ///
    /// With [`Per::Edge`], entry (b, i, j) is about what agent i hears from agent j; an agent
    /// decides about itself too, which a policy in which agents always hear themselves ignores.
    ///
    /// # Shapes
    /// `embeddings` (B, N, E) -> (B, N, W), with W = 1 per receiver and W = N per edge.
    ///
    /// # Errors
    /// [`GateError::Shape`] or [`GateError::Input`] when the embeddings do not fit.
    pub fn logits(&self, embeddings: &Tensor) -> Result<Tensor, GateError> {
        self.check(embeddings)?;
        Ok(self.forward_of(&self.network.logits, embeddings))
    }

    /// The values of the observations before the decisions.
    ///
    /// # Shapes
    /// `embeddings` (B, N, E) -> (B, N).
    ///
    /// # Errors
    /// [`GateError::Shape`] or [`GateError::Input`] when the embeddings do not fit.
    pub fn values(&self, embeddings: &Tensor) -> Result<Tensor, GateError> {
        self.check(embeddings)?;
        Ok(self
            .forward_of(&self.network.values, embeddings)
            .squeeze_dim(-1))
    }

    fn forward_of(&self, head: &Head, embeddings: &Tensor) -> Tensor {
        let agents = embeddings.size()[1];
        let mut ops = Torch::new(&self.leaves, agents, Precision::Float32);
        head.forward(&mut ops, embeddings)
    }

    fn check(&self, embeddings: &Tensor) -> Result<[i64; 2], GateError> {
        let config = &self.config;
        let agents = (config.per == Per::Edge).then_some(config.agents);
        let inputs = Inputs {
            of: "gate",
            device: self.device,
        };
        inputs.check_agents("embeddings", embeddings, agents, config.embed_dim)
    }
}

/// Refuses saved tensors whose threshold is not a number.
///
/// # Errors
/// [`GateError::Input`].
#[doc(hidden)] // of this workspace's crates, whose other gates have thresholds
pub fn check_threshold(state: &[(String, Tensor)]) -> Result<(), GateError> {
    let defined = |(name, saved): &&(String, Tensor)| name == THRESHOLD && saved.defined();
    for (_, threshold) in state.iter().filter(defined) {
        if bool::try_from(threshold.f_isnan()?.f_any()?)? {
            return Err(not_a_number());
        }
    }
    Ok(())
}

/// Refuses a threshold.
fn not_a_number() -> GateError {
    GateError::Input {
        input: "threshold",
        problem: "found NaN, expected a number".to_owned(),
    }
}
