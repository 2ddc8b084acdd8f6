//! Many environments of one task, stepped side by side.
//!
//! Environment `i` draws from the stream `Rng::new(seed, i)` and from nothing else. What it does is
//! therefore the same for every number of threads and whatever the other environments do.

mod buffers;
mod check;
mod known;

pub use buffers::Buffers;

use crate::{
    Actions, EnvState, Environment, Rng, Spec, Status, VecEnvError, check_metric_names,
    lanes::{Lane, Step, Work},
};

/// Where a [`VecEnv`] writes what the agents of all its C environments perceive: the caller's memory, such as
/// [`Buffers`].
///
/// Every element is overwritten.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Observations, (C, N, O), row-major.
    pub obs: &'a mut [f32],
    /// Whether an action can be taken, (C, N, A); empty unless [`Spec::masks_actions`].
    pub available: &'a mut [bool],
    /// Whether an agent is active, (C, N).
    pub active: &'a mut [bool],
}

/// An episode that has ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    /// The environment it took place in.
    pub env: usize,
    /// Steps it lasted.
    pub steps: u32,
    /// Sum over its steps of the mean reward of the agents.
    pub team_return: f32,
    /// Its metrics, in the order of [`Spec::metrics`].
    pub metrics: Vec<f32>,
}

/// Work of a step that is worth waking a thread, in numbers of observation written: some 40 µs, about
/// as long as a sleeping thread takes to begin.
const WORK_PER_THREAD: usize = 1 << 20;
/// Work for an agent besides filling its observation, in the same measure. To move it and to find
/// what it sees takes some 20 ns, a number that the cache holds 0.04 ns.
const WORK_PER_AGENT: usize = 1 << 9;

/// Environments of one task that take their steps together, on the threads of the current rayon pool.
///
/// An environment whose episode ends begins the next one in the same step.
///
/// Batches too small to share are stepped by the caller alone, without touching rayon. For large ones
/// it is best called by a thread of the pool (within [`install`](rayon::ThreadPool::install)), which
/// then does its part of the work; any other thread hands all of it over and waits. A step allocates
/// only what the task itself does, and what rayon does now and then to take work from outside.
///
/// [`Buffers`] is memory for what it writes:
///
/// ```
/// use commformer_env::{Actions, Buffers, Signal, SignalConfig, Status, VecEnv};
///
/// let mut envs = VecEnv::new(vec![Signal::new(SignalConfig::default())?; 8], 42)?;
/// let mut out = Buffers::of(&envs);
/// out.reset(&mut envs)?;
/// out.step(&mut envs, Actions::Discrete(&[0; 8 * 3]))?;
/// assert_eq!(out.status, [Status::Running; 8]);
/// assert!(out.rewards.iter().all(|reward| reward.is_finite()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VecEnv<E> {
    lanes: Vec<Lane<E>>,
    spec: Spec,
    /// The number of the first environment among all that there were before a [`split`](Self::split).
    first: usize,
    /// Environments that one thread takes at least.
    grain: usize,
    started: bool,
    /// Whether the environments live elsewhere, as [`Remote`](crate::Remote) says.
    remote: bool,
    /// Whether they have begun the next step already.
    begun: bool,
    /// One for each environment, so that a step need not allocate; the first `ended` are those that ended in
    /// the last step.
    episodes: Vec<Episode>,
    ended: usize,
}

impl<E: Environment> VecEnv<E> {
    /// Gathers environments of one task; environment `i` will draw from `Rng::new(seed, i)`.
    ///
    /// # Errors
    ///
    /// If there are no environments, their [`Spec`]s differ, nothing is observed or chosen, a metric has no name of its
    /// own, there is no memory for the observations, or the sources do not fit the team.
    pub fn new(envs: Vec<E>, seed: u64) -> Result<Self, VecEnvError> {
        let spec = envs.first().ok_or(VecEnvError::NoEnvs)?.spec().clone();
        if spec.agents == 0 || spec.obs_dim == 0 || spec.actions.size() == 0 {
            return Err(VecEnvError::EmptySpec {
                spec: Box::new(spec),
            });
        }
        check_metric_names(&spec.metrics)?;
        if let Some(env) = envs.iter().position(|other| *other.spec() != spec) {
            let found = Box::new(envs[env].spec().clone());
            return Err(VecEnvError::SpecsDiffer {
                env,
                found,
                expected: Box::new(spec),
            });
        }
        check::memory(envs.len(), &spec)?;
        let lanes = envs
            .into_iter()
            .zip(0..)
            .map(|(env, stream)| Lane::new(env, Rng::new(seed, stream)));
        let mut lanes: Vec<_> = lanes.collect();
        let remote = lanes.iter_mut().any(|lane| lane.env.remote().is_some());
        let grain = match remote {
            // Here is nothing to do but to wait.
            true => usize::MAX,
            false => WORK_PER_THREAD.div_ceil(spec.agents * (spec.obs_dim + WORK_PER_AGENT)),
        };
        let all = Self {
            remote,
            ..Self::of_lanes(lanes, spec, grain, false)
        };
        all.sources()?;
        Ok(all)
    }

