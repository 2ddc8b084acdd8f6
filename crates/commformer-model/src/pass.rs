//! A forward pass whose backward pass follows.

use tch::Tensor;

use crate::input::{Input, check_kind, check_shape};
use crate::layers::UniformNoise;
use crate::native::Workspace;
use crate::{CommFormer, ModelError};

/// What a loss is made of, (B, N) each.
#[derive(Debug)]
pub struct Scores {
    /// Log-probability of each agent's action given the earlier agents' actions.
    pub log_probs: Tensor,
    /// Entropy of each agent's distribution.
    pub entropy: Tensor,
    /// Value of each agent's situation.
    pub values: Tensor,
}

/// A forward pass of a policy and then, from the loss that its caller makes of the scores, the
/// gradient of every parameter, or of the graph: [`CommFormer::pass`], [`Pass::evaluate`],
/// [`Pass::backward`] or [`Pass::backward_to_graph`].
///
/// It gives the numbers of [`CommFormer::embed`], [`CommFormer::evaluate`] and autograd, up to
/// rounding. On the CPU it takes half the time, where actions are discrete and agents keep
/// nothing; elsewhere it is those.
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
    actions: Tensor,
    available: Option<Tensor>,
    scores: Scores,
}

impl CommFormer {
    /// Begins a pass; returns the embeddings (B, N, E), on which a gate may decide, and through
    /// which its loss may reach the policy.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when the observations do not fit.
    pub fn pass(&self, obs: &Tensor) -> Result<(Pass<'_>, Tensor), ModelError> {
        self.check_agents("obs", obs, self.config().obs_dim)?;
        let mut native = self.is_native().then(|| self.take_workspace());
        let embedding = match &mut native {
            Some(workspace) => workspace.embed(self, obs).set_requires_grad(true),
            None => self.encoder.embed(obs),
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
    /// own embeddings. A graph that is to be differentiated is a leaf of its own.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::Input`] when an input does not fit, among them a
    /// gate with a gradient: that has to go through [`CommFormer::evaluate`].
    pub fn evaluate(
        &mut self,
        input: &Input<'_>,
        actions: &Tensor,
        dropout: Option<UniformNoise>,
    ) -> Result<&Scores, ModelError> {
        let policy = self.policy;
        let [batch, agents] = policy.check_input(input)?;
        let (kind, size) = policy.config().actions.tensor([batch, agents]);
        check_shape("actions", actions, &size)?;
        check_kind("actions", actions, kind)?;
        if input.embedding.data_ptr() != self.embedding.data_ptr() {
            return Err(refused(
                "embedding",
                "is not the one that the pass began with",
            ));
        }
        if input.gate.is_some_and(Tensor::requires_grad) {
            return Err(refused(
                "gate",
                "carries a gradient; use `evaluate` and autograd",
            ));
        }
        let scores = match &mut self.native {
            Some(workspace) => {
                let size = [batch, agents];
                let scores = workspace.evaluate(policy, input, actions, dropout, size)?;
                let [log_probs, entropy, values] = scores.map(|x| x.set_requires_grad(true));
                Scores {
                    log_probs,
                    entropy,
                    values,
                }
            }
            None => {
                let found = policy.evaluate(input, actions, dropout)?;
                Scores {
                    log_probs: found.log_probs,
                    entropy: found.entropy,
                    values: found.values,
                }
            }
        };
        let evaluated = self.evaluated.insert(Evaluated {
            graph: input.graph.shallow_clone(),
            actions: actions.shallow_clone(),
            available: input.available.map(Tensor::shallow_clone),
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
        let Some(mut workspace) = self.native.take() else {
            let parameters = policy.parameters();
            let parameters = parameters.iter().map(|(_, leaf)| leaf);
            return gradients(loss, &parameters.chain(others).collect::<Vec<_>>());
        };
        let (upstream, of_others) = self.upstream(&evaluated, loss, &others)?;
        let (actions, available) = (&evaluated.actions, evaluated.available.as_ref());
        let mut of_all = workspace.backward(policy, actions, available, &upstream);
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
        let Some(mut workspace) = self.native.take() else {
            return Ok(gradients(loss, &[graph])?.remove(0));
        };
        let (upstream, _) = self.upstream(&evaluated, loss, &[])?;
        let (actions, available) = (&evaluated.actions, evaluated.available.as_ref());
        let policy = self.policy;
        let edges = workspace.backward_to_graphs(policy, graph, actions, available, &upstream);
        policy.give_workspace(workspace);
        Ok(edges)
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
        let mut found = gradients(loss, &leaves)?;
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

/// The gradients of a scalar by autograd; zeros for leaves that have no part in it.
fn gradients(loss: &Tensor, leaves: &[&Tensor]) -> Result<Vec<Tensor>, ModelError> {
    let found = Tensor::f_run_backward(&[loss], leaves, false, false)?;
    let or_zeros = |(gradient, leaf): (Tensor, &&Tensor)| match gradient.defined() {
        true => gradient,
        false => leaf.zeros_like(),
    };
    Ok(found.into_iter().zip(leaves).map(or_zeros).collect())
}
