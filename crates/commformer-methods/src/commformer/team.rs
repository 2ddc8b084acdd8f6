//! The network, its graph and its gates as one policy.

use super::footprint::sizes;
use super::gate::{Decision, GateInputs, TeamGate, for_policy};
use crate::config::{GateMode, TeamConfig};
use crate::error::check_section;
use crate::{Apart, Attentions, Insight, MethodError, Portable, Team};
use commformer_env::{ActionSpace, Rng, Spec};
use commformer_gate::GateError;
use commformer_model::{CommFormer, Input, Observations, Recurrence, SelfEdge, graph};
use commformer_train::{
    Act, Actor, Gates, MessageSizes, Needs, ObsBatch, PolicyResult, Purpose, TeamGraphs, seed_for,
};
use tch::{Device, Tensor};

/// A policy, how its graph is drawn, and when its agents receive.
#[derive(Debug)]
pub struct TeamPolicy {
    pub(super) model: CommFormer,
    pub(super) gate: Option<TeamGate>,
    /// Senders of each receiver (k).
    pub(super) senders: usize,
    pub(super) self_edge: SelfEdge,
    pub(super) temperature: f64,
    /// Of a recurrent network.
    pub(super) sequence: Option<usize>,
}

/// What agents carry from a step to the next, each (B, N, ..); `None`: nothing of that kind.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// The network's recurrent state.
    pub recurrent: Option<Tensor>,
    /// What it keeps of old messages.
    pub stale: Option<Tensor>,
    /// What the gate carries.
    pub gate: Option<Tensor>,
}

impl TeamPolicy {
    /// A new policy for a task that looks like `spec`; its weights follow from the run's seed.
    ///
    /// # Errors
    ///
    /// [`MethodError::Setting`] for a number out of its range, [`MethodError::Policy`] if the settings make none or the
    /// device refuses it.
    pub fn new(config: &TeamConfig, spec: &Spec, device: Device) -> Result<Self, MethodError> {
        check_section("policy", &config.policy)?;
        check_section("graph", &config.graph)?;
        check_section("gate", &config.gate)?;
        let sizes = sizes(config, spec);
        if config.gate.mode == GateMode::Uncertainty
            && let ActionSpace::Continuous(_) = spec.actions
        {
            return Err(MethodError::Policy(GateError::Config {
                setting: "gate.mode",
                problem: "`uncertainty` compares entropies, but that of continuous actions is the same whatever an agent \
                          sees; take another mode"
                    .to_owned(),
            }));
        }
        let seed = config.seed;
        let mut rng = Rng::new(seed_for(seed, Purpose::Weights), 0);
        let gate_sizes = [spec.agents, config.policy.embed_dim];
        Ok(Self {
            model: CommFormer::new(&sizes, device, &mut || rng.normal())?,
            gate: TeamGate::new(&config.gate, gate_sizes, seed, device)?,
            senders: config.graph.senders(spec.agents),
            self_edge: config.graph.self_edge,
            temperature: config.graph.temperature,
            sequence: match config.policy.recurrence {
                Recurrence::None => None,
                Recurrence::Gru => Some(config.policy.sequence),
            },
        })
    }

    /// The network.
    pub fn model(&self) -> &CommFormer {
        &self.model
    }

    /// The gate, if there is one.
    pub fn gate(&self) -> Option<&TeamGate> {
        self.gate.as_ref()
    }

    /// The same weights, in the same memory, with gradients of their own.
    ///
    /// # Errors
    ///
    /// libtorch's, if the device refuses it.
    ///
    /// # Safety
    ///
    /// That of [`Policy::replica`](commformer_train::Policy::replica), which boxes it.
    pub unsafe fn twin(&self) -> PolicyResult<Self> {
        let of_gate = |gate: &TeamGate| {
            // SAFETY: the caller keeps to it.
            unsafe { gate.replica() }
        };
        Ok(Self {
            // SAFETY: the caller keeps to it.
            model: unsafe { self.model.replica() }?,
            gate: self.gate.as_ref().map(of_gate).transpose()?,
            ..*self
        })
    }

    /// Embeds the observations, splits what agents carry and sets the gates.
    pub(super) fn perceive(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
    ) -> PolicyResult<Perception> {
        let carried = self.split(batch.memory);
        let (embedding, recurrent) = self.model.observe(Observations {
            recurrent: carried.recurrent.as_ref(),
            ..batch.obs.into()
        })?;
        let stale = carried.stale;
        let decision = match &self.gate {
            None => None,
            Some(gate) => {
                let entropy = match gates {
                    Gates::Open => None,
                    _ if gate.needs_entropy() => {
                        let input = input(batch, &embedding, None, stale.as_ref());
                        Some(self.model.entropy_alone(&input)?)
                    }
                    _ => None,
                };
                let inputs = GateInputs {
                    embedding: &embedding,
                    graph: &heard(gate, batch),
                    recurrent: carried.gate.as_ref(),
                    entropy_alone: entropy.as_ref(),
                };
                Some(gate.decide(&inputs, gates)?)
            }
        };
        // Open gates change nothing, so the network is not given them.
        let open = match (&decision, gates) {
            (None, _) | (_, Gates::Open) => None,
            (Some(decision), _) => Some(for_policy(&decision.gating.open)),
        };
        Ok(Perception {
            embedding,
            recurrent,
            stale,
            decision,
            open,
        })
    }