    fn of_lanes(lanes: Vec<Lane<E>>, spec: Spec, grain: usize, started: bool) -> Self {
        let no_episode = Episode {
            metrics: vec![0.0; spec.metrics.len()],
            ..Episode::default()
        };
        Self {
            episodes: vec![no_episode; lanes.len()],
            ended: 0,
            lanes,
            spec,
            first: 0,
            grain,
            started,
            remote: false,
            begun: false,
        }
    }

    /// Gives every thread at least this many environments; 0 counts as 1. It changes nothing but the
    /// speed.
    ///
    /// Left alone, it is as many as keep a thread busy for some 40 µs if a step costs little more
    /// than writing its observation. Lower it for a task whose step costs much more.
    pub fn with_envs_per_thread(mut self, envs: usize) -> Self {
        self.grain = envs;
        self
    }

    /// Deals the environments out in order, `size` to each but perhaps the last; 0 counts as 1. Every environment
    /// goes on with its own stream, and has a new number among its new neighbours; errors name it by the
    /// old one.
    pub fn split(self, size: usize) -> Vec<Self> {
        let mut first = self.first;
        let mut lanes = self.lanes.into_iter().peekable();
        let mut parts = Vec::new();
        while lanes.peek().is_some() {
            let part: Vec<_> = lanes.by_ref().take(size.max(1)).collect();
            let (spec, envs) = (self.spec.clone(), part.len());
            let part = Self::of_lanes(part, spec, self.grain, self.started);
            parts.push(Self {
                first,
                remote: self.remote,
                begun: self.begun,
                ..part
            });
            first += envs;
        }
        parts
    }

    /// What one environment looks like.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// How many environments there are (C).
    pub fn num_envs(&self) -> usize {
        self.lanes.len()
    }

    /// The number of the first environment among all that there were before a [`split`](Self::split).
    pub fn first_env(&self) -> usize {
        self.first
    }

    /// Begins an episode in every environment and writes the first observations. Episodes under way are
    /// dropped; the streams of random numbers go on.
    ///
    /// # Errors
    ///
    /// If a buffer's length is wrong; then nothing has happened. [`VecEnvError::Remote`].
    pub fn reset(&mut self, out: Batch<'_>) -> Result<(), VecEnvError> {
        check::batch(&out, self.num_envs(), &self.spec)?;
        self.begun = false;
        self.begin(None);
        let work = Work {
            lanes: &mut self.lanes,
            out,
            step: None,
        };
        work.run(&self.spec, self.grain);
        self.started = true;
        self.ended = 0;
        self.check_remote()
    }

    /// Lets environment `i`, by its number before a [`split`](Self::split), draw from `Rng::new(seed, i)` from here on: after
    /// the next [`reset`](Self::reset) there are other episodes.
    pub fn reseed(&mut self, seed: u64) {
        for (lane, stream) in self.lanes.iter_mut().zip(self.first as u64..) {
            lane.rng = Rng::new(seed, stream);
        }
    }

    /// Tells every environment which share of a training run is over, 0 to 1; what lies outside is the nearer end, and NaN
    /// is 0.
    pub fn progress(&mut self, share: f64) {
        let share = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        for lane in &mut self.lanes {
            lane.env.progress(share);
        }
    }

    /// All that [`restore`](Self::restore) needs to go on from here, environment by environment; `None` if the task
    /// cannot be saved.
    pub fn save(&self) -> Option<Vec<EnvState>> {
        self.lanes.iter().map(Lane::save).collect()
    }

