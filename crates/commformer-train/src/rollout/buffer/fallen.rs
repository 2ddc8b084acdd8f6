//! What a state is worth to an agent that has fallen while its team plays on.
//!
//! Nothing trains the value that the network gives an inactive agent, and the agent sees nothing of the
//! state. Yet the last return of one about to fall is estimated from that value: with gamma 0.99 and lambda
//! 0.95, most of it.
//!
//! An agent that pauses is inactive in the same way, but has more turns to come.

use super::Buffer;
use commformer_env::Status;
use ndarray::{Array3, ArrayView1, ArrayView2, Axis, s};

/// What the observations of a rollout are worth to each agent.
pub(super) struct Outlook {
    /// Those acted in, and the one after the last step, (T + 1, C, N).
    pub values: Array3<f32>,
    /// Those after each step, (T, C, N): 0 where the agent's return ends, the last observation's value where its
    /// episode was truncated, else the next of `values`.
    pub next_values: Array3<f32>,
    /// 1 where the agent's episode ended, (T, C, N).
    pub ended: Array3<f32>,
}

impl Buffer {
    /// Puts values of inactive agents in the place of the network's.
    ///
    /// Where all agents of an environment are paid alike, each of them expects the same of a state: the mean of the
    /// active agents' values. Where they are not, or nobody is active, no other agent's value says what this one
    /// expects. Its value is then what it has `earned`, (T, C, N), from here to the end of its episode or of the
    /// rollout, and nothing beyond. The value of a pause that is over in this rollout is computed in the same way, since
    /// what follows it is known. An agent that pauses when the rollout or its episode is cut off, in an environment where
    /// agents come back, expects what it expected at its last turn.
    pub(super) fn value_fallen(&self, outlook: &mut Outlook, earned: &Array3<f32>, gamma: f64) {
        let Outlook {
            values,
            next_values,
            ended,
        } = outlook;
        let (gamma, agents) = (gamma as f32, self.spec.agents);
        let shared: Vec<bool> = self.rewards.axis_iter(Axis(1)).map(is_shared).collect();
        let turns = self.last_turns();
        let expected = |values: &Array3<f32>, env: usize, agent: usize, turn: Option<usize>| {
            turn.map_or(0.0, |turn| values[[turn, env, agent]])
        };
        let finals = self.final_at.iter().zip(self.final_active.chunks(agents));
        for ((&(t, env), active), turns) in finals.zip(turns.at_finals.chunks(agents)) {
            let mean = mean(next_values.slice(s![t, env, ..]), active).filter(|_| shared[env]);
            let left = &self.departed[self.steps_of_agents(t)][env * agents..];
            for agent in (0..agents).filter(|&agent| !active[agent] && !left[agent]) {
                next_values[[t, env, agent]] =
                    mean.unwrap_or_else(|| expected(values, env, agent, turns[agent]));
            }
        }
        // Whether each agent has another turn in the same episode, within the rollout.
        let mut comes_back = vec![false; self.envs * agents];
        for t in (0..=self.steps).rev() {
            for (env, active) in self.active[self.steps_of_agents(t)]
                .chunks(agents)
                .enumerate()
            {
                let mean = mean(values.slice(s![t, env, ..]), active).filter(|_| shared[env]);
                for agent in 0..agents {
                    let at = [t, env, agent];
                    let comes_back = &mut comes_back[env * agents + agent];
                    if t < self.steps && ended[at] == 0.0 {
                        next_values[at] = values[[t + 1, env, agent]];
                    } else {
                        *comes_back = false;
                    }
                    *comes_back |= active[agent];
                    if !active[agent] {
                        let mean = mean.filter(|_| !*comes_back);
                        values[at] = mean.unwrap_or_else(|| match t < self.steps {
                            true => earned[at] + gamma * next_values[at],
                            false => {
                                expected(values, env, agent, turns.at_end[env * agents + agent])
                            }
                        });
                    }
                }
            }
        }
    }
}

