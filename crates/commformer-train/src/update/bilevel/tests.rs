use super::*;
use ndarray::array;
use tch::Device;

#[test]
fn the_weight_of_entropy_is_gone_when_the_graph_is_frozen() {
    let mut schedule = BilevelConfig::default();
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
    let schedule = BilevelConfig::default();
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
    refused(
        &schedule,
        |s| s.warmup = 20,
        "in the first 20 of 20 iterations",
    );
    refused(
        &schedule,
        |s| (s.warmup, s.post_stable) = (10, 0.5),
        "from the share 0.5 of the run on",
    );
    refused(
        &schedule,
        |s| s.post_stable = 0.0,
        "the graph would never learn",
    );
    let short = BilevelConfig {
        warmup: 9,
        post_stable: 0.5,
        ..schedule.clone()
    };
    assert_eq!(short.conflict(5, 10, 20), None);
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
    let rows = Rows(Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([3, 2]));
    // As they were drawn each row was as likely as all others.
    let drawn = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu));
    let loss = score_function_loss(&rows, (&order, &drawn), (advantages.view(), 3), 0.0).unwrap();
    // The mean over six rows, each weighed by how much likelier it has become.
    let weighed = [
        (1.0, 1.0),
        (-1.0, 2.0),
        (2.0, 3.0),
        (0.5, 4.0),
        (-3.0, 5.0),
        (4.0, 6.0),
    ];
    let expected = -weighed
        .map(|(score, log_prob): (f64, f64)| score * log_prob.exp())
        .iter()
        .sum::<f64>()
        / 6.0;
    let found = loss.double_value(&[]);
    assert!((found / expected - 1.0).abs() < 1e-6, "{found}, {expected}");
}

/// Later steps of an iteration point where the expected score of the rows as they are by then grows.
#[test]
fn draws_of_before_tell_the_gradient_of_now() {
    let scores = array![[1.0_f32], [0.5], [-1.5]];
    // Each of three senders was drawn once from even odds.
    let drawn = Tensor::from_slice(&[(1.0_f32 / 3.0).ln(); 3]).view([3, 1]);
    let order = Tensor::from_slice(&[0_i64, 1, 2]).view([3, 1, 1]);
    for moved in [[0.0_f32, 0.0, 0.0], [1.0, -0.5, 0.3]] {
        let logits = Tensor::from_slice(&moved).set_requires_grad(true);
        let odds = logits.log_softmax(-1, Kind::Float);
        let rows = Rows(odds.view([3, 1]));
        let loss = score_function_loss(&rows, (&order, &drawn), (scores.view(), 3), 0.0).unwrap();
        let expected = -(odds.exp() * Tensor::from_slice(&[1.0_f32, 0.5, -1.5])).sum(Kind::Float);
        let [found, expected] = [loss, expected]
            .map(|loss| Tensor::run_backward(&[loss], &[&logits], true, false).remove(0));
        assert!(
            found.allclose(&expected, 1e-5, 1e-6, false),
            "{found} {expected}"
        );
    }
}

/// A graph with these log-probabilities of what was drawn, (G, N), and an entropy of 1 of each of two rows.
struct Rows(Tensor);

impl LearnedGraph for Rows {
    fn edge_logits(&self) -> Tensor {
        unreachable!("of the trainer alone")
    }
    fn exact(&self) -> PolicyResult<Tensor> {
        unreachable!("of rollouts alone")
    }
    fn full(&self) -> PolicyResult<Tensor> {
        unreachable!("of rollouts alone")
    }
    fn sample(&self, _: &Tensor) -> PolicyResult<crate::SampledGraphs> {
        unreachable!("of rollouts alone")
    }
    fn log_probs(&self, order: &Tensor) -> PolicyResult<Tensor> {
        assert_eq!(order.size()[..2], self.0.size());
        Ok(self.0.shallow_clone())
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
        rewards: rewards.clone(),
        ended: ended.clone(),
    };
    group_advantages(&outcomes, &graphs(groups), first)
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
    let order = Tensor::zeros([4, 2, 1], (Kind::Int64, Device::Cpu));
    let loss = |advantages: &Array2<f32>, compared| {
        let groups = advantages.dim().0 as i64;
        let order = order.narrow(0, 0, groups);
        let drawn = Tensor::zeros([groups, 2], (Kind::Float, Device::Cpu));
        let rows = Rows(drawn.ones_like() * 2.0_f64.ln());
        let loss = score_function_loss(&rows, (&order, &drawn), (advantages.view(), compared), 0.5);
        loss.unwrap().double_value(&[])
    };
    let two = array![[1.0, 3.0], [2.0, 2.0]];
    let four = array![[0.0, 0.0], [0.0, 0.0], [1.0, 3.0], [2.0, 2.0]];
    assert!((loss(&two, 2) + 4.0 + 0.5).abs() < 1e-6);
    assert_eq!(loss(&four, 2), loss(&two, 2));
}
