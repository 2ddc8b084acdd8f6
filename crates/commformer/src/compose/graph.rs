//! From `[graph]` to the trainer's plan.

use crate::config::{Config, GraphConfig, GraphMode};
use commformer_env::Rng;
use commformer_train::{BilevelConfig, GraphPlan, Purpose, seed_for};
use tch::{Device, Tensor};

/// The stream of `graph.mode = "random"`, away from those of the iterations.
const STREAM: u64 = u64::MAX;

/// Where the team's graph comes from.
pub fn plan(config: &Config, device: Device) -> GraphPlan {
    let (graph, agents) = (&config.graph, config.env.agents());
    let everywhere = |edge: f32| vec![edge; agents * agents];
    let edges = match graph.mode_for(agents) {
        GraphMode::Learned => return GraphPlan::Learned(schedule(graph)),
        GraphMode::Full => everywhere(1.0),
        GraphMode::None => everywhere(0.0),
        GraphMode::Random => random(agents, graph.senders(agents), config.run.seed),
        GraphMode::Given => graph
            .edges
            .iter()
            .flatten()
            .map(|edge| *edge as f32)
            .collect(),
    };
    let agents = agents as i64;
    GraphPlan::Fixed(
        Tensor::from_slice(&edges)
            .view([agents, agents])
            .to_device(device),
    )
}

/// How a learned graph is learned.
pub(super) fn schedule(graph: &GraphConfig) -> BilevelConfig {
    BilevelConfig {
        estimator: graph.estimator,
        rollout: graph.rollout,
        lr: graph.lr,
        entropy_coef: graph.entropy_coef,
        groups: graph.groups,
        upper_every: graph.upper_every,
        upper_data: graph.upper_data,
        held_out: graph.held_out,
        warmup: graph.warmup,
        post_stable: graph.post_stable,
    }
}

/// A graph, (N, N) row by row, in which every receiver hears `senders` others, all such rows being
/// equally likely.
fn random(agents: usize, senders: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed_for(seed, Purpose::Graphs), STREAM);
    let mut edges = vec![0.0; agents * agents];
    for (receiver, row) in edges.chunks_mut(agents).enumerate() {
        let mut others: Vec<usize> = (0..agents).filter(|sender| *sender != receiver).collect();
        rng.shuffle(&mut others);
        for sender in others.into_iter().take(senders) {
            row[sender] = 1.0;
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Source};

    fn fixed(text: &str) -> Vec<f32> {
        let config = Config::parse(text, Source::Default).unwrap();
        match plan(&config, Device::Cpu) {
            GraphPlan::Fixed(graph) => Vec::try_from(graph.view(-1)).unwrap(),
            GraphPlan::Learned(_) | GraphPlan::None => panic!("not fixed"),
        }
    }

    #[test]
    fn fixed_graphs_are_what_they_say() {
        assert_eq!(fixed("[graph]\nmode = 'full'"), [1.0; 9]);
        assert_eq!(fixed("[graph]\nmode = 'none'"), [0.0; 9]);
        let given = fixed("[graph]\nmode = 'given'\nedges = [[0, 1, 0], [0, 0, 1], [1, 1, 1]]");
        assert_eq!(given, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn random_graphs_have_k_others_in_a_row_and_follow_the_seed() {
        for seed in 0..20 {
            let graph = random(7, 3, seed);
            for (receiver, row) in graph.chunks(7).enumerate() {
                assert_eq!((row.iter().sum::<f32>(), row[receiver]), (3.0, 0.0));
            }
            assert_eq!(graph, random(7, 3, seed));
            assert_ne!(graph, random(7, 3, seed + 1));
        }
    }

    #[test]
    fn a_learned_graph_takes_over_its_schedule() {
        let config = Config::resolve(Some("released"), &Overrides::default()).unwrap();
        let GraphPlan::Learned(schedule) = plan(&config, Device::Cpu) else {
            panic!("not learned")
        };
        assert_eq!(
            (schedule.lr, schedule.warmup, schedule.upper_every),
            (1e-4, 10, 5)
        );
    }
}
