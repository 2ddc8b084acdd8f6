//! A trained team: every agent by itself, with its own observation and the messages that reach it.

use commformer_env::{Actions, Environment, Observation, Rng, Signal, SignalConfig, Status};
use commformer_model::decentralised::{Action, OpenEdges, Team, Weights};
use commformer_model::{ActionSpace, PolicyConfig, PreviousAction};
use safetensors::SafeTensors;
use std::error::Error;

/// `weights.safetensors` of a checkpoint of
/// `commformer train signal --set env.agents=3 --set graph.sparsity=0.34 --set policy.embed_dim=16`.
const CHECKPOINT: &[u8] = include_bytes!("../team.safetensors");

/// Plays episodes of Signal. The share of the right actions, and the bytes that the team sent in a step.
pub fn play(episodes: u64) -> Result<(f32, f32), Box<dyn Error>> {
    let mut task = Signal::new(SignalConfig::default())?;
    let spec = task.spec().clone();
    let (agents, obs_dim, actions) = (spec.agents, spec.obs_dim, spec.actions.size());

    // The network as it was trained, and its weights.
    let config = PolicyConfig {
        embed_dim: 16,
        previous_action: PreviousAction::Always,
        ..PolicyConfig::new(agents, obs_dim, ActionSpace::Discrete(actions))
    };
    let saved = SafeTensors::deserialize(CHECKPOINT)?;
    let numbers = |bytes: &[u8]| {
        let words = bytes.chunks_exact(4);
        words
            .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect()
    };
    let parts: Vec<(String, Vec<f32>)> = (saved.tensors().into_iter())
        .map(|(name, tensor)| (name, numbers(tensor.data())))
        .collect();
    let weights = Weights::of_parts(&config, parts)?;

    // Each agent hears the one other whose edge has the largest logit.
    let logits: Vec<f32> = numbers(saved.tensor("graph.edge_logits")?.data());
    let mut graph = vec![0.0; agents * agents];
    for receiver in 0..agents {
        let logit = |sender: &usize| logits[receiver * agents + sender];
        let others = (0..agents).filter(|sender| *sender != receiver);
        let sender = others.max_by(|a, b| logit(a).total_cmp(&logit(b)));
        graph[receiver * agents + sender.ok_or("one agent alone hears nobody")?] = 1.0;
    }
    let edges = OpenEdges::new(&graph)?;

    let mut team = Team::new(&weights, agents)?;
    let (mut obs, mut active) = (vec![0.0; agents * obs_dim], vec![true; agents]);
    let mut rewards = vec![0.0; agents];
    let (mut right, mut bytes, mut steps) = (0.0, 0.0, 0.0);
    for episode in 0..episodes {
        let mut rng = Rng::new(1, episode);
        task.reset(
            &mut rng,
            Observation {
                obs: &mut obs,
                available: &mut [],
                active: &mut active,
            },
        );
        team.forget();
        let mut status = Status::Running;
        while status == Status::Running {
            let turns = team.perceive(&obs, None)?;
            let step = team.act(turns, &edges, None)?;
            let chosen: Vec<i64> = (step.actions.iter())
                .map(|action| match action {
                    Action::Discrete(action) => *action as i64,
                    Action::Continuous(_) => unreachable!("the actions are discrete"),
                })
                .collect();
            let out = Observation {
                obs: &mut obs,
                available: &mut [],
                active: &mut active,
            };
            status = task.step(Actions::Discrete(&chosen), &mut rng, out, &mut rewards);
            right += rewards.iter().sum::<f32>() / agents as f32;
            bytes += step.delivered.bytes() as f32;
            steps += 1.0;
        }
    }
    Ok((right / steps, bytes / steps))
}
