//! What the trainer asks of a policy. It knows no concrete one.
//!
//! Throughout, B is samples, N agents, O the observation's width, A actions. A policy may have receive gates:
//! W decisions of each agent a step, one (W = 1) or one for each sender (W = N).

mod boxed;
pub(crate) mod capability;
pub(crate) mod message_sizes;

pub(crate) use capability::learned_graph;

use crate::{LearnedGraph, MessageSizes, ReceiveGates};
use commformer_torch::{gradients, named};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

/// Whom the agents of B teams can hear: few teams' graphs differ, so each is held once.
#[derive(Debug)]
pub struct TeamGraphs {
    /// (1 or B, N, N), or with `of` (G, N, N): 1 where receiver i (row) hears sender j (column).
    pub graphs: Tensor,
    /// Which of G graphs each team has, (B) of i64; `None`: all the same one, or each its own.
    pub of: Option<Tensor>,
}

impl TeamGraphs {
    /// One graph for all, (1, N, N), or one for each team, (B, N, N).
    pub fn new(graphs: Tensor) -> Self {
        Self { graphs, of: None }
    }

    /// Of a team without a communication graph, whose policy asks for none: (1, 0, 0).
    pub fn none(device: Device) -> Self {
        Self::new(Tensor::zeros([1, 0, 0], (Kind::Float, device)))
    }

    /// The graph of each team, (1 or B, N, N).
    pub fn of_each(&self) -> Tensor {
        match &self.of {
            Some(of) => self.graphs.index_select(0, of),
            None => self.graphs.shallow_clone(),
        }
    }

    /// Whom the agents of each team can hear beside themselves, (1 or B, N, N), without a gradient.
    pub fn others(&self) -> Tensor {
        let graph = self.of_each().detach();
        let agents = graph.size().last().copied().unwrap_or(0);
        let own = Tensor::eye(agents, (Kind::Float, graph.device()));
        graph * (1.0 - own)
    }

    /// Those of some teams, by number, (S) of i64.
    pub(crate) fn select(&self, teams: &Tensor) -> Self {
        let of = match &self.of {
            Some(of) => Some(of.index_select(0, teams)),
            None if self.graphs.size()[0] == 1 => None,
            None => Some(teams.shallow_clone()),
        };
        Self {
            graphs: self.graphs.shallow_clone(),
            of,
        }
    }
}

/// B observations in which teams act.
#[derive(Clone, Copy, Debug)]
pub struct ObsBatch<'a> {
    /// (B, N, O).
    pub obs: &'a Tensor,
    /// Whether an action can be taken, (B, N, A) of bool; `None`: all can.
    pub available: Option<&'a Tensor>,
    /// Whom the agents can hear; [none](TeamGraphs::none) for a policy that is trained without a graph.
    pub graph: &'a TeamGraphs,
    /// Who is active, (B, N) of 1 and 0; `None`: everybody. Who is not must neither be heard by others
    /// nor matter to them in any other way.
    pub active: Option<&'a Tensor>,
    /// The global state, (B, S), where the policy [asks for it](Needs::state) and the task gives one.
    pub state: Option<&'a Tensor>,
    /// What each agent carries from the step before, (B, N, M), zeros in the first step of an episode;
    /// `None` if it carries nothing. Of a [`Sequence`], what it begins with.
    pub memory: Option<&'a Tensor>,
}

/// How the receive gates of some observations are set.
#[derive(Clone, Copy, Debug)]
pub enum Gates<'a> {
    /// All open, whatever they would decide.
    Open,
    /// Drawn, as in training, from this noise out of (0, 1), (B, N, W).
    Drawn(&'a Tensor),
    /// Decided, as in execution. The noise, (B, N, W) out of (0, 1), is for gates that are random by
    /// design.
    Decided(&'a Tensor),
}

impl<'a> Gates<'a> {
    /// The noise that they are given.
    pub fn noise(self) -> Option<&'a Tensor> {
        match self {
            Self::Open => None,
            Self::Drawn(noise) | Self::Decided(noise) => Some(noise),
        }
    }
}

/// What the receive gates of B observations decided.
#[derive(Debug)]
pub struct Gating {
    /// 1 where a gate is open, else 0: (B, N, W).
    pub open: Tensor,
    /// Log-probability of each agent's decisions, (B, N); zeros for gates that do not learn.
    pub log_probs: Tensor,
    /// Normalised value of each agent's state before it decides, (B, N); zeros if the policy has
    /// none.
    pub values: Tensor,
    /// What execution compares with a threshold, (B, N, W); NaN where nothing is to be compared.
    pub scores: Tensor,
}

