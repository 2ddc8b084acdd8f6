//! A forward pass whose backward pass follows.

use tch::{Kind, Tensor};

use crate::input::{Dense, Input};
use crate::native::Workspace;
use crate::{CommFormer, ModelError, Observations, UniformNoise};
use commformer_nn::native::Actions;
use commformer_nn::torch::numbers;
use commformer_torch::gradients::or_zeros;

/// What a loss is made of, (B, N) each.
#[derive(Debug)]
pub struct Scores {
    /// Log-probability of each agent's action given the earlier agents' actions.
    pub log_probs: Tensor,
    /// Entropy of each agent's distribution.
    pub entropy: Tensor,
    /// Value of each agent's state.
    pub values: Tensor,
}

/// A forward pass of a policy and then, from the loss that its caller makes of the scores, the
/// gradient of every parameter, or of the graph: [`CommFormer::pass`], [`Pass::evaluate`],
/// [`Pass::backward`] or [`Pass::backward_to_graph`].
///
/// It gives the numbers of [`CommFormer::embed`], [`CommFormer::evaluate`] and autograd, up to
/// rounding. On the CPU in float32 it takes half the time; elsewhere it is those.
#[derive(Debug)]
pub struct Pass<'a> {
    policy: &'a CommFormer,
    embedding: Tensor,
    /// Buffers of the native passes; `None`: autograd remembers.
    native: Option<Box<Workspace>>,
    evaluated: Option<Evaluated>,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug)]
struct Evaluated {
    graph: Tensor,
    /// A gate through which the loss flows.
    gate: Option<Tensor>,
    /// Of the native pass.
    taken: Option<(Actions, Dense)>,
    scores: Scores,
}

impl CommFormer {
    /// Begins a pass; returns the embeddings (B, N, E), on which a gate may decide, and through
    /// which its loss may reach the policy.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when the observations do not fit.
    pub fn pass<'a>(
        &self,
        obs: impl Into<Observations<'a>>,
    ) -> Result<(Pass<'_>, Tensor), ModelError> {
        let obs = obs.into();
        let teams = self.check_observations(&obs)?;
        let mut native = self.is_native().then(|| self.take_workspace());
        let embedding = match &mut native {
            Some(workspace) => {
                let leaves = self.parameters.numbers();
                let (dense, [batch, agents]) = (obs.dense(self.config(), teams), teams);
                let teams = [batch as usize, agents as usize];
                let weights = self.weights(&leaves);
                let (embedding, _) = workspace.embed(weights, dense.obs(), teams, dense.memory());
                let embedding = Tensor::from_slice(embedding).view([batch, agents, -1]);
                embedding.set_requires_grad(true)
            }
            None => self.embed(obs)?,
        };
        let pass = Pass {
            policy: self,
            embedding: embedding.shallow_clone(),
            native,
            evaluated: None,
        };
        Ok((pass, embedding))
    }
}

