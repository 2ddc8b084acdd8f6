//! By what graphs are compared: how receivers fared in a rollout under each of them (ours).

use crate::rollout::graphs::Graphs;
use ndarray::{Array2, Array3};

/// How receivers fared in a rollout of T steps in C environments.
#[derive(Debug)]
pub struct Outcomes {
    /// Rewards, (T, C, N).
    pub rewards: Array3<f32>,
    /// Where an episode ended after the step, or the agent left, (T, C, N).
    pub ended: Array3<bool>,
    /// How much more the state after the last step is worth than the first one, whatever the environment's graph, (C, N), in
    /// units of reward.
    pub gained: Array2<f32>,
    /// Steps that the episodes had behind them when the rollout began, (C).
    pub begun: Vec<u32>,
}

impl Outcomes {
    /// What a receiver's graph is judged by in each of the environments from `first_env` on.
    ///
    /// It earned something, and used up an episode, of the mean return, for each one that ended. So a graph gains by what it
    /// adds to the return of an episode, however long episodes are. Rewards alone would not do. Where the policy decides how
    /// long an episode is, a team that loses soon can earn more in each step than one that wins, and where every step costs
    /// the same, all earn alike.
    ///
    /// A rollout need not hold a whole episode, and what it earns depends on where in one it began, whatever the graph. So
    /// the scores have, first, what they owe to the steps behind taken out. Second, they are given as much of what the state
    /// gained in value as makes them less noisy: all of it where values are right, and nothing where they are noise.
    fn scores(&self, first_env: usize, agent: usize) -> Vec<f64> {
        let envs = first_env..self.begun.len();
        let sum = |env, worth: &dyn Fn([usize; 3]) -> f64| {
            (0..self.rewards.shape()[0])
                .map(|t| worth([t, env, agent]))
                .sum::<f64>()
        };
        let earned = |env| sum(env, &|at| f64::from(self.rewards[at]));
        let ends = |env| sum(env, &|at| f64::from(u8::from(self.ended[at])));
        let all_ends = envs.clone().map(ends).sum::<f64>().max(1.0);
        let episode = envs.clone().map(earned).sum::<f64>() / all_ends;
        let begun: Vec<f64> = (envs.clone())
            .map(|env| f64::from(self.begun[env]))
            .collect();
        let mut scores: Vec<f64> = (envs.clone())
            .map(|env| earned(env) - episode * ends(env))
            .collect();
        let mut gained: Vec<f64> = envs
            .map(|env| f64::from(self.gained[[env, agent]]))
            .collect();
        take_out(&mut scores, &begun);
        take_out(&mut gained, &begun);
        let share = (-slope(&scores, &gained)).clamp(0.0, 1.0);
        for (score, gained) in scores.iter_mut().zip(&gained) {
            *score += share * gained;
        }
        scores
    }
}

/// The slope of least squares of some numbers on others, which have mean 0; 0 where there is nothing to explain them by.
fn slope(numbers: &[f64], explanation: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    match product(explanation, explanation) {
        0.0 => 0.0,
        spread => product(numbers, explanation) / spread,
    }
}

/// Centres some numbers, and takes out of them what their regression on others explains beyond chance: the slope of least
/// squares is shrunk from the coefficient of determination to the adjusted one.
fn take_out(numbers: &mut [f64], explanation: &[f64]) {
    let count = numbers.len() as f64;
    let centred = |of: &[f64]| -> Vec<f64> {
        let mean = of.iter().sum::<f64>() / count;
        of.iter().map(|number| number - mean).collect()
    };
    let explanation = centred(explanation);
    numbers.copy_from_slice(&centred(numbers));
    let slope = slope(numbers, &explanation);
    let squares = |of: &[f64]| of.iter().map(|number| number * number).sum::<f64>();
    let explained = slope * slope * squares(&explanation);
    let chance = (squares(numbers) - explained).max(0.0) / (count - 2.0);
    // A line goes through any two points.
    if numbers.len() > 2 && explained > chance {
        let slope = slope * (1.0 - chance / explained);
        for (number, x) in numbers.iter_mut().zip(&explanation) {
            *number -= slope * x;
        }
    }
}

