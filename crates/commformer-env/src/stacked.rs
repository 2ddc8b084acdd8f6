//! Any task with a short memory: every agent is shown what it saw in the last steps, too.

use crate::error::require;
use crate::{
    Actions, ConfigError, Environment, Observation, Rng, Spec, StateError, Status,
    forward_environment, heap,
    saved::{self, Wrapped},
};

/// A task whose agents are shown their last k observations, the newest first.
///
/// The first O of an agent's k x O numbers are what the task shows now, the next O what it showed a step ago, and
/// so on. Zeros stand for the steps before an episode began. The observation after an episode's last step has the
/// steps before it; the first one of the next episode has none.
///
/// Where agents leave ([`Environment::departed`]), a place forgets when its agent leaves and for as long as nobody
/// has it: nobody is shown what another saw. An agent that is only not active for a while, in a task that nobody
/// leaves, remembers.
///
/// It holds (N, k, O) numbers for each environment, and takes all of its memory when it is made.
///
/// ```
/// use commformer_env::{Environment, Signal, Stacked};
///
/// let task = Signal::new(Default::default())?;
/// let obs_dim = task.spec().obs_dim;
/// assert_eq!(Stacked::new(task, 4)?.spec().obs_dim, 4 * obs_dim);
/// # Ok::<(), commformer_env::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stacked<E> {
    task: E,
    spec: Spec,
    /// Numbers that the task shows an agent (O).
    width: usize,
    /// What each agent was shown last, (N, k, O).
    seen: Vec<f32>,
}

/// The most observations that can be stacked: more is a mistake, and would ask for memory that nobody has.
pub const MOST_STACKED: usize = 16;

/// How much a further observation adds to [`Spec::obs_version`]; no task has so many versions of its own.
const VERSION_STEP: u32 = 1 << 16;

impl Spec {
    /// The same task with so many observations [`Stacked`]; 1 (and 0) changes nothing.
    pub fn stacked(mut self, stack: usize) -> Self {
        let further = u32::try_from(stack.saturating_sub(1)).unwrap_or(u32::MAX);
        self.obs_dim = self.obs_dim.saturating_mul(stack.max(1));
        self.obs_version = (self.obs_version).wrapping_add(further.wrapping_mul(VERSION_STEP));
        self
    }
}

impl<E: Environment> Stacked<E> {
    /// Shows the last `stack` observations of a task.
    ///
    /// # Errors
    ///
    /// If `stack` is not 1 to [`MOST_STACKED`], or there is no memory for what is stacked.
    pub fn new(task: E, stack: usize) -> Result<Self, ConfigError> {
        let allowed = (1..=MOST_STACKED).contains(&stack);
        require(allowed, "stack", stack, format!("1 to {MOST_STACKED}"))?;
        let width = task.spec().obs_dim;
        let spec = task.spec().clone().stacked(stack);
        let (agents, obs_dim) = (spec.agents, spec.obs_dim);
        let found = format!("{stack}, with {obs_dim} numbers for each of {agents} agents");
        let allowed = "so low that there is memory for them";
        require(heap::has_room(&[agents, obs_dim]), "stack", found, allowed)?;
        Ok(Self {
            seen: vec![0.0; agents * obs_dim],
            width,
            spec,
            task,
        })
    }

    /// Makes room for the next observation.
    fn shift(&mut self) {
        let (stacked, width) = (self.spec.obs_dim, self.width);
        for row in self.seen.chunks_exact_mut(stacked) {
            row.copy_within(..stacked - width, width);
        }
    }

    /// Takes the newest observations, (N, O), from the front of `obs`, and writes all, (N, k, O), to it.
    fn show(&mut self, obs: &mut [f32], active: &[bool]) {
        let (stacked, width) = (self.spec.obs_dim, self.width);
        let newest = obs.chunks_exact(width);
        for (row, newest) in self.seen.chunks_exact_mut(stacked).zip(newest) {
            row[..width].copy_from_slice(newest);
        }
        let departed = self.task.departed();
        let rows = || active.iter().zip(departed).enumerate();
        for (agent, (&active, &departed)) in rows() {
            if departed || !active {
                self.seen[agent * stacked..][width..stacked].fill(0.0);
            }
        }
        obs.copy_from_slice(&self.seen);
        // What a place without an agent shows is nobody's: the next one there does not remember it.
        for (agent, _) in rows().filter(|(_, (active, _))| !**active) {
            self.seen[agent * stacked..][..width].fill(0.0);
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment> Environment for Stacked<E> {
    forward_environment! { |this| this.task =>
        metrics progress global_state sources must_receive departed action_names agent_names draw remote
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, mut out: Observation<'_>) {
        let seen = out.front(self.spec.agents * self.width);
        self.task.reset(rng, seen);
        self.seen.fill(0.0);
        self.show(out.obs, out.active);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        mut out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let seen = out.front(self.spec.agents * self.width);
        let status = self.task.step(actions, rng, seen, rewards);
        self.shift();
        self.show(out.obs, out.active);
        status
    }

    fn save(&self) -> Option<Vec<u8>> {
        // What each agent saw before the present step, (N, k - 1, O). The present the task shows again.
        let rows = self.seen.chunks_exact(self.spec.obs_dim);
        let before: Vec<f32> = rows.flat_map(|row| &row[self.width..]).copied().collect();
        saved::encode_around(&self.task, &before)
    }

    fn restore(&mut self, state: &[u8], mut out: Observation<'_>) -> Result<(), StateError> {
        let older = self.spec.obs_dim - self.width;
        let expected = self.spec.agents * older;
        let Wrapped::<Vec<f32>> { task, own: before } = saved::decode(state, |_| true)?;
        let advice = "stack as many observations as before";
        saved::check_remembered(before.len(), expected, "numbers", advice)?;
        if let Some(found) = before.iter().find(|number| !number.is_finite()) {
            return Err(StateError::new(format!(
                "it remembers {found}, but what was seen is finite"
            )));
        }
        let seen = out.front(self.spec.agents * self.width);
        self.task.restore(&task, seen)?;
        // Of one observation nothing is older, and there are no rows to go through.
        let rows = self.seen.chunks_exact_mut(self.spec.obs_dim);
        for (row, before) in rows.zip(before.chunks_exact(older.max(1))) {
            row[self.width..].copy_from_slice(before);
        }
        self.show(out.obs, out.active);
        Ok(())
    }
}
