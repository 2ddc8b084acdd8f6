//! A policy that looks at the memory in use when there is most of it.

use commformer_env::heap;
use commformer_train::{
    Act, Actor, Evaluation, Gates, LearnedGraph, Level, MessageSizes, Needs, ObsBatch, Policy,
    PolicyResult, ReceiveGates, Samples,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tch::Tensor;

/// The most that was in use when it was looked.
#[derive(Clone, Debug, Default)]
pub(super) struct Peak(Arc<AtomicU64>);

impl Peak {
    /// Looks now.
    pub fn look(&self) {
        let now = heap::now().map_or(0, |heap| heap.in_use);
        self.0.fetch_max(now, Ordering::Relaxed);
    }

    /// Bytes in the process.
    pub fn bytes(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64
    }
}

/// Behaves as the policy within, and looks once it has acted, and while it learns: then its passes' buffers are there.
#[derive(Debug)]
pub(super) struct Watched<P> {
    pub policy: P,
    pub peak: Peak,
}

#[deny(clippy::missing_trait_methods)]
impl<P: Actor> Actor for Watched<P> {
    fn needs(&self) -> Needs {
        self.policy.needs()
    }

    fn message_sizes(&self) -> MessageSizes {
        self.policy.message_sizes()
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let act = self.policy.act(batch, gates, noise);
        self.peak.look();
        act
    }
}

#[deny(clippy::missing_trait_methods)]
impl<P: Policy> Policy for Watched<P> {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        // SAFETY: the caller keeps to what a replica asks for.
        let policy = unsafe { self.policy.replica() }?;
        let peak = self.peak.clone();
        Ok(Box::new(Watched { policy, peak }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        self.policy.parameters()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.policy.state()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        self.policy.load_state(state)
    }

    fn take_in(&mut self, obs: &[f32], active: &[bool]) -> PolicyResult<()> {
        self.policy.take_in(obs, active)
    }

    fn sequence(&self) -> Option<usize> {
        self.policy.sequence()
    }

    fn graph(&self) -> Option<&dyn LearnedGraph> {
        self.policy.graph()
    }

    fn gates(&self) -> Option<&dyn ReceiveGates> {
        self.policy.gates()
    }

    fn gates_mut(&mut self) -> Option<&mut dyn ReceiveGates> {
        self.policy.gates_mut()
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        self.policy.evaluate(samples, uniform)
    }

    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        let mut watched = |evaluation: &Evaluation| {
            let loss = loss(evaluation);
            self.peak.look();
            loss
        };
        let gradients = self.policy.gradients(level, samples, uniform, &mut watched);
        self.peak.look();
        gradients
    }

    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor> {
        let values = self.policy.values(batch, gates);
        self.peak.look();
        values
    }
}
