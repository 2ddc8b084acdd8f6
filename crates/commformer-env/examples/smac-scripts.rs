//! Lets every script play every opponent, and prints how often it wins.
//!
//! ```sh
//! cargo run --release -p commformer-env --example smac-scripts -- 1000 3m 8m
//! ```
//!
//! plays 1,000 battles for each pairing on the maps 3m and 8m. In each, either side begins beside its place, in an
//! order of its own: of one beginning alone, chance decides too much. Battle `i` draws from the stream `i` of seed
//! 1, so the table is the same on every run and any number of threads. It holds percentages with Wilson's
//! 95 % intervals.

use commformer_env::smac::{Script, Side, Smac, SmacConfig};
use commformer_env::{Actions, Environment, Observation, Rng, Status};
use rayon::prelude::*;
use std::process::ExitCode;

const SEED: u64 = 1;

/// By how many cells a side begins beside its place, at most, along either axis.
const BESIDE: f32 = 1.0;

/// So many beginnings are tried before the map's own is taken: one may lie in a wall.
const TRIES: u32 = 16;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let battles = arguments
        .next()
        .and_then(|battles| battles.parse::<u64>().ok());
    let (Some(battles @ 1..), maps) = (battles, arguments.collect::<Vec<_>>()) else {
        eprintln!("usage: smac-scripts BATTLES MAP..., such as smac-scripts 1000 3m 8m");
        return ExitCode::FAILURE;
    };
    let opponents = [None].into_iter().chain(Script::ALL.map(Some));
    let names: Vec<String> = opponents
        .clone()
        .map(|one| one.map_or("the map's".into(), name))
        .collect();
    println!("| map | allies | {} |", names.join(" | "));
    println!("|---|---|{}", "---|".repeat(names.len()));
    for map in maps {
        for script in Script::ALL {
            let mut row = format!("| {map} | {} |", name(script));
            for opponent in opponents.clone() {
                let config = SmacConfig {
                    map: map.clone(),
                    opponent,
                    ..SmacConfig::default()
                };
                match Smac::new(config) {
                    Ok(env) => row += &format!(" {} |", win_rate(&env, script, battles)),
                    Err(error) => {
                        eprintln!("{error}");
                        return ExitCode::FAILURE;
                    }
                }
            }
            println!("{row}");
        }
    }
    ExitCode::SUCCESS
}

fn name(script: Script) -> String {
    match script {
        Script::AttackNearest => "attack-nearest",
        Script::FocusFire => "focus-fire",
        Script::Kite => "kite",
        Script::Heuristic => "heuristic",
        Script::Random => "random",
    }
    .into()
}

/// Such as `12.0 [10.1, 14.2]`.
fn win_rate(env: &Smac, script: Script, battles: u64) -> String {
    let wins = (0..battles)
        .into_par_iter()
        .filter(|&battle| wins(env.clone(), script, battle))
        .count();
    let [low, high] = wilson(wins as f64, battles as f64);
    let rate = 100.0 * wins as f64 / battles as f64;
    format!("{rate:.1} [{:.1}, {:.1}]", 100.0 * low, 100.0 * high)
}

/// Wilson's interval of 95 % for a share of `hits` among `trials`.
fn wilson(hits: f64, trials: f64) -> [f64; 2] {
    const Z: f64 = 1.959_964;
    let (share, weight) = (hits / trials, Z * Z / trials);
    let centre = share + weight / 2.0;
    let half = Z * (share * (1.0 - share) / trials + weight / (4.0 * trials)).sqrt();
    [centre - half, centre + half].map(|bound| (bound / (1.0 + weight)).clamp(0.0, 1.0))
}

/// Where units begin that begin now: each side as a whole beside its place, its units in any order.
fn elsewhere(env: &Smac, rng: &mut Rng) -> Vec<[f32; 2]> {
    let units = env.battle().units();
    let mut points = Vec::with_capacity(units.len());
    for side in [Side::Allies, Side::Enemies] {
        let shift = [0; 2].map(|_| BESIDE * (2.0 * rng.uniform() - 1.0));
        let members = units.iter().filter(|unit| unit.side == side);
        let beside = members.map(|unit| [0, 1].map(|axis| unit.position[axis] + shift[axis]));
        let mut beside: Vec<_> = beside.collect();
        rng.shuffle(&mut beside);
        points.extend(beside);
    }
    points
}

/// Whether the script wins a battle.
fn wins(mut env: Smac, script: Script, battle: u64) -> bool {
    let mut rng = Rng::new(SEED, battle);
    let spec = env.spec();
    let agents = spec.agents;
    let mut obs = vec![0.0; agents * spec.obs_dim];
    let mut available = vec![false; spec.available_len()];
    let mut active = vec![false; agents];
    let (mut rewards, mut chosen) = (vec![0.0; agents], vec![0; agents]);
    let mut metrics = vec![0.0; spec.metrics.len()];
    let out = Observation {
        obs: &mut obs,
        available: &mut available,
        active: &mut active,
    };
    env.reset(&mut rng, out);
    for _ in 0..TRIES {
        let points = elsewhere(&env, &mut rng);
        let out = Observation {
            obs: &mut obs,
            available: &mut available,
            active: &mut active,
        };
        if env.reset_to(&points, &mut rng, out).is_ok() {
            break;
        }
    }
    let mut status = Status::Running;
    while status == Status::Running {
        script.act(&env, &mut rng, &mut chosen);
        let out = Observation {
            obs: &mut obs,
            available: &mut available,
            active: &mut active,
        };
        status = env.step(Actions::Discrete(&chosen), &mut rng, out, &mut rewards);
    }
    env.metrics(&mut metrics);
    metrics[0] == 1.0
}