/// What a team does in B observations.
#[derive(Debug)]
pub struct Act {
    /// (B, N) of i64, or (B, N, A) of f32 where actions are continuous.
    pub actions: Tensor,
    /// Log-probability of each agent's action, (B, N).
    pub log_probs: Tensor,
    /// Normalised value of each agent's state, (B, N).
    pub values: Tensor,
    /// What the gates decided; `None` for a policy without gates.
    pub gate: Option<Gating>,
    /// What each agent carries to the next step, (B, N, M); `None` if nothing.
    pub memory: Option<Tensor>,
}

/// What the policy thinks of gates that were set.
#[derive(Debug)]
pub enum GateEvaluation {
    /// The gates are part of the joint action. All (B, N).
    Action {
        /// Log-probability of each agent's decisions.
        log_probs: Tensor,
        /// Entropy of its decisions.
        entropy: Tensor,
        /// Normalised value of its state before it decides.
        values: Tensor,
        /// A cost of its own, for gates that must not become too sure.
        excess: Tensor,
    },
    /// The action's loss reaches the gates through what is heard. Both (B, N), with a gradient.
    StraightThrough {
        /// Messages that each agent takes in.
        messages: Tensor,
        /// They as a share of what it could take in.
        share: Tensor,
    },
}

/// What the policy thinks of actions that were taken.
#[derive(Debug)]
pub struct Evaluation {
    /// Log-probability of each agent's action, (B, N).
    pub log_probs: Tensor,
    /// Entropy of each agent's distribution, (B, N).
    pub entropy: Tensor,
    /// Normalised value of each agent's state, (B, N).
    pub values: Tensor,
    /// Of the gates, where those are learned.
    pub gate: Option<GateEvaluation>,
}

/// How the gates of some samples were set.
#[derive(Debug)]
pub struct GateSamples {
    /// 1 where a gate was open, else 0: (B, N, W).
    pub open: Tensor,
    /// The noise of the draw, (B, N, W).
    pub noise: Tensor,
}

/// Samples that follow each other, for a policy that carries a recurrent state through them.
///
/// The samples are then B sequences of L steps each, in which step comes before sequence: row `l * B + b` is step l of
/// sequence b. Of the memory only what each sequence begins with is given, (B, N, M): whatever it becomes within the
/// sequence, the policy computes, and a gradient can flow through it.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// Steps of each (L).
    pub steps: usize,
    /// 1 where an agent's memory begins anew before the step, (L, B, N), since its episode ended or another agent has
    /// its place: there the policy goes on from zeros. Else 0.
    pub begins: &'a Tensor,
}

impl Sequence<'_> {
    /// 0 where an agent's memory begins anew before a step, and else 1, (L, B, N): where it [begins](Self::begins), and
    /// after a step in which the agent took no part, as when it acts. `active` is that of the samples.
    pub fn goes_on(&self, active: Option<&Tensor>) -> Tensor {
        let goes_on: Tensor = 1.0 - self.begins;
        let steps = self.steps as i64;
        if let Some(active) = active {
            let before = active.view_as(&goes_on).narrow(0, 0, steps - 1);
            let _ = goes_on.narrow(0, 1, steps - 1).g_mul_(&before);
        }
        goes_on
    }
}

/// Samples to evaluate.
#[derive(Debug)]
pub struct Samples<'a> {
    /// How they follow each other; `None` unless the policy [asks for it](Policy::sequence): each is then by itself,
    /// with a memory of its own.
    pub sequence: Option<Sequence<'a>>,
    /// Where the teams were.
    pub batch: ObsBatch<'a>,
    /// (B, N) of i64, or (B, N, A) of f32.
    pub actions: &'a Tensor,
    /// How the gates were set; `None` if all were open.
    pub gate: Option<&'a GateSamples>,
}

/// What a policy returns: an error is one that its maker can explain, such as a shape it was not
/// made for.
pub type PolicyResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What an [`Actor`] needs besides observations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Numbers that each agent carries from a step to the next (M); 0: none.
    pub memory: usize,
    /// Decisions of each agent's receive gate in a step (W): one, or N, one for each sender; 0: there is no gate.
    pub gate: usize,
    /// Whether it is to be shown the global state. A task may have none, and agents that run by themselves are shown
    /// none: it must act without one, too.
    pub state: bool,
}

