//! What the trainer asks of the policy: scores of what was done, and their gradients.

use super::gate::in_force;
use super::inputs::{dense, parts};
use super::network::MOMENTS;
use super::policy::ActorCritic;
use super::seen::{Hearing, Seen};
use super::talk::Talk;
use commformer_nn::native::Actions;
use commformer_nn::torch::{numbers, take_in, truths};
use commformer_torch::gradients::or_zeros;
use commformer_train::{
    Actor, Evaluation, Gates, Level, ObsBatch, Policy, PolicyResult, ReceiveGates, Samples,
    by_autograd,
};
use tch::Tensor;

/// In the place of how many observations there were: none are taken in.
const NEVER: f64 = -1.0;

impl<T: Talk> ActorCritic<T> {
    /// What the towers are shown of samples.
    fn read(&self, samples: &Samples<'_>) -> PolicyResult<(Seen, Option<Seen>)> {
        let batch = &samples.batch;
        self.check_samples(samples)?;
        let obs = self.to_scale(batch.obs);
        let own = self.inputs.own(&obs);
        let shared = self.inputs.shared(batch, &obs)?;
        let widths = self.network.memory();
        // Of sequences there is a memory of each, and else of each sample.
        let starts = match &samples.sequence {
            Some(sequence) => batch
                .obs
                .narrow(0, 0, batch.obs.size()[0] / sequence.steps as i64),
            None => batch.obs.shallow_clone(),
        };
        let [of_actor, of_critic] = parts(batch.memory, widths, &starts);
        let resets = samples
            .sequence
            .as_ref()
            .map(|sequence| sequence.goes_on(batch.active));
        let goes_on = |memory: &Option<Tensor>| {
            memory
                .as_ref()
                .and(resets.as_ref())
                .map(Tensor::shallow_clone)
        };
        let open = samples.gate.map(|gate| &gate.open);
        let talks = self.network.actor.talk.rounds() > 0;
        let actor = Seen {
            goes_on: goes_on(&of_actor),
            shared: None,
            inputs: own.shallow_clone(),
            memory: of_actor,
            hearing: talks.then(|| Hearing::new(batch.graph, open, batch.active)),
        };
        let critic = self.network.critic.as_ref().map(|_| Seen {
            goes_on: goes_on(&of_critic),
            shared,
            inputs: own,
            memory: of_critic,
            hearing: None,
        });
        Ok((actor, critic))
    }
}

