//! The estimate, part by part.

use super::available::Room;
use super::probe::{Evaluating, Probe, Rates, Training, stand_ins};
use crate::compose::ComposeError;
use crate::config::{Config, EnvConfig, TaskConfig};
use commformer_env::{Spec, heap};
use commformer_train::{BilevelConfig, Estimator, workers};
use tch::Device;

/// Something that takes memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// What it is for.
    pub what: &'static str,
    /// The settings to lower if it is too much, where there are any.
    pub setting: Option<&'static str>,
    /// What it takes: `f64`, which no size overflows.
    pub bytes: f64,
}

/// The most that a run holds at a time, in parts, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate(Vec<Part>);

impl Estimate {
    /// Of that time of a run, out of several, at which most is held.
    fn of_times(times: impl IntoIterator<Item = Vec<Part>>) -> Self {
        let most = (times.into_iter().map(Self)).max_by(|a, b| a.bytes().total_cmp(&b.bytes()));
        let mut parts = most.map_or(Vec::new(), |estimate| estimate.0);
        parts.retain(|part| part.bytes > 0.0);
        parts.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
        Self(parts)
    }

    /// All parts together.
    pub fn bytes(&self) -> f64 {
        self.0.iter().map(|part| part.bytes).sum()
    }

    /// What it is made of.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The settings behind the largest part that has any.
    pub fn largest_setting(&self) -> &'static str {
        self.0
            .iter()
            .find_map(|part| part.setting)
            .unwrap_or_default()
    }
}

/// What a run of a checked configuration takes; on devices other than the CPU, of the host's memory. It is measured in
/// small runs, which are made and thrown away. `None` where the C library does not count what is in use.
///
/// # Errors
///
/// [`ComposeError`] if the task or the team cannot be made.
pub fn estimate(config: &Config, device: Device) -> Result<Option<Estimate>, ComposeError> {
    if heap::now().is_none() {
        return Ok(None);
    }
    let spec = config.env.spec()?;
    config.check_team()?;
    let probe = Probe::new(config, &spec, device);
    let training = match probe.training() {
        // What fails in a small run, the run will tell of.
        Err(ComposeError::Train(_)) => return Ok(None),
        training => training?,
    };
    let evaluating = probe.evaluating()?;
    let run = Run {
        config,
        sizes: Sizes::new(config, &spec),
        copied: copied(&spec, config.ppo.minibatches, probe.minibatches()),
        training,
        evaluating,
        program: program(),
    };
    Ok(Some(Estimate::of_times([
        run.learning(),
        run.evaluation(),
        run.last_evaluation(),
    ])))
}

/// What it takes at the very least, by its sizes alone: before anything of it is made, since even a small run of a
/// network or a team can be too large.
pub(super) fn at_least(config: &Config, spec: &Spec, device: Device) -> Estimate {
    let weights = match device {
        // They, both moments of each, and a gradient.
        Device::Cpu => {
            4.0 * config
                .method
                .method()
                .footprint(&config.team(), spec, 0.0)
                .parameter_bytes
        }
        _ => 0.0,
    };
    let [envs, steps] = [config.rollout.num_envs, config.rollout.steps].map(|size| size as f64);
    let schedule = config.method.method().schedule(&config.team(), spec.agents);
    let graphs = match (schedule, device) {
        (Some(schedule), Device::Cpu) if schedule.groups == 0 => envs,
        (Some(schedule), Device::Cpu) => envs.min(schedule.groups as f64),
        _ => 0.0,
    };
    let pairs = (spec.agents as f64) * (spec.agents as f64);
    Estimate::of_times([vec![
        program(),
        part(WEIGHTS, NETWORK, weights),
        part("the rollout", ROLLOUT, envs * steps * row(spec)),
        part(
            "the graphs",
            "`graph.groups`, `rollout.num_envs` or the team in `[env]`",
            graphs * pairs * DRAWING,
        ),
    ]])
}

/// What it takes to evaluate a checkpoint over so many episodes at once.
///
/// # Errors
///
/// As for [`estimate`].
pub fn estimate_evaluation(
    config: &Config,
    episodes: usize,
    device: Device,
) -> Result<Option<Estimate>, ComposeError> {
    if heap::now().is_none() {
        return Ok(None);
    }
    let spec = config.env.spec()?;
    let probe = Probe::new(config, &spec, device);
    probe.play(1)?;
    let evaluating = probe.evaluating()?;
    Ok(Some(Estimate::of_times([vec![
        program(),
        part(
            "weights and a checkpoint",
            NETWORK,
            READING * evaluating.fixed,
        ),
        part(
            "the episodes",
            "the number of episodes",
            of_episodes(config, &evaluating, episodes),
        ),
    ]])))
}

/// What it takes to hold so many environments of a task and what they write.
///
/// # Errors
///
/// [`ComposeError::Task`].
pub fn estimate_envs(task: &EnvConfig, envs: usize) -> Result<Option<Estimate>, ComposeError> {
    let of_an_environment = match &task.task {
        TaskConfig::BuiltIn(_) => heap::of_an_environment(|| task.build())?,
        TaskConfig::Python(_) => {
            let mut stand_ins = stand_ins(task, heap::MEASURED_ENVS)?.into_iter();
            heap::of_an_environment(|| stand_ins.next().ok_or(())).unwrap_or_default()
        }
    };
    let setting = "the number of environments or episodes, or the sizes in `[env]`";
    Ok(of_an_environment.map(|bytes| {
        let bytes = bytes * envs as f64 + task.shared_bytes(envs);
        Estimate::of_times([vec![
            program(),
            part("environments of the task", setting, bytes),
        ]])
    }))
}

