//! The same team with every agent alone, given only what is delivered along open edges: an agent's gate decides on that
//! agent's own embedding, its network runs on its own observation and its inbox. What the mailboxes deliver is counted.

use super::gate::{Decision, GateInputs, for_policy};
use super::team::{TeamPolicy, carry, heard};
use crate::apart::{joined, timed};
use crate::{Apart, Delivered};
use commformer_gate::alone::Gate;
use commformer_model::decentralised::{Action, OpenEdges, Team, Turn, Weights};
use commformer_model::graph;
use commformer_train::{Act, Gates, Gating, ObsBatch, PolicyResult, TeamGraphs};
use std::time::Duration;
use tch::{Device, Kind, Tensor};

impl TeamPolicy {
    /// See [`Team::act_apart`](crate::Team::act_apart).
    pub(super) fn apart(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Apart> {
        let size = batch.obs.size();
        let (envs, agents) = (size[0], size[1] as usize);
        let weights = Weights::new(self.model())?;
        let mut alone = Alone {
            team: Team::new(weights, agents)?,
            gate: self.gate_alone(gates)?,
            took: Duration::ZERO,
        };
        let (mut acts, mut log) = (Vec::new(), Vec::new());
        for env in 0..envs {
            let of_env = |x: &Tensor| x.narrow(0, env.min(x.size()[0] - 1), 1);
            let available = batch.available.map(of_env);
            let memory = batch.memory.map(of_env);
            let active = batch.active.map(of_env);
            let context = ObsBatch {
                obs: &of_env(batch.obs),
                available: available.as_ref(),
                graph: &TeamGraphs::new(of_env(&batch.graph.of_each())), // the only one, or this environment's
                active: active.as_ref(),
                state: None,
                memory: memory.as_ref(),
            };
            let of_gates = gates.noise().map(of_env);
            let gates = with_noise(gates, of_gates.as_ref());
            let noise = noise.map(of_env);
            let (act, delivered) = self.step_apart(&mut alone, &context, gates, noise.as_ref())?;
            acts.push(act);
            log.push(delivered);
        }
        Ok(Apart {
            act: stack(&acts),
            delivered: log,
            took: alone.took,
        })
    }

    /// One step of one team: observations of batch 1.
    fn step_apart(
        &self,
        alone: &mut Alone,
        context: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<(Act, Delivered)> {
        let Alone { team, gate, took } = alone;
        let own = |x: &Tensor| x.get(0);
        let width = self.model().config().memory_width() as i64;
        team.forget();
        if let Some(memory) = context.memory.filter(|_| width > 0) {
            team.keep(&numbers(&own(memory).narrow(-1, 0, width))?)?;
        }
        let available = context.available.map(flags).transpose()?;
        let obs = numbers(context.obs)?;
        let turns = timed(took, || team.perceive(&obs, available.as_deref()))?;
        let decisions: Vec<Decision> = (0..)
            .zip(&turns)
            .map(|(agent, turn)| match gate {
                Some(gate) => self.decide_by(gate, agent, turn, context, took).map(Some),
                None => self.decide_alone(agent, turn, context, gates),
            })
            .filter_map(Result::transpose)
            .collect::<PolicyResult<_>>()?;
        let gating = joined(decisions.iter().map(|found| &found.gating), 1);
        let graph = context.graph.of_each();
        let edges = match (&gating, gates) {
            (None, _) | (_, Gates::Open) => own(&graph),
            (Some(gating), _) => own(&graph::gated(&graph, &for_policy(&gating.open))),
        };
        let mut edges = OpenEdges::new(&numbers(&edges)?)?;
        if let Some(active) = context.active {
            edges = edges.among(&flags(&active.gt(0.5))?)?;
        }
        let noise = noise.map(numbers).transpose()?;
        let step = timed(took, || team.act(turns, &edges, noise.as_deref()))?;
        let of_gates: Vec<&Tensor> = decisions
            .iter()
            .filter_map(|decision| decision.recurrent.as_ref())
            .collect();
        let of_gates = (!of_gates.is_empty()).then(|| Tensor::cat(&of_gates, 1)); // (1, N, ..)
        // On the policy's device and with a batch of one.
        let row = |x: &[f32], shape: &[i64]| {
            Tensor::from_slice(x)
                .view(shape)
                .to_device(context.obs.device())
        };
        let agents = step.values.len() as i64;
        let of_model = (step.memory).map(|memory| row(&memory, &[1, agents, width]));
        let carried: Vec<Tensor> = of_model.into_iter().chain(of_gates).collect();
        let act = Act {
            actions: actions(&step.actions).to_device(context.obs.device()),
            log_probs: row(&step.log_probs, &[1, agents]),
            values: row(&step.values, &[1, agents]),
            gate: gating,
            memory: carry(&carried, context.active),
        };
        let delivered = Delivered {
            messages: step.delivered.messages() as u64,
            bytes: step.delivered.bytes() as u64,
        };
        Ok((act, delivered))
    }

    /// The gate that an exported agent carries, if execution is by a learned one.
    fn gate_alone(&self, gates: Gates<'_>) -> PolicyResult<Option<Gate>> {
        let (Some(gate), Gates::Decided(_)) = (self.gate(), gates) else {
            return Ok(None);
        };
        let Ok(Some((config, execution))) = gate.portable() else {
            return Ok(None);
        };
        let state = gate.state().into_iter();
        let parts = state.map(|(name, part)| Ok((name, numbers(&part)?)));
        let parts = parts.collect::<PolicyResult<Vec<_>>>()?;
        Ok(Some(Gate::of_parts(&config, execution, parts)?))
    }

    /// What agent `agent` decides by a gate of its own. Everything in the decision is (1, 1, ..).
    fn decide_by(
        &self,
        gate: &mut Gate,
        agent: i64,
        turn: &Turn,
        context: &ObsBatch<'_>,
        took: &mut Duration,
    ) -> PolicyResult<Decision> {
        match self.split(context.memory).gate {
            Some(carried) => gate.keep(&numbers(&carried.narrow(1, agent, 1))?)?,
            None => gate.forget(),
        }
        let device = context.obs.device();
        let open = timed(took, || gate.decide(turn.embedding()))?;
        let row = |x: &[f32]| Tensor::from_slice(x).view([1, 1, -1]).to_device(device);
        let open: Vec<f32> = open
            .into_iter()
            .map(|open| f32::from(u8::from(open)))
            .collect();
        let open = row(&open);
        let carries = (self.gate()).is_some_and(|gate| gate.recurrent_width() > 0);
        // Nobody learns from agents that are alone, or sets their thresholds.
        let nothing = Tensor::zeros([1, 1], (Kind::Float, device));
        Ok(Decision {
            recurrent: carries.then(|| row(gate.carried())),
            gating: Gating {
                log_probs: nothing.shallow_clone(),
                values: nothing,
                scores: open.full_like(f64::NAN),
                open,
            },
        })
    }

    /// The gate of agent `agent`, if there is one, by what this agent alone knows. Everything in the
    /// decision is (1, 1, ..).
    fn decide_alone(
        &self,
        agent: i64,
        turn: &Turn,
        context: &ObsBatch<'_>,
        gates: Gates<'_>,
    ) -> PolicyResult<Option<Decision>> {
        let Some(gate) = self.gate() else {
            return Ok(None);
        };
        // A gate may want to see a whole team. It is shown one whose members are all this agent.
        let agents = context.obs.size()[1];
        let repeated = |x: &Tensor| x.narrow(1, agent, 1).repeat([1, agents, 1]);
        let noise = gates.noise().map(repeated);
        let gates = with_noise(gates, noise.as_ref());
        let recurrent = self.split(context.memory).gate.as_ref().map(repeated);
        let entropy = if gate.needs_entropy() && noise.is_some() {
            let own_edge = context.graph.of_each().double_value(&[0, agent, agent]) > 0.5;
            let entropy = turn.entropy_alone(agents as usize, own_edge)?;
            let options = (Kind::Float, context.obs.device());
            Some(Tensor::full([1, agents], entropy, options))
        } else {
            None
        };
        let embedding = embedding(turn, context.obs.device());
        let inputs = GateInputs {
            embedding: &embedding.repeat([1, agents, 1]),
            graph: &heard(gate, context),
            recurrent: recurrent.as_ref(),
            entropy_alone: entropy.as_ref(),
        };
        let Decision { gating, recurrent } = gate.decide(&inputs, gates)?;
        let own = |x: &Tensor| x.narrow(1, agent, 1);
        Ok(Some(Decision {
            gating: Gating {
                open: own(&gating.open),
                log_probs: own(&gating.log_probs),
                values: own(&gating.values),
                scores: own(&gating.scores),
            },
            recurrent: recurrent.as_ref().map(own),
        }))
    }
}

/// What agents are when they are alone.
struct Alone {
    team: Team,
    /// That of each agent in its turn.
    gate: Option<Gate>,
    /// Time that they took.
    took: Duration,
}

/// A tensor's numbers, wherever it lies.
fn numbers(x: &Tensor) -> PolicyResult<Vec<f32>> {
    Ok(Vec::try_from(x.f_contiguous()?.f_view([-1])?)?)
}

fn flags(x: &Tensor) -> PolicyResult<Vec<bool>> {
    Ok(Vec::try_from(x.f_contiguous()?.f_view([-1])?)?)
}

/// (1, N) of i64, or (1, N, A) if continuous.
fn actions(of_members: &[Action]) -> Tensor {
    let each = of_members.iter().map(|action| match action {
        Action::Discrete(action) => Tensor::from(*action as i64),
        Action::Continuous(action) => Tensor::from_slice(action),
    });
    Tensor::stack(&each.collect::<Vec<_>>(), 0).unsqueeze(0)
}

/// A member's embedding, (1, 1, E).
fn embedding(turn: &Turn, device: Device) -> Tensor {
    Tensor::from_slice(turn.embedding())
        .view([1, 1, -1])
        .to_device(device)
}

/// The same gates, with other noise.
fn with_noise<'a>(gates: Gates<'_>, noise: Option<&'a Tensor>) -> Gates<'a> {
    match (gates, noise) {
        (Gates::Drawn(_), Some(noise)) => Gates::Drawn(noise),
        (Gates::Decided(_), Some(noise)) => Gates::Decided(noise),
        _ => Gates::Open,
    }
}

/// The acts of single environments as one batch.
fn stack(acts: &[Act]) -> Act {
    let all = |of: &dyn Fn(&Act) -> Option<&Tensor>| {
        let parts: Vec<&Tensor> = acts.iter().filter_map(of).collect();
        (!parts.is_empty()).then(|| Tensor::cat(&parts, 0))
    };
    let always = |of: &dyn Fn(&Act) -> &Tensor| {
        let parts: Vec<&Tensor> = acts.iter().map(of).collect();
        Tensor::cat(&parts, 0)
    };
    Act {
        actions: always(&|act| &act.actions),
        log_probs: always(&|act| &act.log_probs),
        values: always(&|act| &act.values),
        gate: joined(acts.iter().filter_map(|act| act.gate.as_ref()), 0),
        memory: all(&|act| act.memory.as_ref()),
    }
}
