//! A trained team of another method, SLIM: agents that send each other a byte.

use crate::team::act;
use commformer_env::Rng;
use commformer_methods::alone::{Agent, Exported};
use commformer_model::decentralised::{Inbox, Packet};
use std::error::Error;

/// What `commformer export` wrote of the run of
/// `commformer train signal --method slim --set env.agents=3 --set method.hidden=16 --set method.message=2 --set
/// method.message_bits=4`.
const TEAM: &[u8] = include_bytes!("../actors.safetensors");

/// Plays episodes of Signal. The share of the right actions, and the bytes that the team sent in a step.
pub fn play(episodes: u64) -> Result<(f32, f32), Box<dyn Error>> {
    let team = Exported::read(TEAM)?;
    let agents: Result<Vec<Agent>, _> = (0..team.agents()).map(|agent| team.agent(agent)).collect();
    let mut agents = agents?;
    let (mut bytes, mut steps, mut rng) = (0.0, 0.0, Rng::new(2, 0));
    let accuracy = act(episodes, |obs, begins| {
        let mut turns = Vec::new();
        for (agent, obs) in agents
            .iter_mut()
            .zip(obs.chunks_exact(team.sizes().obs_dim))
        {
            if begins {
                agent.forget();
            }
            // Agents of IC3Net draw whether they send.
            turns.push(agent.perceive(obs, Some(rng.uniform()))?);
        }
        for _ in 0..team.rounds() {
            let said = turns
                .iter_mut()
                .map(|turn| turn.sends().then(|| turn.say()));
            let said: Vec<Option<Packet>> = said.collect();
            for turn in &mut turns {
                let hears = turn.hears().iter();
                let letters: Vec<(usize, &Packet)> = hears
                    .filter_map(|sender| Some((*sender, said[*sender].as_ref()?)))
                    .collect();
                bytes += letters
                    .iter()
                    .map(|(_, packet)| packet.bytes() as f32)
                    .sum::<f32>();
                turn.attend(&Inbox::new(letters, None))?;
            }
        }
        steps += 1.0;
        let decided = turns
            .into_iter()
            .map(|turn| Ok(turn.decide(None, None)?.action));
        decided.collect()
    })?;
    Ok((accuracy, bytes / steps))
}
