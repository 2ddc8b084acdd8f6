//! A trained team, whatever its method, in a program of its own.

use commformer_env::{Actions, Environment, Observation, Rng, Signal, SignalConfig, Status};
use commformer_methods::alone::{Shown, TrainedTeam};
use commformer_model::decentralised::Action;
use std::error::Error;

/// Plays episodes of Signal with the team that `commformer export` wrote. The share of the right actions, and the bytes
/// that the team sent in a step.
pub fn play(file: &[u8], episodes: u64) -> Result<(f32, f32), Box<dyn Error>> {
    let mut team = TrainedTeam::read(file)?;
    let (mut bytes, mut steps, mut rng) = (0.0, 0.0, Rng::new(2, 0));
    let accuracy = act(episodes, |obs, begins| {
        if begins {
            team.forget();
        }
        let step = team.act(&Shown::new(obs), &mut rng)?;
        bytes += step.delivered.bytes() as f32;
        steps += 1.0;
        Ok(step.actions)
    })?;
    Ok((accuracy, bytes / steps))
}

/// Plays episodes with the actions that `decide` takes, given all observations and whether an episode begins. The share of
/// the right ones.
pub fn act(
    episodes: u64,
    mut decide: impl FnMut(&[f32], bool) -> Result<Vec<Action>, Box<dyn Error>>,
) -> Result<f32, Box<dyn Error>> {
    let mut task = Signal::new(SignalConfig::default())?;
    let (agents, obs_dim) = (task.spec().agents, task.spec().obs_dim);
    let (mut obs, mut active) = (vec![0.0; agents * obs_dim], vec![true; agents]);
    let mut rewards = vec![0.0; agents];
    let (mut right, mut steps) = (0.0, 0.0);
    for episode in 0..episodes {
        let mut rng = Rng::new(1, episode);
        let out = Observation {
            obs: &mut obs,
            available: &mut [],
            active: &mut active,
        };
        task.reset(&mut rng, out);
        let (mut status, mut begins) = (Status::Running, true);
        while status == Status::Running {
            let actions = decide(&obs, begins)?
                .into_iter()
                .map(|action| match action {
                    Action::Discrete(action) => action as i64,
                    Action::Continuous(_) => unreachable!("the actions are discrete"),
                });
            let chosen: Vec<i64> = actions.collect();
            let out = Observation {
                obs: &mut obs,
                available: &mut [],
                active: &mut active,
            };
            status = task.step(Actions::Discrete(&chosen), &mut rng, out, &mut rewards);
            right += rewards.iter().sum::<f32>() / agents as f32;
            steps += 1.0;
            begins = false;
        }
    }
    Ok(right / steps)
}
