//! The upper level: whom to receive from (Hu et al., 2024, section 4.2; score function ours).

use crate::rollout::graphs::Graphs;
use crate::{BilevelConfig, GraphPlan, LearnedGraph, PolicyResult, UpperData};
use ndarray::{Array2, ArrayView2, ArrayView3};
use std::ops::Range;
use tch::{Kind, Tensor};

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
/// level; `None` for an epoch of the lower level.
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use tch::Device;

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
