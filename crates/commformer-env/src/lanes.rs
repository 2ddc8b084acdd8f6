//! Stepping the copies of a [`VecEnv`](crate::VecEnv): one copy's bookkeeping, and how the copies
//! are shared out among threads.

use crate::{Actions, Batch, Environment, Observation, Rng, Spec, Status};

/// One copy with what belongs to it.
#[derive(Debug)]
pub(crate) struct Lane<E> {
    pub env: E,
    rng: Rng,
    /// Of the episode under way.
    steps: u32,
    team_return: f64,
    /// Of the episode that ended in the last step, if one did.
    pub last: Option<Outcome>,
    pub last_obs: Vec<f32>,
    pub last_metrics: Vec<f32>,
}

/// How an episode went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub steps: u32,
    pub team_return: f32,
}

impl<E: Environment> Lane<E> {
    pub fn new(env: E, rng: Rng) -> Self {
        let last_metrics = vec![0.0; env.spec().metrics.len()];
        Self {
            env,
            rng,
            steps: 0,
            team_return: 0.0,
            last: None,
            last_obs: Vec::new(),
            last_metrics,
        }
    }

    fn begin(&mut self, out: Observation<'_>) {
        self.steps = 0;
        self.team_return = 0.0;
        self.env.reset(&mut self.rng, out);
    }

    fn reset(&mut self, out: Observation<'_>) {
        self.last = None;
        self.begin(out);
    }

    fn step(&mut self, actions: Actions<'_>, out: Observation<'_>, rewards: &mut [f32]) -> Status {
        let Observation {
            obs,
            available,
            active,
        } = out;
        let seen = Observation {
            obs: &mut *obs,
            available: &mut *available,
            active: &mut *active,
        };
        let status = self.env.step(actions, &mut self.rng, seen, rewards);
        self.steps = self.steps.saturating_add(1);
        self.team_return +=
            rewards.iter().copied().map(f64::from).sum::<f64>() / rewards.len() as f64;
        self.last = None;
        if status != Status::Running {
            self.last = Some(Outcome {
                steps: self.steps,
                team_return: self.team_return as f32,
            });
            self.last_obs.clear();
            self.last_obs.extend_from_slice(obs);
            self.env.metrics(&mut self.last_metrics);
            self.begin(Observation {
                obs,
                available,
                active,
            });
        }
        status
    }
}

/// Some neighbouring copies and their parts of all buffers.
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
    /// Does all copies; halves them among the threads of the current rayon pool as long as both
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

    fn run_here(mut self, spec: &Spec) {
        while !self.lanes.is_empty() {
            let (first, rest) = self.split(1, spec);
            let Batch {
                obs,
                available,
                active,
            } = first.out;
            let out = Observation {
                obs,
                available,
                active,
            };
            let lane = &mut first.lanes[0];
            match first.step {
                None => lane.reset(out),
                Some(step) => step.status[0] = lane.step(step.actions, out, step.rewards),
            }
            self = rest;
        }
    }

    /// Parts the first `copies` from the others.
    fn split(self, copies: usize, spec: &Spec) -> (Self, Self) {
        let (lanes, other_lanes) = self.lanes.split_at_mut(copies);
        let (out, other_out) = split_batch(self.out, copies, spec);
        let (step, other_step) = self.step.map(|step| split_step(step, copies, spec)).unzip();
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

fn split_batch<'a>(batch: Batch<'a>, copies: usize, spec: &Spec) -> (Batch<'a>, Batch<'a>) {
    let (obs, other_obs) = batch.obs.split_at_mut(copies * spec.agents * spec.obs_dim);
    let (available, other_available) = batch.available.split_at_mut(copies * spec.available_len());
    let (active, other_active) = batch.active.split_at_mut(copies * spec.agents);
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

fn split_step<'a>(step: Step<'a>, copies: usize, spec: &Spec) -> (Step<'a>, Step<'a>) {
    let (actions, other_actions) = match step.actions {
        Actions::Discrete(all) => {
            let (left, right) = all.split_at(copies * spec.agents);
            (Actions::Discrete(left), Actions::Discrete(right))
        }
        Actions::Continuous(all) => {
            let (left, right) = all.split_at(copies * spec.agents * spec.actions.size());
            (Actions::Continuous(left), Actions::Continuous(right))
        }
    };
    let (rewards, other_rewards) = step.rewards.split_at_mut(copies * spec.agents);
    let (status, other_status) = step.status.split_at_mut(copies);
    let left = Step {
        actions,
        rewards,
        status,
    };
    (
        left,
        Step {
            actions: other_actions,
            rewards: other_rewards,
            status: other_status,
        },
    )
}
