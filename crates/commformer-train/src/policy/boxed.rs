//! Policies whose kind is chosen while the program runs.

use crate::{
    Act, Actor, Evaluation, Gates, LearnedGraph, Level, MessageSizes, Needs, ObsBatch, Policy,
    PolicyResult, ReceiveGates, Samples,
};
use std::fmt;
use tch::Tensor;

// What a policy provides itself must not be hidden by a default.
#[deny(clippy::missing_trait_methods)]
impl<A: Actor + ?Sized> Actor for Box<A> {
    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn message_sizes(&self) -> MessageSizes {
        (**self).message_sizes()
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        (**self).act(batch, gates, noise)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<P: Policy + ?Sized> Policy for Box<P> {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        // SAFETY: the caller keeps to it.
        unsafe { (**self).replica() }
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        (**self).parameters()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        (**self).state()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        (**self).load_state(state)
    }

    fn take_in(&mut self, obs: &[f32], active: &[bool]) -> PolicyResult<()> {
        (**self).take_in(obs, active)
    }

    fn sequence(&self) -> Option<usize> {
        (**self).sequence()
    }

    fn graph(&self) -> Option<&dyn LearnedGraph> {
        (**self).graph()
    }

    fn gates(&self) -> Option<&dyn ReceiveGates> {
        (**self).gates()
    }

    fn gates_mut(&mut self) -> Option<&mut dyn ReceiveGates> {
        (**self).gates_mut()
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        (**self).evaluate(samples, uniform)
    }

    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        (**self).gradients(level, samples, uniform, loss)
    }

    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor> {
        (**self).values(batch, gates)
    }
}

/// Only so much: weights say nothing to a reader, and a policy need not be printable.
impl fmt::Debug for dyn Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").finish_non_exhaustive()
    }
}
