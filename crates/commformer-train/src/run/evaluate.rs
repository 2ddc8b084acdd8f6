//! Evaluating a policy: rounds of exactly one episode in each environment.

use crate::panics::caught;
use crate::rollout::memory::of_active;
use crate::rollout::message_stats::StepMessages;
use crate::rollout::noise::{Noise, streams};
use crate::rollout::{act, buffer_for};
use crate::{Actor, EpisodeRecord, EvaluationReport, MessageStats, TeamGraphs, TrainError};
use commformer_env::{Environment, VecEnv};
use tch::{Device, Tensor};

/// How a policy is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluateOptions {
    /// Draw actions with this seed instead of acting greedily.
    pub sampled: Option<u64>,
    /// Let the receive gates decide, those that are random by design with this seed; `None`: they are
    /// all open.
    pub gates: Option<u64>,
    /// How many episodes, at least 1, in rounds of as many as there are environments; `None`: one round.
    pub episodes: Option<usize>,
    /// Refuse to wait longer than this for an episode to end, steps.
    pub max_steps: usize,
    /// Where tensors live.
    pub device: Device,
}

impl EvaluateOptions {
    /// For `max_steps` where nothing better is known: far beyond any built-in episode limit.
    pub const PATIENCE: usize = 100_000;
}

/// One round on the CPU, with greedy actions and all gates open.
impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            sampled: None,
            gates: None,
            episodes: None,
            max_steps: Self::PATIENCE,
            device: Device::Cpu,
        }
    }
}

/// Plays one episode in each environment on `graph`, (N, N) or (0, 0) for a team without a graph, and records it.
/// Environments that finish early go on, but only their first episode counts: the mean is not biased towards short
/// ones. One that is [lost](VecEnv::lost) does not count, and the next one does.
///
/// # Errors
///
/// [`TrainError::Setting`] for a graph of another team, one that is not of zeros and ones, or no episodes,
/// [`TrainError::Endless`] if an episode does not end, [`TrainError::Panicked`] if the policy or an environment panics, or
/// what they refuse. A further evaluation in the same environments resets them.
pub fn evaluate<E: Environment>(
    policy: &(impl Actor + ?Sized),
    graph: &Tensor,
    environments: &mut VecEnv<E>,
    options: &EvaluateOptions,
) -> Result<EvaluationReport, TrainError> {
    caught(|| play(policy, graph, environments, options, &mut Vec::new()))
}

/// The same; adds the scores of the active agents' gates in these episodes to `scores`.
pub(crate) fn play<E: Environment>(
    policy: &(impl Actor + ?Sized),
    graph: &Tensor,
    environments: &mut VecEnv<E>,
    options: &EvaluateOptions,
    scores: &mut Vec<f32>,
) -> Result<EvaluationReport, TrainError> {
    let edges = crate::check::adjacency(graph, environments.spec().agents, true)?;
    crate::check::episodes(options.episodes)?;
    let envs = environments.num_envs();
    let asked = options.episodes.unwrap_or(envs);
    let mut episodes = Vec::new();
    for round in 0..asked.div_ceil(envs) {
        episodes.extend(play_round(
            policy,
            graph,
            &edges,
            environments,
            options,
            round as u64,
            scores,
        )?);
    }
    episodes.truncate(asked);
    let names = environments.spec().metrics.iter();
    Ok(EvaluationReport {
        steps: 0,
        episodes,
        metric_names: names.map(ToString::to_string).collect(),
        gated: policy.needs().gate > 0 && options.gates.is_some(),
        sources_heard: (environments.sources()?)
            .filter(|_| !edges.is_empty())
            .map(|sources| sources_heard(&edges, sources)),
        graph: edges,
    })
}

