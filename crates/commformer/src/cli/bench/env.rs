//! `commformer bench env`: how fast environments step, their observations written, with random actions.

use super::repeat::{repeat, seconds};
use super::table::Table;
use super::train::print_json;
use crate::cli::options::{BaseOptions, count};
use crate::compose::{self, Envs};
use crate::config::{EnvConfig, Overrides, TaskConfig, presets};
use clap::Args;
use commformer_env::{ActionSpace, Actions, Buffers, Rng, Spec, VecEnvError};
use commformer_train::workers;
use commformer_view::numbers::grouped;
use rayon::prelude::*;
use serde::Serialize;
use std::io::Write;

/// Joint actions that are drawn beforehand and used over and over.
const PREPARED: usize = 16;

#[derive(Debug, Args)]
#[command(after_help = "Without PRESET, --config and --set: every built-in task.")]
pub(super) struct Env {
    #[command(flatten)]
    base: BaseOptions,
    /// Environments that step together; a row for each number
    #[arg(
        long = "num-envs",
        alias = "copies",
        value_name = "C,...",
        value_delimiter = ',',
        default_value = "1,20,256,4096",
        value_parser = count::<{ u32::MAX }>
    )]
    envs: Vec<u32>,
    /// Threads that step them; a row for each number. By default one, and as many as there are cores. Of environments in
    /// Python, each thread steps its share without waiting for the others', as the shards of training do
    #[arg(
        long,
        value_name = "T,...",
        value_delimiter = ',',
        value_parser = count::<4096>
    )]
    threads: Vec<u32>,
    /// Seconds for each row
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    seconds: f64,
    /// Print one JSON object besides, on the last line
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Output {
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    agents: usize,
    envs: u32,
    threads: usize,
    /// Of all environments together.
    steps_per_second: f64,
}

impl Env {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let tasks = self.tasks()?;
        let threads = match &self.threads[..] {
            [] => {
                let mut threads = vec![1, workers(0)];
                threads.dedup();
                threads
            }
            asked => asked.iter().map(|threads| *threads as usize).collect(),
        };
        let table = Table::new()
            .texts("task", tasks.iter().map(|(name, _)| name.as_str()))
            .numbers("agents", 0)
            .numbers("envs", 7)
            .numbers("threads", 0)
            .numbers("steps/s", 11);
        writeln!(out, "{}", table.head())?;
        let mut rows = Vec::new();
        for (name, task) in &tasks {
            // A task in Python says how many there are once it has been asked.
            let agents = task.spec()?.agents;
            for &envs in &self.envs {
                for &threads in &threads {
                    let row = Row {
                        name: name.clone(),
                        agents,
                        envs,
                        threads,
                        steps_per_second: play(task, envs as usize, threads, self.seconds)?,
                    };
                    let cells = [
                        name.clone(),
                        row.agents.to_string(),
                        grouped(envs.into()),
                        threads.to_string(),
                        grouped(row.steps_per_second as u64),
                    ];
                    writeln!(out, "{}", table.row(cells))?;
                    out.flush()?;
                    rows.push(row);
                }
            }
        }
        print_json(self.json, &Output { rows }, out)
    }

    /// The task that was asked for, or one of every kind; with names.
    fn tasks(&self) -> anyhow::Result<Vec<(String, EnvConfig)>> {
        if self.base != BaseOptions::default() {
            let config = self.base.resolve(Overrides::default())?;
            return Ok(vec![(self.base.name(), config.env)]);
        }
        one_of_every_kind()
    }
}

/// The first preset of every kind of task that is built in.
fn one_of_every_kind() -> anyhow::Result<Vec<(String, EnvConfig)>> {
    let mut tasks: Vec<(String, EnvConfig)> = Vec::new();
    for preset in presets::ALL {
        let task = preset.config()?.env;
        let built_in = !matches!(task.task, TaskConfig::Python(_));
        if built_in && tasks.iter().all(|(_, other)| other.kind() != task.kind()) {
            tasks.push((preset.name.to_owned(), task));
        }
    }
    Ok(tasks)
}

