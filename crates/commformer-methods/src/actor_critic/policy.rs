//! The policy, on either backend.

use super::footprint::Sizes;
use super::inputs::{Inputs, dense, halves};
use super::native::{Rows, Weights, Workspace};
use super::network::{Network, Tower};
use super::{ActorCriticConfig, Critic, Recurrence};
use crate::{Footprint, MethodError};
use commformer_env::{ActionSpace, Rng, Spec, settings};
use commformer_nn::native::Actions;
use commformer_nn::passes::Precision;
use commformer_nn::torch::{self, Distribution, Parameters, Torch, integers, numbers, truths};
use commformer_train::{
    Act, Actor, Evaluation, Gates, Level, Needs, ObsBatch, Policy, PolicyResult, Purpose, Samples,
    by_autograd, seed_for,
};
use std::cell::RefCell;
use tch::{Device, Tensor};

/// Actors that share a network and send each other nothing, and their critic.
#[derive(Debug)]
pub struct ActorCritic {
    config: ActorCriticConfig,
    pub(super) inputs: Inputs,
    pub(super) actions: ActionSpace,
    precision: Precision,
    pub(super) network: Network,
    parameters: Parameters,
    /// Buffers of the native passes, while no pass has them.
    workspace: RefCell<Option<Box<Workspace>>>,
}

impl ActorCritic {
    /// A new policy for a task that looks like `spec`; its weights follow from the run's seed.
    ///
    /// # Errors
    ///
    /// [`MethodError::Setting`] for sizes of which no network can be made, [`MethodError::Torch`] if the device refuses
    /// it.
    pub fn new(
        config: &ActorCriticConfig,
        critic: Critic,
        spec: &Spec,
        (seed, precision, device): (u64, Precision, Device),
    ) -> Result<Self, MethodError> {
        settings::check(config)?;
        let inputs = Inputs::new(config, critic, spec);
        let network = Network::new(config, [inputs.seen(), inputs.critic_width()], spec.actions);
        let mut rng = Rng::new(seed_for(seed, Purpose::Weights), 0);
        Ok(Self {
            config: config.clone(),
            inputs,
            actions: spec.actions,
            precision,
            parameters: Parameters::new(&network.layout, device, &mut || rng.normal())?,
            network,
            workspace: RefCell::default(),
        })
    }

    /// What a policy takes of memory and time.
    pub fn footprint(
        config: &ActorCriticConfig,
        critic: Critic,
        spec: &Spec,
    ) -> Box<dyn Footprint> {
        Box::new(Sizes::new(config, Inputs::new(config, critic, spec), spec))
    }

    /// Whether passes run on the native kernels: on a CPU, in float32.
    fn is_native(&self) -> bool {
        self.parameters.device() == Device::Cpu && self.precision == Precision::Float32
    }