/// At which step each agent had its last turn in its episode; `None` where it has none to come. An agent has more to come
/// if one of its environment has come back from a pause in this rollout, and it has not left.
struct LastTurns {
    /// Where episodes were truncated, one (N) after the other.
    at_finals: Vec<Option<usize>>,
    /// After the last step, (C, N).
    at_end: Vec<Option<usize>>,
}

impl Buffer {
    fn last_turns(&self) -> LastTurns {
        let agents = self.spec.agents;
        let mut turns: Vec<Option<usize>> = vec![None; self.envs * agents];
        let mut come_back = vec![false; self.envs];
        let mut at_finals = Vec::new();
        for t in 0..=self.steps {
            let places = turns.iter_mut().zip(&self.active[self.steps_of_agents(t)]);
            for (place, (turn, _)) in places.enumerate().filter(|(_, (_, active))| **active) {
                come_back[place / agents] |= turn.is_some_and(|turn| turn + 1 < t);
                *turn = Some(t);
            }
            if t == self.steps {
                break;
            }
            let left = &self.departed[self.steps_of_agents(t)];
            for (turn, _) in turns.iter_mut().zip(left).filter(|(_, left)| **left) {
                *turn = None;
            }
            let statuses = &self.status[t * self.envs..(t + 1) * self.envs];
            for (turns, status) in turns.chunks_mut(agents).zip(statuses) {
                if *status == Status::Truncated {
                    at_finals.extend_from_slice(turns);
                }
                if *status != Status::Running {
                    turns.fill(None);
                }
            }
        }
        let stay = |turns: &mut [Option<usize>], env: usize| {
            if !come_back[env] {
                turns.fill(None);
            }
        };
        let finals = at_finals.chunks_mut(agents).zip(&self.final_at);
        finals.for_each(|(turns, &(_, env))| stay(turns, env));
        let envs = turns.chunks_mut(agents).enumerate();
        envs.for_each(|(env, turns)| stay(turns, env));
        LastTurns {
            at_finals,
            at_end: turns,
        }
    }
}

/// Whether all agents were paid alike in each of an environment's steps, (T, N).
fn is_shared(rewards: ArrayView2<'_, f32>) -> bool {
    let alike = |row: ArrayView1<'_, f32>| row.iter().all(|reward| *reward == row[0]);
    rewards.rows().into_iter().all(alike)
}

