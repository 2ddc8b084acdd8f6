//! The upper level: whom to receive from (Hu et al., 2024, section 4.2; score function ours).

use crate::capability::learned_graph;
use crate::{
    BilevelConfig, Estimator, GraphPlan, LearnedGraph, Policy, PolicyResult, Purpose, RolloutGraph,
    TeamGraphs, UpperData, seed_for,
};
use commformer_env::Rng;
use ndarray::{Array2, ArrayView2, ArrayView3};
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// The graphs of one iteration.
#[derive(Debug)]
pub struct Graphs {
    /// The graph of each group of environments, (G, N, N), without gradient.
    pub acting: Tensor,
    /// What the upper level needs to learn from them; `None` while the graph is not learned.
    pub drawn: Option<Drawn>,
}

/// How an iteration's graphs were drawn.
#[derive(Debug)]
pub enum Drawn {
    /// One noise for rollout and updates, (1, N, N): `RolloutGraph::Sampled`.
    Once(Tensor),
    /// Acting is on the exact graph, every update draws anew: `RolloutGraph::Exact`.
    Anew,
    /// A graph for each group; each row's senders as they were drawn, (G, N, k).
    Groups(Tensor),
}

impl Graphs {
    /// These, (G, N, N), of which nothing is learned.
    fn fixed(acting: Tensor) -> Self {
        Self {
            acting,
            drawn: None,
        }
    }

    /// How many there are (G).
    pub fn groups(&self) -> usize {
        self.acting.size()[0] as usize
    }

    /// The group of an environment: environments are dealt evenly and in order.
    pub fn group_of(&self, env: usize, envs: usize) -> usize {
        env * self.groups() / envs.max(1)
    }

    /// The entries of each group's graph, row by row.
    pub fn edges(&self) -> Result<Vec<Vec<f32>>, tch::TchError> {
        (0..self.groups() as i64)
            .map(|group| entries(&self.acting.get(group)))
            .collect()
    }

    /// The graphs on which some of all `envs` act.
    pub fn of_envs(&self, some: impl Iterator<Item = usize>, envs: usize) -> TeamGraphs {
        let groups = (self.groups() > 1).then(|| {
            let groups: Vec<i64> = some.map(|env| self.group_of(env, envs) as i64).collect();
            Tensor::from_slice(&groups).to_device(self.acting.device())
        });
        TeamGraphs {
            graphs: self.acting.shallow_clone(),
            of: groups,
        }
    }
}

/// A graph's entries, row by row.
pub fn entries(graph: &Tensor) -> Result<Vec<f32>, tch::TchError> {
    let graph = graph.to_device(Device::Cpu).to_kind(Kind::Float);
    Vec::try_from(graph.contiguous().view(-1))
}

/// Draws the graphs of iteration `iteration` (from 0) when a share `progress` of the run is over.
pub fn draw<P: Policy>(
    plan: &GraphPlan,
    policy: &P,
    envs: usize,
    seed: u64,
    iteration: u64,
    progress: f64,
    device: Device,
) -> PolicyResult<Graphs> {
    tch::no_grad(|| {
        let config = match plan {
            GraphPlan::None => return Ok(Graphs::fixed(TeamGraphs::none(device).graphs)),
            GraphPlan::Fixed(graph) => return Ok(Graphs::fixed(graph.unsqueeze(0))),
            GraphPlan::Learned(config) => config,
        };
        let graph = learned_graph(policy)?;
        let exact = graph.exact()?.unsqueeze(0);
        if iteration < config.warmup {
            return Ok(Graphs::fixed(exact.ones_like()));
        }
        if progress >= config.post_stable {
            return Ok(Graphs::fixed(exact));
        }
        let agents = exact.size()[1] as usize;
        let noise = |groups| gumbel(seed, iteration, [groups, agents, agents], exact.device());
        Ok(match (config.estimator, config.rollout) {
            (Estimator::ScoreFunction, _) => {
                let sampled = graph.sample(&noise(groups(config, envs)))?;
                Graphs {
                    acting: sampled.graphs.detach(),
                    drawn: Some(Drawn::Groups(sampled.order)),
                }
            }
            (Estimator::StraightThrough, RolloutGraph::Sampled) => {
                let noise = noise(1);
                let sampled = graph.sample(&noise)?;
                Graphs {
                    acting: sampled.graphs.detach(),
                    drawn: Some(Drawn::Once(noise)),
                }
            }
            (Estimator::StraightThrough, RolloutGraph::Exact) => Graphs {
                acting: exact,
                drawn: Some(Drawn::Anew),
            },
        })
    })
}

fn groups(config: &BilevelConfig, envs: usize) -> usize {
    if config.groups == 0 {
        envs
    } else {
        config.groups.min(envs)
    }
}

/// Standard Gumbel noise for graphs, a stream for each `index`.
fn gumbel(seed: u64, index: u64, [groups, rows, columns]: [usize; 3], device: Device) -> Tensor {
    let mut rng = Rng::new(seed_for(seed, Purpose::Graphs), index);
    let noise: Vec<f32> = (0..groups * rows * columns).map(|_| rng.gumbel()).collect();
    Tensor::from_slice(&noise)
        .view([groups as i64, rows as i64, columns as i64])
        .to_device(device)
}

