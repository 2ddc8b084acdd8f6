//! The contract between a task and whoever steps it.

use crate::{Frame, Rng, StateError};
use std::borrow::Cow;

/// What the agents of a team choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionSpace {
    /// One of this many actions.
    Discrete(usize),
    /// A vector of this many real numbers.
    Continuous(usize),
}

impl ActionSpace {
    /// The number inside (A): how many actions there are, or how many numbers an action has.
    pub fn size(self) -> usize {
        match self {
            ActionSpace::Discrete(actions) => actions,
            ActionSpace::Continuous(width) => width,
        }
    }
}

/// What a task looks like from outside; constant over its life.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Agents in the team (N).
    pub agents: usize,
    /// Numbers in one agent's observation (O).
    pub obs_dim: usize,
    /// Version of the observation's layout. A task that gives a number another meaning counts it up, so
    /// that no policy goes on that has learned the old one.
    pub obs_version: u32,
    /// Numbers in the [global state](Environment::global_state) (S); 0: the task gives none.
    pub state_dim: usize,
    /// What each agent chooses from (A).
    pub actions: ActionSpace,
    /// Whether some actions can be unavailable. If not, `Observation::available` is empty.
    pub masks_actions: bool,
    /// Names of the metrics that describe a whole episode, such as `success`. Each is there once, and none is
    /// [the program's own](crate::RESERVED_METRICS).
    pub metrics: Vec<Cow<'static, str>>,
}

impl Spec {
    /// A task with these sizes whose actions can always be taken, without a global state and without metrics.
    pub fn new(agents: usize, obs_dim: usize, actions: ActionSpace) -> Self {
        Self {
            agents,
            obs_dim,
            obs_version: 1,
            state_dim: 0,
            actions,
            masks_actions: false,
            metrics: Vec::new(),
        }
    }

    /// Numbers in the availability mask of one environment: N x A, or none if nothing is ever unavailable.
    pub fn available_len(&self) -> usize {
        match self.actions {
            ActionSpace::Discrete(actions) if self.masks_actions => {
                self.agents.saturating_mul(actions)
            }
            _ => 0,
        }
    }
}

/// The joint action of one environment's team (or of all environments, in a [`VecEnv`](crate::VecEnv)).
#[derive(Clone, Copy, Debug)]
pub enum Actions<'a> {
    /// One index per agent.
    Discrete(&'a [i64]),
    /// A vector per agent, one agent after the other.
    Continuous(&'a [f32]),
}

impl<'a> Actions<'a> {
    /// The indices; empty if these are vectors.
    pub fn indices(self) -> &'a [i64] {
        match self {
            Actions::Discrete(indices) => indices,
            Actions::Continuous(_) => &[],
        }
    }

    /// The indices of so many agents.
    ///
    /// # Panics
    ///
    /// If there are more or fewer, which whoever steps a task has ruled out.
    pub(crate) fn indices_for(self, agents: usize) -> &'a [i64] {
        let indices = self.indices();
        assert_eq!(indices.len(), agents, "one action index per agent");
        indices
    }

    /// The vectors' numbers; empty if these are indices.
    pub fn vectors(self) -> &'a [f32] {
        match self {
            Actions::Discrete(_) => &[],
            Actions::Continuous(numbers) => numbers,
        }
    }
}

/// The largest size of a reward and of a number of an observation or of a global state. The squares of returns over
/// thousands of steps, and of thousands of features, still add up to a finite `f32`.
pub const LARGEST_NUMBER: f32 = 1e15;

/// Where an environment writes what its agents perceive: the caller's memory.
///
/// The environment writes every element on every call; nothing may be assumed about what was there.
#[derive(Debug)]
pub struct Observation<'a> {
    /// Observations, (N, O), row-major, of numbers up to [`LARGEST_NUMBER`] in size.
    pub obs: &'a mut [f32],
    /// Whether an action can be taken, (N, A); empty unless [`Spec::masks_actions`].
    ///
    /// Every agent can take at least one, active or not: an agent that is not active still has a row in
    /// every tensor, where a choice from nothing is not a number, and that times zero is not zero.
    pub available: &'a mut [bool],
    /// Whether an agent is active, (N). Dead agents are not.
    pub active: &'a mut [bool],
}

impl Observation<'_> {
    /// The same memory, lent for a while.
    pub fn reborrow(&mut self) -> Observation<'_> {
        self.front(self.obs.len())
    }

    /// The same with only so many numbers of `obs`: what a task writes to that is shown with more behind it.
    pub(crate) fn front(&mut self, numbers: usize) -> Observation<'_> {
        Observation {
            obs: &mut self.obs[..numbers],
            available: &mut *self.available,
            active: &mut *self.active,
        }
    }
}

/// How an episode stands after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It goes on.
    Running,
    /// It reached its end: nothing more can be earned.
    Terminated,
    /// A time limit truncated it: what lies ahead is still worth something.
    Truncated,
}

