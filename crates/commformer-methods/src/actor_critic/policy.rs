//! The policy, on either backend.

use super::decides::Decides;
use super::gate::in_force;
use super::inputs::{Inputs, dense, parts};
use super::member::Weights;
use super::native::Workspace;
use super::network::{Network, Ran, Sizes, Tower, Values};
use super::seen::{Hearing, Seen};
use super::talk::Talk;
use super::{ActorCriticConfig, Critic};
use crate::MethodError;
use crate::sizes::{TeamSizes, as_of_model};
use commformer_env::{ActionSpace, Rng, Spec};
use commformer_nn::layout::Layout;
use commformer_nn::passes::{AttentionOver, Precision};
use commformer_nn::torch::{Distribution, Parameters, Torch, numbers, to_scale, truths};
use commformer_train::{
    Act, Actor, Gates, MessageSizes, Needs, ObsBatch, PolicyResult, Purpose, seed_for,
};
use std::cell::RefCell;
use tch::{Device, Tensor};

/// Actors that share a network, and what makes values for them. What they say to each other is `T`'s.
#[derive(Debug)]
pub struct ActorCritic<T> {
    pub(super) config: ActorCriticConfig,
    pub(super) inputs: Inputs,
    pub(super) actions: ActionSpace,
    pub(super) precision: Precision,
    pub(super) network: Network<T>,
    pub(super) parameters: Parameters,
    /// Buffers of the native passes, while no pass has them.
    pub(super) workspace: RefCell<Option<Box<Workspace>>>,
}

impl<T: Talk> ActorCritic<T> {
    /// A new policy of agents that talk as `talk` makes it, of checked settings, for a task that looks like `spec`, whose
    /// scales are learned if they are `unscaled`; its weights follow from the run's seed.
    pub(super) fn new(
        config: &ActorCriticConfig,
        critic: Critic,
        decides: Option<Decides>,
        talk: impl FnOnce(&mut Layout, &str) -> T,
        (spec, unscaled): (&Spec, bool),
        (seed, precision, device): (u64, Precision, Device),
    ) -> Result<Self, MethodError> {
        TeamSizes::from(spec).check()?;
        let inputs = Inputs::new(config, critic, spec, unscaled);
        let network = Network::new(&sizes(config, inputs, spec, decides), talk);
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

    /// Whether passes run on the native kernels: on a CPU, in float32.
    pub(super) fn is_native(&self) -> bool {
        self.parameters.device() == Device::Cpu && self.precision == Precision::Float32
    }

    /// A pass on the native kernels.
    pub(super) fn natively<R>(&self, pass: impl FnOnce(&mut Workspace, &Weights<'_, T>) -> R) -> R {
        let mut workspace = self.workspace.take().unwrap_or_default();
        let leaves = self.parameters.numbers();
        let weights = Weights {
            network: &self.network,
            leaves: &leaves,
        };
        let result = pass(&mut workspace, &weights);
        self.workspace.replace(Some(workspace));
        result
    }

    /// What a tower makes of what it is shown, by libtorch, and the weights of its attentions if they are `watched`.
    pub(super) fn by_torch<U: Talk>(
        &self,
        tower: &Tower<U>,
        seen: &Seen,
        watched: bool,
    ) -> (Ran<Tensor>, Vec<Tensor>) {
        let agents = self.inputs.agents as i64;
        let mut ops = Torch::new(self.parameters.leaves(), agents, self.precision);
        let mut over = AttentionOver::Auto;
        if watched {
            (ops, over) = (ops.watched(), AttentionOver::All);
        }
        let carried = seen.carried(tower, over);
        let ran = tower.run(&mut ops, (seen.shared.as_ref(), &seen.inputs), carried);
        (ran, ops.into_weights())
    }

    pub(super) fn distribution(&self, outputs: Tensor, available: Option<&Tensor>) -> Distribution {
        let deviation = |slot: commformer_nn::layout::Slot| {
            self.parameters.leaves()[slot.index()].sigmoid() * 0.5
        };
        Distribution::new(outputs, available, self.network.log_std.map(deviation))
    }

    /// Observations, (B, N, O), as their moments bring them to scale, if these are learned. Before anything was seen, they stay
    /// as they are.
    pub(super) fn to_scale(&self, obs: &Tensor) -> Tensor {
        let Some(moments) = self.network.moments else {
            return obs.shallow_clone();
        };
        let [mean, variance, count] =
            moments.map(|slot| self.parameters.leaves()[slot.index()].detach());
        if count.double_value(&[0]) <= 0.0 {
            return obs.shallow_clone();
        }
        to_scale(obs, [&mean, &variance])
    }

    /// What the actor sees, (B, N, ..).
    pub(super) fn own(&self, obs: &Tensor) -> Tensor {
        self.inputs.own(&self.to_scale(obs))
    }

    /// What the actor is shown of one step, under gates.
    pub(super) fn seen_by_actor(&self, batch: &ObsBatch<'_>, gate: Option<&Tensor>) -> Seen {
        let [memory, _] = parts(batch.memory, self.network.memory(), batch.obs);
        let talks = self.network.actor.talk.rounds() > 0;
        Seen {
            shared: None,
            inputs: self.own(batch.obs),
            memory,
            goes_on: None,
            hearing: talks.then(|| Hearing::new(batch.graph, gate, batch.active)),
        }
    }

    /// A critic's values of one step and what it remembers; `None` if there is no critic. Without the global state, where
    /// it reads that, values are 0.
    pub(super) fn criticised(&self, batch: &ObsBatch<'_>) -> Option<(Tensor, Option<Tensor>)> {
        let critic = self.network.critic.as_ref()?;
        let obs = self.to_scale(batch.obs);
        let own = self.inputs.own(&obs);
        let size = &own.size()[..2];
        let [_, memory] = parts(batch.memory, self.network.memory(), batch.obs);
        let Ok(shared) = self.inputs.shared(batch, &obs) else {
            let values = Tensor::zeros(size, (own.kind(), own.device()));
            return Some((values, memory.map(|memory| memory.zeros_like())));
        };
        let seen = Seen {
            shared,
            inputs: own,
            memory,
            goes_on: None,
            hearing: None,
        };
        if !self.is_native() {
            let (ran, _) = self.by_torch(critic, &seen, false);
            return Some((ran.outputs[0].squeeze_dim(-1), ran.memory));
        }
        let seen = seen.dense();
        Some(self.natively(|workspace, weights| {
            let (values, after) = workspace.values(weights, &seen.rows());
            let after =
                (seen.memory.as_ref()).map(|memory| Tensor::from_slice(after).view_as(memory));
            (Tensor::from_slice(values).view(size), after)
        }))
    }

    /// Actions of one step, without those who carry anything on: what the actor does, thinks of it if it makes values,
    /// and remembers.
    fn choose(&self, batch: &ObsBatch<'_>, seen: &Seen, noise: Option<&Tensor>) -> Chosen {
        if !self.is_native() {
            let (mut ran, _) = self.by_torch(&self.network.actor, seen, false);
            let outputs = ran.outputs.remove(0);
            let (actions, log_probs) = self.distribution(outputs, batch.available).choose(noise);
            return Chosen {
                actions,
                log_probs,
                values: ran.outputs.first().map(|values| values.squeeze_dim(-1)),
                memory: ran.memory,
            };
        }
        let seen = seen.dense();
        let (available, noise) = (batch.available.map(dense), noise.map(dense));
        let size = &seen.inputs.size()[..2];
        self.natively(|workspace, weights| {
            let (available, noise) = (available.as_ref().map(truths), noise.as_ref().map(numbers));
            let acted = workspace.act(weights, &seen.rows(), available, noise);
            let after = |memory: &Tensor| Tensor::from_slice(acted.memory).view_as(memory);
            let values = (!acted.values.is_empty()).then_some(acted.values);
            Chosen {
                actions: acted.actions.to_tensor([size[0], size[1]]),
                log_probs: Tensor::from_slice(acted.log_probs).view(size),
                values: values.map(|values| Tensor::from_slice(values).view(size)),
                memory: seen.memory.as_ref().map(after),
            }
        })
    }
}

/// What an actor did.
struct Chosen {
    actions: Tensor,
    log_probs: Tensor,
    values: Option<Tensor>,
    memory: Option<Tensor>,
}

/// What a network is made of.
pub(super) fn sizes<'a>(
    config: &'a ActorCriticConfig,
    inputs: Inputs,
    spec: &Spec,
    decides: Option<Decides>,
) -> Sizes<'a> {
    Sizes {
        config,
        seen: inputs.seen(),
        values: match inputs.critic {
            Critic::Trunk => Values::Head,
            Critic::Own | Critic::Team => Values::Critic(inputs.shared_width()),
        },
        actions: as_of_model(spec.actions),
        decides,
        agents: inputs.agents,
        unscaled: inputs.unscaled.then_some(inputs.obs_dim),
    }
}

