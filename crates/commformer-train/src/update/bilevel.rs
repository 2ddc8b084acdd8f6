//! The upper level: whom to receive from (Hu et al., 2024, section 4.2; score function ours).

use crate::rollout::graphs::Graphs;
use crate::{
    BilevelConfig, Estimator, GraphPlan, LearnedGraph, PolicyResult, RolloutGraph, UpperData,
};
use ndarray::{Array2, Array3, ArrayView2};
use std::ops::Range;
use tch::{Kind, Tensor};

/// How receivers fared in a rollout of T steps in C environments.
#[derive(Debug)]
pub struct Outcomes {
    /// Rewards, (T, C, N).
    pub rewards: Array3<f32>,
    /// Where an episode ended after the step, or the agent left, (T, C, N).
    pub ended: Array3<bool>,
}

/// How much better each receiver fared under each group's graph than on the average of the
/// groups, in units of their standard deviation: (G, N), and how many groups there are to compare. Only environments from
/// `first_env` on count, and a group without any gets 0.
///
/// A receiver's score is what it earned, less the mean return of an episode for each one that ended, by the step: with the
/// mean reward of a step r and the mean length of an episode L under a graph, and their means over graphs, it is to first order
/// the return of an episode, r L. Rewards alone would not do. Where the policy decides how long an episode is, a team that
/// loses soon can earn more in each step than one that wins, and where every step costs the same, all earn alike.
pub fn group_advantages(
    outcomes: &Outcomes,
    graphs: &Graphs,
    first_env: usize,
) -> (Array2<f32>, usize) {
    let (steps, envs, agents) = outcomes.rewards.dim();
    let mut earned = Array2::<f64>::zeros((graphs.groups(), agents));
    let mut ends = Array2::<f64>::zeros((graphs.groups(), agents));
    let mut counts = vec![0.0; graphs.groups()];
    for env in first_env..envs {
        let group = graphs.group_of(env, envs);
        counts[group] += steps as f64;
        for t in 0..steps {
            for agent in 0..agents {
                earned[[group, agent]] += f64::from(outcomes.rewards[[t, env, agent]]);
                ends[[group, agent]] += f64::from(u8::from(outcomes.ended[[t, env, agent]]));
            }
        }
    }
    let present: Vec<usize> = (0..counts.len())
        .filter(|&group| counts[group] > 0.0)
        .collect();
    let mut advantages = Array2::zeros(earned.raw_dim());
    for agent in 0..agents {
        let all = |of: &Array2<f64>| present.iter().map(|&group| of[[group, agent]]).sum::<f64>();
        let episode = all(&earned) / all(&ends).max(1.0);
        let score = |group: usize| {
            (earned[[group, agent]] - episode * ends[[group, agent]]) / counts[group]
        };
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
    (advantages, present.len())
}

/// The score-function loss: minus the mean over the `compared` groups and the receivers of advantage x how much likelier the
/// receiver's row has become since it was drawn, less `entropy_coef` times the rows' mean entropy. Its gradient in the first
/// step after a rollout is that of advantage x log-probability; in later ones it is that of the rows as they are by then. It
/// needs no pass through the policy. The direction of the first term's gradient is right on average, up to the division by
/// the groups' standard deviation; its length is (G - 1) / G of that, since each group counts in the mean that it is compared
/// with. `drawn` has the rows' log-probabilities when they were drawn, (G, N).
pub fn score_function_loss(
    graph: &dyn LearnedGraph,
    (order, drawn): (&Tensor, &Tensor),
    (advantages, compared): (ArrayView2<'_, f32>, usize),
    entropy_coef: f64,
) -> PolicyResult<Tensor> {
    let (groups, agents) = advantages.dim();
    let flat: Vec<f32> = advantages.iter().copied().collect();
    let advantages = Tensor::from_slice(&flat)
        .view([groups as i64, agents as i64])
        .to_device(order.device());
    let likelier = (graph.log_probs(order)? - drawn).exp();
    let gain = (advantages * likelier).sum(Kind::Float);
    let gain = gain / (compared.max(1) * agents) as f64;
    Ok(-gain - graph.entropy()?.mean(Kind::Float) * entropy_coef)
}

/// The schedule, if epoch `epoch` (from 0) of an iteration with `graphs` has a step of the upper level.
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
        GraphPlan::Learned(schedule) => schedule.lower_envs(envs),
        GraphPlan::Fixed(_) | GraphPlan::None => envs,
    }
}