/// Steps a second of all environments together.
fn play(task: &EnvConfig, envs: usize, threads: usize, seconds: f64) -> anyhow::Result<f64> {
    let all = compose::environments(task, envs, 1)?;
    let share = match task.task {
        TaskConfig::Python(_) => envs.div_ceil(threads),
        _ => envs,
    };
    let stages: Result<Vec<_>, _> = all.split(share).into_iter().map(Stage::new).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let rates: Result<Vec<_>, _> = pool.build()?.install(|| {
        let stages = stages?.into_par_iter();
        stages.map(|mut stage| stage.play(seconds)).collect()
    });
    Ok(rates?.iter().sum())
}

/// Environments of a task, and everything that they write to.
struct Stage {
    environments: Envs,
    actions: Vec<JointAction>,
    /// The actions of a step, where some are not available.
    open: Vec<i64>,
    out: Buffers,
}

enum JointAction {
    Discrete(Vec<i64>),
    Continuous(Vec<f32>),
}

impl JointAction {
    fn draw(spec: &Spec, envs: usize, rng: &mut Rng) -> Self {
        let agents = envs * spec.agents;
        match spec.actions {
            ActionSpace::Discrete(count) => {
                let bound = u32::try_from(count).unwrap_or(u32::MAX);
                Self::Discrete((0..agents).map(|_| rng.below(bound).into()).collect())
            }
            ActionSpace::Continuous(width) => {
                Self::Continuous((0..agents * width).map(|_| rng.normal()).collect())
            }
        }
    }
}

impl Stage {
    fn new(environments: Envs) -> Result<Self, VecEnvError> {
        let (envs, spec) = (environments.num_envs(), environments.spec());
        let mut rng = Rng::new(2, 0);
        let mut stage = Self {
            actions: (0..PREPARED)
                .map(|_| JointAction::draw(spec, envs, &mut rng))
                .collect(),
            open: Vec::new(),
            out: Buffers::of(&environments),
            environments,
        };
        stage.out.reset(&mut stage.environments)?;
        Ok(stage)
    }

    /// Steps a second.
    fn play(&mut self, seconds: f64) -> Result<f64, VecEnvError> {
        let mut turn = 0;
        let done = repeat(seconds, || {
            let actions = match &self.actions[turn % PREPARED] {
                JointAction::Discrete(drawn) if self.environments.spec().masks_actions => {
                    self.open.clear();
                    self.open.extend(open_actions(drawn, &self.out.available));
                    Actions::Discrete(&self.open)
                }
                JointAction::Discrete(drawn) => Actions::Discrete(drawn),
                JointAction::Continuous(actions) => Actions::Continuous(actions),
            };
            turn += 1;
            self.out.step(&mut self.environments, actions)
        })?;
        Ok(done.per_second() * self.environments.num_envs() as f64)
    }
}

/// For each agent the action that was drawn, or the next one that is available.
fn open_actions(drawn: &[i64], available: &[bool]) -> impl Iterator<Item = i64> {
    let count = available.len() / drawn.len().max(1);
    let rows = available.chunks_exact(count.max(1));
    drawn.iter().zip(rows).map(move |(&drawn, row)| {
        let mut next = (0..count as i64).map(|further| (drawn + further) % count as i64);
        next.find(|&action| row[action as usize]).unwrap_or(drawn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_env::TASKS;

    #[test]
    fn an_action_that_is_not_available_gives_way_to_the_next_that_is() {
        let available = [false, true, true, true, false, false];
        let chosen = |drawn: [i64; 2]| open_actions(&drawn, &available).collect::<Vec<_>>();
        assert_eq!(chosen([2, 0]), [2, 0]);
        assert_eq!(chosen([0, 1]), [1, 0]);
    }

    #[test]
    fn every_kind_is_played_under_the_name_of_a_preset() {
        let tasks = one_of_every_kind().unwrap();
        let kinds: Vec<_> = tasks.iter().map(|(_, task)| task.kind()).collect();
        assert_eq!(kinds, TASKS);
        for (name, task) in tasks {
            assert!(presets::find(&name).is_ok(), "{name}");
            assert!(play(&task, 3, 1, 1e-4).unwrap() > 0.0);
        }
    }
}
