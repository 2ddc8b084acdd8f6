//! The policy as a whole: encode, evaluate, act.

use std::cell::RefCell;

use tch::{Device, Tensor};

use crate::ModelError;
use crate::config::PolicyConfig;
use crate::decoder::Decoder;
use crate::distribution::Distribution;
use crate::encoder::Encoder;
use crate::input::{Input, check_kind, check_shape};
use crate::layers::UniformNoise;
use crate::mask::Mask;
use crate::native::Workspace;
use crate::parameters::{Builder, Init, Leaf};
use crate::seen;
use crate::stale::Kept;

/// CommFormer's policy and value function.
///
/// Nothing reads across batch entries: a batch cut into chunks gives the same numbers.
#[derive(Debug)]
pub struct CommFormer {
    config: PolicyConfig,
    device: Device,
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
    /// (2, E): no edge, edge.
    pub(crate) edge_embedding: Tensor,
    /// (N, N)
    edge_logits: Tensor,
    leaves: Vec<Leaf>,
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
    /// What each agent keeps for the next step, (B, N, [`CommFormer::kept_width`]); `None` unless
    /// they keep anything ([`crate::Closed::Stale`]). Set rows to 0 where an episode ends.
    pub kept: Option<Tensor>,
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
    ///
    /// # Safety
    /// While one of them is in a pass on one thread, no other thread may change their weights: the kernels read
    /// them as slices.
    pub unsafe fn replica(&self) -> Result<Self, ModelError> {
        let builder = Builder::alias(&self.leaves, self.device);
        Self::build(&self.config, self.device, builder)
    }