/// How much better each receiver fared under each group's graph than on the average of the
/// groups, in units of their standard deviation: (G, N). `rewards` is (T, C, N); only environments from
/// `first_env` on count, and a group without any gets 0.
pub fn group_advantages(
    rewards: ArrayView3<'_, f32>,
    graphs: &Graphs,
    first_env: usize,
) -> Array2<f32> {
    let (steps, envs, agents) = rewards.dim();
    let mut sums = Array2::<f64>::zeros((graphs.groups(), agents));
    let mut counts = vec![0.0; graphs.groups()];
    for env in first_env..envs {
        let group = graphs.group_of(env, envs);
        counts[group] += steps as f64;
        for t in 0..steps {
            for agent in 0..agents {
                sums[[group, agent]] += f64::from(rewards[[t, env, agent]]);
            }
        }
    }
    let present: Vec<usize> = (0..counts.len())
        .filter(|&group| counts[group] > 0.0)
        .collect();
    let mut advantages = Array2::zeros(sums.raw_dim());
    for agent in 0..agents {
        let score = |group: usize| sums[[group, agent]] / counts[group];
        let mean = present.iter().map(|&group| score(group)).sum::<f64>() / present.len() as f64;
        let variance = present
            .iter()
            .map(|&group| (score(group) - mean).powi(2))
            .sum::<f64>()
            / present.len() as f64;
        for &group in &present {
            advantages[[group, agent]] = ((score(group) - mean) / (variance.sqrt() + 1e-8)) as f32;
        }
    }
    advantages
}

/// The score-function loss: minus the mean over groups and receivers of advantage x
/// log-probability of the receiver's row, less `entropy_coef` times the rows' mean entropy. The
/// gradient of the first term is unbiased and needs no pass through the policy.
pub fn score_function_loss(
    graph: &dyn LearnedGraph,
    order: &Tensor,
    advantages: ArrayView2<'_, f32>,
    entropy_coef: f64,
) -> PolicyResult<Tensor> {
    let (groups, agents) = advantages.dim();
    let flat: Vec<f32> = advantages.iter().copied().collect();
    let advantages = Tensor::from_slice(&flat)
        .view([groups as i64, agents as i64])
        .to_device(order.device());
    let gain = (advantages * graph.log_probs(order)?).mean(Kind::Float);
    Ok(-gain - graph.entropy()?.mean(Kind::Float) * entropy_coef)
}

/// The schedule, if epoch `epoch` (from 0) of an iteration with `graphs` is a step of the upper
/// level.
pub fn upper_turn<'a>(
    plan: &'a GraphPlan,
    graphs: &Graphs,
    epoch: usize,
) -> Option<&'a BilevelConfig> {
    match plan {
        GraphPlan::Learned(config)
            if graphs.drawn.is_some() && (epoch + 1).is_multiple_of(config.upper_every) =>
        {
            Some(config)
        }
        _ => None,
    }
}

/// How many environments, the first ones, the lower level learns from.
pub fn lower_envs(plan: &GraphPlan, envs: usize) -> usize {
    match plan {
        GraphPlan::Learned(config) if config.upper_data == UpperData::HeldOut => {
            upper_envs(config, envs).start
        }
        _ => envs,
    }
}

/// The environments that the upper level learns from.
pub fn upper_envs(config: &BilevelConfig, envs: usize) -> Range<usize> {
    match config.upper_data {
        UpperData::Same => 0..envs,
        UpperData::HeldOut => {
            let kept = (config.held_out * envs as f64).round() as usize;
            envs - kept.min(envs)..envs
        }
    }
}

/// Noise for a graph that one update draws for itself, shaped like `like`'s first, (1, N, N).
pub fn update_noise(seed: u64, update: u64, like: &Tensor) -> Tensor {
    let agents = like.size()[1] as usize;
    // Iterations have the streams from 0 on, updates those of the upper half.
    gumbel(seed, 1 << 63 | update, [1, agents, agents], like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn graphs(groups: i64) -> Graphs {
        Graphs {
            acting: Tensor::ones([groups, 2, 2], (Kind::Float, Device::Cpu)),
            drawn: None,
        }
    }

    #[test]
    fn group_advantages_compare_receivers_across_groups() {
        // Two groups of two environments; agent 1 is always paid the same.
        let rewards = array![[[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [7.0, 5.0]]];
        let advantages = group_advantages(rewards.view(), &graphs(2), 0);
        // Means 2 and 6 around 4, standard deviation 2.
        assert_eq!(advantages, array![[-1.0, 0.0], [1.0, 0.0]]);
    }

    #[test]
    fn a_group_without_environments_has_no_say() {
        let rewards = array![[[1.0, 1.0], [3.0, 1.0], [5.0, 1.0]]];
        let advantages = group_advantages(rewards.view(), &graphs(3), 1);
        assert_eq!(advantages, array![[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]);
    }
}
