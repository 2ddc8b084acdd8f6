//! What is known at an episode's end, and after it.

use super::*;
use crate::shown::{Scene, Shown};

#[test]
fn an_ended_episode_leaves_its_last_observation_and_the_next_one_begins() {
    let envs = vec![
        Counter::new(2.0, Status::Terminated),
        Counter::new(3.0, Status::Truncated),
    ];
    let mut team = Team::new(VecEnv::new(envs, 0).unwrap());
    team.reset().unwrap();
    assert_eq!(team.out.obs, [0., 1., 0., 1., 0., 1., 0., 1.]);
    // Rewards of 1 and 3 in environment 0, 5 and 8 in environment 1.
    let actions = Actions::Continuous(&[1., 0., 3., 0., 5., 0., 8., 0.]);

    team.step(actions).unwrap();
    assert_eq!(team.out.rewards, [1., 3., 5., 8.]);
    assert_eq!(team.out.active, [true, false, true, false]);
    assert_eq!(team.out.status, [Status::Running; 2]);
    assert!(team.envs.episodes().is_empty());
    assert!(team.envs.final_obs(0).is_empty());

    team.step(actions).unwrap();
    assert_eq!(team.out.status, [Status::Terminated, Status::Running]);
    assert_eq!(team.out.obs, [0., 2., 0., 2., 2., 1., 2., 1.]);
    assert_eq!(team.out.active, [true, true, true, false]);
    assert_eq!(team.envs.final_obs(0), [2., 1., 2., 1.]);
    assert!(team.envs.final_obs(1).is_empty());
    assert!(
        team.envs.final_obs(2).is_empty(),
        "there is no such environment"
    );
    assert_eq!(
        team.envs.episodes(),
        [Episode {
            env: 0,
            steps: 2,
            team_return: 4.0,
            metrics: vec![1.0]
        }]
    );

    team.step(actions).unwrap();
    assert_eq!(team.out.status, [Status::Running, Status::Truncated]);
    assert!(team.envs.final_obs(0).is_empty());
    assert_eq!(team.envs.final_obs(1), [3., 1., 3., 1.]);
    assert_eq!(
        team.envs.episodes(),
        [Episode {
            env: 1,
            steps: 3,
            team_return: 19.5,
            metrics: vec![1.0]
        }]
    );

    for _ in 0..3 {
        team.step(actions).unwrap();
    }
    assert_eq!(
        team.envs
            .episodes()
            .iter()
            .map(|e| (e.env, e.metrics[0]))
            .collect::<Vec<_>>(),
        [(0, 3.0), (1, 2.0)]
    );

    team.reset().unwrap();
    assert!(team.envs.episodes().is_empty());
    assert!(team.envs.final_obs(0).is_empty());
    assert_eq!(team.out.obs, [0., 5., 0., 5., 0., 4., 0., 4.]);
}

#[test]
fn the_steps_of_an_episode_are_counted_until_the_next_has_begun() {
    let mut team = Team::new(VecEnv::new(vec![Counter::new(3.0, Status::Truncated)], 0).unwrap());
    team.reset().unwrap();
    let mut counted = vec![team.envs.episode_steps(0)];
    for _ in 0..5 {
        team.step(Actions::Continuous(&[0.0; 4])).unwrap();
        counted.push(team.envs.episode_steps(0));
    }
    assert_eq!(counted, [0, 1, 2, 3, 1, 2]);
    assert_eq!(
        team.envs.episode_steps(1),
        0,
        "there is no such environment"
    );
}

#[test]
fn who_was_active_at_an_end_is_known_beside_the_last_observation() {
    let task = TrafficJunction::new(Default::default()).unwrap();
    let mut team = Team::new(VecEnv::new(vec![task; 2], 1).unwrap());
    team.reset().unwrap();
    for step in 1..=20 {
        assert!(team.envs.final_active(0).is_empty());
        let before = team.out.active.clone();
        team.step(Actions::Discrete(&[1; 10])).unwrap();
        if step < 20 {
            continue;
        }
        // Nobody leaves who brakes; the new episodes begin without cars.
        assert_eq!(team.out.active, [false; 10]);
        for (env, before) in before.chunks(5).enumerate() {
            let last = team.envs.final_active(env);
            assert!(last.contains(&true));
            assert!(before.iter().zip(last).all(|(before, last)| before <= last));
            let seen = team.envs.final_obs(env).chunks(137);
            let seen: Vec<bool> = seen.map(|obs| obs.iter().any(|&x| x != 0.0)).collect();
            assert_eq!(seen, last);
        }
    }
    assert!(team.envs.final_active(2).is_empty());
}

