//! Small runs of a configuration, measured.
//!
//! What a run holds is a sum: of what is there once, and of so much for each environment, each sample of a rollout, each
//! sample of a part that a worker differentiates, and each part's gradient. A small run is measured, and others of which
//! one or two of these are twice as many. The differences say how much each takes. A step of an environment asks for no
//! memory, so that a few steps are enough.

use super::watched::{Peak, Watched};
use crate::compose::{self, ComposeError, Envs};
use crate::config::{Config, EnvConfig, TaskConfig};
use commformer_env::{Actions, Environment, Observation, Rng, Spec, Status, VecEnv, heap};
use commformer_train::{EvaluateOptions, GraphPlan, RolloutConfig, Trainer, UpperData, evaluate};
use std::iter::repeat_with;
use std::ops::Sub;
use std::time::Duration;
use tch::Device;

/// Rows of agents that a small rollout's first step has, about: with few agents there are more environments, since
/// the C library's own caches are some kilobytes.
const ROWS: usize = 48;

/// Steps of a small rollout.
const STEPS: usize = 2;

/// What a run holds, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    /// There once.
    pub fixed: f64,
    /// Of each environment.
    pub env: f64,
    /// Of each sample of a rollout.
    pub sample: f64,
    /// Of each sample of a part, for a worker.
    pub row: f64,
}

/// What training holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Training {
    /// While it learns.
    pub most: Rates,
    /// Between iterations.
    pub kept: Rates,
    /// A copy of all that a checkpoint has, as a run holds of its state before an iteration.
    pub checkpoint: f64,
}

impl Training {
    /// All weights, and so a gradient of them: a checkpoint has them and both moments of each.
    pub fn weights(&self) -> f64 {
        self.checkpoint / 3.0
    }
}

/// What an evaluation holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Evaluating {
    /// The policy's weights.
    pub fixed: f64,
    /// Of each episode, all of which are played at once.
    pub episode: f64,
}

/// How small runs are made.
pub(super) struct Probe<'a> {
    config: &'a Config,
    device: Device,
    /// Environments of the smallest.
    envs: usize,
    minibatches: usize,
}

/// The sizes of a small run.
#[derive(Clone, Copy)]
struct Small {
    envs: usize,
    steps: usize,
    /// Samples of a part.
    part: usize,
}

/// What was found in a small run: the most while it learned, what it kept, and a checkpoint.
#[derive(Clone, Copy)]
struct Found([f64; 3]);

impl Sub for Found {
    type Output = [f64; 2];

    fn sub(self, other: Self) -> [f64; 2] {
        [self.0[0] - other.0[0], self.0[1] - other.0[1]]
    }
}

impl<'a> Probe<'a> {
    pub fn new(config: &'a Config, spec: &Spec, device: Device) -> Self {
        Self {
            config,
            device,
            envs: (ROWS / spec.agents.max(1)).clamp(4, 32),
            minibatches: config.ppo.minibatches.min(2),
        }
    }

    /// Minibatches of the small runs.
    pub fn minibatches(&self) -> usize {
        self.minibatches
    }

    /// What training holds.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] if a small run fails.
    pub fn training(&self) -> Result<Training, ComposeError> {
        let envs = self.envs;
        let minibatch = envs * STEPS / self.minibatches;
        let half = minibatch / 2;
        let run = |envs, steps, part| self.run(Small { envs, steps, part });
        // What is made once in a process is not to be found again.
        run(envs, STEPS, half)?;
        // Two parts in each minibatch.
        let small = run(envs, STEPS, half)?;
        let wide = run(2 * envs, STEPS / 2, half)?;
        let long = run(envs, 2 * STEPS, minibatch)?;
        // One, twice as large.
        let whole = run(envs, STEPS, minibatch)?;

        let checkpoint = small.0[2];
        let [envs, half, samples] = [envs, half, envs * STEPS].map(|size| size as f64);
        // Gradients of the parts are there while it learns.
        let rates = |at: usize, gradient: f64| {
            let row = (((whole - small)[at] + gradient) / half).max(0.0);
            let sample = (((long - small)[at] - half * row) / samples).max(0.0);
            let env = ((wide - small)[at] / envs).max(0.0);
            let scaled = envs * env + samples * sample + half * row;
            Rates {
                fixed: (small.0[at] - 2.0 * gradient - scaled).max(0.0),
                env,
                sample,
                row,
            }
        };
        let mut training = Training {
            checkpoint,
            ..Training::default()
        };
        training.most = rates(0, training.weights());
        training.kept = rates(1, 0.0);
        Ok(training)
    }

