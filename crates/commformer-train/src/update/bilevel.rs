//! The upper level: whom to receive from (Hu et al., 2024, section 4.2; score function ours).

use crate::rollout::graphs::Graphs;
use crate::{
    BilevelConfig, Estimator, GraphPlan, LearnedGraph, PolicyResult, RolloutGraph, UpperData,
};
use ndarray::{Array2, ArrayView2, ArrayView3};
use std::ops::Range;
use tch::{Kind, Tensor};

/// How receivers fared in a rollout of T steps in C environments.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes<'a> {
    /// Rewards, (T, C, N).
    pub rewards: ArrayView3<'a, f32>,
    /// Where an episode ended after the step, or the agent left, (T, C, N).
    pub ended: ArrayView3<'a, bool>,
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
    outcomes: Outcomes<'_>,
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

/// The score-function loss: minus the mean over the `compared` groups and the receivers of advantage x
/// log-probability of the receiver's row, less `entropy_coef` times the rows' mean entropy. It needs no pass through the
/// policy. The direction of the first term's gradient is right on average, up to the division by the groups' standard
/// deviation; its length is (G - 1) / G of that, since each group counts in the mean that it is compared with.
pub fn score_function_loss(
    graph: &dyn LearnedGraph,
    order: &Tensor,
    (advantages, compared): (ArrayView2<'_, f32>, usize),
    entropy_coef: f64,
) -> PolicyResult<Tensor> {
    let (groups, agents) = advantages.dim();
    let flat: Vec<f32> = advantages.iter().copied().collect();
    let advantages = Tensor::from_slice(&flat)
        .view([groups as i64, agents as i64])
        .to_device(order.device());
    let gain = (advantages * graph.log_probs(order)?).sum(Kind::Float);
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
mod tests {
    use super::*;
    use ndarray::array;
    use tch::Device;

    fn schedule() -> BilevelConfig {
        BilevelConfig {
            estimator: Estimator::ScoreFunction,
            rollout: RolloutGraph::Sampled,
            lr: 1e-3,
            entropy_coef: 0.0,
            groups: 0,
            upper_every: 5,
            upper_data: UpperData::Same,
            held_out: 0.2,
            warmup: 0,
            post_stable: 1.0,
        }
    }

    #[test]
    fn the_weight_of_entropy_is_gone_when_the_graph_is_frozen() {
        let mut schedule = schedule();
        schedule.entropy_coef = 0.3;
        for (post_stable, progress, expected) in [
            (1.0, 0.0, 0.3),
            (1.0, 0.5, 0.15),
            (0.5, 0.0, 0.3),
            (0.5, 0.25, 0.15),
            (0.5, 0.5, 0.0),
            (0.5, 1.0, 0.0),
            (0.0, 0.0, 0.0),
        ] {
            schedule.post_stable = post_stable;
            let found = schedule.entropy_weight(progress);
            assert!(
                (found - expected).abs() < 1e-12,
                "{post_stable}, {progress}: {found}"
            );
        }
    }

    #[test]
    fn schedules_by_which_a_level_would_not_learn_are_refused() {
        let schedule = schedule();
        assert_eq!(schedule.conflict(5, 10, 20), None);
        let held_out = BilevelConfig {
            upper_data: UpperData::HeldOut,
            ..schedule.clone()
        };
        assert_eq!(
            (held_out.conflict(5, 10, 20), held_out.lower_envs(10)),
            (None, 8)
        );
        let refused = |schedule: &BilevelConfig, change: fn(&mut BilevelConfig), told: &str| {
            let mut changed = schedule.clone();
            change(&mut changed);
            let conflict = changed.conflict(5, 10, 20).unwrap();
            assert!(conflict.problem.contains(told), "{conflict}");
        };
        refused(
            &schedule,
            |s| s.upper_every = 6,
            "the graph would never learn",
        );
        let every = BilevelConfig {
            upper_every: 1,
            ..schedule.clone()
        };
        assert_eq!(every.conflict(5, 10, 20), None);
        refused(
            &every,
            |s| s.estimator = Estimator::StraightThrough,
            "the policy would never learn",
        );
        refused(
            &schedule,
            |s| s.upper_every = 0,
            "the policy would never learn",
        );
        refused(
            &schedule,
            |s| s.rollout = RolloutGraph::Exact,
            "needs `graph.rollout",
        );
        refused(&schedule, |s| s.groups = 1, "1 groups and 10 environments");
        refused(&schedule, |s| s.groups = usize::MAX, "and 10 environments");
        refused(&held_out, |s| s.held_out = 0.01, "would keep 0 apart");
        refused(&held_out, |s| s.held_out = 1.0, "would keep 10 apart");
        // Environments are dealt in order: the last two of ten are of the second of two groups.
        refused(
            &held_out,
            |s| s.groups = 2,
            "the 2 environments that are kept apart",
        );
        // It compares nothing.
        let straight = BilevelConfig {
            estimator: Estimator::StraightThrough,
            groups: 1,
            ..held_out
        };
        assert_eq!(straight.conflict(5, 10, 20), None);
    }

    fn graphs(groups: i64) -> Graphs {
        Graphs {
            acting: Tensor::ones([groups, 2, 2], (Kind::Float, Device::Cpu)),
            drawn: None,
        }
    }

    /// The loss grows where a graph that was worse is likelier: each score belongs to the row of its own graph and receiver.
    #[test]
    fn scores_belong_to_the_rows_that_were_drawn() {
        let order = Tensor::from_slice(&[1_i64, 0, 1, 0, 1, 0]).view([3, 2, 1]);
        let advantages = array![[1.0_f32, -1.0], [2.0, 0.5], [-3.0, 4.0]];
        let loss = score_function_loss(&Numbered, &order, (advantages.view(), 3), 0.0).unwrap();
        // Log-probabilities 1 to 6 with these advantages, over six rows.
        let expected = -(1.0 - 2.0 + 2.0 * 3.0 + 0.5 * 4.0 - 3.0 * 5.0 + 4.0 * 6.0) / 6.0;
        assert!((loss.double_value(&[]) - expected).abs() < 1e-6, "{loss}");
    }

    /// Row i of graph g has the log-probability 1 + 2 g + i.
    struct Numbered;

    impl LearnedGraph for Numbered {
        fn edge_logits(&self) -> Tensor {
            unreachable!("of the trainer alone")
        }
        fn exact(&self) -> PolicyResult<Tensor> {
            unreachable!("of rollouts alone")
        }
        fn sample(&self, _: &Tensor) -> PolicyResult<crate::SampledGraphs> {
            unreachable!("of rollouts alone")
        }
        fn log_probs(&self, order: &Tensor) -> PolicyResult<Tensor> {
            let rows = order.size()[0] * order.size()[1];
            let all = Tensor::arange(rows, (Kind::Float, Device::Cpu)) + 1.0;
            Ok(all.view([order.size()[0], order.size()[1]]))
        }
        fn entropy(&self) -> PolicyResult<Tensor> {
            Ok(Tensor::ones([2], (Kind::Float, Device::Cpu)))
        }
    }

    fn compared(
        rewards: &ndarray::Array3<f32>,
        ended: &ndarray::Array3<bool>,
        groups: i64,
        first: usize,
    ) -> (Array2<f32>, usize) {
        let outcomes = Outcomes {
            rewards: rewards.view(),
            ended: ended.view(),
        };
        group_advantages(outcomes, &graphs(groups), first)
    }

    #[test]
    fn group_advantages_compare_receivers_across_groups() {
        // Two groups of two environments; agent 1 is always paid the same.
        let rewards = array![[[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [7.0, 5.0]]];
        // Means 2 and 6 around 4, standard deviation 2.
        let expected = (array![[-1.0, 0.0], [1.0, 0.0]], 2);
        // Whether all episodes end or none does.
        for ended in [false, true] {
            let ended = rewards.map(|_| ended);
            assert_eq!(compared(&rewards, &ended, 2, 0), expected);
        }
    }

    #[test]
    fn a_group_without_environments_has_no_say() {
        let rewards = array![[[1.0, 1.0], [3.0, 1.0], [5.0, 1.0]]];
        let ended = rewards.map(|_| false);
        let expected = (array![[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0]], 2);
        assert_eq!(compared(&rewards, &ended, 3, 1), expected);
    }

    /// In 200 steps under either graph.
    fn by_episodes(of_each: [(&[f32], usize); 2]) -> [f32; 2] {
        let mut rewards = ndarray::Array3::zeros((200, 2, 1));
        let mut ended = rewards.map(|_: &f32| false);
        for (env, (paid, length)) in of_each.into_iter().enumerate() {
            for t in 0..200 {
                rewards[[t, env, 0]] = paid[(t % length).min(paid.len() - 1)];
                ended[[t, env, 0]] = (t + 1) % length == 0;
            }
        }
        let (found, _) = compared(&rewards, &ended, 2, 0);
        [found[[0, 0]], found[[1, 0]]]
    }

    #[test]
    fn graphs_are_compared_by_what_an_episode_brings() {
        // Each step costs as much until the task is done, which takes 5 or 20 of them.
        let found = by_episodes([(&[-1.0], 5), (&[-1.0], 20)]);
        assert!(found[0] > 0.99 && found[1] < -0.99, "{found:?}");
        // A battle that is lost after 40 steps brings 8, one that is won after 100 brings 20: as much in a step.
        let found = by_episodes([(&[0.2], 40), (&[0.2], 100)]);
        assert!(found[0] < -0.99 && found[1] > 0.99, "{found:?}");
        // One that is lost sooner brings more in a step and less in all.
        let found = by_episodes([(&[0.2], 40), (&[0.16], 100)]);
        assert!(found[0] < -0.99 && found[1] > 0.99, "{found:?}");
    }

    /// What is held out for the upper level says how sure scores are, not how much entropy weighs.
    #[test]
    fn groups_that_are_not_compared_do_not_weaken_the_others() {
        struct Rows;
        let order = Tensor::zeros([4, 2, 1], (Kind::Int64, Device::Cpu));
        let loss = |advantages: &Array2<f32>, compared| {
            let groups = advantages.dim().0 as i64;
            let order = order.narrow(0, 0, groups);
            let loss = score_function_loss(&Rows, &order, (advantages.view(), compared), 0.5);
            loss.unwrap().double_value(&[])
        };
        impl LearnedGraph for Rows {
            fn edge_logits(&self) -> Tensor {
                unreachable!("of the trainer alone")
            }
            fn exact(&self) -> PolicyResult<Tensor> {
                unreachable!("of rollouts alone")
            }
            fn sample(&self, _: &Tensor) -> PolicyResult<crate::SampledGraphs> {
                unreachable!("of rollouts alone")
            }
            fn log_probs(&self, order: &Tensor) -> PolicyResult<Tensor> {
                let groups = order.size()[0];
                Ok(Tensor::full([groups, 2], -2.0, (Kind::Float, Device::Cpu)))
            }
            fn entropy(&self) -> PolicyResult<Tensor> {
                Ok(Tensor::ones([2], (Kind::Float, Device::Cpu)))
            }
        }
        let two = array![[1.0, 3.0], [2.0, 2.0]];
        let four = array![[0.0, 0.0], [0.0, 0.0], [1.0, 3.0], [2.0, 2.0]];
        assert_eq!(loss(&two, 2), 4.0 - 0.5);
        assert_eq!(loss(&four, 2), loss(&two, 2));
    }
}