impl Status {
    /// How an episode stands after so many steps, if `over` says whether it has reached its end; a `limit` of 0 is
    /// none. The end goes before the limit: nothing lies beyond it.
    pub(crate) fn of(over: bool, steps: u32, limit: u32) -> Self {
        match over {
            true => Self::Terminated,
            false if limit > 0 && steps >= limit => Self::Truncated,
            false => Self::Running,
        }
    }
}

/// One environment of a task. [`check`](crate::check()) tells whether one of your own keeps to what is said here.
pub trait Environment: Send {
    /// What the task looks like.
    fn spec(&self) -> &Spec;

    /// Begins an episode and writes its first observation.
    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>);

    /// Takes one step, writes the observation after it and each agent's reward, (N), up to [`LARGEST_NUMBER`] in
    /// size.
    ///
    /// After `Terminated` or `Truncated` the caller must [`reset`](Self::reset) before the next
    /// step.
    ///
    /// # Panics
    ///
    /// The built-in tasks panic if the actions or a slice do not fit the [`spec`](Self::spec), as
    /// indexing a slice does. [`VecEnv`](crate::VecEnv) returns an error instead, before it calls
    /// any environment.
    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status;

    /// Writes the metrics of the episode so far, in the order of [`Spec::metrics`]: finite numbers once it has ended.
    fn metrics(&self, out: &mut [f32]);

    /// Takes which share of a training run is over, 0 to 1; called before each rollout. A task with a curriculum
    /// follows it from its next step on. Without a call it is as hard as at the end of a run.
    fn progress(&mut self, share: f64) {
        let _ = share;
    }

    /// Writes the present global state, (S) numbers up to [`LARGEST_NUMBER`] in size: what a centralised critic may know in
    /// training, whoever sees it. S is [`Spec::state_dim`]; a task without one, as here, is not asked. Like an
    /// observation it can be had once an episode has begun, and after a [`restore`](Self::restore) it is as before.
    fn global_state(&self, out: &mut [f32]) {
        let _ = out;
    }

    /// All that [`restore`](Self::restore) needs to go on with the episode from here; `None`, as here, for
    /// a task that cannot be saved. The random numbers are not the task's to save.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }

    /// Goes on with an episode that a task of the same settings has [`save`](Self::save)d, and writes the
    /// observation of its present state. After an error the state is as before.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the bytes are no state of this task.
    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        let _ = (state, out);
        Err(StateError::new("this task cannot be saved"))
    }

    /// For each agent the one it must receive from, (N), where the task has such a known answer.
    fn sources(&self) -> Option<&[usize]> {
        None
    }

    /// Whether each agent must receive in the present step, (N), where the task has such a known answer.
    fn must_receive(&self) -> Option<&[bool]> {
        None
    }

    /// Whether each agent left in the last step, (N); empty, as here, for a task that nobody leaves.
    ///
    /// Whoever has the place of one that left, from this step's observation on, is another, or nobody:
    /// the one that left earns nothing more, and what it carried goes with it. [`VecEnv`](crate::VecEnv) counts a reward
    /// in a place that was left as 0 until another has it. One that is dead and still
    /// earns what its team does is not active, but has not left, and neither has one that pauses and comes back.
    fn departed(&self) -> &[bool] {
        &[]
    }

    /// What people call each action, in its order; empty, as here, for actions without names.
    fn action_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// What people call each agent, (N); empty, as here, for agents without names.
    fn agent_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Draws the present state into an empty frame; nothing, as here, for a task without a picture.
    fn draw(&self, frame: &mut Frame) {
        let _ = frame;
    }

    /// The task as one that lives elsewhere; `None`, as here, for a task that is stepped where it is called.
    fn remote(&mut self) -> Option<&mut dyn Remote> {
        None
    }
}

/// A task that lives elsewhere, in another process say: it can be at work for many environments at once, and it can fail.
///
/// [`VecEnv`](crate::VecEnv) first lets every environment [`begin`](Self::begin) and then collects with
/// [`Environment::step`] or [`Environment::reset`], in the order of the environments. After a failure these write
/// something that fits, nobody uses it, and the `VecEnv` returns an error.
pub trait Remote {
    /// Begins what will be asked for next: a step with these actions, or without any a new episode. `rng` is the one
    /// that the step or reset will be given.
    fn begin(&mut self, actions: Option<Actions<'_>>, rng: &mut Rng);

    /// Called once every environment of the same caller has had its [`begin`](Self::begin): what was gathered can be
    /// sent.
    fn send(&mut self);

    /// Whether the episode that ended in the last step was lost: it was truncated because where it took place failed. How
    /// it would have gone is not known, so it counts in no statistics. No episode is, here.
    fn lost(&self) -> bool {
        false
    }

    /// Why the last step or reset was not made; `None` if it was.
    fn failure(&self) -> Option<&str>;
}
