//! Whether training works here: it repeats, it learns, it is as fast as it should be, also on a GPU.

use super::config;
use super::report::Outcome;
use crate::cli::bench::{Budget, measure};
use crate::compose::{self, TeamTrainer};
use crate::config::presets;
use commformer_torch::{TorchError, cuda, weights};
use commformer_train::{Policy, workers};
use commformer_view::numbers::grouped;
use std::time::Instant;

/// What random actions bring a team in an episode of `signal`: ten steps, one of four symbols.
const BY_CHANCE: f64 = 2.5;
/// What it brings a team that learns, by far: with the settings of [`EASY`], `commformer train signal`
/// ends its training at 9.7 or more with every seed from 1 to 10. The best is 10.
const LEARNED: f64 = 7.0;

/// Settings with which `signal` is soon learned: three agents who all hear each other.
const EASY: [&str; 6] = [
    "env.agents=3",
    "graph.mode=full",
    "policy.embed_dim=32",
    "ppo.lr=3e-3",
    "rollout.steps=10",
    "run.steps=12_000",
];

/// Trains the same with one thread and twice with all: the weights must have the same bits. The first
/// run lasts for about `seconds`.
pub(super) fn repeats(seconds: f64) -> anyhow::Result<Outcome> {
    let trainer = |threads: usize| -> anyhow::Result<TeamTrainer> {
        let threads = format!("run.threads={threads}");
        let config = config("predator-prey", &["rollout.steps=10", &threads])?;
        Ok(compose::trainer(&config, compose::device(&config)?)?)
    };
    let bytes = |trainer: &TeamTrainer| weights::encode(&trainer.policy().state(), &[]);
    let start = Instant::now();
    let mut first = trainer(1)?;
    let mut iterations = 0;
    while iterations == 0 || start.elapsed().as_secs_f64() < seconds {
        first.iterate()?;
        iterations += 1;
    }
    let (expected, steps) = (bytes(&first)?, grouped(first.steps()));
    // Two on a single core, too: it is threads that may not matter.
    let all = workers(0).max(2);
    for run in ["the first", "the second"] {
        let mut again = trainer(all)?;
        for _ in 0..iterations {
            again.iterate()?;
        }
        anyhow::ensure!(
            bytes(&again)? == expected,
            "after {steps} steps {run} run with {all} threads has other weights than one with 1"
        );
    }
    Ok(Outcome::Ok(format!(
        "the same weights to the bit with 1 thread and, twice, with {all}, after {steps} steps each"
    )))
}

/// Trains a team on the easiest task for a fixed number of steps.
pub(super) fn learns() -> anyhow::Result<Outcome> {
    let config = config("signal", &EASY)?;
    let mut trainer = compose::trainer(&config, compose::device(&config)?)?;
    let mut reached = None;
    while trainer.progress() < 1.0 {
        reached = trainer.iterate()?.episode_return;
    }
    let reached = reached.unwrap_or(f64::NAN);
    let found = format!(
        "a return of {reached:.2} on signal after {} steps; chance brings {BY_CHANCE}, the best is 10",
        grouped(trainer.steps())
    );
    anyhow::ensure!(
        reached >= LEARNED,
        "{found}; {LEARNED} should be reached by far"
    );
    Ok(Outcome::Ok(found))
}

/// What `bench` alone measures, for about `seconds`.
pub(super) fn speed(seconds: f64) -> anyhow::Result<Outcome> {
    let config = config(presets::DEFAULT, &[])?;
    let budget = Budget {
        iterations: u32::MAX,
        seconds,
    };
    let mut text = Vec::new();
    measure(presets::DEFAULT.to_owned(), &config, budget)?.print(&mut text)?;
    Ok(Outcome::Ok(String::from_utf8(text)?.trim_end().to_owned()))
}

/// Trains for an iteration on the first GPU.
pub(super) fn on_a_gpu() -> anyhow::Result<Outcome> {
    let device = match cuda::device("cuda") {
        Ok(device) => device,
        Err(TorchError::MissingDevice { .. }) => return Ok(Outcome::Skipped("no CUDA device")),
        Err(error) => return Err(error.into()),
    };
    let config = config("predator-prey", &["rollout.steps=10", "run.device=cuda"])?;
    let mut trainer = compose::trainer(&config, device)?;
    let losses = trainer.iterate()?.losses;
    let found = format!(
        "an iteration on it ends with a policy loss of {:.2e}, a value loss of {:.2e}",
        losses.policy, losses.value
    );
    let mut finite = losses.policy.is_finite() && losses.value.is_finite();
    for (_, weights) in trainer.policy().state() {
        finite &= weights.f_isfinite()?.f_all()?.f_double_value(&[])? == 1.0;
    }
    anyhow::ensure!(finite, "{found}, and some of its numbers are not finite");
    Ok(Outcome::Ok(found))
}