/// Lives elsewhere, and loses its first episode.
struct Lossy(Counter);

#[deny(clippy::missing_trait_methods)]
impl Environment for Lossy {
    forward_environment! { |this| this.0 =>
        spec reset step metrics progress global_state save restore sources must_receive departed action_names
        agent_names draw
    }

    fn remote(&mut self) -> Option<&mut dyn Remote> {
        Some(self)
    }
}

impl Remote for Lossy {
    fn begin(&mut self, _actions: Option<Actions<'_>>, _rng: &mut Rng) {}

    fn send(&mut self) {}

    fn lost(&self) -> bool {
        self.0.episode == 1.0
    }

    fn failure(&self) -> Option<&str> {
        None
    }
}

#[test]
fn an_episode_that_was_lost_ends_and_is_not_told() {
    let counter = Counter::new(2.0, Status::Truncated);
    let mut team = Team::new(VecEnv::new(vec![Lossy(counter)], 0).unwrap());
    team.reset().unwrap();
    let actions = Actions::Continuous(&[1.0; 4]);
    for (status, lost, told) in [
        (Status::Running, false, 0),
        (Status::Truncated, true, 0),
        (Status::Running, false, 0),
        (Status::Truncated, false, 1),
    ] {
        team.step(actions).unwrap();
        assert_eq!(team.out.status, [status]);
        let ended = status != Status::Running;
        assert_eq!(team.envs.final_obs(0).is_empty(), !ended);
        assert_eq!(
            (team.envs.lost(0), team.envs.episodes().len()),
            (lost, told)
        );
    }
    assert_eq!(team.envs.episodes()[0].metrics, [2.0]);
}

#[test]
fn who_has_left_earns_nothing_more_until_another_comes() {
    let scene = |active, departed| Scene {
        obs: [0.0; 4],
        active: [true, active],
        departed: [false, departed],
    };
    // In step 2 somebody leaves, in step 5 another comes. Each step pays its number.
    let there = [true, true, false, false, false, true];
    let scenes = (0..)
        .zip(there)
        .map(|(step, there)| scene(there, step == 2));
    let task = Shown::new(scenes, true, Status::Terminated);
    let mut team = Team::new(VecEnv::new(vec![task.clone(), task], 0).unwrap());
    team.reset().unwrap();
    for paid in [1., 2., 0., 0., 5.] {
        team.step(Actions::Discrete(&[0; 4])).unwrap();
        assert_eq!((team.out.rewards[1], team.out.rewards[3]), (paid, paid));
    }
    let returns: Vec<f32> = team.envs.episodes().iter().map(|e| e.team_return).collect();
    // The other agent is paid in all five steps.
    assert_eq!(returns, [(15. + 8.) / 2.; 2]);
    team.step(Actions::Discrete(&[0; 4])).unwrap();
    assert_eq!(team.out.rewards, [1.; 4], "of the next episode");
}

/// One agent with four actions, of which the step's own number cannot be taken.
#[derive(Clone)]
struct Masked {
    spec: Spec,
    steps: usize,
}

impl Masked {
    fn observe(&self, out: Observation<'_>) {
        out.obs.fill(self.steps as f32);
        out.active.fill(true);
        for (action, available) in out.available.iter_mut().enumerate() {
            *available = action != self.steps;
        }
    }
}

impl Environment for Masked {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0;
        self.observe(out);
    }

    fn step(
        &mut self,
        _actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps += 1;
        self.observe(out);
        rewards.fill(0.0);
        match self.steps {
            3 => Status::Truncated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, _out: &mut [f32]) {}
}

#[test]
fn the_mask_of_an_end_is_known_beside_the_last_observation() {
    let task = Masked {
        spec: Spec {
            masks_actions: true,
            ..Spec::new(1, 1, ActionSpace::Discrete(4))
        },
        steps: 0,
    };
    let mut team = Team::new(VecEnv::new(vec![task; 2], 1).unwrap());
    team.reset().unwrap();
    for step in 1..=6 {
        team.step(Actions::Discrete(&[0; 2])).unwrap();
        for env in 0..2 {
            let expected: &[bool] = match step % 3 {
                0 => &[true, true, true, false],
                _ => &[],
            };
            assert_eq!(team.envs.final_available(env), expected, "step {step}");
        }
        // The next episode's own mask stands in the caller's memory.
        assert_eq!(
            team.out.available[..4].iter().position(|&x| !x),
            Some(step % 3)
        );
    }
    assert!(team.envs.final_available(2).is_empty());
}
