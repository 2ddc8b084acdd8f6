//! The estimate, part by part.

use crate::compose::ComposeError;
use crate::config::{Config, EnvConfig};
use commformer_env::Spec;
use commformer_methods::Footprint;
use commformer_train::memory::{self, Samples};
use commformer_train::{BilevelConfig, Buffer, Estimator, Needs, workers};
use tch::Device;

/// Bytes of the program and of libtorch. Most of it is libtorch's own file, of which the system keeps
/// in memory what it likes: 153 MB to 231 MB were measured (docs/src/performance.md, "Memory").
const PROGRAM: f64 = 200e6;

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

/// What a run of a checked configuration takes; on devices other than the CPU, of the host's memory. Nothing
/// is made for it but one environment of the task.
///
/// # Errors
///
/// [`ComposeError::Task`].
pub fn estimate(config: &Config, device: Device) -> Result<Estimate, ComposeError> {
    let task = config.env.spec()?;
    let run = Run::new(config, &task, device);
    let [always, while_training] = [run.always(), run.while_training()];
    let of_all = |parts: &[&[Part]]| parts.concat();
    Ok(Estimate::of_times([
        of_all(&[&always, &while_training, &run.update()]),
        of_all(&[&always, &while_training, &[run.evaluation()]]),
        of_all(&[&always, &[run.final_evaluation()]]),
    ]))
}

/// What it takes to judge a checkpoint over so many episodes at once.
///
/// # Errors
///
/// [`ComposeError::Task`].
pub fn estimate_evaluation(
    config: &Config,
    episodes: usize,
    device: Device,
) -> Result<Estimate, ComposeError> {
    let task = config.env.spec()?;
    let run = Run::new(config, &task, device);
    let parts = vec![
        program(),
        part(
            "weights and a checkpoint",
            NETWORK,
            READING * run.policy.parameter_bytes(),
        ),
        part(
            "the episodes",
            "the number of episodes",
            run.episodes(episodes),
        ),
    ];
    Ok(Estimate::of_times([parts]))
}

/// What it takes to hold so many environments of a task and what they write.
///
/// # Errors
///
/// [`ComposeError::Task`].
pub fn estimate_envs(task: &EnvConfig, envs: usize) -> Result<Estimate, ComposeError> {
    let spec = &task.spec()?;
    let bytes = task.bytes(spec, envs) + Buffer::bytes(spec, [envs, 1], Needs::default());
    let setting = "the number of environments or episodes, or the sizes in `[env]`";
    Ok(Estimate::of_times([vec![
        program(),
        part("environments of the task", setting, bytes),
    ]]))
}

/// The sizes of a run.
struct Run<'a> {
    config: &'a Config,
    spec: &'a Spec,
    policy: Box<dyn Footprint>,
    schedule: Option<BilevelConfig>,
    samples: Samples,
    workers: usize,
    /// Others that an agent hears, at most.
    senders: f64,
    /// Whether the policy works on the host.
    on_host: bool,
}

impl<'a> Run<'a> {
    fn new(config: &'a Config, spec: &'a Spec, device: Device) -> Self {
        let (agents, team) = (spec.agents, config.team());
        let method = config.method.method();
        let schedule = method.schedule(&team, agents);
        Self {
            samples: Samples::new(&config.rollout, &config.ppo, agents, schedule.as_ref()),
            workers: workers(config.run.threads),
            senders: method.senders(&team, agents) as f64,
            on_host: device == Device::Cpu,
            config,
            spec,
            policy: method.footprint(&team, spec),
            schedule,
        }
    }

    fn always(&self) -> Vec<Part> {
        let weights = match self.on_host {
            true => {
                let weights = self.policy.parameter_bytes();
                memory::learning(weights, self.workers as f64, self.samples.parts())
            }
            false => 0.0,
        };
        vec![
            program(),
            part("weights, gradients and moments", NETWORK, weights),
        ]
    }

