//! A trained team: every agent by itself, with its own observation and the messages that reach it.

use commformer_env::{Actions, Environment, Observation, Rng, Signal, SignalConfig, Status};
use commformer_model::decentralised::{Action, Exported, OpenEdges, Team, Weights};
use std::error::Error;
use std::sync::Arc;

/// What `commformer export` wrote of the run of
/// `commformer train signal --set env.agents=3 --set graph.sparsity=0.34 --set policy.embed_dim=16`.
pub const TEAM: &[u8] = include_bytes!("../team.safetensors");

/// The team's weights and graph.
pub fn team() -> Result<(Arc<Weights>, OpenEdges), Box<dyn Error>> {
    let exported = Exported::read(TEAM)?;
    match exported.gate {
        None => Ok((exported.weights, exported.edges)),
        Some(_) => Err("a team with gates decides by them whom it hears".into()),
    }
}

/// Plays episodes of Signal. The share of the right actions, and the bytes that the team sent in a step.
pub fn play(episodes: u64) -> Result<(f32, f32), Box<dyn Error>> {
    let (weights, edges) = team()?;
    let mut team = Team::new(weights, edges.agents())?;
    let (mut bytes, mut steps) = (0.0, 0.0);
    let accuracy = act(episodes, |obs, begins| {
        if begins {
            team.forget();
        }
        let turns = team.perceive(obs, None)?;
        let step = team.act(turns, &edges, None)?;
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