impl<T: Talk> Policy for ActorCritic<T> {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        // SAFETY: the caller keeps to it.
        let parameters = unsafe { self.parameters.replica(&self.network.layout) };
        Ok(Box::new(Self {
            config: self.config.clone(),
            network: self.network.clone(),
            parameters,
            workspace: Default::default(),
            ..*self
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        let leaves = (self.network.layout.leaves().iter()).zip(self.parameters.leaves());
        let named = leaves.map(|(leaf, tensor)| (leaf.name.clone(), tensor.shallow_clone()));
        named.take(self.network.trained()).collect()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.parameters.state()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        let knows_scales = |(name, _): &(String, Tensor)| name.starts_with(MOMENTS);
        let Some(moments) = self
            .network
            .moments
            .filter(|_| !state.iter().any(knows_scales))
        else {
            return Ok(self.parameters.load_state(state)?);
        };
        // What was saved before scales were learned goes on without.
        let first = [0.0, 1.0, NEVER].into_iter().zip(moments);
        let without = first.map(|(number, slot)| {
            let name = self.network.layout.leaves()[slot.index()].name.clone();
            (
                name,
                self.parameters.leaves()[slot.index()].full_like(number),
            )
        });
        let state = state
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        Ok(self
            .parameters
            .load_state(&state.chain(without).collect::<Vec<_>>())?)
    }

    fn take_in(&mut self, obs: &[f32], active: &[bool]) -> PolicyResult<()> {
        if let Some(moments) = self.network.moments {
            let moments = moments.map(|slot| &self.parameters.leaves()[slot.index()]);
            if moments[2].detach().double_value(&[0]) != NEVER {
                take_in(moments, obs, active);
            }
        }
        Ok(())
    }

    fn sequence(&self) -> Option<usize> {
        (self.needs().memory > 0).then_some(self.config.sequence)
    }

    fn gates(&self) -> Option<&dyn ReceiveGates> {
        self.network.actor.gate.map(|_| self as _)
    }

    fn gates_mut(&mut self) -> Option<&mut dyn ReceiveGates> {
        self.network.actor.gate.map(|_| self as _)
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        _: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let (of_actor, of_critic) = self.read(samples)?;
        let (mut ran, _) = self.by_torch(&self.network.actor, &of_actor, false);
        let distribution = self.distribution(ran.outputs.remove(0), samples.batch.available);
        let (log_probs, entropy) = distribution.score(samples.actions);
        let values = match (&self.network.critic, &of_critic) {
            (Some(critic), Some(seen)) => self.by_torch(critic, seen, false).0.outputs.remove(0),
            _ => ran.outputs.remove(0),
        };
        let open = samples.gate.map(|gate| &gate.open);
        Ok(Evaluation {
            log_probs,
            entropy,
            values: values.squeeze_dim(-1),
            gate: (ran.gate.as_ref()).and_then(|[logits, values]| {
                self.evaluate_gate(&samples.batch, logits, values, open)
            }),
        })
    }

    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        if !self.is_native() || level == Level::Upper {
            return by_autograd(self, level, samples, uniform, loss);
        }
        let (of_actor, of_critic) = self.read(samples)?;
        let actions = Actions::of_tensor(samples.actions);
        let (of_actor, of_critic) = (of_actor.dense(), of_critic.as_ref().map(Seen::dense));
        let available = samples.batch.available.map(dense);
        let available = available.as_ref().map(truths);
        let size = &samples.batch.obs.size()[..2];
        self.natively(|workspace, weights| {
            let critic = of_critic.as_ref().map(Seen::rows);
            let rows = (&of_actor.rows(), critic.as_ref());
            let found = workspace.evaluate(weights, rows, available, &actions);
            let leaf =
                |x: &[f32], size: &[i64]| Tensor::from_slice(x).view(size).set_requires_grad(true);
            let scores = [found.log_probs, found.entropy, found.values].into_iter();
            let gate = found.gate.into_iter().filter(|part| !part.is_empty());
            let of_gate = gate.map(|part| leaf(part, &[size[0], size[1], -1]));
            let scores = scores.map(|part| leaf(part, size));
            let scores: Vec<Tensor> = scores.chain(of_gate).collect();
            let open = samples.gate.map(|gate| &gate.open);
            let loss = loss(&Evaluation {
                log_probs: scores[0].shallow_clone(),
                entropy: scores[1].shallow_clone(),
                values: scores[2].shallow_clone(),
                gate: (scores.get(3).zip(scores.get(4))).and_then(|(logits, values)| {
                    self.evaluate_gate(&samples.batch, logits, values, open)
                }),
            });
            let upstream = or_zeros(&loss, &scores, false)?;
            let upstream: Vec<Tensor> = upstream.iter().map(Tensor::contiguous).collect();
            let of = |score: usize| upstream.get(score).map_or(&[] as &[f32], numbers);
            let of_gate = [3, 4].map(of);
            workspace.backward(weights, available, &actions, [0, 1, 2].map(of), of_gate);
            let leaves = self.parameters.leaves()[..self.network.trained()]
                .iter()
                .enumerate();
            let gradient = |(slot, leaf): (usize, &Tensor)| {
                Tensor::from_slice(workspace.gradients.of_index(slot)).view_as(leaf)
            };
            Ok(leaves.map(gradient).collect())
        })
    }

    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor> {
        self.check_acting(batch, gates, None)?;
        if let Some((values, _)) = self.criticised(batch) {
            return Ok(values);
        }
        let gate = self.decide(batch, gates);
        let seen = self.seen_by_actor(batch, in_force(gate.as_ref(), gates));
        if !self.is_native() {
            let (ran, _) = self.by_torch(&self.network.actor, &seen, false);
            return Ok(ran.outputs[1].squeeze_dim(-1));
        }
        let seen = seen.dense();
        let size = &seen.inputs.size()[..2];
        Ok(self.natively(|workspace, weights| {
            Tensor::from_slice(workspace.values(weights, &seen.rows()).0).view(size)
        }))
    }
}
