//! When do gates open? Plays episodes of a trained team on a grid and counts, for each role, how often
//! its agents receive by their distance to the prey and by the time in the episode.
//!
//! `cargo run --release --example when-gates-open -- RUN...` writes CSV: run, role, by, value,
//! decisions, open.

use anyhow::Context;
use commformer::compose;
use commformer::config::{Config, Overrides, TaskConfig};
use commformer::run_dir::RunDir;
use commformer_env::{
    Actions, Buffers, BuiltIn, Environment, PredatorCapturePrey, PredatorPrey, Rng, Status, VecEnv,
};
use commformer_train::{
    Actor, CheckpointStore, Gates, ObsBatch, Policy, Purpose, TeamGraphs, Which, seed_for,
};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Tensor};

/// Episodes, one in each environment.
const EPISODES: usize = 500;

/// How many decisions there were, and how many of them were to receive.
type Counts = BTreeMap<(String, &'static str, usize), (u32, u32)>;

/// What the tasks on a grid tell beyond [`Environment`].
trait OnGrid: Environment {
    /// Where everyone is: the agents, then the prey.
    fn places(&self) -> Vec<(usize, usize)>;
}

impl OnGrid for PredatorPrey {
    fn places(&self) -> Vec<(usize, usize)> {
        self.locations().collect()
    }
}

impl OnGrid for PredatorCapturePrey {
    fn places(&self) -> Vec<(usize, usize)> {
        self.locations().collect()
    }
}

fn main() -> anyhow::Result<()> {
    println!("run,role,by,value,decisions,open");
    for run in std::env::args().skip(1) {
        let counts = count(Path::new(&run)).with_context(|| run.clone())?;
        for ((role, by, value), (decisions, open)) in counts {
            println!("{run},{role},{by},{value},{decisions},{open}");
        }
    }
    Ok(())
}

/// Counts the decisions of a run's best team.
fn count(run: &Path) -> anyhow::Result<Counts> {
    let folder = RunDir::open(run)?;
    let config = folder.settings(Overrides::default())?;
    let seed = seed_for(config.run.seed, Purpose::FinalEvaluation);
    anyhow::ensure!(
        config.env.stack == 1,
        "`env.stack` is {}; name a run in which agents are shown what they see now only",
        config.env.stack
    );
    match &config.env.task {
        TaskConfig::BuiltIn(BuiltIn::PredatorPrey(task)) => {
            let envs = (0..EPISODES).map(|_| PredatorPrey::new(task.clone()));
            let envs = VecEnv::new(envs.collect::<Result<_, _>>()?, seed)?;
            play(&config, run, envs)
        }
        TaskConfig::BuiltIn(BuiltIn::PredatorCapturePrey(task)) => {
            let envs = (0..EPISODES).map(|_| PredatorCapturePrey::new(task.clone()));
            let envs = VecEnv::new(envs.collect::<Result<_, _>>()?, seed)?;
            play(&config, run, envs)
        }
        _ => anyhow::bail!("{} has no prey; name a run that has", config.env.kind()),
    }
}

fn play<E: OnGrid>(config: &Config, run: &Path, mut envs: VecEnv<E>) -> anyhow::Result<Counts> {
    let spec = envs.spec().clone();
    let checkpoint = CheckpointStore::open(run)?.load(Which::Best)?.checkpoint;
    let mut policy = compose::team(config, &spec, Device::Cpu)?;
    policy
        .load_state(&checkpoint.weights)
        .map_err(|error| anyhow::anyhow!(error))?;
    let (rows, width) = (EPISODES * spec.agents, policy.needs().gate);
    anyhow::ensure!(width == 1, "expected a gate for each agent, found {width}");
    let graph = &checkpoint.state.graph;
    anyhow::ensure!(
        graph.len() == spec.agents * spec.agents,
        "expected a graph of {0} x {0} agents, found {1} entries",
        spec.agents,
        graph.len()
    );
    let agents = spec.agents as i64;
    let graph = TeamGraphs::new(Tensor::from_slice(graph).view([1, agents, agents]));
    let mut rng = Rng::new(seed_for(config.run.seed, Purpose::Gates), 0);

    let mut out = Buffers::of(&envs);
    let mut memory: Option<Tensor> = None;
    let mut over = [false; EPISODES];
    let mut counts = Counts::new();
    out.reset(&mut envs)?;
    for time in 0.. {
        if over.iter().all(|over| *over) {
            break;
        }
        let observed = Tensor::from_slice(&out.obs).view([EPISODES as i64, agents, -1]);
        let obs_batch = ObsBatch {
            obs: &observed,
            available: None,
            graph: &graph,
            active: None,
            state: None,
            memory: memory.as_ref(),
        };
        let noise: Vec<f32> = (0..rows).map(|_| rng.uniform()).collect();
        let noise = Tensor::from_slice(&noise).view([EPISODES as i64, agents, 1]);
        let act = tch::no_grad(|| policy.act(&obs_batch, Gates::Decided(&noise), None))
            .map_err(|error| anyhow::anyhow!(error))?;
        let open: Vec<f32> = match &act.gate {
            Some(gating) => Vec::try_from(gating.open.view(-1))?,
            None => anyhow::bail!("the team has no gate"),
        };
        for env in (0..EPISODES).filter(|env| !over[*env]) {
            let places = envs.env(env).map(OnGrid::places).unwrap_or_default();
            let Some(&prey) = places.get(spec.agents) else {
                continue;
            };
            for (agent, at) in places[..spec.agents].iter().enumerate() {
                let distance = at.0.abs_diff(prey.0) + at.1.abs_diff(prey.1);
                for (by, value) in [("distance", distance), ("time", time)] {
                    let entry = counts.entry((role(config, agent), by, value)).or_default();
                    entry.0 += 1;
                    entry.1 += u32::from(open[env * spec.agents + agent] > 0.5);
                }
            }
        }
        let actions = Vec::<i64>::try_from(act.actions.view(-1))?;
        out.step(&mut envs, Actions::Discrete(&actions))?;
        memory = act.memory;
        for (env, status) in out.status.iter().enumerate() {
            if *status != Status::Running {
                over[env] = true;
                if let Some(memory) = &memory {
                    let _ = memory.get(env as i64).fill_(0.0);
                }
            }
        }
    }
    Ok(counts)
}

/// What an agent is called.
fn role(config: &Config, agent: usize) -> String {
    match &config.env.task {
        TaskConfig::BuiltIn(BuiltIn::PredatorCapturePrey(task)) => match agent < task.perception {
            true => "perception".into(),
            false => "capture".into(),
        },
        _ => "predator".into(),
    }
}
