//! What the integration tests share: noise and comparisons.

use commformer_model::{
    Act, ActionSpace, CommFormer, Evaluation, Input, ModelError, PolicyConfig, UniformNoise,
};
use tch::{Device, Kind, Tensor};

/// Everybody hears everybody, (1, N, N).
pub fn complete(agents: i64) -> Tensor {
    Tensor::ones([1, agents, agents], (Kind::Float, Device::Cpu))
}

/// A small generator, so that tests need no other crate's and a seed names a case.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform on (0, 1).
    pub fn uniform(&mut self) -> f32 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 41) as f32 + 0.5) / (1u32 << 23) as f32
    }

    pub fn normal(&mut self) -> f32 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
    }

    pub fn tensor(&mut self, shape: &[i64], mut draw: impl FnMut(&mut Self) -> f32) -> Tensor {
        let count = shape.iter().product::<i64>();
        let numbers: Vec<f32> = (0..count).map(|_| draw(self)).collect();
        Tensor::from_slice(&numbers).view(shape)
    }

    pub fn normals(&mut self, shape: &[i64]) -> Tensor {
        self.tensor(shape, Self::normal)
    }

    pub fn gumbels(&mut self, shape: &[i64]) -> Tensor {
        self.tensor(shape, |noise| -(-noise.uniform().ln()).ln())
    }

    /// 0 or 1, 1 with probability `p`.
    pub fn coins(&mut self, shape: &[i64], p: f32) -> Tensor {
        self.tensor(shape, |noise| f32::from(noise.uniform() < p))
    }
}

/// The policy's passes on observations, every gate open.
pub trait OnObservations {
    fn encode_on(&self, obs: &Tensor, graph: &Tensor) -> Result<(Tensor, Tensor), ModelError>;

    /// Values by libtorch, with their gradients.
    fn values_on(&self, obs: &Tensor, graph: &Tensor) -> Tensor;

    fn act_on(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        noise: Option<&Tensor>,
    ) -> Result<Act, ModelError>;

    fn evaluate_on(
        &self,
        obs: &Tensor,
        actions: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        dropout: Option<UniformNoise>,
    ) -> Result<Evaluation, ModelError>;
}

impl OnObservations for CommFormer {
    fn encode_on(&self, obs: &Tensor, graph: &Tensor) -> Result<(Tensor, Tensor), ModelError> {
        self.encode(&Input::new(&self.embed(obs)?, graph))
    }

    fn values_on(&self, obs: &Tensor, graph: &Tensor) -> Tensor {
        let size = obs.size();
        let actions = Tensor::zeros(&size[..2], (Kind::Int64, obs.device()));
        let found = self.evaluate_on(obs, &actions, None, graph, None);
        found.unwrap().values
    }

    fn act_on(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        noise: Option<&Tensor>,
    ) -> Result<Act, ModelError> {
        let embedding = self.embed(obs)?;
        let input = Input {
            available,
            ..Input::new(&embedding, graph)
        };
        self.act(&input, noise)
    }

    fn evaluate_on(
        &self,
        obs: &Tensor,
        actions: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        dropout: Option<UniformNoise>,
    ) -> Result<Evaluation, ModelError> {
        let embedding = self.embed(obs)?;
        let input = Input {
            available,
            ..Input::new(&embedding, graph)
        };
        self.evaluate(&input, actions, dropout)
    }
}

/// A policy whose every parameter, edge logits aside, is noise: unlike a fresh one it has no small
/// gains, zeros or ones that could hide a mistake.
pub fn noisy_policy(config: &PolicyConfig, noise: &mut Noise) -> CommFormer {
    // Tests share the cores already, and idle threads of libtorch's spin on them.
    commformer_torch::threads::set_intra_op(1).unwrap();
    let mut policy = CommFormer::new(config, Device::Cpu, &mut || noise.normal()).unwrap();
    let state: Vec<_> = policy
        .state()
        .into_iter()
        .map(|(name, tensor)| {
            if name.starts_with("obs.") {
                return (name, tensor); // Moments of what was seen are not any numbers.
            }
            let scale = 0.5 / (tensor.size().last().copied().unwrap_or(1) as f64).sqrt();
            let centre = if name.contains("norm") && name.ends_with("weight") {
                1.0
            } else {
                0.0
            };
            let value = noise.normals(&tensor.size()) * (3.0 * scale).min(0.5) + centre;
            (name, value)
        })
        .collect();
    policy.load_state(&state).unwrap();
    let mut noise = Noise::new(9);
    let rows: Vec<f32> = (0..8 * config.obs_dim)
        .map(|_| 2.0 * noise.normal() + 1.0)
        .collect();
    policy.take_in(&rows, &[true; 8]).unwrap();
    policy
}

/// The largest absolute difference.
pub fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    if a.numel() == 0 {
        return 0.0;
    }
    let difference = (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).abs();
    f64::try_from(difference.max()).unwrap()
}

/// Some actions that a policy could have taken.
pub fn taken(config: &PolicyConfig, batch: i64, noise: &mut Noise) -> Tensor {
    let n = config.agents as i64;
    match config.actions {
        ActionSpace::Continuous(width) => noise.normals(&[batch, n, width as i64]),
        ActionSpace::Discrete(width) => {
            (noise.coins(&[batch, n], 0.5) * (width - 1) as f64).to_kind(Kind::Int64)
        }
    }
}