    /// A pass on the native kernels.
    fn natively<R>(&self, pass: impl FnOnce(&mut Workspace, Weights<'_>) -> R) -> R {
        let mut workspace = self.workspace.take().unwrap_or_default();
        let leaves = self.parameters.numbers();
        let weights = Weights {
            network: &self.network,
            leaves: &leaves,
        };
        let result = pass(&mut workspace, weights);
        self.workspace.replace(Some(workspace));
        result
    }

    /// A tower's outputs (.., outputs) and what it remembers, by libtorch. `hidden` is what it remembered before.
    pub(super) fn by_torch(
        &self,
        tower: &Tower,
        inputs: &Tensor,
        hidden: Option<&Tensor>,
        sequence: Option<&Tensor>,
    ) -> (Tensor, Option<Tensor>) {
        let agents = self.inputs.agents as i64;
        let mut ops = Torch::new(self.parameters.leaves(), agents, self.precision);
        let hidden = hidden.map(|state| torch::hidden(state, sequence));
        tower.run(&mut ops, inputs, hidden)
    }

    pub(super) fn distribution(&self, outputs: Tensor, available: Option<&Tensor>) -> Distribution {
        let deviation = |slot: commformer_nn::layout::Slot| {
            self.parameters.leaves()[slot.index()].sigmoid() * 0.5
        };
        Distribution::new(outputs, available, self.network.log_std.map(deviation))
    }

    /// Values and what the critic remembers. Without the global state, where it reads that, there are none: 0.
    fn values_of(&self, batch: &ObsBatch<'_>, own: &Tensor) -> (Tensor, Option<Tensor>) {
        let size = &own.size()[..2];
        let [_, hidden] = halves(batch.memory);
        let Some(inputs) = self.inputs.team(batch, own) else {
            let values = Tensor::zeros(size, (own.kind(), own.device()));
            return (values, hidden.map(|hidden| hidden.zeros_like()));
        };
        if !self.is_native() {
            let (values, after) =
                self.by_torch(&self.network.critic, &inputs, hidden.as_ref(), None);
            return (values.squeeze_dim(-1), after);
        }
        let (inputs, hidden) = (dense(&inputs), hidden.as_ref().map(dense));
        self.natively(|workspace, weights| {
            let (values, after) = workspace.values(weights, &rows(&inputs, hidden.as_ref(), None));
            let after = (hidden.as_ref()).map(|hidden| Tensor::from_slice(after).view_as(hidden));
            (Tensor::from_slice(values).view(size), after)
        })
    }

    /// Actions, their log-probabilities, and what the actor remembers.
    pub(super) fn choose(
        &self,
        batch: &ObsBatch<'_>,
        own: &Tensor,
        noise: Option<&Tensor>,
    ) -> (Tensor, Tensor, Option<Tensor>) {
        let [hidden, _] = halves(batch.memory);
        if !self.is_native() {
            let (outputs, after) = self.by_torch(&self.network.actor, own, hidden.as_ref(), None);
            let (actions, log_probs) = (self.distribution(outputs, batch.available)).choose(noise);
            return (actions, log_probs, after);
        }
        let (own, hidden) = (dense(own), hidden.as_ref().map(dense));
        let (available, noise) = (batch.available.map(dense), noise.map(dense));
        let size = &own.size()[..2];
        self.natively(|workspace, weights| {
            let rows = rows(&own, hidden.as_ref(), None);
            let (available, noise) = (available.as_ref().map(truths), noise.as_ref().map(numbers));
            let acted = workspace.act(weights, &rows, available, noise);
            let actions = match &acted.actions {
                Actions::Discrete(actions) => Tensor::from_slice(actions).view(size),
                Actions::Continuous(actions) => {
                    Tensor::from_slice(actions).view([size[0], size[1], -1])
                }
            };
            let after = |hidden: &Tensor| Tensor::from_slice(acted.hidden).view_as(hidden);
            (
                actions,
                Tensor::from_slice(acted.log_probs).view(size),
                hidden.as_ref().map(after),
            )
        })
    }

    /// What the networks see of samples: both inputs, what both remember, and who goes on remembering.
    fn read(&self, samples: &Samples<'_>) -> PolicyResult<Read> {
        let batch = &samples.batch;
        self.inputs.check(batch)?;
        let own = self.inputs.own(batch.obs);
        let team = (self.inputs.team(batch, &own)).ok_or("the global state is not shown")?;
        let hidden = match self.config.recurrence {
            Recurrence::None => [None, None],
            Recurrence::Gru => halves(batch.memory),
        };
        let goes_on = match (&samples.sequence, self.config.recurrence) {
            (Some(sequence), Recurrence::Gru) => Some(sequence.goes_on(batch.active)),
            _ => None,
        };
        Ok(Read {
            inputs: [own, team],
            hidden,
            goes_on,
        })
    }

    /// Discrete actions have to be some of A: kernels take them as places.
    fn actions_of(&self, actions: &Tensor) -> PolicyResult<Actions> {
        let actions = dense(actions);
        let ActionSpace::Discrete(count) = self.actions else {
            return Ok(Actions::Continuous(numbers(&actions).to_vec()));
        };
        let actions = integers(&actions).to_vec();
        match (actions.iter()).find(|action| !(0..count as i64).contains(*action)) {
            Some(wrong) => Err(format!("an action is {wrong}, expected 0 to {}", count - 1).into()),
            None => Ok(Actions::Discrete(actions)),
        }
    }
}

/// What the networks see of samples.
struct Read {
    /// The actor's and the critic's, (L B, N, ..).
    inputs: [Tensor; 2],
    /// (B, N, H)
    hidden: [Option<Tensor>; 2],
    /// (L, B, N)
    goes_on: Option<Tensor>,
}

/// The same for the kernels.
fn rows<'a>(
    inputs: &'a Tensor,
    hidden: Option<&'a Tensor>,
    goes_on: Option<&'a Tensor>,
) -> Rows<'a> {
    Rows {
        inputs: numbers(inputs),
        hidden: hidden.map(numbers),
        goes_on: goes_on.map_or(&[], numbers),
        steps: goes_on.map_or(1, |goes_on| goes_on.size()[0] as usize),
    }
}

impl Actor for ActorCritic {
    fn needs(&self) -> Needs {
        Needs {
            memory: match self.config.recurrence {
                Recurrence::None => 0,
                Recurrence::Gru => 2 * self.config.hidden,
            },
            gate: 0,
            state: self.inputs.uses_state(),
        }
    }