impl<T: Talk> Actor for ActorCritic<T> {
    fn needs(&self) -> Needs {
        Needs {
            memory: self.network.memory().iter().sum(),
            gate: self.network.actor.gate.map_or(0, |_| self.inputs.agents),
            state: self.inputs.uses_state(),
        }
    }

    fn message_sizes(&self) -> MessageSizes {
        let agents = self.inputs.agents;
        let talk = &self.network.actor.talk;
        let bytes = talk.message_bytes() * talk.rounds();
        if bytes == 0 {
            return MessageSizes::default();
        }
        let decides = self.network.actor.gate.as_ref().map(|gate| gate.decides);
        let pairs =
            (0..agents).flat_map(|receiver| (0..agents).map(move |sender| receiver != sender));
        MessageSizes {
            edge: pairs.map(|other| u32::from(other) * bytes as u32).collect(),
            always: Vec::new(),
            rounds: talk.rounds() as u32,
            always_rounds: 0,
            senders_decide: decides == Some(Decides::Send),
        }
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        self.check_acting(batch, gates, noise)?;
        let gate = self.decide(batch, gates);
        let seen = self.seen_by_actor(batch, in_force(gate.as_ref(), gates));
        let chosen = self.choose(batch, &seen, noise);
        let (values, of_critic) = match (self.criticised(batch), chosen.values) {
            (Some((values, memory)), _) => (values, memory),
            (None, Some(values)) => (values, None),
            (None, None) => (chosen.log_probs.zeros_like(), None),
        };
        let memory: Vec<Tensor> = chosen.memory.into_iter().chain(of_critic).collect();
        let memory = (!memory.is_empty()).then(|| Tensor::cat(&memory, -1));
        Ok(Act {
            actions: chosen.actions,
            log_probs: chosen.log_probs,
            values,
            gate,
            memory: of_active(memory, batch.active),
        })
    }
}

/// What is carried on, (B, N, M): nothing by who is not active.
pub(super) fn of_active(memory: Option<Tensor>, active: Option<&Tensor>) -> Option<Tensor> {
    memory.map(|memory| match active {
        Some(active) => memory * active.unsqueeze(-1),
        None => memory,
    })
}
