//! Judging a policy: exactly one episode in each copy of the environment.

use crate::rollout::{act, action_noise};
use crate::{Buffer, EpisodeRecord, EvaluationReport, Policy, TrainError};
use commformer_env::{Environment, Rng, VecEnv};
use tch::{Device, Kind, Tensor};

/// How a policy is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluateOptions {
    /// Draw actions with this seed instead of taking the likeliest.
    pub sampled: Option<u64>,
    /// Refuse to wait longer than this for an episode to end, steps.
    pub max_steps: usize,
    /// Where tensors live.
    pub device: Device,
}

impl EvaluateOptions {
    /// For `max_steps` where nothing better is known: far beyond any built-in episode limit.
    pub const PATIENCE: usize = 100_000;
}

/// Plays one episode in each copy on `graph`, (N, N), and records it. Copies that finish early go
/// on, but only their first episode counts: the mean is not biased towards short ones.
pub fn evaluate<P: Policy, E: Environment>(
    policy: &P,
    graph: &Tensor,
    environments: &mut VecEnv<E>,
    options: &EvaluateOptions,
) -> Result<EvaluationReport, TrainError> {
    let spec = environments.spec().clone();
    let copies = environments.copies();
    let mut buffer = Buffer::new(&spec, copies, 1)?;
    buffer.reset(environments)?;
    let edges = edges(graph)?;
    let graph = graph.unsqueeze(0).to_device(options.device);
    let mut rng = options.sampled.map(|seed| Rng::new(seed, 0));
    let mut messages = vec![0.0; copies];
    let mut records: Vec<Option<EpisodeRecord>> = vec![None; copies];
    for _ in 0..options.max_steps {
        buffer.begin()?;
        let noise = rng
            .as_mut()
            .map(|rng| action_noise(rng, &spec, copies, options.device));
        act(
            &mut buffer,
            0,
            policy,
            &graph,
            noise.as_ref(),
            options.device,
        )?;
        for (messages, active) in messages
            .iter_mut()
            .zip(buffer.active(0)?.chunks(spec.agents))
        {
            *messages += delivered(&edges, active);
        }
        buffer.step(0, environments)?;
        for episode in environments.episodes() {
            let sent = std::mem::take(&mut messages[episode.copy]);
            records[episode.copy].get_or_insert_with(|| EpisodeRecord {
                team_return: f64::from(episode.team_return),
                steps: episode.steps,
                messages: sent / (f64::from(episode.steps) * spec.agents as f64),
                metrics: episode
                    .metrics
                    .iter()
                    .map(|value| f64::from(*value))
                    .collect(),
            });
        }
        if records.iter().all(Option::is_some) {
            break;
        }
    }
    let episodes: Vec<EpisodeRecord> = records.into_iter().flatten().collect();
    if episodes.len() < copies {
        let unfinished = copies - episodes.len();
        return Err(TrainError::Endless {
            unfinished,
            episodes: copies,
            steps: options.max_steps,
        });
    }
    Ok(EvaluationReport {
        steps: 0,
        episodes,
        metric_names: spec.metrics.iter().map(|name| (*name).to_owned()).collect(),
        sources_heard: environments
            .sources()
            .map(|sources| sources_heard(&edges, sources)),
        graph: edges,
    })
}

/// A graph's entries, row by row.
fn edges(graph: &Tensor) -> Result<Vec<f32>, TrainError> {
    Ok(Vec::try_from(
        graph
            .to_device(Device::Cpu)
            .to_kind(Kind::Float)
            .contiguous()
            .view(-1),
    )?)
}

/// Share of the agents that hear their source.
fn sources_heard(edges: &[f32], sources: &[usize]) -> f64 {
    let agents = sources.len();
    let rows = edges.chunks(agents).zip(sources);
    rows.filter(|(row, source)| row[**source] > 0.5).count() as f64 / agents as f64
}

/// Messages delivered in one step of one copy: edges between two different active agents.
fn delivered(edges: &[f32], active: &[bool]) -> f64 {
    let agents = active.len();
    let pairs = (0..agents).flat_map(|receiver| (0..agents).map(move |sender| (receiver, sender)));
    pairs
        .filter(|&(receiver, sender)| receiver != sender && active[receiver] && active[sender])
        .map(|(receiver, sender)| f64::from(edges[receiver * agents + sender]))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_heard_along_its_edge() {
        let edges = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(sources_heard(&edges, &[1, 2, 1]), 2.0 / 3.0);
    }

    #[test]
    fn only_edges_between_living_agents_deliver() {
        let edges = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(delivered(&edges, &[true, true, true]), 4.0);
        assert_eq!(delivered(&edges, &[true, true, false]), 2.0);
    }
}