/// One episode in each environment; `edges` are the entries of `graph`.
fn play_round<E: Environment>(
    policy: &(impl Actor + ?Sized),
    graph: &Tensor,
    edges: &[f32],
    environments: &mut VecEnv<E>,
    options: &EvaluateOptions,
    round: u64,
    scores: &mut Vec<f32>,
) -> Result<Vec<EpisodeRecord>, TrainError> {
    let envs = environments.num_envs();
    let mut buffer = buffer_for(policy, environments, 1, options.device)?;
    buffer.reset(environments)?;
    let sizes = policy.message_sizes();
    let graph = TeamGraphs::new(graph.unsqueeze(0).to_device(options.device));
    let mut noise = Noise {
        actions: options
            .sampled
            .map(|seed| streams(seed, round, 0..envs, envs)),
        gates: options
            .gates
            .map(|seed| streams(seed, round, 0..envs, envs)),
        draw_gates: false,
    };
    let mut received = vec![EpisodeMessages::default(); envs];
    let mut records: Vec<Option<EpisodeRecord>> = vec![None; envs];
    for taken in 1..=options.max_steps {
        buffer.begin()?;
        act(&mut buffer, 0, policy, &graph, &mut noise)?;
        buffer.fetch_gates()?;
        let active = buffer.active_samples();
        let open = buffer.gates().map_or(Ok(&[][..]), |gates| gates.open(0))?;
        for (env, received) in received.iter_mut().enumerate() {
            let of_env = |all: usize| env * all / envs..(env + 1) * all / envs;
            let step = StepMessages {
                edges,
                open: &open[of_env(open.len())],
                active: &active[of_env(active.len())],
                sizes: &sizes,
            };
            received.add(&step, environments.must_receive(env)?);
            if let (Some(gates), None) = (buffer.gates(), &records[env]) {
                let of_step = gates.scores()?;
                let of_step = &of_step[of_env(of_step.len())];
                scores.extend(of_active(of_step, step.active));
            }
        }
        buffer.step(0, environments)?;
        for (env, received) in received.iter_mut().enumerate() {
            if environments.lost(env) {
                *received = EpisodeMessages {
                    lost_steps: taken as u32,
                    ..EpisodeMessages::default()
                };
            }
        }
        for episode in environments.episodes() {
            let received = std::mem::take(&mut received[episode.env]);
            records[episode.env].get_or_insert_with(|| EpisodeRecord {
                team_return: f64::from(episode.team_return),
                steps: episode.steps,
                traffic: received.traffic,
                gates_right: received.gates_right(),
                message_rounds: received.rounds,
                lost_steps: received.lost_steps,
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
    if episodes.len() < envs {
        let unfinished = envs - episodes.len();
        return Err(TrainError::Endless {
            unfinished,
            episodes: envs,
            steps: options.max_steps,
        });
    }
    Ok(episodes)
}

/// What an episode's agents received so far, and how often that was right.
#[derive(Clone, Debug, Default)]
struct EpisodeMessages {
    traffic: MessageStats,
    /// Agents' steps in which it is known whether they must receive.
    known: f64,
    /// Those of them in which the agent did what it must.
    right: f64,
    /// Rounds of messages.
    rounds: f64,
    /// Steps before the episode.
    lost_steps: u32,
}

impl EpisodeMessages {
    /// Adds a step, in which each agent must receive or must not, if that is known.
    fn add(&mut self, step: &StepMessages<'_>, must_receive: Option<&[bool]>) {
        self.traffic.add(&step.message_stats());
        self.rounds += f64::from(step.rounds());
        for (agent, must) in must_receive.into_iter().flatten().enumerate() {
            if step.active[agent] {
                let receives = step.received(agent).share > 0.0;
                self.right += f64::from(u8::from(receives == *must));
                self.known += 1.0;
            }
        }
    }

    fn gates_right(&self) -> Option<f64> {
        (self.known > 0.0).then(|| self.right / self.known)
    }
}

/// Share of the agents that hear their source.
fn sources_heard(edges: &[f32], sources: &[usize]) -> f64 {
    let agents = sources.len();
    let rows = edges.chunks(agents).zip(sources);
    rows.filter(|(row, source)| row[**source] > 0.5).count() as f64 / agents as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_heard_along_its_edge() {
        let edges = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(sources_heard(&edges, &[1, 2, 1]), 2.0 / 3.0);
    }
}