    fn while_training(&self) -> Vec<Part> {
        let rollout = &self.config.rollout;
        let size = [rollout.num_envs, rollout.steps];
        let agent = (self.spec.agents as f64) * (self.spec.obs_dim as f64);
        // Observations in which episodes were truncated; without a limit none is.
        let cut = match self.config.env.episode_limit() {
            0 => 0.0,
            limit => self.samples.all / f64::from(limit),
        };
        let buffers = Buffer::bytes(self.spec, size, self.policy.needs()) + 4.0 * cut * agent;
        let environments = self.environments(rollout.num_envs);
        vec![
            part("the rollout", ROLLOUT, buffers),
            part(
                "the environments",
                "`rollout.num_envs` or the sizes in `[env]`",
                environments,
            ),
            part(
                "the network's passes",
                "`policy.embed_dim`, `ppo.chunk` or `run.threads`",
                self.passes(),
            ),
        ]
    }

    fn update(&self) -> Vec<Part> {
        let graphs = match self.on_host {
            true => self.graphs(),
            false => 0.0,
        };
        vec![
            part(
                "what is learned from",
                ROLLOUT,
                self.samples.bytes(self.spec),
            ),
            part(
                "the graphs",
                "`graph.groups`, `graph.sparsity` or the team in `[env]`",
                graphs,
            ),
        ]
    }

    fn evaluation(&self) -> Part {
        let episodes = self.config.eval.episodes;
        part("evaluations", "`eval.episodes`", self.episodes(episodes))
    }

    fn final_evaluation(&self) -> Part {
        let episodes = self.config.eval.final_episodes;
        part(
            "the last evaluation",
            "`eval.final_episodes`",
            self.episodes(episodes),
        )
    }

    fn environments(&self, envs: usize) -> f64 {
        self.config.env.bytes(self.spec, envs)
    }

    /// Of an evaluation, in which all episodes are played at once, or as many as the task has environments for.
    fn episodes(&self, episodes: usize) -> f64 {
        let act = match self.on_host {
            true => self.policy.act_bytes(episodes as f64, self.senders),
            false => 0.0,
        };
        let envs = (self.config.env).at_once(episodes, self.config.rollout.num_envs);
        Buffer::bytes(self.spec, [episodes, 1], self.policy.needs()) + self.environments(envs) + act
    }

    /// Of the workers' passes, in updates or, if that is more, in rollouts. Sooner or later each worker has
    /// had a part, and it keeps its buffers.
    fn passes(&self) -> f64 {
        if !self.on_host {
            return 0.0;
        }
        let (policy, senders) = (&self.policy, self.senders);
        let pass = policy.pass_bytes(self.samples.part, senders);
        let shard = self.config.rollout.shard_size() as f64;
        let act = policy.act_bytes(shard, senders) + policy.value_bytes(shard);
        self.workers as f64 * pass.max(act)
    }

    fn graphs(&self) -> f64 {
        if !self.config.method.reads("graph") {
            return 0.0;
        }
        let envs = self.config.rollout.num_envs;
        let (groups, draws) = match &self.schedule {
            Some(BilevelConfig {
                estimator: Estimator::ScoreFunction,
                groups,
                ..
            }) => match groups {
                0 => (envs, true),
                groups => (*groups.min(&envs), true),
            },
            _ => (1, false),
        };
        let senders = self.config.graph.senders(self.spec.agents) as f64;
        memory::graphs(
            self.spec.agents,
            groups as f64,
            senders,
            draws,
            self.workers,
        )
    }
}

/// Times the weights that are there while a checkpoint is read: the policy's, the checkpoint's, both moments
/// of each, and the bytes of either file.
const READING: f64 = 7.0;

const NETWORK: &str = "`policy.embed_dim`, `policy.blocks` or the team in `[env]`";
const ROLLOUT: &str = "`rollout.num_envs` or `rollout.steps`";

fn program() -> Part {
    Part {
        what: "the program and libtorch",
        setting: None,
        bytes: PROGRAM,
    }
}

fn part(what: &'static str, setting: &'static str, bytes: f64) -> Part {
    Part {
        what,
        setting: Some(setting),
        bytes,
    }
}
