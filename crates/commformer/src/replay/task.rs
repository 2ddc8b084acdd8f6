//! A task that remembers how the episodes looked that an evaluation counts.

use commformer_env::{Actions, Environment, Frame, Observation, Rng, Status, forward_environment};

/// Behaves as the task within, and records the first episode of each round, which is the one that an evaluation counts:
/// if it is [lost](commformer_env::Remote::lost), the next.
pub(super) struct RecordedTask {
    task: Box<dyn Environment>,
    /// One for each round so far.
    pub rounds: Vec<Recorded>,
    /// Steps so far.
    steps: usize,
    /// Whether the last step ended an episode: the next one begins without a round.
    ended: bool,
    /// Whether the episode of the round is whole.
    over: bool,
}

/// An episode.
#[derive(Default)]
pub(super) struct Recorded {
    /// Steps before it, those of former rounds among them.
    pub before: usize,
    /// The state before each step, and the last one.
    pub frames: Vec<Frame>,
    /// What each agent earned in each step.
    pub rewards: Vec<Vec<f32>>,
    /// Who was active in each step.
    pub active: Vec<Vec<bool>>,
}

impl RecordedTask {
    pub fn new(task: Box<dyn Environment>) -> Self {
        Self {
            task,
            rounds: Vec::new(),
            steps: 0,
            ended: false,
            over: false,
        }
    }

    /// The episode that is recorded now.
    fn recorded(&mut self) -> Option<&mut Recorded> {
        self.rounds.last_mut().filter(|_| !self.over)
    }