impl Pass<'_> {
    /// Scores actions that were taken, as [`CommFormer::evaluate`] does. The input holds the pass's
    /// own embeddings. A graph that is to be differentiated is a leaf of its own. A straight-through gate gets its
    /// gradient, and what it was made of: the embeddings and others.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit.
    pub fn evaluate(
        &mut self,
        input: &Input<'_>,
        actions: &Tensor,
        dropout: Option<UniformNoise>,
    ) -> Result<&Scores, ModelError> {
        let policy = self.policy;
        let shape = policy.check_actions(input, actions)?;
        // Not only its memory: a view of a part has another number of teams than the buffers.
        if !input.embedding.f_is_set_to(&self.embedding)? {
            return Err(refused(
                "embedding",
                "is not the one that the pass began with",
            ));
        }
        let (scores, taken) = match &mut self.native {
            Some(workspace) => {
                let actions = Actions::of_tensor(actions);
                let dense = input.dense();
                let mut noise = dropout.map(|uniform| {
                    let [batch, agents] = shape;
                    let size = [batch, agents, policy.config().embed_dim as i64];
                    move |factors: &mut [f32]| factors.copy_from_slice(numbers(&uniform(&size)))
                });
                let noise = noise
                    .as_mut()
                    .map(|noise| noise as &mut dyn FnMut(&mut [f32]));
                let (leaves, (_, context)) = (policy.parameters.numbers(), dense.context());
                workspace.evaluate(policy.weights(&leaves), &context, &actions, noise);
                let leaf = |x: &[f32]| Tensor::from_slice(x).view(shape).set_requires_grad(true);
                let scores = Scores {
                    log_probs: leaf(&workspace.scored.log_probs),
                    entropy: leaf(&workspace.scored.entropy),
                    values: leaf(&workspace.values),
                };
                (scores, Some((actions, dense)))
            }
            None => {
                let found = policy.evaluate(input, actions, dropout)?;
                let scores = Scores {
                    log_probs: found.log_probs,
                    entropy: found.entropy,
                    values: found.values,
                };
                (scores, None)
            }
        };
        let evaluated = self.evaluated.insert(Evaluated {
            graph: input.graph.shallow_clone(),
            gate: (input.gate)
                .filter(|gate| gate.requires_grad())
                .map(Tensor::shallow_clone),
            taken,
            scores,
        });
        Ok(&evaluated.scores)
    }

    /// Differentiates a loss made of the scores and, maybe, the embeddings: the gradients of
    /// [`CommFormer::parameters`], in their order, then those of `others`. What has no part in the
    /// loss gets zeros.
    ///
    /// # Errors
    /// [`ModelError::Input`] before [`Pass::evaluate`], [`ModelError::Torch`] when the loss cannot
    /// be differentiated.
    pub fn backward(
        mut self,
        loss: &Tensor,
        others: &[(String, Tensor)],
    ) -> Result<Vec<Tensor>, ModelError> {
        let evaluated = self.evaluated.take().ok_or_else(nothing_yet)?;
        let others: Vec<_> = others.iter().map(|(_, other)| other).collect();
        let policy = self.policy;
        let (Some(mut workspace), Some((actions, dense))) = (self.native.take(), &evaluated.taken)
        else {
            let parameters = policy.parameters();
            let parameters = parameters.iter().map(|(_, leaf)| leaf);
            let leaves: Vec<_> = parameters.chain(others).collect();
            return Ok(or_zeros(loss, &leaves, false)?);
        };
        let (upstream, mut of_others) = self.upstream(&evaluated, loss, &others)?;
        let available = dense.context().1.available;
        let upstream: Vec<Tensor> = upstream.iter().map(Tensor::contiguous).collect();
        let upstream = [0, 1, 2, 3].map(|at| numbers(&upstream[at]));
        let leaves = policy.parameters.numbers();
        let weights = policy.weights(&leaves);
        workspace.backward(weights, actions, available, upstream, None);
        if let Some(gate) = &evaluated.gate {
            let of_gate = Tensor::from_slice(&workspace.of_gates(gate.numel())).view_as(gate);
            let sent = (gate * of_gate).sum(Kind::Float);
            let mut leaves = vec![&self.embedding];
            leaves.extend(&others);
            let mut found = or_zeros(&sent, &leaves, false)?.into_iter();
            if let Some(of_embedding) = found.next() {
                workspace.backward_embedding(weights, numbers(&of_embedding.contiguous()));
            }
            for (sum, more) in of_others.iter_mut().zip(found) {
                *sum += more;
            }
        }
        let shaped = |slot: usize| {
            let of_leaf = Tensor::from_slice(workspace.gradients.of_index(slot));
            of_leaf.view(policy.leaves()[slot].size().as_slice())
        };
        let mut of_all: Vec<Tensor> = policy.network.trained().map(shaped).collect();
        of_all.extend(of_others);
        policy.give_workspace(workspace);
        Ok(of_all)
    }

    /// The same for the graph of the input, shaped like it. An edge that is absent or shut by a gate
    /// has weight 0, and so gradient 0.
    ///
    /// # Errors
    /// As for [`Pass::backward`].
    pub fn backward_to_graph(mut self, loss: &Tensor) -> Result<Tensor, ModelError> {
        let evaluated = self.evaluated.take().ok_or_else(nothing_yet)?;
        let graph = &evaluated.graph;
        let (Some(mut workspace), Some((actions, dense))) = (self.native.take(), &evaluated.taken)
        else {
            return Ok(or_zeros(loss, &[graph], false)?.remove(0));
        };
        let (upstream, _) = self.upstream(&evaluated, loss, &[])?;
        let policy = self.policy;
        let available = dense.context().1.available;
        let upstream: Vec<Tensor> = upstream.iter().map(Tensor::contiguous).collect();
        let upstream = [0, 1, 2, 3].map(|at| numbers(&upstream[at]));
        let (leaves, size) = (policy.parameters.numbers(), Some(graph.numel()));
        let weights = policy.weights(&leaves);
        let edges = workspace.backward(weights, actions, available, upstream, size);
        policy.give_workspace(workspace);
        Ok(Tensor::from_slice(&edges).view(graph.size().as_slice()))
    }

    /// The gradients of log-probabilities, entropies, values and embeddings, and of others.
    fn upstream(
        &self,
        evaluated: &Evaluated,
        loss: &Tensor,
        others: &[&Tensor],
    ) -> Result<(Vec<Tensor>, Vec<Tensor>), ModelError> {
        let Scores {
            log_probs,
            entropy,
            values,
        } = &evaluated.scores;
        let mut leaves = vec![log_probs, entropy, values, &self.embedding];
        leaves.extend(others);
        // What a gate was made of is needed once more.
        let mut found = or_zeros(loss, &leaves, evaluated.gate.is_some())?;
        let of_others = found.split_off(4);
        Ok((found, of_others))
    }
}

fn nothing_yet() -> ModelError {
    refused("pass", "has not evaluated anything yet")
}

fn refused(input: &'static str, problem: &str) -> ModelError {
    ModelError::Input {
        input,
        problem: problem.to_owned(),
    }
}
