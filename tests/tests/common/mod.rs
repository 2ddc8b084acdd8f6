//! What the tests of whole iterations share: small configurations and runs.
#![allow(dead_code, reason = "not every program of tests needs all of it")]

use commformer::compose;
use commformer::config::{Config, Overrides};
use commformer_env::{Actions, Environment, Observation, Rng, Status, forward_environment};
use commformer_train::{
    EvaluationReport, IterationReport, Listener, Policy, RunConfig, Settings, Trainer,
};
use std::io;
use tch::{Device, Tensor};

/// A preset with some settings over it.
pub fn resolve(preset: &str, set: &[&str]) -> Config {
    Config::resolve(Some(preset), &Overrides::set(set)).unwrap()
}

/// A preset, smaller, on one thread.
pub fn config(preset: &str, set: &[&str]) -> Config {
    let small = [
        "policy.embed_dim=16",
        "rollout.num_envs=6",
        "rollout.steps=12",
        // Two shards, the second smaller.
        "rollout.shard=4",
        "ppo.chunk=7",
        "run.threads=1",
    ];
    resolve(preset, &[&small, set].concat())
}

/// What a trainer of such a configuration knows beside its team and its environments.
pub fn settings(config: &Config) -> Settings {
    Settings {
        rollout: config.rollout.clone(),
        ppo: config.ppo.clone(),
        run: RunConfig {
            threads: config.run.threads,
            ..RunConfig::default()
        },
    }
}

/// What some iterations reported, times aside, and the weights they ended with.
pub fn train(
    config: &Config,
    iterations: usize,
) -> (Vec<IterationReport>, Vec<(String, Vec<f32>)>) {
    go(
        &mut compose::trainer(config, Device::Cpu).unwrap(),
        iterations,
    )
}

/// The same with a trainer of any kind.
pub fn go<P: Policy, E: Environment>(
    trainer: &mut Trainer<P, E>,
    iterations: usize,
) -> (Vec<IterationReport>, Vec<(String, Vec<f32>)>) {
    let reports = (0..iterations)
        .map(|_| IterationReport {
            phases: Default::default(),
            ..trainer.iterate().unwrap()
        })
        .collect();
    (reports, weights(trainer.policy().state()))
}

/// Named tensors as numbers.
pub fn weights(state: Vec<(String, Tensor)>) -> Vec<(String, Vec<f32>)> {
    state
        .into_iter()
        .map(|(name, tensor)| (name, Vec::try_from(tensor.view(-1)).unwrap()))
        .collect()
}

/// A task in which something happens after a step, which may touch the rewards.
pub struct Trapped<F> {
    pub task: Box<dyn Environment>,
    pub after_step: F,
}

#[deny(clippy::missing_trait_methods)]
impl<F: FnMut(&mut [f32]) + Send> Environment for Trapped<F> {
    forward_environment! { |this| this.task =>
        spec reset metrics progress global_state save restore sources must_receive departed action_names agent_names
        draw remote
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self.task.step(actions, rng, out, rewards);
        (self.after_step)(rewards);
        status
    }
}

/// Hears the reports; wants the run to stop after some iterations.
#[derive(Default)]
pub struct Ear {
    pub iterations: Vec<u64>,
    pub stop_after: Option<usize>,
}

impl Listener for Ear {
    fn iteration(&mut self, report: &IterationReport) -> io::Result<()> {
        self.iterations.push(report.iteration);
        Ok(())
    }

    fn evaluated(&mut self, _: &EvaluationReport) -> io::Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        (self.stop_after).is_some_and(|iterations| self.iterations.len() >= iterations)
    }
}