    /// Goes on, in environments of the same task, from what [`save`](Self::save) gave, and writes the
    /// observations of the present states.
    ///
    /// # Errors
    ///
    /// If a buffer's length or the number of states is wrong; then nothing has happened. If a state
    /// does not fit its environment; the environments before it then have gone on from theirs.
    pub fn restore(&mut self, states: &[EnvState], mut out: Batch<'_>) -> Result<(), VecEnvError> {
        check::batch(&out, self.num_envs(), &self.spec)?;
        check::len("states", states.len(), self.num_envs())?;
        // A step that was begun belongs to the state before, and so do the episodes that have ended.
        (self.begun, self.ended) = (false, 0);
        for (env, (lane, state)) in self.lanes.iter_mut().zip(states).enumerate() {
            let restored = lane.restore(state, out.of_env(env, &self.spec));
            let env = self.first + env;
            restored.map_err(|source| VecEnvError::State { env, source })?;
        }
        self.started = true;
        Ok(())
    }

    /// Lets environments that live elsewhere, as [`Remote`](crate::Remote) says, begin the step that [`step`](Self::step)
    /// with the same actions will wait for: meanwhile the caller can do something else. Others do nothing yet. A step that
    /// is begun goes on by the actions that began it: another call before its end changes nothing.
    ///
    /// # Errors
    ///
    /// For environments that live elsewhere, if an action does not exist, or there was no [`reset`](Self::reset) yet; then
    /// nothing has happened.
    pub fn begin_step(&mut self, actions: Actions<'_>) -> Result<(), VecEnvError> {
        // The others' step checks all this.
        if !self.remote {
            return Ok(());
        }
        if !self.started {
            return Err(VecEnvError::NotReset);
        }
        check::actions(actions, self.first, self.num_envs(), &self.spec)?;
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(Some(actions));
        }
        Ok(())
    }

    /// Takes one step in every environment.
    ///
    /// Takes the actions, (C, N) indices or (C, N, A) numbers. Writes the rewards, (C, N), how each
    /// environment's episode stands, (C), and the observations after the step. Where an episode ended these
    /// are the first ones of the next, and [`final_obs`](Self::final_obs) has the last ones of the
    /// old.
    ///
    /// # Errors
    ///
    /// If a buffer's length is wrong, an action does not exist, or there was no
    /// [`reset`](Self::reset) yet; then nothing has happened. [`VecEnvError::Remote`].
    pub fn step(
        &mut self,
        actions: Actions<'_>,
        out: Batch<'_>,
        rewards: &mut [f32],
        status: &mut [Status],
    ) -> Result<(), VecEnvError> {
        if !self.started {
            return Err(VecEnvError::NotReset);
        }
        check::batch(&out, self.num_envs(), &self.spec)?;
        check::len("rewards", rewards.len(), self.num_envs() * self.spec.agents)?;
        check::len("status", status.len(), self.num_envs())?;
        check::actions(actions, self.first, self.num_envs(), &self.spec)?;

        if !std::mem::take(&mut self.begun) {
            self.begin(Some(actions));
        }
        let step = Some(Step {
            actions,
            rewards,
            status: &mut *status,
        });
        let work = Work {
            lanes: &mut self.lanes,
            out,
            step,
        };
        work.run(&self.spec, self.grain);
        self.gather_episodes(status);
        self.check_remote()
    }

    /// Lets environments that live elsewhere begin what they will be asked for.
    fn begin(&mut self, actions: Option<Actions<'_>>) {
        if !self.remote {
            return;
        }
        for (env, lane) in self.lanes.iter_mut().enumerate() {
            lane.begin_elsewhere(actions.map(|all| all.of_envs(env..env + 1, &self.spec)));
        }
        for lane in &mut self.lanes {
            if let Some(remote) = lane.env.remote() {
                remote.send();
            }
        }
    }

    fn check_remote(&mut self) -> Result<(), VecEnvError> {
        if !self.remote {
            return Ok(());
        }
        for (env, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(what) = lane.env.remote().and_then(|remote| remote.failure()) {
                let (env, what) = (self.first + env, what.to_owned());
                return Err(VecEnvError::Remote { env, what });
            }
        }
        Ok(())
    }

    fn gather_episodes(&mut self, status: &[Status]) {
        self.ended = 0;
        // Statuses lie side by side; to look at every lane instead would take longer.
        let ends = status.iter().enumerate();
        for (env, _) in ends.filter(|&(_, &status)| status != Status::Running) {
            let lane = &self.lanes[env];
            let Some(outcome) = lane.last.filter(|outcome| !outcome.lost) else {
                continue;
            };
            let episode = &mut self.episodes[self.ended];
            episode.env = env;
            episode.steps = outcome.steps;
            episode.team_return = outcome.team_return;
            episode.metrics.copy_from_slice(&lane.last_metrics);
            self.ended += 1;
        }
    }
}
