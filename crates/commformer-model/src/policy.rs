//! The policy as a whole: encode, evaluate, act.

use tch::{Device, Kind, Tensor};

use crate::ModelError;
use crate::config::{ActionSpace, PolicyConfig};
use crate::decoder::Decoder;
use crate::distribution::Distribution;
use crate::encoder::Encoder;
use crate::layers::UniformNoise;
use crate::mask::Mask;
use crate::parameters::{Builder, Init, Leaf};

/// CommFormer's policy and value function.
///
/// Every method that takes a `graph` wants it as one float tensor (1 or B, N, N) of 0 and 1, row
/// the receiver, column the sender: the same graph for all, or one per batch entry. It may be a
/// straight-through sample ([`crate::graph::sample`]) and be multiplied by a receive gate
/// ([`crate::graph::gated`]); then gradients reach the logits and the gate through it.
///
/// Nothing reads across batch entries: a batch cut into chunks gives the same numbers.
#[derive(Debug)]
pub struct CommFormer {
    config: PolicyConfig,
    device: Device,
    encoder: Encoder,
    decoder: Decoder,
    /// (2, E): no edge, edge.
    edge_embedding: Tensor,
    /// (N, N)
    edge_logits: Tensor,
    leaves: Vec<Leaf>,
}

/// What [`CommFormer::evaluate`] finds. All carry gradients.
#[derive(Debug)]
pub struct Evaluation {
    /// (B, N): log-probability of each agent's action given the earlier agents' actions.
    pub log_probs: Tensor,
    /// (B, N): entropy of each agent's distribution.
    pub entropy: Tensor,
    /// (B, N)
    pub values: Tensor,
    /// (B, N, A): logits with unavailable actions masked, or a continuous policy's means.
    pub logits: Tensor,
}

/// What [`CommFormer::act`] decides. None carries a gradient.
#[derive(Debug)]
pub struct Act {
    /// (B, N) i64 of discrete actions, or (B, N, A) of continuous ones.
    pub actions: Tensor,
    /// (B, N)
    pub log_probs: Tensor,
    /// (B, N)
    pub values: Tensor,
}

impl CommFormer {
    /// A new policy. `normal` yields independent standard normal numbers.
    ///
    /// Matrices start orthogonal, with gain sqrt(2) before an activation and 0.01 elsewhere, as in
    /// the Multi-Agent Transformer; biases at 0, norms at scale 1, edge logits at 1.
    ///
    /// # Errors
    /// [`ModelError::Config`] when the configuration does not make a policy, [`ModelError::Torch`]
    /// when the device refuses the tensors.
    pub fn new(
        config: &PolicyConfig,
        device: Device,
        normal: &mut dyn FnMut() -> f32,
    ) -> Result<Self, ModelError> {
        config.validate()?;
        Self::build(config, device, Builder::fresh(device, normal))
    }

    /// A policy whose leaves alias this one's storage but have gradients of their own, so that
    /// another thread can run forward and backward passes: a weight update in place on either is
    /// seen by both.
    ///
    /// # Errors
    /// [`ModelError::Torch`] when libtorch refuses an operation.
    pub fn replica(&self) -> Result<Self, ModelError> {
        let builder = Builder::alias(&self.leaves, self.device);
        Self::build(&self.config, self.device, builder)
    }

    fn build(
        config: &PolicyConfig,
        device: Device,
        mut builder: Builder,
    ) -> Result<Self, ModelError> {
        let agents = config.agents;
        let encoder = Encoder::new(&mut builder, config)?;
        let decoder = Decoder::new(&mut builder, config)?;
        let shape = [2, config.embed_dim];
        let edge_embedding = builder.whole(EDGE_EMBEDDING, &shape, Init::Normal)?;
        let edge_logits = builder.whole(EDGE_LOGITS, &[agents, agents], Init::Ones)?;
        Ok(Self {
            config: config.clone(),
            device,
            encoder,
            decoder,
            edge_embedding,
            edge_logits,
            leaves: builder.finish(),
        })
    }

    /// The configuration that the policy was built from.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// Where the parameters are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The edge logits (N, N), the parameter of the upper level: a leaf of its own.
    pub fn edge_logits(&self) -> &Tensor {
        &self.edge_logits
    }