    /// What agents carry, (B, N, M), taken apart.
    pub(super) fn split(&self, memory: Option<&Tensor>) -> Carried {
        let model = self.model.config();
        let of_gate = self.gate.as_ref().map_or(0, TeamGate::recurrent_width);
        let mut start = 0;
        let mut part = |length: usize| {
            let at = (start, length as i64);
            start += at.1;
            let memory = memory.filter(|_| length > 0)?;
            Some(memory.narrow(-1, at.0, at.1))
        };
        Carried {
            recurrent: part(model.recurrent_width()),
            stale: part(model.stale_width()),
            gate: part(of_gate),
        }
    }
}

/// Observations as the network takes them, with these gates and what agents keep.
pub(super) fn input<'a>(
    batch: &ObsBatch<'a>,
    embedding: &'a Tensor,
    gate: Option<&'a Tensor>,
    stale: Option<&'a Tensor>,
) -> Input<'a> {
    Input {
        available: batch.available,
        graph_of: batch.graph.of.as_ref(),
        gate,
        active: batch.active,
        stale,
        ..Input::new(embedding, &batch.graph.graphs)
    }
}

/// The graphs as a gate sees them: if it looks at edges, without those of agents who are not active.
pub(super) fn heard(gate: &TeamGate, batch: &ObsBatch<'_>) -> TeamGraphs {
    let TeamGraphs { graphs, of } = batch.graph;
    match batch.active {
        Some(active) if gate.reads_graph() => {
            let both = active.unsqueeze(-1) * active.unsqueeze(-2); // (B, N, N)
            TeamGraphs::new(graph::gated(&batch.graph.of_each(), &both))
        }
        _ => TeamGraphs {
            graphs: graphs.shallow_clone(),
            of: of.as_ref().map(Tensor::shallow_clone),
        },
    }
}

/// What agents carry to the next step, side by side. Who is not active comes back with nothing.
pub(super) fn carry(parts: &[Tensor], active: Option<&Tensor>) -> Option<Tensor> {
    let carried = (!parts.is_empty()).then(|| Tensor::cat(parts, -1))?;
    Some(match active {
        Some(active) => carried * active.unsqueeze(-1),
        None => carried,
    })
}

/// What a team perceives, ready for the network.
pub(super) struct Perception {
    embedding: Tensor,
    /// What agents remember from here on.
    recurrent: Option<Tensor>,
    stale: Option<Tensor>,
    decision: Option<Decision>,
    /// The gates as the network takes them.
    open: Option<Tensor>,
}

impl Perception {
    pub fn input<'a>(&'a self, batch: &ObsBatch<'a>) -> Input<'a> {
        input(
            batch,
            &self.embedding,
            self.open.as_ref(),
            self.stale.as_ref(),
        )
    }
}

impl Actor for TeamPolicy {
    fn needs(&self) -> Needs {
        let of_gate = |width: fn(&TeamGate) -> usize| self.gate.as_ref().map_or(0, width);
        Needs {
            memory: self.model.config().memory_width() + of_gate(TeamGate::recurrent_width),
            gate: of_gate(TeamGate::width),
            state: false,
        }
    }

    fn message_sizes(&self) -> MessageSizes {
        let config = self.model.config();
        let pairs = || {
            let agents = 0..config.agents;
            let senders = agents.clone();
            agents.flat_map(move |receiver| senders.clone().map(move |sender| (receiver, sender)))
        };
        let bytes = |of: &dyn Fn(usize, usize) -> usize| {
            pairs()
                .map(|(receiver, sender)| match receiver == sender {
                    true => 0,
                    false => of(receiver, sender) as u32,
                })
                .collect()
        };
        MessageSizes {
            edge: bytes(&|receiver, sender| config.message_bytes(receiver, sender)),
            always: bytes(&|receiver, sender| config.constant_bytes(receiver, sender)),
            rounds: config.message_rounds() as u32,
            always_rounds: config.constant_rounds() as u32,
            senders_decide: false,
        }
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let perception = self.perceive(batch, gates)?;
        let act = self.model.act(&perception.input(batch), noise)?;
        let (gating, of_gate) = match perception.decision {
            Some(decision) => (Some(decision.gating), decision.recurrent),
            None => (None, None),
        };
        let of_model = perception.recurrent.into_iter().chain(act.stale);
        let carried: Vec<Tensor> = of_model.chain(of_gate).collect();
        Ok(Act {
            actions: act.actions,
            log_probs: act.log_probs,
            values: act.values,
            gate: gating,
            memory: carry(&carried, batch.active),
        })
    }
}

impl Team for TeamPolicy {
    fn explain(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        act: &Act,
    ) -> PolicyResult<Option<Insight>> {
        self.insight(batch, gates, act).map(Some)
    }

    fn attentions(&self) -> Attentions {
        Attentions {
            names: self.model.attention_names().collect(),
            heads: self.model.config().heads,
        }
    }

    fn portable(&self) -> Result<Portable, String> {
        let gate = self.gate.as_ref().map(TeamGate::portable).transpose()?;
        Ok(Portable::Transformer {
            policy: self.model.config().clone(),
            gate: gate.flatten(),
        })
    }

    fn act_apart(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Apart> {
        self.apart(batch, gates, noise)
    }
}
