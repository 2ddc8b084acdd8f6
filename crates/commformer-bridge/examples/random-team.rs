//! Lets a random team play episodes of an environment in Python.
//!
//! ```sh
//! cargo run -p commformer-bridge --example random-team -- docs/examples/my_env.py:make
//! cargo run -p commformer-bridge --example random-team -- pettingzoo:mpe2.simple_spread_v3 venv/bin/python
//! ```

use commformer_bridge::{PythonConfig, envs};
use commformer_env::{ActionSpace, Actions, Buffers, Rng, VecEnv};
use std::error::Error;

const ENVIRONMENTS: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let make = arguments
        .next()
        .ok_or("usage: random-team MODULE:FUNCTION [PYTHON]")?;
    let mut config = PythonConfig {
        make,
        workers: 2,
        ..PythonConfig::default()
    };
    config.python = arguments.next().unwrap_or(config.python);
    let mut envs = VecEnv::new(envs(&config, ENVIRONMENTS)?, 1)?;
    let spec = envs.spec().clone();
    let (rows, width) = (ENVIRONMENTS * spec.agents, spec.actions.size());
    println!("{} agents with {:?}", spec.agents, spec.actions);

    let mut out = Buffers::of(&envs);
    out.reset(&mut envs)?;
    let mut rng = Rng::new(1, 0);
    let mut returns = Vec::new();
    while returns.len() < 20 {
        let mut indices = Vec::new();
        let mut vectors = Vec::new();
        for row in 0..rows {
            match spec.actions {
                ActionSpace::Discrete(_) => {
                    let can =
                        |action: &usize| out.available.get(row * width + action) != Some(&false);
                    let open: Vec<usize> = (0..width).filter(can).collect();
                    indices.push(open[rng.below(open.len() as u32) as usize] as i64);
                }
                ActionSpace::Continuous(_) => vectors.extend((0..width).map(|_| rng.normal())),
            }
        }
        let actions = match spec.actions {
            ActionSpace::Discrete(_) => Actions::Discrete(&indices),
            ActionSpace::Continuous(_) => Actions::Continuous(&vectors),
        };
        out.step(&mut envs, actions)?;
        returns.extend(envs.episodes().iter().map(|episode| episode.team_return));
    }
    let mean = returns.iter().sum::<f32>() / returns.len() as f32;
    println!("mean return of {} episodes: {mean:.3}", returns.len());
    Ok(())
}
