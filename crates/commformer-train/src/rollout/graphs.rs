//! The graphs on which a rollout is acted.

use crate::policy::learned_graph;
use crate::{
    Estimator, GraphPlan, LearnedGraph, Policy, Purpose, RolloutGraph, SampledGraphs, TeamGraphs,
    TrainError, returned, seed_for,
};
use commformer_env::Rng;
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
    /// A graph for each group.
    Groups {
        /// Each row's senders as they were drawn, (G, N, k).
        order: Tensor,
        /// The log-probability of each row, (G, N), when it was drawn.
        log_probs: Tensor,
    },
}

impl Graphs {
    /// These, (G, N, N), of which nothing is learned.
    fn fixed(acting: Tensor) -> Self {
        Self {
            acting,
            drawn: None,
        }
    }

    /// How many graphs there are (G).
    pub fn groups(&self) -> usize {
        self.acting.size()[0] as usize
    }

    /// The group of an environment: environments are dealt evenly and in order.
    pub fn group_of(&self, env: usize, envs: usize) -> usize {
        env * self.groups() / envs.max(1)
    }

    /// Share of the edges between agents of the `exact` graph, (N, N), that these have; `None` if none was drawn.
    pub fn agreement(&self, exact: &Tensor) -> Result<Option<f64>, tch::TchError> {
        if !matches!(self.drawn, Some(Drawn::Groups { .. } | Drawn::Once(_))) {
            return Ok(None);
        }
        let own = Tensor::eye(exact.size()[0], (Kind::Float, exact.device()));
        let edges: Tensor = exact * (1.0 - own);
        let count = edges.f_sum(Kind::Float)?.f_double_value(&[])?;
        let shared = (&self.acting * &edges).f_sum(Kind::Float)?;
        let shared = shared.f_double_value(&[])? / self.groups() as f64;
        Ok((count > 0.0).then(|| shared / count))
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
) -> Result<Graphs, TrainError> {
    tch::no_grad(|| {
        let config = match plan {
            GraphPlan::None => return Ok(Graphs::fixed(TeamGraphs::none(device).graphs)),
            GraphPlan::Fixed(graph) => return Ok(Graphs::fixed(graph.unsqueeze(0))),
            GraphPlan::Learned(config) => config,
        };
        let graph = learned_graph(policy)?;
        if iteration < config.warmup {
            return Ok(Graphs::fixed(graph.full()?.unsqueeze(0)));
        }
        let exact = graph.exact()?.unsqueeze(0);
        if progress >= config.post_stable {
            return Ok(Graphs::fixed(exact));
        }
        let agents = exact.size()[1] as usize;
        let noise = |groups| gumbel(seed, iteration, [groups, agents, agents], exact.device());
        Ok(match (config.estimator, config.rollout) {
            (Estimator::ScoreFunction, _) => {
                let sampled = sample(graph, &noise(config.drawn_graphs(envs).min(envs)))?;
                let log_probs = graph.log_probs(&sampled.order)?;
                Graphs {
                    acting: sampled.graphs.detach(),
                    drawn: Some(Drawn::Groups {
                        order: sampled.order,
                        log_probs,
                    }),
                }
            }
            (Estimator::StraightThrough, RolloutGraph::Sampled) => {
                let noise = noise(1);
                let sampled = sample(graph, &noise)?;
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

/// A graph for each group of noise, (G, N, N).
fn sample(graph: &dyn LearnedGraph, noise: &Tensor) -> Result<SampledGraphs, TrainError> {
    let sampled = graph.sample(noise)?;
    returned::reals("LearnedGraph::sample", &sampled.graphs, &noise.size())?;
    Ok(sampled)
}

/// Standard Gumbel noise for graphs, (groups, rows, columns), from the stream of this number.
fn gumbel(seed: u64, stream: u64, [groups, rows, columns]: [usize; 3], device: Device) -> Tensor {
    let mut rng = Rng::new(seed_for(seed, Purpose::Graphs), stream);
    let noise: Vec<f32> = (0..groups * rows * columns).map(|_| rng.gumbel()).collect();
    Tensor::from_slice(&noise)
        .view([groups as i64, rows as i64, columns as i64])
        .to_device(device)
}

/// Noise for the graph that update `update` draws for itself, (1, N, N), for agents and a device as those of `like`,
/// (G, N, N).
pub fn update_noise(seed: u64, update: u64, like: &Tensor) -> Tensor {
    let agents = like.size()[1] as usize;
    // Iterations have the streams from 0 on, updates those of the upper half.
    gumbel(seed, 1 << 63 | update, [1, agents, agents], like.device())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_agree_in_the_edges_of_the_exact_one_that_are_between_agents() {
        let graph = |entries: [f32; 9]| Tensor::from_slice(&entries).view([3, 3]);
        let exact = graph([1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        // Of its three edges the first has two, the second one.
        let first = graph([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        let second = graph([1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        let acting = Tensor::stack(&[first, second], 0);
        let order = Tensor::zeros([2, 3, 1], (Kind::Int64, Device::Cpu));
        let drawn = Graphs {
            acting: acting.shallow_clone(),
            drawn: Some(Drawn::Groups {
                order,
                log_probs: Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)),
            }),
        };
        assert_eq!(drawn.agreement(&exact).unwrap(), Some(0.5));
        assert_eq!(Graphs::fixed(acting).agreement(&exact).unwrap(), None);
    }
}