/// Of the active agents' values, (N); `None` where nobody is active.
fn mean(values: ArrayView1<'_, f32>, active: &[bool]) -> Option<f32> {
    let of_active = || values.iter().zip(active).filter(|(_, active)| **active);
    let count = of_active().count();
    let sum: f32 = of_active().map(|(value, _)| value).sum();
    (count > 0).then(|| sum / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::buffer::scripted::Scripted;
    use crate::{Fallen, PpoConfig, ValueNorm};
    use commformer_env::{Environment, Status, VecEnv};
    use proptest::prelude::*;
    use tch::{Device, Kind, Tensor};

    /// Advantages, (T, N), of a rollout as long as the episode, with these values of the network, (T + 1, N), the last
    /// of them those of the last observation.
    fn advantages(
        active: &[&[bool]],
        rewards: &[&[f32]],
        values: &[&[f32]],
        end: Status,
        fallen: Fallen,
        [gamma, gae_lambda]: [f64; 2],
    ) -> Vec<Vec<f32>> {
        let (steps, agents) = (rewards.len(), active[0].len());
        let scripted = Scripted::new(active, rewards, end);
        let mut buffer = Buffer::new(scripted.spec(), 1, steps).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        buffer.begin().unwrap();
        let row = |values: &[f32]| Tensor::from_slice(values).view([1, agents as i64]);
        for (t, values) in values[..steps].iter().enumerate() {
            buffer.values.write(t, &row(values)).unwrap();
            buffer.step(t, &mut env).unwrap();
        }
        let nothing = Tensor::zeros([1, agents as i64], (Kind::Float, Device::Cpu));
        let last = row(values[steps]);
        match end {
            Status::Truncated => buffer.finish(&nothing, Some(&last)),
            _ => buffer.finish(&last, None),
        }
        .unwrap();
        // Of mean 0 and standard deviation 1, so that values stay what they are.
        let mut norm = ValueNorm::default();
        norm.update([-1.0, 1.0].into_iter());
        let config = PpoConfig {
            gamma,
            gae_lambda,
            fallen,
            ..PpoConfig::default()
        };
        let (advantages, _) = buffer.advantages(&norm, &config).unwrap();
        let rows = advantages.index_axis(Axis(1), 0);
        rows.rows().into_iter().map(|row| row.to_vec()).collect()
    }

    const BOTH: &[bool] = &[true, true];
    const FIRST: &[bool] = &[true, false];
    const NOBODY: &[bool] = &[false, false];

    fn close(found: &[Vec<f32>], expected: &[&[f32]]) {
        for (found, expected) in found.iter().zip(expected) {
            for (found, expected) in found.iter().zip(*expected) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{found:?}, not {expected:?}"
                );
            }
        }
    }

    #[test]
    fn the_fallen_expects_what_its_team_expects() {
        // The second agent falls in the first step; the network says 100 of it from then on.
        let active = [BOTH, FIRST, FIRST, FIRST];
        let rewards: [&[f32]; 3] = [&[1.0, 1.0], &[2.0, 2.0], &[4.0, 4.0]];
        let values: [&[f32]; 4] = [&[3.0, 1.0], &[6.0, 100.0], &[8.0, 100.0], &[10.0, 100.0]];
        let of = |end, fallen| advantages(&active, &rewards, &values, end, fallen, [0.5, 1.0]);
        // Steps by themselves, the first agent: 4 + 5 - 8, 2 + 4 - 6, 1 + 3 - 3; half of what comes later on top.
        // The second has the same but in the first step: 1 + 3 - 1.
        let whole: [&[f32]; 3] = [&[1.25, 3.25], &[0.5, 0.5], &[1.0, 1.0]];
        close(&of(Status::Running, Fallen::Team), &whole);
        close(&of(Status::Truncated, Fallen::Team), &whole);
        // A terminated episode's last step: 4 - 8.
        let ended: [&[f32]; 3] = [&[0.0, 2.0], &[-2.0, -2.0], &[-4.0, -4.0]];
        close(&of(Status::Terminated, Fallen::Team), &ended);
        // The network's own: 1 + 50 - 1 + (2 + 50 - 100 + (4 + 50 - 100) / 2) / 2.
        let own = of(Status::Running, Fallen::Own);
        assert!((own[0][1] - 14.5).abs() < 1e-4, "{own:?}");
    }

    #[test]
    fn where_agents_are_paid_apart_the_fallen_is_worth_what_it_earns() {
        let active = [BOTH, FIRST, FIRST, FIRST];
        let rewards: [&[f32]; 3] = [&[1.0, 1.0], &[2.0, 0.0], &[4.0, 8.0]];
        let values: [&[f32]; 4] = [&[3.0, 1.0], &[6.0, 100.0], &[8.0, 100.0], &[10.0, 100.0]];
        let found = advantages(
            &active,
            &rewards,
            &values,
            Status::Running,
            Fallen::Team,
            [0.5, 1.0],
        );
        // 1 + (0 + 8 / 2) / 2 - 1; nothing is left to be surprised by afterwards.
        close(&found, &[&[1.25, 2.0], &[0.5, 0.0], &[1.0, 0.0]]);
    }

    #[test]
    fn who_pauses_is_paid_at_its_next_turn() {
        // The second agent has a turn in every second step. The network says 100 of it in between.
        let active = [BOTH, FIRST, BOTH, FIRST];
        let rewards: [&[f32]; 3] = [&[1.0, 0.0], &[1.0, 0.0], &[1.0, 4.0]];
        let values: [&[f32]; 4] = [&[0.0, 3.0], &[0.0, 100.0], &[0.0, 1.0], &[0.0, 100.0]];
        let of = |end| advantages(&active, &rewards, &values, end, Fallen::Team, [0.5, 1.0]);
        // It pauses at the end, where it expects what it did at its last turn: its steps by themselves are
        // 4 + 0.5 - 1, 0 (a pause is worth half of what comes after it), and 0.5 * 0.5 - 3; half of what comes later on top.
        let whole: [&[f32]; 3] = [&[1.75, -1.875], &[1.5, 1.75], &[1.0, 3.5]];
        close(&of(Status::Running), &whole);
        close(&of(Status::Truncated), &whole);
        // A terminated episode's last turn: 4 - 1.
        let ended: [&[f32]; 3] = [&[1.75, -2.0], &[1.5, 1.5], &[1.0, 3.0]];
        close(&of(Status::Terminated), &ended);
    }

    #[test]
    fn a_pause_that_is_over_is_worth_what_followed_it() {
        // All are paid alike, which says nothing where little is paid; the first one's 50 is not the second one's.
        let active = [BOTH, FIRST, BOTH, BOTH];
        let rewards: [&[f32]; 3] = [&[1.0, 1.0]; 3];
        let values: [&[f32]; 4] = [&[0.0, 3.0], &[50.0, 100.0], &[0.0, 1.0], &[0.0, 2.0]];
        let of = |end| advantages(&active, &rewards, &values, end, Fallen::Team, [0.5, 1.0]);
        // 1 + 1 - 1; nothing new in the pause, worth 1 + 0.5; 1 + 0.75 - 3; half of what comes later on top.
        let expected: [&[f32]; 3] = [&[1.75, -1.0], &[-48.5, 0.5], &[1.0, 1.0]];
        close(&of(Status::Running), &expected);
        close(&of(Status::Truncated), &expected);
    }

    #[test]
    fn where_nobody_is_active_all_are_worth_what_they_earn() {
        let active = [BOTH, NOBODY, NOBODY, FIRST];
        let rewards: [&[f32]; 3] = [&[1.0, 1.0], &[2.0, 2.0], &[4.0, 4.0]];
        let values: [&[f32]; 4] = [
            &[3.0, 1.0],
            &[100.0, 100.0],
            &[100.0, 100.0],
            &[10.0, 100.0],
        ];
        let found = advantages(
            &active,
            &rewards,
            &values,
            Status::Running,
            Fallen::Team,
            [0.5, 1.0],
        );
        // 4 + 10 / 2 = 9, 2 + 9 / 2 = 6.5, and 1 + 6.5 / 2 less what was expected.
        close(&found, &[&[1.25, 3.25], &[0.0, 0.0], &[0.0, 0.0]]);
    }

    proptest! {
        /// Where the value of the fallen is known, because the network says of it what it says of the others, the team's
        /// value changes nothing.
        #[test]
        fn equals_a_run_in_which_the_fallen_s_value_is_known(
            steps in prop::collection::vec((0.0..2.0_f32, -3.0..3.0_f32, 0..3_usize), 1..8),
            gamma in 0.0..1.0_f64,
            lambda in 0.0..1.0_f64,
            truncated: bool,
        ) {
            let mut active = vec![vec![true; 3]];
            let (mut rewards, mut values) = (Vec::new(), Vec::new());
            for &(reward, value, falls) in &steps {
                rewards.push(vec![reward; 3]);
                values.push(vec![value; 3]);
                let mut next = active.last().unwrap().clone();
                // The first never falls.
                next[falls] = falls == 0;
                active.push(next);
            }
            values.push(vec![1.0; 3]);
            let end = if truncated { Status::Truncated } else { Status::Running };
            fn rows<T>(of: &[Vec<T>]) -> Vec<&[T]> {
                of.iter().map(Vec::as_slice).collect()
            }
            let of = |values: &[Vec<f32>], fallen| {
                let (active, rewards, values) = (rows(&active), rows(&rewards), rows(values));
                advantages(&active, &rewards, &values, end, fallen, [gamma, lambda])
            };
            let known = of(&values, Fallen::Own);
            let mut unknown = values.clone();
            for (values, active) in unknown.iter_mut().zip(&active) {
                for (value, active) in values.iter_mut().zip(active) {
                    if !active {
                        *value = 1e3;
                    }
                }
            }
            let found = of(&unknown, Fallen::Team);
            for (found, known) in found.iter().flatten().zip(known.iter().flatten()) {
                prop_assert!((found - known).abs() < 1e-4);
            }
        }
    }
}