/// A run's sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sizes {
    envs: f64,
    /// Environments times steps.
    samples: f64,
    /// Samples of a part of a minibatch.
    part: f64,
    /// Parts of a minibatch.
    parts: f64,
    /// Sooner or later each has had a part, and it keeps its buffers.
    workers: f64,
}

impl Sizes {
    fn new(config: &Config, spec: &Spec) -> Self {
        let (rollout, ppo) = (&config.rollout, &config.ppo);
        let schedule = config.method.method().schedule(&config.team(), spec.agents);
        let all = rollout.num_envs.saturating_mul(rollout.steps);
        let minibatch = all.div_ceil(ppo.minibatches.max(1));
        let part_of = |samples: usize| ppo.part_size(samples, spec.agents).min(samples);
        let part = match schedule {
            // A step of the graph through the network takes all samples.
            Some(BilevelConfig {
                estimator: Estimator::StraightThrough,
                ..
            }) => part_of(minibatch).max(part_of(all)),
            _ => part_of(minibatch),
        };
        Self {
            envs: rollout.num_envs as f64,
            samples: all as f64,
            part: part as f64,
            parts: minibatch.div_ceil(part.max(1)) as f64,
            workers: workers(config.run.threads) as f64,
        }
    }
}

/// What is known of a run.
struct Run<'a> {
    config: &'a Config,
    sizes: Sizes,
    /// How many bytes less of a sample's observations a minibatch copies than in the small runs.
    copied: f64,
    training: Training,
    evaluating: Evaluating,
    program: Part,
}

impl Run<'_> {
    fn learning(&self) -> Vec<Part> {
        let most = Rates {
            sample: (self.training.most.sample - self.copied).max(0.0),
            ..self.training.most
        };
        self.parts(&most, self.sizes.parts)
    }

    fn evaluation(&self) -> Vec<Part> {
        let mut parts = self.parts(&self.training.kept, 0.0);
        let episodes = of_episodes(self.config, &self.evaluating, self.config.eval.episodes);
        parts.push(part("evaluations", "`eval.episodes`", episodes));
        parts
    }

    fn last_evaluation(&self) -> Vec<Part> {
        let episodes = self.config.eval.final_episodes;
        vec![
            self.program,
            part(WEIGHTS, NETWORK, READING * self.evaluating.fixed),
            part(
                "the last evaluation",
                "`eval.final_episodes`",
                of_episodes(self.config, &self.evaluating, episodes),
            ),
        ]
    }

    /// With so many gradients of parts.
    fn parts(&self, rates: &Rates, gradients: f64) -> Vec<Part> {
        let (sizes, training) = (&self.sizes, &self.training);
        // Each worker has a gradient of its own: that of a small run is one of them.
        let gradients = training.weights() * (gradients + sizes.workers - 1.0);
        let saving = SAVING * training.checkpoint;
        let shared = self.config.env.shared_bytes(self.config.rollout.num_envs);
        vec![
            self.program,
            part(WEIGHTS, NETWORK, rates.fixed + gradients + saving),
            part("the rollout", ROLLOUT, rates.sample * sizes.samples),
            part(
                "the environments",
                "`rollout.num_envs` or the sizes in `[env]`",
                rates.env * sizes.envs + shared,
            ),
            part(
                "the network's passes",
                "`policy.embed_dim`, `ppo.chunk` or `run.threads`",
                rates.row * sizes.part * sizes.workers,
            ),
        ]
    }
}

/// All episodes are played at once, or as many as the task has environments for.
fn of_episodes(config: &Config, evaluating: &Evaluating, episodes: usize) -> f64 {
    let envs = (config.env).at_once(episodes, config.rollout.num_envs);
    evaluating.episode * envs as f64 + config.env.shared_bytes(envs)
}

/// Bytes of a sample's observations.
fn row(spec: &Spec) -> f64 {
    4.0 * spec.agents as f64 * spec.obs_dim as f64
}

/// A minibatch copies what is seen in its samples, which are fewer the more minibatches there are.
fn copied(spec: &Spec, minibatches: usize, small: usize) -> f64 {
    row(spec) * (1.0 / small.max(1) as f64 - 1.0 / minibatches.max(1) as f64)
}

/// Bytes of a pair of agents while a graph is drawn: noise, logits, a sort with its order, the hard and the soft graph.
const DRAWING: f64 = 40.0;

/// Copies of what a checkpoint has, besides the one that a run holds: one to be saved, and its bytes.
const SAVING: f64 = 2.0;

/// Times the weights that are there while a checkpoint is read: the policy's, the checkpoint's, both moments
/// of each, and the bytes of either file.
const READING: f64 = 7.0;

const WEIGHTS: &str = "weights, gradients and moments";
const NETWORK: &str = "`policy.embed_dim`, `policy.blocks` or the team in `[env]`";
const ROLLOUT: &str = "`rollout.num_envs` or `rollout.steps`";

/// What the process has now: program, libtorch, and what both keep. What the C library keeps for later is not in it.
fn program() -> Part {
    let free = heap::now().map_or(0, |heap| heap.free);
    Part {
        what: "the program and libtorch",
        setting: None,
        bytes: Room::now().map_or(0, |room| room.own.saturating_sub(free)) as f64,
    }
}

fn part(what: &'static str, setting: &'static str, bytes: f64) -> Part {
    Part {
        what,
        setting: Some(setting),
        bytes,
    }
}
