//! What the processes train on.

use crate::common::{Trapped, config, resolve};
use commformer::compose::{self, TeamTrainer};
use commformer::config::Config;
use commformer_env::{Environment, VecEnv};
use commformer_train::{Purpose, seed_for};
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

/// With a trap one process aborts after so many steps, or else writes what nobody can learn from.
pub fn trainer(config: &Config, trap: Option<(u32, bool)>) -> TeamTrainer {
    let envs = (0..config.rollout.num_envs).map(|env| -> Box<dyn Environment> {
        let task = config.env.build().unwrap();
        match trap {
            // The first environment of rank 1's first shard.
            Some((mut steps, aborts)) if env == 2 => {
                let after_step = move |rewards: &mut [f32]| {
                    steps = steps.saturating_sub(1);
                    match (steps, aborts) {
                        (0, true) => std::process::abort(),
                        (0, false) => rewards[0] = f32::NAN,
                        _ => {}
                    }
                };
                Box::new(Trapped { task, after_step })
            }
            _ => task,
        }
    });
    let seed = seed_for(config.run.seed, Purpose::Environments);
    let envs = VecEnv::new(envs.collect(), seed).unwrap();
    compose::trainer_in(config, Device::Cpu, envs).unwrap()
}
