//! `commformer bench act`: how fast a team decides, by the calls that a rollout makes for a step.

use super::repeat::{Repeated, repeat, seconds};
use super::table::Table;
use super::train::print_json;
use crate::cli::options::{ConfigOptions, count};
use crate::compose;
use crate::config::Config;
use clap::Args;
use commformer_env::{ActionSpace, Rng};
use commformer_torch::threads::inference;
use commformer_train::{
    Actor, Buffer, Drawn, Gates, Purpose, TeamGraphs, TrainError, seed_for, workers,
};
use commformer_view::numbers::grouped;
use serde::Serialize;
use std::io::Write;
use tch::{Device, Tensor};

#[derive(Debug, Args)]
pub(super) struct Act {
    #[command(flatten)]
    config: ConfigOptions,
    /// How many environments act at once; a row for each number
    #[arg(
        long,
        alias = "environments",
        value_name = "B,...",
        value_delimiter = ',',
        default_value = "1,20,256,4096",
        value_parser = count::<{ u32::MAX }>
    )]
    num_envs: Vec<u32>,
    /// Seconds for each row
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Print one JSON object besides, on the last line
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Output {
    name: String,
    agents: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    environments: u32,
    actions: &'static str,
    /// A joint step of all environments.
    step_milliseconds: f64,
    /// A decision is one agent's action.
    decisions_per_second: f64,
}

impl Act {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let config = self.config.resolve()?;
        let device = compose::device(&config)?;
        // As in training: memory is kept, and there are workers for what uses them.
        commformer_torch::threads::keep_memory();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers(config.run.threads))
            .build()?;
        // A task in Python says how many there are once it has been asked.
        let agents = config.env.spec()?.agents;
        let mut told = Output {
            name: self.config.name(),
            agents,
            rows: Vec::new(),
        };
        let table = Table::new()
            .numbers("environments", 0)
            .texts("actions", ["greedy", "sampled"])
            .numbers("ms a step", 10)
            .numbers("decisions/s", 11);
        writeln!(out, "{}: {agents} agents\n{}", told.name, table.head())?;
        for &environments in &self.num_envs {
            for sampled in [false, true] {
                let envs = environments as usize;
                let act = || decide(&config, device, envs, sampled, self.seconds);
                let done = pool.install(act)?;
                let row = Row {
                    environments,
                    actions: if sampled { "sampled" } else { "greedy" },
                    step_milliseconds: 1e3 / done.per_second(),
                    decisions_per_second: done.per_second() * (envs * agents) as f64,
                };
                let cells = [
                    grouped(environments.into()),
                    row.actions.to_owned(),
                    format!("{:.3}", row.step_milliseconds),
                    grouped(row.decisions_per_second as u64),
                ];
                writeln!(out, "{}", table.row(cells))?;
                out.flush()?;
                told.rows.push(row);
            }
        }
        print_json(self.json, &told, out)
    }
}

/// Lets `envs` teams act for a while, on the observations of their first step and the graph of
/// execution. All of the randomness is there before.
fn decide(
    config: &Config,
    device: Device,
    envs: usize,
    sampled: bool,
    seconds: f64,
) -> anyhow::Result<Repeated> {
    let seed = config.run.seed;
    let of_envs = seed_for(seed, Purpose::Environments);
    let mut environments = compose::environments(&config.env, envs, of_envs)?;
    let spec = environments.spec().clone();
    let team = compose::team(config, &spec, device)?;
    let needs = team.needs();
    let mut buffer = Buffer::new(&spec, envs, 1)?.with_needs(needs)?;
    if device != Device::Cpu {
        buffer.mirror_on(device)?;
    }
    buffer.reset(&mut environments)?;
    buffer.begin()?;
    let graph = compose::execution_graph(config, &team, device)?;
    let graph = TeamGraphs::new(graph.unsqueeze(0));

    let noise = |purpose, width: usize, draw: fn(&mut Rng) -> f32| {
        let mut rng = Rng::new(seed_for(seed, purpose), 0);
        let shape = [envs, spec.agents, width];
        let numbers: Vec<f32> = (0..shape.iter().product())
            .map(|_| draw(&mut rng))
            .collect();
        Tensor::from_slice(&numbers).view(shape.map(|size| size as i64))
    };
    let of_actions = sampled.then(|| match spec.actions {
        ActionSpace::Discrete(width) => noise(Purpose::Actions, width, Rng::gumbel),
        ActionSpace::Continuous(width) => noise(Purpose::Actions, width, Rng::normal),
    });
    let width = needs.gate;
    let of_gates = (width > 0).then(|| noise(Purpose::Gates, width, Rng::uniform));
    let done = repeat(seconds, || -> Result<(), TrainError> {
        let drawn = Drawn {
            actions: of_actions.as_ref().map(Tensor::shallow_clone),
            gates: of_gates.as_ref().map(Tensor::shallow_clone),
        };
        let (observed, drawn) = buffer.observed(0, drawn)?;
        let gates = match &drawn.gates {
            None => Gates::Open,
            Some(noise) if sampled => Gates::Drawn(noise),
            Some(noise) => Gates::Decided(noise),
        };
        let batch = observed.with_graph(&graph);
        let act = inference(|| team.act(&batch, gates, drawn.actions.as_ref()))?;
        drop(observed);
        buffer.record(0, &act, drawn.gates.as_ref())
    })?;
    Ok(done)
}
