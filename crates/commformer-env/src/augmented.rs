//! Any task whose agents are told more than it shows: which of them they are, and what they did last.

use crate::{
    ActionSpace, Actions, Environment, Observation, Rng, Spec, StateError, Status,
    forward_environment,
    saved::{self, Wrapped},
};

/// What agents are told behind what their task shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Which of the N agents it is: 1 at its place, else 0 (N).
    pub agent_id: bool,
    /// Its last action: 1 at its number, else 0, or the vector (A). Zeros before the first step of an episode, for an
    /// agent that is not active or was not before the step, and for one that has just taken another's place.
    pub last_action: bool,
}

impl Augment {
    /// Whether it changes nothing.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Numbers that an agent of this task is told.
    fn width(self, spec: &Spec) -> usize {
        let id = if self.agent_id { spec.agents } else { 0 };
        let action = match self.last_action {
            true => spec.actions.size(),
            false => 0,
        };
        id.saturating_add(action)
    }
}

impl Spec {
    /// The same task with agents that are [`Augmented`] so much.
    pub fn augmented(mut self, augment: Augment) -> Self {
        self.obs_dim = self.obs_dim.saturating_add(augment.width(&self));
        // Stacks add less, and no task has so many versions of its own. Bit 25 was that of last actions which also told an
        // agent what had been chosen for its place while it was not active.
        let added = u32::from(augment.agent_id) << 24 | u32::from(augment.last_action) << 26;
        self.obs_version = self.obs_version.wrapping_add(added);
        self
    }
}

/// A task whose agents are told more than it shows.
///
/// ```
/// use commformer_env::{Environment, Signal, Augment, Augmented};
///
/// let task = Signal::new(Default::default())?;
/// let (shown, agents) = (task.spec().obs_dim, task.spec().agents);
/// let augment = Augment { agent_id: true, last_action: false };
/// assert_eq!(Augmented::new(task, augment).spec().obs_dim, shown + agents);
/// # Ok::<(), commformer_env::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Augmented<E> {
    task: E,
    augment: Augment,
    spec: Spec,
    /// Numbers that the task shows an agent (O).
    width: usize,
    /// The last action of each agent, (N, A); nothing unless that is told.
    last: Vec<f32>,
    /// Who was active when it was told last, (N).
    active: Vec<bool>,
}

impl<E: Environment> Augmented<E> {
    /// Tells the agents of a task so much.
    pub fn new(task: E, augment: Augment) -> Self {
        let spec = task.spec();
        let actions = if augment.last_action {
            spec.agents * spec.actions.size()
        } else {
            0
        };
        Self {
            augment,
            width: spec.obs_dim,
            spec: spec.clone().augmented(augment),
            last: vec![0.0; actions],
            active: vec![false; spec.agents],
            task,
        }
    }

    /// Keeps what was done in a step. What was chosen for an agent that was not active was done by nobody.
    fn keep(&mut self, actions: Actions<'_>) {
        match actions {
            _ if !self.augment.last_action => {}
            Actions::Continuous(actions) => self.last.copy_from_slice(actions),
            Actions::Discrete(actions) => {
                let width = self.spec.actions.size().max(1);
                self.last.fill(0.0);
                for (row, action) in self.last.chunks_exact_mut(width).zip(actions) {
                    row[*action as usize] = 1.0;
                }
            }
        }
        let of_action = self.of_action();
        for (agent, _) in self.active.iter().enumerate().filter(|(_, was)| !**was) {
            self.last[agent * of_action..(agent + 1) * of_action].fill(0.0);
        }
    }

    /// Numbers of an action that are told (A); 0 unless that is.
    fn of_action(&self) -> usize {
        self.last.len() / self.spec.agents.max(1)
    }

    /// Spreads the task's observations, (N, O) at the front of `obs`, and writes behind each what its agent is told.
    fn tell(&mut self, obs: &mut [f32], active: &[bool]) {
        let (all, shown) = (self.spec.obs_dim, self.width);
        let of_action = self.of_action();
        self.active.copy_from_slice(active);
        let departed = self.task.departed();
        for (agent, active) in active.iter().enumerate() {
            if !active || departed.get(agent).is_some_and(|departed| *departed) {
                self.last[agent * of_action..(agent + 1) * of_action].fill(0.0);
            }
        }
        // From the last on: the first rows lie where the others come from.
        for agent in (0..self.spec.agents).rev() {
            obs.copy_within(agent * shown..(agent + 1) * shown, agent * all);
            let told = &mut obs[agent * all + shown..(agent + 1) * all];
            let (id, action) = told.split_at_mut(told.len() - of_action);
            id.fill(0.0);
            if let Some(place) = id.get_mut(agent) {
                *place = 1.0;
            }
            action.copy_from_slice(&self.last[agent * of_action..(agent + 1) * of_action]);
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment> Environment for Augmented<E> {
    forward_environment! { |this| this.task =>
        metrics progress global_state sources must_receive departed action_names agent_names draw remote
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, mut out: Observation<'_>) {
        let shown = out.front(self.spec.agents * self.width);
        self.task.reset(rng, shown);
        self.last.fill(0.0);
        self.tell(out.obs, out.active);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        mut out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let shown = out.front(self.spec.agents * self.width);
        let status = self.task.step(actions, rng, shown, rewards);
        self.keep(actions);
        self.tell(out.obs, out.active);
        status
    }

    fn save(&self) -> Option<Vec<u8>> {
        saved::encode_around(&self.task, &self.last)
    }

    fn restore(&mut self, state: &[u8], mut out: Observation<'_>) -> Result<(), StateError> {
        let Wrapped::<Vec<f32>> { task, own: last } = saved::decode(state, |_| true)?;
        let (found, expected) = (last.len(), self.last.len());
        let advice = "tell agents of their last actions as before";
        saved::check_remembered(found, expected, "numbers of actions", advice)?;
        let discrete = matches!(self.spec.actions, ActionSpace::Discrete(_));
        let wrong = |x: &&f32| !x.is_finite() || discrete && **x != 0.0 && **x != 1.0;
        if let Some(found) = last.iter().find(wrong) {
            let allowed = if discrete {
                "0 or 1"
            } else {
                "a finite number"
            };
            return Err(StateError::new(format!(
                "it remembers {found} of a last action, which must be {allowed}: the state is damaged"
            )));
        }
        let shown = out.front(self.spec.agents * self.width);
        self.task.restore(&task, shown)?;
        self.last = last;
        self.tell(out.obs, out.active);
        Ok(())
    }
}
