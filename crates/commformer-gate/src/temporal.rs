//! The learned gate: a small network from an agent's own embedding to its decision.

use commformer_torch::named;
use tch::{Device, Kind, Tensor};

use crate::{GateError, Per, TemporalGateConfig};

const THRESHOLD: &str = "gate.threshold";

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
/// The value is that of the situation before the decision is made. It is a baseline for the gate
/// that does not know the decision, as a policy's own value, computed behind the gate, would.
#[derive(Debug)]
pub struct TemporalGate {
    config: TemporalGateConfig,
    device: Device,
    logits: Network,
    values: Network,
    /// (1), on the CPU: reading it must not wait for a GPU.
    threshold: Tensor,
}

/// What [`TemporalGate::forward`] finds. Both carry gradients.
#[derive(Debug)]
pub struct Logits {
    /// (B, N, W): the log-odds that the gate opens.
    pub logits: Tensor,
    /// (B, N): the value of the situation before the decision.
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
        let inputs = config.embed_dim as i64;
        let decisions = config.decisions() as i64;
        Ok(Self {
            config: config.clone(),
            device,
            logits: Network::new(inputs, decisions, config.open_bias, device, normal)?,
            values: Network::new(inputs, 1, 0.0, device, normal)?,
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
            logits: self.logits.replica()?,
            values: self.values.replica()?,
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

    /// The trained leaves under their names on disk, in a fixed order.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let logits = self.logits.leaves("gate");
        let values = self.values.leaves("gate.value");
        logits.into_iter().chain(values).collect()
    }

    /// Contiguous copies of all tensors under their names on disk, the threshold included.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let copy = |(name, part): (String, Tensor)| (name, part.detach().contiguous().copy());
        self.parts().into_iter().map(copy).collect()
    }

    /// Copies saved tensors into the gate's, in place. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// [`GateError::State`] names the missing, unexpected, misshapen or doubled tensor.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), GateError> {
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
            return Err(GateError::Input {
                input: "threshold",
                problem: "found NaN, expected a number".to_owned(),
            });
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
        Ok(self.logits.forward(embeddings)?)
    }

    /// The values of the situations before the decisions.
    ///
    /// # Shapes
    /// `embeddings` (B, N, E) -> (B, N).
    ///
    /// # Errors
    /// [`GateError::Shape`] or [`GateError::Input`] when the embeddings do not fit.
    pub fn values(&self, embeddings: &Tensor) -> Result<Tensor, GateError> {
        self.check(embeddings)?;
        Ok(self.values.forward(embeddings)?.f_squeeze_dim(-1)?)
    }

    fn check(&self, embeddings: &Tensor) -> Result<(), GateError> {
        let config = &self.config;
        let any = config.per == Per::Receiver;
        let (team, width) = (config.agents as i64, config.embed_dim as i64);
        let size = embeddings.size();
        let fits = matches!(size[..], [batch, agents, found]
            if batch > 0 && found == width && (agents == team || any && agents > 0));
        if !fits {
            let agents = if any { "N".into() } else { team.to_string() };
            return Err(GateError::Shape {
                input: "embeddings",
                expected: format!("(B, {agents}, {width}) with B at least 1"),
                found: size,
            });
        }
        if embeddings.kind() != Kind::Float {
            return Err(GateError::Input {
                input: "embeddings",
                problem: format!(
                    "has elements of kind {:?}, expected {:?}",
                    embeddings.kind(),
                    Kind::Float
                ),
            });
        }
        Ok(())
    }
}

/// A layer, an exact GELU, a layer.
#[derive(Debug)]
struct Network {
    hidden: Linear,
    out: Linear,
}

impl Network {
    fn new(
        inputs: i64,
        outputs: i64,
        bias: f64,
        device: Device,
        normal: &mut dyn FnMut() -> f32,
    ) -> Result<Self, GateError> {
        let scale = (2.0 / inputs as f64).sqrt();
        Ok(Self {
            hidden: Linear::new([inputs, inputs], scale, 0.0, device, normal)?,
            out: Linear::new([outputs, inputs], SMALL, bias, device, normal)?,
        })
    }

    fn replica(&self) -> Result<Self, tch::TchError> {
        Ok(Self {
            hidden: self.hidden.replica()?,
            out: self.out.replica()?,
        })
    }

    fn leaves(&self, name: &str) -> [(String, Tensor); 4] {
        [
            ("hidden.weight", &self.hidden.weight),
            ("hidden.bias", &self.hidden.bias),
            ("out.weight", &self.out.weight),
            ("out.bias", &self.out.bias),
        ]
        .map(|(leaf, tensor)| (format!("{name}.{leaf}"), tensor.shallow_clone()))
    }

    /// (B, N, E) -> (B, N, outputs)
    fn forward(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        self.out.forward(&self.hidden.forward(x)?.f_gelu("none")?)
    }
}

/// x W^T + b.
#[derive(Debug)]
struct Linear {
    /// (out, in)
    weight: Tensor,
    /// (out)
    bias: Tensor,
}

impl Linear {
    fn new(
        shape: [i64; 2],
        scale: f64,
        bias: f64,
        device: Device,
        normal: &mut dyn FnMut() -> f32,
    ) -> Result<Self, GateError> {
        let count = shape[0] * shape[1];
        let numbers: Vec<f32> = (0..count).map(|_| scale as f32 * normal()).collect();
        let weight = Tensor::f_from_slice(&numbers)?.f_view(shape)?;
        let bias = Tensor::f_full([shape[0]], bias, (Kind::Float, Device::Cpu))?;
        Ok(Self {
            weight: weight.f_to_device(device)?.f_set_requires_grad(true)?,
            bias: bias.f_to_device(device)?.f_set_requires_grad(true)?,
        })
    }

    fn replica(&self) -> Result<Self, tch::TchError> {
        Ok(Self {
            weight: self.weight.f_detach()?.f_set_requires_grad(true)?,
            bias: self.bias.f_detach()?.f_set_requires_grad(true)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}
