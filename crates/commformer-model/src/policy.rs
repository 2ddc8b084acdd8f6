//! The policy as a whole: encode, evaluate, act.

use std::cell::RefCell;

use tch::{Device, Kind, Tensor};

use crate::ModelError;
use crate::by_torch::StaleState;
use crate::config::PolicyConfig;
use crate::input::{Input, check_shape};
use crate::native::Workspace;
use crate::network::{Network, Weights};
use crate::{Observations, UniformNoise};
use commformer_nn::torch::{Distribution, Parameters, numbers};

mod state;

/// CommFormer's policy and value function.
///
/// Nothing reads across batch entries: a batch cut into chunks gives the same numbers.
#[derive(Debug)]
pub struct CommFormer {
    pub(crate) network: Network,
    pub(crate) parameters: Parameters,
    /// Buffers of the native passes, while no pass has them.
    workspace: RefCell<Option<Box<Workspace>>>,
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
    /// What each agent keeps for the next step, (B, N, [`CommFormer::stale_width`]); `None` unless
    /// they keep anything ([`crate::Closed::Stale`]). Set rows to 0 where an episode ends.
    pub stale: Option<Tensor>,
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
        let network = Network::new(config);
        let parameters = Parameters::new(&network.layout, device, normal)?;
        Ok(Self::of(network, parameters))
    }

    /// A policy whose leaves alias this one's storage but have gradients of their own, so that
    /// another thread can run forward and backward passes: a weight update in place on either is
    /// seen by both.
    ///
    /// # Errors
    /// [`ModelError::Torch`] when libtorch refuses an operation.
    ///
    /// # Safety
    /// While one of them is in a pass on one thread, no other thread may change their weights: the kernels read
    /// them as slices.
    pub unsafe fn replica(&self) -> Result<Self, ModelError> {
        // SAFETY: the caller keeps to it.
        let parameters = unsafe { self.parameters.replica(&self.network.layout) };
        Ok(Self::of(self.network.clone(), parameters))
    }

    fn of(network: Network, parameters: Parameters) -> Self {
        Self {
            network,
            parameters,
            workspace: RefCell::default(),
        }
    }

    /// The configuration that the policy was built from.
    pub fn config(&self) -> &PolicyConfig {
        &self.network.config
    }

    /// Where the parameters are.
    pub fn device(&self) -> Device {
        self.parameters.device()
    }

    /// The width of what each agent of a recurrent network remembers: E, else 0.
    pub fn recurrent_width(&self) -> usize {
        self.config().recurrent_width()
    }

    /// The width of what each agent keeps of old messages: 0, or under
    /// [`crate::Closed::Stale`] a digest of E numbers for each block and their age.
    pub fn stale_width(&self) -> usize {
        self.config().stale_width()
    }

    /// What each agent makes of its own observation, and of what it remembers, before it hears anybody: (B, N, O) ->
    /// (B, N, E). A receive gate decides on it; every other pass begins with it.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when the observations do not fit.
    pub fn embed<'a>(&self, obs: impl Into<Observations<'a>>) -> Result<Tensor, ModelError> {
        Ok(self.embed_by_torch(&obs.into())?.0)
    }

    /// The same for acting: without a gradient, and with what agents of a recurrent network remember after it,
    /// (B, N, [`CommFormer::recurrent_width`]). Set rows to 0 where an episode ends.
    ///
    /// # Errors
    /// As for [`CommFormer::embed`].
    pub fn observe<'a>(
        &self,
        obs: impl Into<Observations<'a>>,
    ) -> Result<(Tensor, Option<Tensor>), ModelError> {
        let obs = obs.into();
        if !self.is_native() {
            return tch::no_grad(|| self.embed_by_torch(&obs));
        }
        let teams = self.check_observations(&obs)?;
        let (dense, agents) = (obs.dense(self.config(), teams), teams[1]);
        Ok(self.natively(|workspace, weights| {
            let (embedding, after) =
                workspace.embed(weights, dense.obs(), teams.map(size), dense.memory());
            let rows = |x: &[f32]| {
                Tensor::from_slice(x).view([-1, agents, self.config().embed_dim as i64])
            };
            let after = (!after.is_empty()).then(|| rows(after));
            (rows(embedding), after)
        }))
    }

    /// Whether passes without autograd run on the native kernels: on a CPU, in float32.
    pub(crate) fn is_native(&self) -> bool {
        self.device() == Device::Cpu && self.config().is_native()
    }

    /// A pass on the native kernels.
    pub(crate) fn natively<R>(&self, pass: impl FnOnce(&mut Workspace, Weights<'_>) -> R) -> R {
        let mut workspace = self.take_workspace();
        let result = pass(&mut workspace, self.weights(&self.parameters.numbers()));
        self.give_workspace(workspace);
        result
    }

    /// A tensor for each leaf of the network's layout.
    pub(crate) fn leaves(&self) -> &[Tensor] {
        self.parameters.leaves()
    }

    /// The leaves' numbers as the native passes take them.
    pub(crate) fn weights<'a>(&'a self, leaves: &'a [&'a [f32]]) -> Weights<'a> {
        Weights {
            network: &self.network,
            leaves,
        }
    }

    pub(crate) fn take_workspace(&self) -> Box<Workspace> {
        self.workspace.take().unwrap_or_default()
    }

    pub(crate) fn give_workspace(&self, workspace: Box<Workspace>) {
        self.workspace.replace(Some(workspace));
    }

    /// What every agent knows after it has heard its senders, and its value. No gradient reaches the parameters
    /// through it.
    ///
    /// # Shapes
    /// Representations (B, N, E), values (B, N).
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn encode(&self, input: &Input<'_>) -> Result<(Tensor, Tensor), ModelError> {
        let [batch, agents] = self.check_input(input)?;
        if self.is_native() {
            let dense = input.dense();
            return Ok(self.natively(|workspace, weights| {
                let (embedding, context) = dense.context();
                let representation = workspace.encode(weights, embedding, &context);
                let representation = Tensor::from_slice(representation).view([batch, agents, -1]);
                let values = Tensor::from_slice(&workspace.values).view([batch, agents]);
                (representation, values)
            }));
        }
        let _guard = tch::no_grad_guard();
        let (mut ops, links) = (self.torch(agents), input.links(self.config()));
        let stale = StaleState::new(input, &links, self.config());
        let ready = self.network.ready(&mut ops, false);
        let stale = stale.as_ref().map(StaleState::inputs);
        let network = &self.network;
        let (representation, _) =
            network.encode(&mut ops, &ready, input.embedding, &links, stale.as_ref());
        let values = network.values(&mut ops, &representation).squeeze_dim(-1);
        Ok((representation, values))
    }

    /// Scores actions that were taken, for all agents in one pass by libtorch: each agent is given the actual
    /// action of the agent before it.
    ///
    /// `dropout` is the source of noise for the configured dropout; without it none is applied.
    ///
    /// # Shapes
    /// `actions` (B, N) i64, or (B, N, A) if continuous.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn evaluate(
        &self,
        input: &Input<'_>,
        actions: &Tensor,
        dropout: Option<UniformNoise<'_>>,
    ) -> Result<Evaluation, ModelError> {
        let [_, agents] = self.check_actions(input, actions)?;
        let dropout = dropout.map(|uniform| uniform as UniformNoise<'_>);
        let mut ops = self.torch(agents).with_dropout(dropout);
        let links = input.links(self.config());
        let (output, values) = self.whole(&mut ops, input, &links, actions);
        let distribution = Distribution::new(output, input.available, self.std());
        let (log_probs, entropy) = distribution.score(actions);
        Ok(Evaluation {
            log_probs,
            entropy,
            values,
            logits: distribution.into_output(),
        })
    }

    /// The entropy of each agent's distribution if it heard nobody, (B, N): how unsure it is by itself.
    /// The input's gate is ignored.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn entropy_alone(&self, input: &Input<'_>) -> Result<Tensor, ModelError> {
        let [batch, agents] = self.check_input(input)?;
        if self.is_native() {
            let dense = input.dense();
            return Ok(self.natively(|workspace, weights| {
                let (embedding, context) = dense.context();
                workspace.entropy_alone(weights, embedding, &context);
                Tensor::from_slice(&workspace.scored.entropy).view([batch, agents])
            }));
        }
        let _guard = tch::no_grad_guard();
        let deaf = input.embedding.select(-1, 0).zeros_like(); // (B, N)
        let alone = Input {
            gate: Some(&deaf),
            ..*input
        };
        let (kind, size) = self.config().actions.tensor([batch, agents]);
        let actions = Tensor::zeros(size, (kind, self.device()));
        let links = alone.links(self.config()).without_actions();
        let (output, _) = self.whole(&mut self.torch(agents), &alone, &links, &actions);
        let distribution = Distribution::new(output, input.available, self.std());
        Ok(distribution.score(&actions).1)
    }

    /// Decides for all agents, one after the other, without gradients. An agent costs one row of
    /// the decoder, since what earlier agents sent is cached.
    ///
    /// `noise` (B, N, A) is standard Gumbel noise for discrete actions, standard normal noise for
    /// continuous ones; without it every agent takes its most likely action.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn act(&self, input: &Input<'_>, noise: Option<&Tensor>) -> Result<Act, ModelError> {
        let [batch, agents] = self.check_input(input)?;
        if let Some(noise) = noise {
            let width = self.config().actions.width() as i64;
            check_shape("noise", noise, &[batch, agents, width])?;
            self.check_kind("noise", noise, Kind::Float)?;
        }
        match self.is_native() {
            true => Ok(self.act_natively(input, noise, [batch, agents])),
            false => Ok(self.act_by_torch(input, noise, [batch, agents])),
        }
    }

    fn act_natively(&self, input: &Input<'_>, noise: Option<&Tensor>, shape: [i64; 2]) -> Act {
        let dense = input.dense();
        let noise = noise.map(Tensor::contiguous);
        self.natively(|workspace, weights| {
            let (embedding, context) = dense.context();
            let noise = noise.as_ref().map(numbers);
            let (actions, stale) = workspace.act(weights, embedding, &context, noise);
            let [batch, agents] = shape;
            Act {
                actions: actions.to_tensor(shape),
                log_probs: Tensor::from_slice(&workspace.log_probs).view(shape),
                values: Tensor::from_slice(&workspace.values).view(shape),
                stale: stale.map(|stale| Tensor::from_slice(&stale).view([batch, agents, -1])),
            }
        })
    }
}

fn size(size: i64) -> usize {
    size as usize
}
