//! Stepping the environments of a [`VecEnv`](crate::VecEnv): one environment's bookkeeping, and how the environments
//! are shared out among threads.

use std::ops::Range;

use crate::{
    Actions, Batch, Environment, Observation, Rng, Spec, StateError, Status, saved, vacant::Vacant,
};
use serde::{Deserialize, Serialize};

/// One environment with what belongs to it.
#[derive(Debug)]
pub(crate) struct Lane<E> {
    pub env: E,
    pub rng: Rng,
    /// Of the episode under way.
    steps: u32,
    team_return: f64,
    vacant: Vacant,
    /// Of the episode that ended in the last step, if one did.
    pub last: Option<Outcome>,
    pub last_obs: Vec<f32>,
    pub last_active: Vec<bool>,
    /// Empty for a task that masks no actions.
    pub last_available: Vec<bool>,
    /// Empty unless [asked for](crate::VecEnv::keep_final_states).
    pub last_state: Vec<f32>,
    /// Empty for a task that nobody leaves.
    pub last_departed: Vec<bool>,
    pub last_metrics: Vec<f32>,
}

/// One environment in the middle of an episode: what [`VecEnv::save`](crate::VecEnv::save) gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvState {
    rng: Rng,
    steps: u32,
    team_return: f64,
    task: Vec<u8>,
}

impl EnvState {
    /// Several as bytes; `None` if there is no memory for them.
    pub fn encode_all(states: &[Self]) -> Option<Vec<u8>> {
        saved::encode(&states)
    }

    /// Several from the bytes that [`encode_all`](Self::encode_all) gave.
    ///
    /// # Errors
    ///
    /// For any other bytes.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, StateError> {
        saved::decode(bytes, |_| true)
    }
}

/// How an episode went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub steps: u32,
    pub team_return: f32,
    /// Whether it was [lost](crate::Remote::lost).
    pub lost: bool,
}

impl<E: Environment> Lane<E> {
    pub fn new(env: E, rng: Rng) -> Self {
        let spec = env.spec();
        // All memory is taken here, so that a step need not allocate.
        let last_obs = vec![0.0; spec.agents * spec.obs_dim];
        let last_active = vec![false; spec.agents];
        let last_available = vec![false; spec.available_len()];
        let agents = spec.agents;
        let last_departed = Vec::with_capacity(spec.agents);
        let last_metrics = vec![0.0; spec.metrics.len()];
        Self {
            env,
            rng,
            steps: 0,
            team_return: 0.0,
            vacant: Vacant::new(agents),
            last: None,
            last_obs,
            last_active,
            last_available,
            last_state: Vec::new(),
            last_departed,
            last_metrics,
        }
    }

    /// Steps of the episode that ended in the last step, or else of the one under way.
    pub fn episode_steps(&self) -> u32 {
        self.last.map_or(self.steps, |outcome| outcome.steps)
    }

    /// Who left in the last step.
    pub fn departed(&self) -> &[bool] {
        match self.last {
            Some(_) => &self.last_departed,
            None => self.env.departed(),
        }
    }

    /// Lets a task that lives elsewhere begin a step or, without actions, an episode.
    pub fn begin_elsewhere(&mut self, actions: Option<Actions<'_>>) {
        if let Some(remote) = self.env.remote() {
            remote.begin(actions, &mut self.rng);
        }
    }

    fn begin(&mut self, out: Observation<'_>) {
        self.steps = 0;
        self.team_return = 0.0;
        self.vacant.clear();
        self.env.reset(&mut self.rng, out);
    }

    fn reset(&mut self, out: Observation<'_>) {
        self.last = None;
        self.begin(out);
    }

    pub fn save(&self) -> Option<EnvState> {
        Some(EnvState {
            rng: self.rng.clone(),
            steps: self.steps,
            team_return: self.team_return,
            task: self.env.save()?,
        })
    }

    pub fn restore(&mut self, state: &EnvState, out: Observation<'_>) -> Result<(), StateError> {
        self.env.restore(&state.task, out)?;
        self.rng = state.rng.clone();
        self.steps = state.steps;
        self.team_return = state.team_return;
        // Who left before is not in the state: it matters only for a task that pays them, which must not.
        self.vacant.clear();
        self.last = None;
        Ok(())
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        mut out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self
            .env
            .step(actions, &mut self.rng, out.reborrow(), rewards);
        self.steps = self.steps.saturating_add(1);
        self.vacant.settle(rewards, out.active, self.env.departed());
        self.team_return +=
            rewards.iter().copied().map(f64::from).sum::<f64>() / rewards.len() as f64;
        self.last = None;
        if status != Status::Running {
            self.last = Some(Outcome {
                steps: self.steps,
                team_return: self.team_return as f32,
                lost: self.env.remote().is_some_and(|remote| remote.lost()),
            });
            self.last_obs.copy_from_slice(out.obs);
            self.last_active.copy_from_slice(out.active);
            self.last_available.copy_from_slice(out.available);
            if !self.last_state.is_empty() {
                self.env.global_state(&mut self.last_state);
            }
            self.last_departed.clear();
            self.last_departed.extend_from_slice(self.env.departed());
            self.env.metrics(&mut self.last_metrics);
            self.begin(out);
        }
        status
    }
}