/// Settings that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} ({})", .settings.join(", "))]
pub struct Conflict {
    /// Their names in the configuration.
    pub settings: Vec<&'static str>,
    /// What cannot work, and what would.
    pub problem: String,
}

impl BilevelConfig {
    /// Weight of the rows' entropy when a share `progress` of the run is over. It is gone when the graph is frozen: a row whose
    /// senders are worth nearly the same settles only while the weight is small, and a graph is to be settled by then.
    pub(crate) fn entropy_weight(&self, progress: f64) -> f64 {
        self.entropy_coef * (1.0 - progress / self.post_stable).max(0.0)
    }

    /// How many of `envs` environments, the first ones, the lower level learns from.
    pub fn lower_envs(&self, envs: usize) -> usize {
        match self.upper_data {
            UpperData::Same => envs,
            UpperData::HeldOut => envs - self.held_out_envs(envs).min(envs),
        }
    }

    /// The environments that the upper level learns from.
    pub(crate) fn upper_envs(&self, envs: usize) -> Range<usize> {
        match self.upper_data {
            UpperData::Same => 0..envs,
            UpperData::HeldOut => self.lower_envs(envs)..envs,
        }
    }

    fn held_out_envs(&self, envs: usize) -> usize {
        (self.held_out * envs as f64).round() as usize
    }

    /// Graphs on which a rollout of so many environments acts, where they are drawn.
    pub(crate) fn drawn_graphs(&self, envs: usize) -> usize {
        match self.groups {
            0 => envs,
            groups => groups,
        }
    }

    /// Why one of the levels could not learn with so many epochs, environments and iterations; `None` if both can. A trainer
    /// takes such a schedule, which can be meant; the program refuses it.
    pub fn conflict(&self, epochs: usize, envs: usize, iterations: u64) -> Option<Conflict> {
        let (every, score_function) =
            (self.upper_every, self.estimator == Estimator::ScoreFunction);
        let groups = self.drawn_graphs(envs);
        let kept = self.held_out_envs(envs);
        // Environments are dealt in order, so that the first and the last that are compared tell.
        let upper = self.upper_envs(envs);
        let group = |env: usize| env as u128 * groups.min(envs) as u128 / envs.max(1) as u128;
        let one_alone = group(upper.start) == group(upper.end.saturating_sub(1));
        let warmup = self.warmup;
        let rules: [(bool, &[&'static str], String); 7] = [
            (
                (warmup as f64) < self.post_stable * iterations as f64,
                &["graph.warmup", "graph.post_stable", "run.steps"],
                format!(
                    "the graph would never learn: everybody hears everybody in the first {warmup} of {iterations} \
                     iterations, and from the share {} of the run on the graph is frozen",
                    self.post_stable
                ),
            ),
            (
                every <= epochs,
                &["graph.upper_every", "ppo.epochs"],
                format!(
                    "the graph would never learn: every {every}th epoch is an upper step, but there are {epochs}"
                ),
            ),
            (
                every > usize::from(!score_function),
                &["graph.upper_every"],
                format!("the policy would never learn: every epoch is an upper step with {every}"),
            ),
            (
                !(score_function && self.rollout == RolloutGraph::Exact),
                &["graph.estimator", "graph.rollout"],
                "the score function compares graphs on which the team has acted, so it needs `graph.rollout = \
                 \"sampled\"`; or set `graph.estimator = \"straight-through\"`"
                    .to_owned(),
            ),
            (
                !score_function || (2..=envs).contains(&groups),
                &["graph.groups", "rollout.num_envs"],
                format!(
                    "the score function compares at least 2 graphs, each in an environment of its own, but there are \
                     {groups} groups and {envs} environments"
                ),
            ),
            (
                self.upper_data == UpperData::Same || (1..envs).contains(&kept),
                &["graph.held_out", "rollout.num_envs"],
                format!(
                    "`graph.held_out = {}` of {envs} environments would keep {kept} apart for upper steps; each level \
                     needs at least one",
                    self.held_out
                ),
            ),
            (
                !(score_function && one_alone),
                &["graph.groups", "graph.held_out", "rollout.num_envs"],
                format!(
                    "the score function compares at least 2 graphs, but the {kept} environments that are kept apart \
                     for upper steps act on one of the {groups}; set more groups, or keep more environments apart"
                ),
            ),
        ];
        let broken = rules.into_iter().find(|(holds, _, _)| !holds);
        broken.map(|(_, settings, problem)| Conflict {
            settings: settings.to_vec(),
            problem,
        })
    }
}

#[cfg(test)]
mod tests;