/// How much better each receiver fared under each group's graph than on the average of the
/// groups, in units of their standard deviation: (G, N), and how many groups there are to compare. Only environments from
/// `first_env` on count, and a group without any gets 0.
pub fn group_advantages(
    outcomes: &Outcomes,
    graphs: &Graphs,
    first_env: usize,
) -> (Array2<f32>, usize) {
    let (_, envs, agents) = outcomes.rewards.dim();
    let groups: Vec<usize> = (first_env..envs)
        .map(|env| graphs.group_of(env, envs))
        .collect();
    let mut counts = vec![0.0; graphs.groups()];
    groups.iter().for_each(|&group| counts[group] += 1.0);
    let present: Vec<usize> = (0..counts.len())
        .filter(|&group| counts[group] > 0.0)
        .collect();
    let mut advantages = Array2::zeros((graphs.groups(), agents));
    for agent in 0..agents {
        let mut scores = vec![0.0; counts.len()];
        for (score, &group) in outcomes.scores(first_env, agent).iter().zip(&groups) {
            scores[group] += score / counts[group];
        }
        let over_groups = |of: &dyn Fn(f64) -> f64| {
            present.iter().map(|&group| of(scores[group])).sum::<f64>() / present.len() as f64
        };
        let mean = over_groups(&|score| score);
        let variance = over_groups(&|score| (score - mean).powi(2));
        for &group in &present {
            advantages[[group, agent]] = ((scores[group] - mean) / (variance.sqrt() + 1e-8)) as f32;
        }
    }
    (advantages, present.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use tch::{Device, Kind, Tensor};

    fn graphs(groups: i64) -> Graphs {
        Graphs {
            acting: Tensor::ones([groups, 2, 2], (Kind::Float, Device::Cpu)),
            drawn: None,
        }
    }

    fn compared(
        rewards: &Array3<f32>,
        ended: &Array3<bool>,
        groups: i64,
        first: usize,
    ) -> (Array2<f32>, usize) {
        let (_, envs, agents) = rewards.dim();
        let outcomes = Outcomes {
            rewards: rewards.clone(),
            ended: ended.clone(),
            gained: Array2::zeros((envs, agents)),
            begun: vec![0; envs],
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
        let mut rewards = Array3::zeros((200, 2, 1));
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

    #[test]
    fn what_values_explain_counts_as_far_as_they_do() {
        let found = |earned: [f32; 4], gained: [f32; 4]| {
            let outcomes = Outcomes {
                rewards: Array3::from_shape_vec((1, 4, 1), earned.to_vec()).unwrap(),
                ended: Array3::from_elem((1, 4, 1), false),
                gained: Array2::from_shape_vec((4, 1), gained.to_vec()).unwrap(),
                begun: vec![0; 4],
            };
            outcomes.scores(0, 0)
        };
        let close = |found: Vec<f64>, expected: [f64; 4]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
            }
        };
        // Who was given a state worth 8 earned 8, and who was given one worth 2 earned 2, but for 1 more of the first.
        let right = found([9.0, 2.0, 8.0, 2.0], [-8.0, -2.0, -8.0, -2.0]);
        close(right, [0.75, -0.25, -0.25, -0.25]);
        // Values say twice as much as there was.
        let twice = found([8.0, 2.0, 8.0, 2.0], [-12.0, 0.0, -12.0, 0.0]);
        close(twice, [0.0; 4]);
        // Values that rise with what is earned are not what it was earned from.
        let earned = [1.0, 2.0, 3.0, 6.0];
        close(
            found(earned, earned),
            earned.map(|earned| f64::from(earned) - 3.0),
        );
        // Noise counts for nothing.
        close(
            found([1.0, 3.0, 1.0, 3.0], [5.0, 5.0, -5.0, -5.0]),
            [-1.0, 1.0, -1.0, 1.0],
        );
    }

    #[test]
    fn where_in_an_episode_a_rollout_began_does_not_count() {
        // Later steps earn more by far. Graphs with even numbers earn 1 more.
        let begun = [0, 20, 50, 45, 10, 5, 40, 30];
        let rewards: Vec<f32> = (begun.iter().enumerate())
            .map(|(env, begun)| *begun as f32 + f32::from(u8::from(env % 2 == 0)))
            .collect();
        let outcomes = Outcomes {
            rewards: Array3::from_shape_vec((1, 8, 1), rewards).unwrap(),
            ended: Array3::from_elem((1, 8, 1), false),
            gained: Array2::zeros((8, 1)),
            begun: begun.to_vec(),
        };
        let (found, _) = group_advantages(&outcomes, &graphs(8), 0);
        for (graph, found) in found.iter().enumerate() {
            assert_eq!(*found > 0.0, graph % 2 == 0, "{found} of graph {graph}");
        }
    }

    #[test]
    fn what_is_explained_by_chance_is_left() {
        // Without a slope, with less than chance explains (1.8 of 9, where 7.2 are left to two degrees of freedom), with two
        // numbers, and where there is nothing to explain them by: only the mean goes.
        for (numbers, explanation) in [
            (vec![1.0, 3.0, 1.0, 3.0], vec![0.0, 0.0, 1.0, 1.0]),
            (vec![0.0, 3.0, 0.0, 3.0], vec![0.0, 1.0, 2.0, 3.0]),
            (vec![1.0, 3.0], vec![0.0, 1.0]),
            (vec![1.0, 3.0, 5.0], vec![2.0; 3]),
        ] {
            let mut found = numbers.clone();
            take_out(&mut found, &explanation);
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            for (found, number) in found.iter().zip(&numbers) {
                assert!(
                    (found - (number - mean)).abs() < 1e-12,
                    "{numbers:?} became {found}"
                );
            }
        }
        // The slope of least squares is 11.5 / 5. It explains 26.45 of 32.75, and 6.3 are left to two degrees of freedom.
        let mut found = vec![0.0, 4.0, 3.0, 8.0];
        take_out(&mut found, &[0.0, 1.0, 2.0, 3.0]);
        let slope = 2.3 * (1.0 - 6.3 / 2.0 / 26.45);
        for (at, (found, number)) in found.iter().zip([-3.75, 0.25, -0.75, 4.25]).enumerate() {
            let expected = number - slope * (at as f64 - 1.5);
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
    }
}
