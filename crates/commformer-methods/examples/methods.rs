//! Trains a small team of each method for a few thousand steps of Signal, and prints what it earns.
//!
//! ```sh
//! cargo run --release -p commformer-methods --example methods -- 20000
//! ```

use commformer_env::{Signal, SignalConfig, VecEnv};
use commformer_methods::{METHODS, MethodConfig, TeamConfig};
use commformer_train::{RunConfig, Settings};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let steps = std::env::args().nth(1).and_then(|steps| steps.parse().ok());
    train(steps.unwrap_or(2_000))
}

fn train(steps: u64) -> Result<(), Box<dyn Error>> {
    for name in METHODS {
        let envs = VecEnv::new(vec![Signal::new(SignalConfig::default())?; 16], 1)?;
        let config = TeamConfig {
            method: MethodConfig::of_kind(name).ok_or("no such method")?,
            ..TeamConfig::default()
        };
        let mut settings = Settings {
            run: RunConfig {
                steps,
                ..RunConfig::default()
            },
            ..Settings::default()
        };
        settings.rollout.num_envs = 16;
        settings.rollout.steps = 10;
        let mut trainer = commformer_methods::trainer(&config, settings, envs)?;
        let mut earned = None;
        while trainer.progress() < 1.0 {
            earned = trainer.iterate()?.episode_return;
        }
        println!(
            "{name:10} {:5.2} of 10 after {steps} steps: {}",
            earned.ok_or("no episode ended")?,
            config.method.method().about()
        );
    }
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    train(320)
}
