//! The environments alone: a random team fights battles on the map `3m`.

use commformer_env::smac::{Smac, SmacConfig};
use commformer_env::{Actions, Buffers, Rng, VecEnv};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // Sixteen battles side by side. The seed decides everything that is random in them.
    let battle = Smac::new(SmacConfig::default())?;
    let mut envs = VecEnv::new(vec![battle; 16], 42)?;
    let spec = envs.spec().clone();
    let actions = spec.actions.size();
    let mut chosen = vec![0; envs.num_envs() * spec.agents];

    // The memory is the caller's: the environments write what the agents see into it.
    let mut out = Buffers::of(&envs);
    out.reset(&mut envs)?;
    let mut rng = Rng::new(7, 0);
    let (mut episodes, mut wins, mut earned) = (0, 0.0, 0.0);
    let won = spec
        .metrics
        .iter()
        .position(|name| name == "won")
        .ok_or("no such metric")?;
    while episodes < 100 {
        // Each agent takes one of the actions that it can take, all with the same probability.
        for (choice, can) in chosen.iter_mut().zip(out.available.chunks(actions)) {
            let open: Vec<i64> = (0..)
                .zip(can)
                .filter(|(_, can)| **can)
                .map(|(a, _)| a)
                .collect();
            *choice = open[rng.below(open.len() as u32) as usize];
        }
        out.step(&mut envs, Actions::Discrete(&chosen))?;
        for episode in envs.episodes() {
            episodes += 1;
            wins += episode.metrics[won];
            earned += episode.team_return;
        }
    }
    let mean = earned / episodes as f32;
    println!("{episodes} battles of a random team: {wins} won, mean return {mean:.2} of 20");
    assert!(
        0.0 < mean && mean < 10.0,
        "chance neither wins nor earns nothing"
    );
    Ok(())
}
