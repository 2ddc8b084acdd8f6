//! Evaluates an actor that chooses every action with the same probability: what a policy must beat.
//!
//! ```sh
//! cargo run -p commformer-train --example chance
//! ```

use commformer_env::{PredatorPrey, PredatorPreyConfig, VecEnv};
use commformer_train::{
    Act, Actor, EvaluateOptions, Gates, ObsBatch, PolicyResult, TeamGraphs, evaluate,
};
use std::error::Error;
use tch::{Device, Kind, Tensor};

/// Chooses one of so many actions.
struct Chance(usize);

impl Actor for Chance {
    fn act(&self, batch: &ObsBatch<'_>, _: Gates<'_>, noise: Option<&Tensor>) -> PolicyResult<Act> {
        let sizes = batch.obs.size();
        let [teams, agents] = [sizes[0], sizes[1]];
        let options = (Kind::Float, batch.obs.device());
        let log_prob = -(self.0 as f64).ln();
        // The largest Gumbel noise falls on each action with the same probability.
        let noise = noise.ok_or("chance draws its actions: set `sampled`")?;
        Ok(Act {
            actions: noise.argmax(-1, false),
            log_probs: Tensor::full([teams, agents], log_prob, options),
            values: Tensor::zeros([teams, agents], options),
            gate: None,
            memory: None,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let task = PredatorPrey::new(PredatorPreyConfig::default())?;
    let mut envs = VecEnv::new(vec![task; 100], 1)?;
    let actor = Chance(envs.spec().actions.size());
    let options = EvaluateOptions {
        sampled: Some(1),
        ..EvaluateOptions::default()
    };
    // It has no graph.
    let graph = TeamGraphs::none(Device::Cpu).graphs.squeeze_dim(0);
    let report = evaluate(&actor, &graph, &mut envs, &options)?;
    let steps = report.mean(|episode| f64::from(episode.steps));
    let success = report.metric("success").ok_or("no such metric")?;
    let success = report.mean(|episode| episode.metrics[success]);
    println!("100 episodes: {steps:.1} steps on average, success {success:.2}");
    assert!(0.0 < success && success < 1.0);
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    main()
}