    /// The parameters of the lower level: every trained leaf but the edge logits, in a fixed
    /// order. Some leaves pack several tensors of [`CommFormer::state`], and are named after them.
    ///
    /// Without relation terms (`relation: false`), the tensors that only those read are not
    /// trained, and so not listed.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let trained = |leaf: &&Leaf| {
            let relation = leaf.name == EDGE_EMBEDDING || leaf.name.contains(".relation.");
            leaf.name != EDGE_LOGITS && (self.config.relation || !relation)
        };
        let clone = |leaf: &Leaf| (leaf.name.clone(), leaf.tensor.shallow_clone());
        self.leaves.iter().filter(trained).map(clone).collect()
    }

    /// Contiguous copies of all tensors under their names on disk, edge logits included.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let copy = |(name, part): &(String, Tensor)| (name.clone(), part.contiguous().copy());
        self.parts().map(copy).collect()
    }

    /// Copies saved tensors into the parameters, in place. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// An error that names the missing, unexpected, misshapen or doubled tensor.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), ModelError> {
        let mut pairs = Vec::new();
        let mut missing = Vec::new();
        for (name, part) in self.parts() {
            let mut found = state.iter().filter(|(saved, _)| saved == name);
            match (found.next(), found.next()) {
                (None, _) => missing.push(name.clone()),
                (Some(_), Some(_)) => {
                    return Err(ModelError::DuplicateTensor { name: name.clone() });
                }
                (Some((_, saved)), None) if saved.size() != part.size() => {
                    return Err(ModelError::MisshapenTensor {
                        name: name.clone(),
                        expected: part.size(),
                        found: saved.size(),
                    });
                }
                (Some((_, saved)), None) => pairs.push((part.shallow_clone(), saved)),
            }
        }
        let known = |name: &String| self.parts().any(|(known, _)| known == name);
        let names = state.iter().map(|(name, _)| name);
        let unexpected: Vec<_> = names.filter(|name| !known(name)).cloned().collect();
        if !missing.is_empty() {
            return Err(ModelError::MissingTensors { names: missing });
        }
        if !unexpected.is_empty() {
            return Err(ModelError::UnexpectedTensors { names: unexpected });
        }
        tch::no_grad(|| {
            for (mut part, saved) in pairs {
                part.f_copy_(saved)?;
            }
            Ok(())
        })
    }

    fn parts(&self) -> impl Iterator<Item = &(String, Tensor)> {
        self.leaves.iter().flat_map(|leaf| &leaf.parts)
    }

    /// What every agent knows after it has heard its senders, and its value.
    ///
    /// # Shapes
    /// `obs` (B, N, O) -> representations (B, N, E), values (B, N).
    ///
    /// # Errors
    /// [`ModelError::Shape`] when an input does not fit.
    pub fn encode(&self, obs: &Tensor, graph: &Tensor) -> Result<(Tensor, Tensor), ModelError> {
        self.check_inputs(obs, None, graph)?;
        let mask = Mask::new(graph, &self.config);
        let representation = self.encoder.forward(obs, &mask, &self.edge_embedding, None);
        let values = self.encoder.values(&representation);
        Ok((representation, values))
    }

    /// The values (B, N) of observations (B, N, O).
    ///
    /// # Errors
    /// [`ModelError::Shape`] when an input does not fit.
    pub fn values(&self, obs: &Tensor, graph: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.encode(obs, graph)?.1)
    }

    /// Scores actions that were taken, for all agents in one pass: each agent is given the actual
    /// action of the agent before it.
    ///
    /// `dropout` is the source of noise for the configured dropout; without it none is applied.
    ///
    /// # Shapes
    /// `obs` (B, N, O); `actions` (B, N) i64, or (B, N, A) if continuous; `available` (B, N, A)
    /// boolean.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn evaluate(
        &self,
        obs: &Tensor,
        actions: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        dropout: Option<UniformNoise>,
    ) -> Result<Evaluation, ModelError> {
        let [batch, agents] = self.check_inputs(obs, available, graph)?;
        let (kind, size) = match self.config.actions {
            ActionSpace::Discrete(_) => (Kind::Int64, vec![batch, agents]),
            ActionSpace::Continuous(width) => (Kind::Float, vec![batch, agents, width as i64]),
        };
        check_shape("actions", actions, &size)?;
        check_kind("actions", actions, kind)?;

        let mask = Mask::new(graph, &self.config);
        let edges = &self.edge_embedding;
        let representation = self.encoder.forward(obs, &mask, edges, dropout);
        let values = self.encoder.values(&representation);
        let decoder = self.decoder.ready(edges);
        let output = decoder.all(&representation, actions, &mask.causal());
        let distribution = Distribution::new(output, available, self.decoder.std());
        let (log_probs, entropy) = distribution.score(actions);
        Ok(Evaluation {
            log_probs,
            entropy,
            values,
            logits: distribution.into_output(),
        })
    }

    /// Decides for all agents, one after the other, without gradients. An agent costs one row of
    /// the decoder, since what earlier agents sent is cached.
    ///
    /// `noise` (B, N, A) is standard Gumbel noise for discrete actions, standard normal noise for
    /// continuous ones; without it every agent takes its most likely action.
    ///
    /// # Shapes
    /// `obs` (B, N, O); `available` (B, N, A) boolean.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn act(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
        noise: Option<&Tensor>,
    ) -> Result<Act, ModelError> {
        let [batch, agents] = self.check_inputs(obs, available, graph)?;
        if let Some(noise) = noise {
            let width = self.config.actions.width() as i64;
            check_shape("noise", noise, &[batch, agents, width])?;
        }
        let _guard = tch::no_grad_guard();
        let mask = Mask::new(graph, &self.config);
        let edges = &self.edge_embedding;
        let representation = self.encoder.forward(obs, &mask, edges, None);
        let values = self.encoder.values(&representation);

        let decoder = self.decoder.ready(edges);
        let mut steps = decoder.steps(&representation);
        let mut actions: Vec<Tensor> = Vec::new();
        let mut log_probs = Vec::new();
        for agent in 0..agents {
            let own = |x: &Tensor| x.select(1, agent);
            let output = steps.next(agent, actions.last(), &mask);
            let available = available.map(own);
            let distribution = Distribution::new(output, available.as_ref(), self.decoder.std());
            let (action, log_prob) = distribution.choose(noise.map(own).as_ref());
            actions.push(action);
            log_probs.push(log_prob);
        }
        Ok(Act {
            actions: Tensor::stack(&actions, 1),
            log_probs: Tensor::stack(&log_probs, 1),
            values,
        })
    }

    /// Checks the inputs that all passes share, and returns B and N.
    fn check_inputs(
        &self,
        obs: &Tensor,
        available: Option<&Tensor>,
        graph: &Tensor,
    ) -> Result<[i64; 2], ModelError> {
        let config = &self.config;
        let size = obs.size();
        let width = config.obs_dim as i64;
        let agents = match size[..] {
            [batch, agents, obs]
                if batch > 0
                    && obs == width
                    && (agents == config.agents as i64 || config.shared_head && agents > 0) =>
            {
                agents
            }
            _ => {
                let agents = if config.shared_head {
                    "N".to_owned()
                } else {
                    config.agents.to_string()
                };
                return Err(ModelError::Shape {
                    input: "obs",
                    expected: format!("(B, {agents}, {width}) with B at least 1"),
                    found: size,
                });
            }
        };
        let batch = size[0];
        check_kind("obs", obs, Kind::Float)?;
        let found = graph.size();
        if found != [1, agents, agents] && found != [batch, agents, agents] {
            return Err(ModelError::Shape {
                input: "graph",
                expected: format!("(1 or {batch}, {agents}, {agents})"),
                found,
            });
        }
        check_kind("graph", graph, Kind::Float)?;
        if let Some(available) = available {
            let ActionSpace::Discrete(actions) = config.actions else {
                return Err(ModelError::Input {
                    input: "available",
                    problem: "continuous actions are always available; pass None".to_owned(),
                });
            };
            check_shape("available", available, &[batch, agents, actions as i64])?;
            check_kind("available", available, Kind::Bool)?;
        }
        Ok([batch, agents])
    }
}

const EDGE_EMBEDDING: &str = "graph.edge_embedding";
const EDGE_LOGITS: &str = "graph.edge_logits";

fn check_shape(input: &'static str, x: &Tensor, expected: &[i64]) -> Result<(), ModelError> {
    if x.size() == expected {
        return Ok(());
    }
    Err(ModelError::Shape {
        input,
        expected: format!("{expected:?}"),
        found: x.size(),
    })
}

fn check_kind(input: &'static str, x: &Tensor, expected: Kind) -> Result<(), ModelError> {
    if x.kind() == expected {
        return Ok(());
    }
    Err(ModelError::Input {
        input,
        problem: format!("has elements of kind {:?}, expected {expected:?}", x.kind()),
    })
}