    fn build(
        config: &PolicyConfig,
        device: Device,
        mut builder: Builder,
    ) -> Result<Self, ModelError> {
        let agents = config.agents;
        builder = builder.multiplying_in(config.precision);
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
            workspace: RefCell::default(),
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
            let trained = leaf.name != EDGE_LOGITS && !leaf.name.starts_with(seen::PREFIX);
            trained && (self.config.relation || !relation)
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
    /// Under a shared head only the edge logits depend on the number of agents, and weights of a team of another size
    /// fit: agents keep their places, and what no agent of the saved team was for another keeps its present logit.
    ///
    /// # Errors
    /// An error that names the missing, unexpected, misshapen or doubled tensor.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), ModelError> {
        let parts: Vec<_> = self
            .parts()
            .map(|(name, part)| (name.clone(), part.shallow_clone()))
            .collect();
        let fitted: Vec<_> = (state.iter())
            .map(|(name, saved)| {
                let saved = match self.config.shared_head && name == EDGE_LOGITS {
                    true => self.fit_logits(saved)?,
                    false => saved.shallow_clone(),
                };
                Ok((name.clone(), saved))
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(commformer_torch::named::copy_into(&parts, &fitted)?)
    }

    /// Edge logits of a team of another size for this one; what are none stay as they are.
    fn fit_logits(&self, saved: &Tensor) -> Result<Tensor, ModelError> {
        let own = self.config.agents as i64;
        let both = match saved.size()[..] {
            [rows, columns] if rows == columns && rows != own && rows > 0 => rows.min(own),
            _ => return Ok(saved.shallow_clone()),
        };
        let fitted = self.edge_logits.detach().copy();
        let corner = |of: &Tensor| of.f_narrow(0, 0, both)?.f_narrow(1, 0, both);
        corner(&fitted)?.f_copy_(&corner(saved)?)?;
        Ok(fitted)
    }

    fn parts(&self) -> impl Iterator<Item = &(String, Tensor)> {
        self.leaves.iter().flat_map(|leaf| &leaf.parts)
    }

    /// The width of what each agent keeps from step to step: 0, or under
    /// [`crate::Closed::Stale`] a digest of E numbers for each block and their age.
    pub fn kept_width(&self) -> usize {
        self.config.kept_width()
    }

    /// Adds observations, rows of O numbers, to what the policy knows of each feature's mean and variance, under
    /// [`crate::ObsNorm::Running`]; those count whose agent is `active`. A replica sees it, too. Between two calls the
    /// policy is a fixed function: a trainer calls it when it has learned from a rollout, an evaluation never.
    ///
    /// # Errors
    /// [`ModelError::Input`] when there is not one flag for each row.
    pub fn take_in(&mut self, rows: &[f32], active: &[bool]) -> Result<(), ModelError> {
        let Some(seen) = &mut self.encoder.seen else {
            return Ok(());
        };
        let (found, expected) = (rows.len(), active.len() * self.config.obs_dim);
        if found != expected {
            return Err(ModelError::Input {
                input: "rows",
                problem: format!(
                    "found {found} numbers, expected {expected}, obs_dim for each flag"
                ),
            });
        }
        seen.take_in(rows, active);
        Ok(())
    }

    /// What each agent makes of its own observation, before it hears anybody: (B, N, O) ->
    /// (B, N, E). A receive gate decides on it; every other pass begins with it.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when the observations do not fit.
    pub fn embed(&self, obs: &Tensor) -> Result<Tensor, ModelError> {
        self.check_agents("obs", obs, self.config.obs_dim)?;
        Ok(self.encoder.embed(obs))
    }

    /// The same for acting: without a gradient.
    ///
    /// # Errors
    /// As for [`CommFormer::embed`].
    pub fn observe(&self, obs: &Tensor) -> Result<Tensor, ModelError> {
        self.check_agents("obs", obs, self.config.obs_dim)?;
        Ok(match self.is_native() {
            true => self.with_workspace(|workspace| workspace.embed(self, obs)),
            false => tch::no_grad(|| self.encoder.embed(obs)),
        })
    }

    /// Lends the buffers of the native passes.
    fn with_workspace<R>(&self, pass: impl FnOnce(&mut Workspace) -> R) -> R {
        let mut workspace = self.take_workspace();
        let result = pass(&mut workspace);
        self.give_workspace(workspace);
        result
    }

    pub(crate) fn take_workspace(&self) -> Box<Workspace> {
        self.workspace.take().unwrap_or_default()
    }

    pub(crate) fn give_workspace(&self, workspace: Box<Workspace>) {
        self.workspace.replace(Some(workspace));
    }

    /// What every agent knows after it has heard its senders, and its value.
    ///
    /// # Shapes
    /// Representations (B, N, E), values (B, N).
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn encode(&self, input: &Input<'_>) -> Result<(Tensor, Tensor), ModelError> {
        self.check_input(input)?;
        let mask = Mask::new(input, &self.config);
        let (representation, _) = self.hear(input, &mask, None);
        let values = self.encoder.values(&representation);
        Ok((representation, values))
    }

    /// The encoder's pass: representations (B, N, E), and what agents keep.
    pub(crate) fn hear(
        &self,
        input: &Input<'_>,
        mask: &Mask,
        dropout: Option<UniformNoise>,
    ) -> (Tensor, Option<Tensor>) {
        let kept = Kept::new(input.kept, input.embedding, mask, &self.config);
        let edges = &self.edge_embedding;
        let (representation, others) =
            self.encoder
                .forward(input.embedding, mask, edges, kept.as_ref(), dropout);
        (representation, kept.map(|kept| kept.next(&others)))
    }

    /// Scores actions that were taken, for all agents in one pass: each agent is given the actual
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
        dropout: Option<UniformNoise>,
    ) -> Result<Evaluation, ModelError> {
        let [batch, agents] = self.check_input(input)?;
        let (kind, size) = self.config.actions.tensor([batch, agents]);
        check_shape("actions", actions, &size)?;
        check_kind("actions", actions, kind)?;

        let mask = Mask::new(input, &self.config);
        let (representation, _) = self.hear(input, &mask, dropout);
        let values = self.encoder.values(&representation);
        let decoder = self.decoder.ready(&self.edge_embedding);
        let output = decoder.all(&representation, actions, &mask.causal());
        let distribution = Distribution::new(output, input.available, self.decoder.std());
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
        let deaf = input.embedding.select(-1, 0).zeros_like(); // (B, N)
        let alone = Input {
            gate: Some(&deaf),
            ..*input
        };
        let mask = Mask::new(&alone, &self.config).without_actions();
        let (representation, _) = self.hear(input, &mask, None);
        let decoder = self.decoder.ready(&self.edge_embedding);
        let (kind, size) = self.config.actions.tensor([batch, agents]);
        let actions = Tensor::zeros(size, (kind, self.device));
        let output = decoder.all(&representation, &actions, &mask.causal());
        let distribution = Distribution::new(output, input.available, self.decoder.std());
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
            let width = self.config.actions.width() as i64;
            check_shape("noise", noise, &[batch, agents, width])?;
        }
        if self.is_native() {
            let size = [batch, agents];
            return Ok(self.with_workspace(|workspace| workspace.act(self, input, noise, size)));
        }
        let _guard = tch::no_grad_guard();
        let mask = Mask::new(input, &self.config);
        let (representation, kept) = self.hear(input, &mask, None);
        let values = self.encoder.values(&representation);

        let decoder = self.decoder.ready(&self.edge_embedding);
        let mut steps = decoder.steps(&representation);
        let mask = mask.causal();
        let mut actions: Vec<Tensor> = Vec::new();
        let mut log_probs = Vec::new();
        for agent in 0..agents {
            let own = |x: &Tensor| x.select(1, agent);
            let output = steps.next(agent, actions.last(), &mask);
            let available = input.available.map(own);
            let distribution = Distribution::new(output, available.as_ref(), self.decoder.std());
            let (action, log_prob) = distribution.choose(noise.map(own).as_ref());
            actions.push(action);
            log_probs.push(log_prob);
        }
        Ok(Act {
            actions: Tensor::stack(&actions, 1),
            log_probs: Tensor::stack(&log_probs, 1),
            values,
            kept,
        })
    }
}

const EDGE_EMBEDDING: &str = "graph.edge_embedding";
const EDGE_LOGITS: &str = "graph.edge_logits";