/// Whoever acts for a team: what an evaluation needs.
pub trait Actor: Send {
    /// What is to be kept for it and shown to it besides observations; nothing, as here, unless it says so.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// How many bytes its messages have; none, as here, for agents that send nothing.
    fn message_sizes(&self) -> MessageSizes {
        MessageSizes::default()
    }

    /// Chooses actions. `noise` is Gumbel for discrete and standard normal for continuous actions,
    /// (B, N, A); without it the action is greedy. This runs in libtorch's inference mode
    /// ([`commformer_torch::threads::inference`]): no tensor made here can be part of a gradient.
    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act>;
}

/// The level whose leaves are differentiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every parameter but the edge logits.
    Lower,
    /// The edge logits.
    Upper,
}

/// [`Policy::gradients`] by autograd.
///
/// # Errors
///
/// The policy's own, or libtorch's if the loss cannot be differentiated.
pub fn by_autograd<P: Policy + ?Sized>(
    policy: &P,
    level: Level,
    samples: &Samples<'_>,
    uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    loss: &mut dyn FnMut(&Evaluation) -> Tensor,
) -> PolicyResult<Vec<Tensor>> {
    let loss = loss(&policy.evaluate(samples, uniform)?);
    let leaves: Vec<Tensor> = match level {
        Level::Lower => (policy.parameters().into_iter())
            .map(|(_, leaf)| leaf)
            .collect(),
        Level::Upper => vec![learned_graph(policy)?.edge_logits()],
    };
    Ok(gradients::or_zeros(&loss, &leaves, false)?)
}

/// A team's policy: what every method has. What only some have are capabilities, of which a policy offers those
/// that it has. A `Box<dyn Policy>` is one, too.
pub trait Policy: Actor {
    /// The same weights, in the same memory, with gradients of their own: what another thread
    /// needs to be part of an update.
    ///
    /// # Safety
    ///
    /// While the policy or a replica is in a call on one thread, no other thread may change the weights.
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>>;

    /// Leaves of the lower level, in an order that never changes. They share the policy's memory: nobody may write
    /// through them while the policy or a replica is in a call, which may read them as slices.
    fn parameters(&self) -> Vec<(String, Tensor)>;

    /// All weights under their names on disk. They are the parameters, as here, unless the policy has more. A policy that
    /// returns copies has a [`load_state`](Self::load_state) of its own.
    fn state(&self) -> Vec<(String, Tensor)> {
        self.parameters()
    }

    /// Takes weights as [`state`](Self::state) gave them: copies them, as here, into the tensors that it gives now.
    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        Ok(named::copy_into(&self.state(), state)?)
    }

    /// Sees what a rollout showed, rows of O numbers, of which those count whose agent is `active`: for a policy
    /// that normalises its observations. The trainer calls it with the first observations of a run, and after it
    /// has learned from a rollout. Replicas share what it changes.
    fn take_in(&mut self, obs: &[f32], active: &[bool]) -> PolicyResult<()> {
        let _ = (obs, active);
        Ok(())
    }

    /// The steps over which a gradient is to flow through what it carries from step to step, for a recurrent policy: it
    /// then evaluates [sequences](Sequence) of so many steps, or of the largest number below that divides the steps of a
    /// rollout. `None`, as here: it evaluates samples by themselves.
    fn sequence(&self) -> Option<usize> {
        None
    }

    /// The communication graph that it learns; `None`, as here, for a policy that learns none. Whether there is one
    /// never changes.
    fn graph(&self) -> Option<&dyn LearnedGraph> {
        None
    }

    /// Its receive gates; `None`, as here, for a policy without any.
    fn gates(&self) -> Option<&dyn ReceiveGates> {
        None
    }

    /// The same, to calibrate them.
    fn gates_mut(&mut self) -> Option<&mut dyn ReceiveGates> {
        None
    }

    /// Evaluates actions that were taken. `uniform` gives noise from (0, 1) of a shape, for
    /// policies with dropout.
    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation>;

    /// The gradient of the loss that `loss` makes of [`evaluate`](Self::evaluate)'s results: a tensor
    /// for each leaf of the level, zeros where a leaf has no part in it. By autograd, unless a policy
    /// knows a faster way.
    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        by_autograd(self, level, samples, uniform, loss)
    }

    /// Normalised values of observations, (B, N); in inference mode like [`act`](Actor::act).
    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor>;
}
