//! Trains a small team on Signal, where every agent must find the one it has to hear, and prints the graph.
//!
//! ```sh
//! cargo run --release -p commformer --example signal
//! ```

use commformer::compose;
use commformer::config::{Config, Overrides};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let accuracy = train(20_000)?;
    assert!(accuracy > 0.5, "chance is right in a quarter: {accuracy}");
    Ok(())
}

/// The share of right actions in the last iteration.
fn train(steps: u64) -> Result<f64, Box<dyn Error>> {
    let small = ["policy.embed_dim=16", "env.agents=3", "graph.sparsity=0.34"];
    let overrides = Overrides {
        steps: Some(steps),
        ..Overrides::set(&small)
    };
    let config = Config::resolve(Some("signal"), &overrides)?;
    let mut trainer = compose::trainer(&config, compose::device(&config)?)?;
    let mut accuracy = 0.0;
    while trainer.progress() < 1.0 {
        let report = trainer.iterate()?;
        let found = report.metrics.iter().find(|(name, _)| name == "accuracy");
        accuracy = found.map_or(accuracy, |(_, accuracy)| *accuracy);
    }
    println!("after {} steps: accuracy {accuracy:.2}", trainer.steps());
    println!("row the receiver, column the sender:");
    trainer.execution_graph()?.print();
    Ok(accuracy)
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    let accuracy = train(2_000)?;
    assert!((0.0..=1.0).contains(&accuracy) && accuracy > 0.0);
    Ok(())
}