    /// What an evaluation holds, in a process in which there was one already, or training.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] if a small one fails.
    pub fn evaluating(&self) -> Result<Evaluating, ComposeError> {
        let [one, two] = [self.play(self.envs)?, self.play(2 * self.envs)?];
        let episode = ((two - one) / self.envs as f64).max(0.0);
        Ok(Evaluating {
            fixed: (one - self.envs as f64 * episode).max(0.0),
            episode,
        })
    }

    /// An iteration of a small run by one worker, with both levels' steps and gates in force.
    fn run(&self, small: Small) -> Result<Found, ComposeError> {
        let mut config = self.config.clone();
        config.rollout = RolloutConfig {
            num_envs: small.envs,
            steps: small.steps,
            // Acting takes less than learning does, as in most runs.
            shard: (self.envs / 4).max(1),
        };
        config.ppo.chunk = small.part;
        config.ppo.minibatches = self.minibatches;
        config.ppo.epochs = 1;
        config.run.threads = 1;
        config.gate.start = 0.0;
        if config.graph.schedule.groups > self.envs {
            config.graph.schedule.groups = 0; // One for each environment.
        }
        let (threads, before) = (threads(), in_use());
        let envs = envs(&config.env, small.envs)?;
        let mut plan = compose::plan(&config, self.device)?;
        if let GraphPlan::Learned(schedule) = &mut plan {
            config.ppo.epochs = 2;
            schedule.upper_every = 2;
            schedule.warmup = 0;
            if schedule.upper_data == UpperData::HeldOut {
                schedule.held_out = 0.5;
            }
        }
        let peak = Peak::default();
        let policy = Watched {
            policy: compose::team(&config, envs.spec(), self.device)?,
            peak: peak.clone(),
        };
        let gates = config.method.method().gates(&config.team())?;
        let settings = compose::settings(&config, self.device);
        let mut trainer = Trainer::new(settings, plan, policy, envs)?.with_gates(gates)?;
        let made = in_use();
        // A run holds one, to be saved should an iteration fail.
        let held = trainer.checkpoint()?;
        let checkpoint = in_use() - made;
        trainer.iterate()?;
        let kept = in_use() - before;
        drop((trainer, held));
        wait_for(threads);
        Ok(Found([peak.bytes() - before, kept, checkpoint]))
    }

    /// The first steps of a small evaluation.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] if the task or the team cannot be made.
    pub fn play(&self, episodes: usize) -> Result<f64, ComposeError> {
        let config = self.config;
        let before = in_use();
        let mut envs = envs(&config.env, episodes)?;
        let peak = Peak::default();
        let policy = Watched {
            policy: compose::team(config, envs.spec(), self.device)?,
            peak: peak.clone(),
        };
        let graph = compose::execution_graph(config, &policy, self.device)?;
        let options = EvaluateOptions {
            max_steps: STEPS,
            device: self.device,
            ..EvaluateOptions::default()
        };
        // It does not come to its end: it only has to begin.
        let _ = evaluate(&policy, &graph, &mut envs, &options);
        Ok(peak.bytes() - before)
    }
}

/// Bytes in use.
fn in_use() -> f64 {
    heap::now().map_or(0.0, |heap| heap.in_use as f64)
}

/// Threads of this process, where the system says.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Waits until no more than so many threads are left: what a run's worker has, it gives back as it ends, and nobody
/// waits for that. A while is enough, and others may begin threads meanwhile.
fn wait_for(left: usize) {
    for _ in 0..500 {
        if threads() <= left {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Environments of a task; of one in Python, which takes long to start, such as look like them.
fn envs(task: &EnvConfig, count: usize) -> Result<Envs, ComposeError> {
    let envs = match &task.task {
        TaskConfig::BuiltIn(_) => task.envs(count)?,
        TaskConfig::Python(_) => stand_ins(task, count)?,
    };
    Ok(VecEnv::new(envs, 0)?)
}

/// Environments that look like those of a task and do nothing.
pub(super) fn stand_ins(
    task: &EnvConfig,
    count: usize,
) -> Result<Vec<Box<dyn Environment>>, ComposeError> {
    let spec = task.spec()?;
    let stand_in = || Box::new(StandIn(spec.clone())) as Box<dyn Environment>;
    Ok(repeat_with(stand_in).take(count).collect())
}

struct StandIn(Spec);

impl StandIn {
    fn show(out: Observation<'_>) {
        out.obs.fill(0.0);
        out.available.fill(true);
        out.active.fill(true);
    }
}

impl Environment for StandIn {
    fn spec(&self) -> &Spec {
        &self.0
    }

    fn reset(&mut self, _: &mut Rng, out: Observation<'_>) {
        Self::show(out);
    }

    fn step(
        &mut self,
        _: Actions<'_>,
        _: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        Self::show(out);
        rewards.fill(0.0);
        Status::Running
    }

    fn metrics(&self, out: &mut [f32]) {
        out.fill(0.0);
    }
}