    fn act(&self, batch: &ObsBatch<'_>, _: Gates<'_>, noise: Option<&Tensor>) -> PolicyResult<Act> {
        self.inputs.check(batch)?;
        let own = self.inputs.own(batch.obs);
        let (actions, log_probs, of_actor) = self.choose(batch, &own, noise);
        let (values, of_critic) = self.values_of(batch, &own);
        let memory = (of_actor.zip(of_critic)).map(|(a, b)| Tensor::cat(&[a, b], -1));
        Ok(Act {
            actions,
            log_probs,
            values,
            gate: None,
            memory: recurrent(memory, batch.active),
        })
    }
}

impl Policy for ActorCritic {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        // SAFETY: the caller keeps to it.
        let parameters = unsafe { self.parameters.replica(&self.network.layout) };
        Ok(Box::new(Self {
            config: self.config.clone(),
            network: self.network.clone(),
            parameters,
            workspace: RefCell::default(),
            ..*self
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        let leaves = (self.network.layout.leaves().iter()).zip(self.parameters.leaves());
        let named = leaves.map(|(leaf, tensor)| (leaf.name.clone(), tensor.shallow_clone()));
        named.collect()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.parameters.state()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        Ok(self.parameters.load_state(state)?)
    }

    fn sequence(&self) -> Option<usize> {
        (self.config.recurrence == Recurrence::Gru).then_some(self.config.sequence)
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        _: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let Read {
            inputs: [own, team],
            hidden: [of_actor, of_critic],
            goes_on,
        } = self.read(samples)?;
        let run = |tower, inputs, hidden: Option<Tensor>| {
            let (outputs, _) = self.by_torch(tower, inputs, hidden.as_ref(), goes_on.as_ref());
            outputs
        };
        let outputs = run(&self.network.actor, &own, of_actor);
        let distribution = self.distribution(outputs, samples.batch.available);
        let (log_probs, entropy) = distribution.score(samples.actions);
        Ok(Evaluation {
            log_probs,
            entropy,
            values: run(&self.network.critic, &team, of_critic).squeeze_dim(-1),
            gate: None,
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
        let read = self.read(samples)?;
        let actions = self.actions_of(samples.actions)?;
        let inputs = read.inputs.each_ref().map(dense);
        let hidden = (read.hidden.each_ref()).map(|hidden| hidden.as_ref().map(dense));
        let goes_on = read.goes_on.as_ref().map(dense);
        let available = samples.batch.available.map(dense);
        let available = available.as_ref().map(truths);
        let size = &samples.batch.obs.size()[..2];
        self.natively(|workspace, weights| {
            let [own, team] =
                [0, 1].map(|of| rows(&inputs[of], hidden[of].as_ref(), goes_on.as_ref()));
            let found = workspace.evaluate(weights, [&own, &team], available, &actions);
            let leaf = |x: &[f32]| Tensor::from_slice(x).view(size).set_requires_grad(true);
            let scores = [found.log_probs, found.entropy, found.values].map(leaf);
            let [log_probs, entropy, values] = scores.each_ref().map(Tensor::shallow_clone);
            let loss = loss(&Evaluation {
                log_probs,
                entropy,
                values,
                gate: None,
            });
            let upstream = Tensor::f_run_backward(&[loss], &scores, false, false)?;
            let upstream = [0, 1, 2].map(|at| match upstream[at].defined() {
                true => upstream[at].contiguous(),
                false => scores[at].zeros_like(),
            });
            let of_scores = upstream.each_ref().map(numbers);
            workspace.backward(weights, available, &actions, of_scores);
            let leaves = self.parameters.leaves().iter().enumerate();
            let gradient = |(slot, leaf): (usize, &Tensor)| {
                Tensor::from_slice(workspace.gradients.of_index(slot)).view_as(leaf)
            };
            Ok(leaves.map(gradient).collect())
        })
    }

    fn values(&self, batch: &ObsBatch<'_>, _: Gates<'_>) -> PolicyResult<Tensor> {
        self.inputs.check(batch)?;
        let own = self.inputs.own(batch.obs);
        Ok(self.values_of(batch, &own).0)
    }
}

/// What is carried on, (B, N, M): nothing by who is not active.
pub(super) fn recurrent(memory: Option<Tensor>, active: Option<&Tensor>) -> Option<Tensor> {
    memory.map(|memory| match active {
        Some(active) => memory * active.unsqueeze(-1),
        None => memory,
    })
}
