//! What the bridge costs: environment steps a second of an environment that does nothing, beside Python's own
//! pipes and pickles with the same environment and as many processes, in turns. `COMMFORMER_PYTHON` names the
//! interpreter.

use commformer_bridge::{PythonConfig, envs};
use commformer_env::{Actions, Buffers, VecEnv};
use std::error::Error;
use std::process::Command;
use std::time::Instant;

const SECONDS: f64 = 2.0;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let own = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/python/bin/python"
    );
    let python = std::env::var("COMMFORMER_PYTHON").unwrap_or_else(|_| own.into());
    println!("environments  processes     bridge/s      pipes/s  ratio: median (least to most)");
    // A pipe for each environment is what vector environments commonly have; the last row is pipes at their best.
    for (count, workers, processes) in [(16, 2, 16), (64, 2, 64), (16, 2, 2), (64, 2, 2)] {
        let mut turns: Vec<[f64; 2]> = (0..ROUNDS)
            .map(|_| {
                Ok([
                    bridge(&python, count, workers)?,
                    pipes(&python, count, processes)?,
                ])
            })
            .collect::<Result<_, Box<dyn Error>>>()?;
        let ratio = |[bridge, pipes]: &[f64; 2]| bridge / pipes;
        turns.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let [bridge, pipes] = turns[ROUNDS / 2];
        let (least, most) = (ratio(&turns[0]), ratio(&turns[ROUNDS - 1]));
        println!(
            "{count:6}  {workers:2} and {processes:2}  {bridge:11.0}  {pipes:11.0}  {:.1} ({least:.1} to {most:.1})",
            bridge / pipes
        );
    }
    Ok(())
}

fn bridge(python: &str, count: usize, workers: usize) -> Result<f64, Box<dyn Error>> {
    let config = PythonConfig {
        make: "benches.nothing:Nothing".into(),
        python: python.into(),
        workers,
        ..PythonConfig::default()
    };
    let mut envs = VecEnv::new(envs(&config, count)?, 1)?;
    let mut out = Buffers::of(&envs);
    let actions = vec![0; count * envs.spec().agents];
    out.reset(&mut envs)?;
    let (mut steps, mut start) = (0, Instant::now());
    for turn in 0.. {
        if turn == 100 {
            (steps, start) = (0, Instant::now());
        }
        out.step(&mut envs, Actions::Discrete(&actions))?;
        steps += count;
        if turn > 100 && start.elapsed().as_secs_f64() > SECONDS {
            break;
        }
    }
    Ok(steps as f64 / start.elapsed().as_secs_f64())
}

fn pipes(python: &str, count: usize, processes: usize) -> Result<f64, Box<dyn Error>> {
    let arguments = [
        count.to_string(),
        processes.to_string(),
        SECONDS.to_string(),
    ];
    let output = Command::new(python)
        .arg("benches/nothing.py")
        .args(arguments)
        .output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
