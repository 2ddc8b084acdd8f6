//! What the processes train on.

use crate::common::{config, resolve};
use commformer::compose::{self, TeamTrainer};
use commformer::config::Config;
use commformer_env::{Actions, Environment, Observation, Rng, Spec, StateError, Status, VecEnv};
use commformer_train::{EvaluationReport, IterationReport, Listener, Purpose, seed_for};
use std::io;
use tch::Device;

/// Seven environments in four shards, and fewer parts of a minibatch than processes at times.
pub const SHARED: [&str; 4] = [
    "rollout.num_envs=7",
    "rollout.steps=12",
    "rollout.shard=2",
    "ppo.chunk=7",
];

/// Learned graphs of both estimators with gates of several kinds, and a recurrent team that sees the global state.
pub fn configs() -> Vec<Config> {
    let gates = ["gate.mode='learned'", "gate.start=0.0", "gate.ramp=0.5"];
    let set = |own: &[&'static str]| [&SHARED[..], &gates, own].concat();
    vec![
        config(
            "predator-prey",
            &set(&[
                "gate.closed='stale'",
                "env.episode_limit=5",
                "policy.obs_norm='running'",
            ]),
        ),
        config(
            "signal",
            &set(&[
                "gate.per='edge'",
                "gate.execution='threshold'",
                "graph.estimator='straight-through'",
                "policy.dropout=0.1",
            ]),
        ),
        config("traffic-junction-easy", &[&SHARED, &RISING[..]].concat()),
        resolve(
            "smac-3m",
            &[
                &SHARED[..],
                &[
                    "method.kind='mappo'",
                    "method.recurrence='gru'",
                    "method.hidden=16",
                    "env.episode_limit=9",
                ],
            ]
            .concat(),
        ),
    ]
}

/// A run of four iterations whose curriculum begins after the first.
pub const RISING: [&str; 3] = [
    "run.steps=336",
    "env.curriculum_start=0.2",
    "env.curriculum_end=0.9",
];

/// A task in which something happens to one process: it aborts, or writes what nobody can learn from.
pub struct Mine {
    task: Box<dyn Environment>,
    /// After how many steps, and whether it aborts.
    trap: (u32, bool),
}

impl Environment for Mine {
    fn spec(&self) -> &Spec {
        self.task.spec()
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.task.reset(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self.task.step(actions, rng, out, rewards);
        let (steps, aborts) = &mut self.trap;
        *steps = steps.saturating_sub(1);
        match (*steps, *aborts) {
            (0, true) => std::process::abort(),
            (0, false) => rewards[0] = f32::NAN,
            _ => {}
        }
        status
    }

    fn metrics(&self, out: &mut [f32]) {
        self.task.metrics(out);
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.task.save()
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        self.task.restore(state, out)
    }
}

/// Wants the run to stop after some iterations.
#[derive(Default)]
pub struct Ear {
    pub iterations: u64,
    pub stop_after: Option<u64>,
}

impl Listener for Ear {
    fn iteration(&mut self, report: &IterationReport) -> io::Result<()> {
        self.iterations = report.iteration;
        Ok(())
    }

    fn evaluated(&mut self, _: &EvaluationReport) -> io::Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        (self.stop_after).is_some_and(|iterations| self.iterations >= iterations)
    }
}

pub fn trainer(config: &Config, trap: Option<(u32, bool)>) -> TeamTrainer {
    let envs = (0..config.rollout.num_envs).map(|env| -> Box<dyn Environment> {
        let task = config.env.build().unwrap();
        match trap {
            // The first environment of rank 1's first shard.
            Some(trap) if env == 2 => Box::new(Mine { task, trap }),
            _ => task,
        }
    });
    let seed = seed_for(config.run.seed, Purpose::Environments);
    let envs = VecEnv::new(envs.collect(), seed).unwrap();
    compose::trainer_in(config, Device::Cpu, envs).unwrap()
}
