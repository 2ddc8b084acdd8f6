//! From `[graph]` to the trainer's plan.

use crate::MethodError;
use crate::config::{GraphConfig, GraphMode};
use commformer_env::Rng;
use commformer_train::{GraphPlan, Purpose, seed_for};
use tch::{Device, Tensor};

/// The stream of `graph.mode = "random"`, away from those of the iterations.
const STREAM: u64 = u64::MAX;

/// Where the team's graph comes from.
///
/// # Errors
///
/// [`MethodError::Edges`] if one is given that is of another team.
pub(crate) fn plan(
    graph: &GraphConfig,
    agents: usize,
    seed: u64,
    device: Device,
) -> Result<GraphPlan, MethodError> {
    let everywhere = |edge: f32| vec![edge; agents * agents];
    let edges = match graph.mode_for(agents) {
        GraphMode::Learned => return Ok(GraphPlan::Learned(graph.schedule.clone())),
        GraphMode::Full => everywhere(1.0),
        GraphMode::None => everywhere(0.0),
        GraphMode::Random => random(agents, graph.senders(agents), seed),
        GraphMode::Given => {
            let rows = &graph.edges;
            let edges: Vec<f32> = rows.iter().flatten().map(|edge| *edge as f32).collect();
            // Rows of other lengths can be as many numbers, and another graph.
            if rows.iter().any(|row| row.len() != agents) {
                let found = edges.len();
                return Err(MethodError::Edges { found, agents });
            }
            edges
        }
    };
    fixed(&edges, agents, device)
}

/// A graph of these entries, row by row.
///
/// # Errors
///
/// [`MethodError::Edges`] if it has other than `agents` rows of `agents`.
pub(crate) fn fixed(
    edges: &[f32],
    agents: usize,
    device: Device,
) -> Result<GraphPlan, MethodError> {
    let found = edges.len();
    if found != agents * agents {
        return Err(MethodError::Edges { found, agents });
    }
    let graph = Tensor::from_slice(edges).f_view([agents as i64; 2])?;
    Ok(GraphPlan::Fixed(graph.f_to_device(device)?))
}

/// The most others that a receiver hears, in a graph of these rows.
pub(crate) fn most_senders<'a, E: 'a>(
    rows: impl Iterator<Item = &'a [E]>,
    is_there: impl Fn(&E) -> bool,
) -> usize {
    let others = |(receiver, row): (usize, &[E])| {
        let edges = row.iter().enumerate();
        edges
            .filter(|(sender, edge)| *sender != receiver && is_there(edge))
            .count()
    };
    rows.enumerate().map(others).max().unwrap_or(0)
}

/// A graph, (N, N) row by row, in which every receiver hears `senders` others, all such rows being
/// equally likely.
fn random(agents: usize, senders: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed_for(seed, Purpose::Graphs), STREAM);
    let mut edges = vec![0.0; agents * agents];
    for (receiver, row) in edges.chunks_mut(agents.max(1)).enumerate() {
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

    fn fixed(graph: GraphConfig) -> Vec<f32> {
        match plan(&graph, 3, 1, Device::Cpu).unwrap() {
            GraphPlan::Fixed(graph) => Vec::try_from(graph.view(-1)).unwrap(),
            GraphPlan::Learned(_) | GraphPlan::None => panic!("not fixed"),
        }
    }

    #[test]
    fn fixed_graphs_are_what_they_say() {
        let mode = |mode| GraphConfig {
            mode,
            ..GraphConfig::default()
        };
        assert_eq!(fixed(mode(GraphMode::Full)), [1.0; 9]);
        assert_eq!(fixed(mode(GraphMode::None)), [0.0; 9]);
        let given = fixed(GraphConfig {
            edges: vec![vec![0, 1, 0], vec![0, 0, 1], vec![1, 1, 1]],
            ..mode(GraphMode::Given)
        });
        assert_eq!(given, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        let small = GraphConfig {
            edges: vec![vec![0, 1], vec![1, 0]],
            ..mode(GraphMode::Given)
        };
        let refused = plan(&small, 3, 1, Device::Cpu).unwrap_err().to_string();
        assert_eq!(
            refused,
            "`graph.edges`: found 4 numbers, expected 3 rows of 3"
        );
        let uneven = GraphConfig {
            edges: vec![vec![0, 1], vec![0, 0, 1, 1], vec![1, 1, 1]],
            ..mode(GraphMode::Given)
        };
        assert!(plan(&uneven, 3, 1, Device::Cpu).is_err());
        // What a method of somebody's own says of its edges.
        let refused = super::fixed(&[1.0; 5], 3, Device::Cpu).unwrap_err();
        assert!(refused.to_string().contains("found 5 numbers"));
    }

    #[test]
    fn an_agent_is_no_sender_of_its_own() {
        let rows = [&[1, 1, 0][..], &[0, 1, 0], &[1, 1, 1]];
        assert_eq!(most_senders(rows.into_iter(), |edge| *edge == 1), 2);
        assert_eq!(
            most_senders(rows[..2].iter().copied(), |edge| *edge == 1),
            1
        );
        assert_eq!(most_senders(std::iter::empty(), |edge: &i64| *edge == 1), 0);
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
}