/// Some neighbouring environments and their parts of all buffers.
pub(crate) struct Work<'a, E> {
    pub lanes: &'a mut [Lane<E>],
    pub out: Batch<'a>,
    /// None begins new episodes.
    pub step: Option<Step<'a>>,
}

/// What a step takes and gives besides observations.
pub(crate) struct Step<'a> {
    pub actions: Actions<'a>,
    pub rewards: &'a mut [f32],
    pub status: &'a mut [Status],
}

impl<E: Environment> Work<'_, E> {
    /// Does all environments; halves them among the threads of the current rayon pool as long as both
    /// halves have `grain` of them.
    pub fn run(self, spec: &Spec, grain: usize) {
        let half = self.lanes.len() / 2;
        if half >= grain.max(1) && rayon::current_num_threads() > 1 {
            let (left, right) = self.split(half, spec);
            rayon::join(|| left.run(spec, grain), || right.run(spec, grain));
        } else {
            self.run_here(spec);
        }
    }

    fn run_here(self, spec: &Spec) {
        let (mut out, mut step) = (self.out, self.step);
        for (env, lane) in self.lanes.iter_mut().enumerate() {
            let agents = env * spec.agents..(env + 1) * spec.agents;
            let out = out.of_env(env, spec);
            match &mut step {
                None => lane.reset(out),
                Some(step) => {
                    let actions = step.actions.of_envs(env..env + 1, spec);
                    let rewards = &mut step.rewards[agents];
                    step.status[env] = lane.step(actions, out, rewards);
                }
            }
        }
    }

    /// Parts the first `envs` from the others.
    fn split(self, envs: usize, spec: &Spec) -> (Self, Self) {
        let (lanes, other_lanes) = self.lanes.split_at_mut(envs);
        let (out, other_out) = split_batch(self.out, envs, spec);
        let (step, other_step) = self.step.map(|step| split_step(step, envs, spec)).unzip();
        let left = Work { lanes, out, step };
        (
            left,
            Work {
                lanes: other_lanes,
                out: other_out,
                step: other_step,
            },
        )
    }
}

impl Batch<'_> {
    /// The part of one environment.
    #[inline]
    pub(crate) fn of_env(&mut self, env: usize, spec: &Spec) -> Observation<'_> {
        let part = |width: usize| env * width..(env + 1) * width;
        Observation {
            obs: &mut self.obs[part(spec.agents * spec.obs_dim)],
            available: &mut self.available[part(spec.available_len())],
            active: &mut self.active[part(spec.agents)],
        }
    }
}

fn split_batch<'a>(batch: Batch<'a>, envs: usize, spec: &Spec) -> (Batch<'a>, Batch<'a>) {
    let (obs, other_obs) = batch.obs.split_at_mut(envs * spec.agents * spec.obs_dim);
    let (available, other_available) = batch.available.split_at_mut(envs * spec.available_len());
    let (active, other_active) = batch.active.split_at_mut(envs * spec.agents);
    let left = Batch {
        obs,
        available,
        active,
    };
    (
        left,
        Batch {
            obs: other_obs,
            available: other_available,
            active: other_active,
        },
    )
}

fn split_step<'a>(step: Step<'a>, envs: usize, spec: &Spec) -> (Step<'a>, Step<'a>) {
    let all = step.status.len();
    let (rewards, other_rewards) = step.rewards.split_at_mut(envs * spec.agents);
    let (status, other_status) = step.status.split_at_mut(envs);
    let left = Step {
        actions: step.actions.of_envs(0..envs, spec),
        rewards,
        status,
    };
    (
        left,
        Step {
            actions: step.actions.of_envs(envs..all, spec),
            rewards: other_rewards,
            status: other_status,
        },
    )
}

impl<'a> Actions<'a> {
    /// Those of some environments among the actions of many.
    pub(crate) fn of_envs(self, envs: Range<usize>, spec: &Spec) -> Actions<'a> {
        let part = |width: usize| envs.start * width..envs.end * width;
        match self {
            Actions::Discrete(all) => Actions::Discrete(&all[part(spec.agents)]),
            Actions::Continuous(all) => {
                Actions::Continuous(&all[part(spec.agents * spec.actions.size())])
            }
        }
    }
}