    fn capture(&mut self) {
        let mut frame = Frame::default();
        self.task.draw(&mut frame);
        let agents = self.task.spec().agents;
        if frame.size == [0.0; 2] {
            // A task without a picture has agents all the same.
            for (agent, at) in frame.ring(agents).into_iter().enumerate() {
                frame.agent(agent, at, 0.5, &agent.to_string());
            }
        }
        frame.agents.resize(agents, None);
        if let Some(recorded) = self.recorded() {
            if !recorded.frames.is_empty() {
                frame.scenery.clear();
            }
            recorded.frames.push(frame);
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Environment for RecordedTask {
    forward_environment! { |this| this.task =>
        spec metrics progress global_state save restore sources must_receive departed action_names agent_names draw
        remote
    }

    fn reset(&mut self, rng: &mut Rng, mut out: Observation<'_>) {
        self.task.reset(rng, out.reborrow());
        let goes_on = std::mem::take(&mut self.ended);
        let before = self.steps;
        if !goes_on {
            self.over = false;
            self.rounds.push(Recorded::default());
        }
        if let Some(recorded) = self.recorded() {
            *recorded = Recorded {
                before,
                active: vec![out.active.to_vec()],
                ..Recorded::default()
            };
            self.capture();
        }
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        mut out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self.task.step(actions, rng, out.reborrow(), rewards);
        self.steps += 1;
        self.ended = status != Status::Running;
        let ended = self.ended;
        if let Some(recorded) = self.recorded() {
            recorded.rewards.push(rewards.to_vec());
            if !ended {
                recorded.active.push(out.active.to_vec());
            }
            self.capture();
            self.over = ended && !self.task.remote().is_some_and(|remote| remote.lost());
        }
        status
    }
}

#[cfg(test)]
#[path = "../../../commformer-env/tests/suite/marker.rs"]
mod marker;

#[cfg(test)]
mod tests {
    use super::marker::{Calls, Marker, assert_forwards};
    use super::*;
    use commformer_env::{Buffers, Remote, Role, Spec, VecEnv};

    /// Two agents, episodes of three steps, no picture.
    struct Plain {
        spec: Spec,
        episodes: u32,
        steps: u32,
        /// Whether its first episode is lost, in the second step.
        lossy: bool,
    }

    impl Plain {
        fn boxed(lossy: bool) -> Box<dyn Environment> {
            Box::new(Self {
                spec: Spec::new(2, 1, commformer_env::ActionSpace::Discrete(2)),
                episodes: 0,
                steps: 0,
                lossy,
            })
        }
    }

    impl Environment for Plain {
        fn spec(&self) -> &Spec {
            &self.spec
        }

        fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
            (self.episodes, self.steps) = (self.episodes + 1, 0);
            out.obs.fill(0.0);
            out.active.fill(true);
        }

        fn step(
            &mut self,
            _actions: Actions<'_>,
            _rng: &mut Rng,
            out: Observation<'_>,
            rewards: &mut [f32],
        ) -> Status {
            self.steps += 1;
            out.obs.fill(0.0);
            out.active.fill(true);
            out.active[1] = self.steps < 2;
            rewards.fill(self.steps as f32);
            match self.steps {
                2 if self.lost() => Status::Truncated,
                3 => Status::Terminated,
                _ => Status::Running,
            }
        }

        fn metrics(&self, _out: &mut [f32]) {}

        fn remote(&mut self) -> Option<&mut dyn Remote> {
            Some(self)
        }
    }

    impl Remote for Plain {
        fn begin(&mut self, _actions: Option<Actions<'_>>, _rng: &mut Rng) {}

        fn send(&mut self) {}

        fn lost(&self) -> bool {
            self.lossy && self.episodes == 1
        }

        fn failure(&self) -> Option<&str> {
            None
        }
    }

    /// What is recorded of seven steps.
    fn recorded(lossy: bool) -> VecEnv<RecordedTask> {
        recorded_in(&[7], lossy)
    }

    /// What is recorded in rounds of so many steps.
    fn recorded_in(rounds: &[usize], lossy: bool) -> VecEnv<RecordedTask> {
        let mut envs = VecEnv::new(vec![RecordedTask::new(Plain::boxed(lossy))], 1).unwrap();
        let mut out = Buffers::of(&envs);
        for steps in rounds {
            out.reset(&mut envs).unwrap();
            for _ in 0..*steps {
                out.step(&mut envs, Actions::Discrete(&[0, 1])).unwrap();
            }
        }
        envs
    }

    #[test]
    fn each_round_has_an_episode() {
        // Rounds end with an episode, within the next, or where the first was lost.
        for (rounds, lossy, before) in [
            (&[3, 3, 3][..], false, &[0, 3, 6][..]),
            (&[4, 3], false, &[0, 4]),
            (&[5, 8], true, &[2, 5]),
        ] {
            let envs = recorded_in(rounds, lossy);
            let rounds = &envs.env(0).unwrap().rounds;
            let found: Vec<usize> = rounds.iter().map(|recorded| recorded.before).collect();
            assert_eq!(found, before);
            for recorded in rounds {
                assert_eq!((recorded.frames.len(), recorded.active.len()), (4, 3));
                assert_eq!(recorded.rewards, [[1.0; 2], [2.0; 2], [3.0; 2]]);
            }
        }
    }

    #[test]
    fn only_the_first_episode_is_filmed_and_agents_without_a_picture_stand_on_a_ring() {
        // The first that counts is the second where that one was lost.
        for (lossy, before) in [(false, 0), (true, 2)] {
            let envs = recorded(lossy);
            let [recorded] = &envs.env(0).unwrap().rounds[..] else {
                panic!("one round")
            };
            assert_eq!((recorded.before, recorded.frames.len()), (before, 4));
            assert_eq!(recorded.rewards, [[1.0; 2], [2.0; 2], [3.0; 2]]);
            assert_eq!(recorded.active, [[true, true], [true, true], [true, false]]);
            for frame in &recorded.frames {
                assert!(frame.agents.iter().all(Option::is_some));
                let discs = |agent| {
                    let of = frame.shapes.iter();
                    of.filter(|shape| shape.role == Role::Agent(agent)).count()
                };
                assert_eq!([discs(0), discs(1)], [2, 2]);
            }
        }
    }

    #[test]
    fn all_but_reset_and_step_is_the_tasks_own() {
        let calls = Calls::default();
        let mut recorded = RecordedTask::new(Box::new(Marker::new(&calls)));
        assert_forwards(&mut recorded, &calls);
    }

    #[test]
    fn a_task_that_lives_elsewhere_and_fails_is_not_played_on() {
        let recorded = RecordedTask::new(Box::new(Marker::new(&Calls::default())));
        let mut envs = VecEnv::new(vec![recorded], 1).unwrap();
        let said = Buffers::of(&envs).reset(&mut envs).unwrap_err().to_string();
        assert!(said.contains("environment 0: the wheel came off"), "{said}");
    }
}
