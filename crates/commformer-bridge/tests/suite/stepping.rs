//! What workers write arrives, where it belongs and whoever wrote it.

use crate::{Stage, task};
use commformer_bridge::{PythonConfig, PythonEnv, envs};
use commformer_env::{
    ActionSpace, Actions, Environment, Form, Frame, Observation, Rng, Status, VecEnv, VecEnvError,
};

#[test]
fn a_task_describes_itself() {
    let Some(config) = task("Counting", "") else {
        return;
    };
    let stage = Stage::new(&config, 3);
    let spec = stage.spec();
    assert_eq!((spec.agents, spec.obs_dim), (2, 3));
    assert_eq!(spec.actions, ActionSpace::Discrete(4));
    assert_eq!(spec.metrics, ["moves", "sum"]);
    assert!(spec.masks_actions);
    let env = stage.envs.env(0).unwrap();
    assert_eq!(env.agent_names(), ["left", "right"]);
    assert_eq!(env.action_names(), ["a", "b", "c", "d"]);
}

#[test]
fn every_environment_gets_its_own_actions_and_gives_its_own_numbers() {
    let Some(config) = task("Counting", "") else {
        return;
    };
    let mut stage = Stage::new(&config, 5);
    stage.reset().unwrap();
    let actions: Vec<i64> = (0..10).map(|row| row % 4).collect();
    let seeds: Vec<f32> = stage.out.obs.chunks(3).map(|row| row[0]).collect();
    stage.step(&actions).unwrap();
    for (row, obs) in stage.out.obs.chunks(3).enumerate() {
        assert_eq!(obs, [seeds[row], 1.0, actions[row] as f32]);
        assert_eq!(stage.out.rewards[row], actions[row] as f32 * 0.5);
    }
    // The first agent of an environment lacks action 1 + step % 3.
    assert_eq!(
        stage.out.available[..8],
        [true, true, false, true, true, true, true, true]
    );
    assert!(stage.out.active.iter().all(|active| *active));
    // Environments have streams of their own.
    assert!(seeds[0] != seeds[2] && seeds[2] != seeds[4], "{seeds:?}");
}

#[test]
fn an_episode_ends_with_its_last_observation_and_the_next_has_begun() {
    let Some(config) = task("Counting", "") else {
        return;
    };
    let mut stage = Stage::new(&config, 2);
    stage.reset().unwrap();
    let seed = stage.out.obs[0];
    for step in 1..=4 {
        stage.step(&[3; 4]).unwrap();
        let over = step == 4;
        let status = if over {
            Status::Terminated
        } else {
            Status::Running
        };
        assert_eq!(stage.out.status, [status; 2]);
        assert_eq!(stage.out.active[1], step != 3);
    }
    let episode = stage.envs.episodes()[0].clone();
    assert_eq!((episode.steps, episode.team_return), (4, 6.0));
    assert_eq!(episode.metrics, [4.0, 6.0]);
    assert_eq!(stage.envs.final_obs(0)[..3], [seed, 4.0, 3.0]);
    assert_eq!(stage.envs.final_active(0), [true, false]);
    assert_ne!(stage.out.obs[0], seed);
    assert_eq!(stage.out.obs[1..3], [0.0, 0.0]);
}

#[test]
fn a_global_state_is_that_of_the_present_and_of_an_episodes_end() {
    let Some(config) = task("Stated", "") else {
        return;
    };
    // Nobody has asked for it.
    assert_eq!(Stage::new(&config, 2).spec().state_dim, 0);
    let config = PythonConfig {
        global_state: true,
        ..config
    };
    let mut stage = Stage::new(&config, 2);
    assert_eq!(stage.spec().state_dim, 2);
    stage.envs.keep_final_states();
    stage.reset().unwrap();
    let mut begun = [0.0; 4];
    stage.envs.global_states(&mut begun).unwrap();
    // What the first agents see of the seeds.
    assert_eq!(begun, [stage.out.obs[0], 0.0, stage.out.obs[6], 0.0]);
    let mut states = [0.0; 4];
    for step in 1..=4 {
        stage.step(&[3; 4]).unwrap();
        stage.envs.global_states(&mut states).unwrap();
        if step < 4 {
            assert_eq!(states, [begun[0], step as f32, begun[2], step as f32]);
        }
    }
    assert_eq!(states, [stage.out.obs[0], 0.0, stage.out.obs[6], 0.0]);
    for env in 0..2 {
        assert_eq!(stage.envs.final_state(env), [begun[2 * env], 4.0]);
    }
}

#[test]
fn a_global_state_that_is_none_is_refused() {
    let Some(config) = task("Counting", "") else {
        return;
    };
    let config = PythonConfig {
        global_state: true,
        ..config
    };
    let said = envs(&config, 2).unwrap_err().to_string();
    assert!(said.contains("expected state_dim and state()"), "{said}");
    for (wrong, step, words) in [
        (
            "shape",
            0,
            "the numbers of state() have the shape (3,): expected (2,)",
        ),
        (
            "nan",
            2,
            "in step 2 of its episode: number 1 of the global state",
        ),
    ] {
        let Some(config) = task("Stated", &format!("wrong = '{wrong}'")) else {
            return;
        };
        let mut stage = Stage::new(
            &PythonConfig {
                global_state: true,
                ..config
            },
            1,
        );
        let mut told = stage.reset();
        for _ in 0..step {
            told = told.and_then(|()| stage.step(&[3; 2]));
        }
        let said = told.unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn who_is_gone_has_left_only_where_the_task_says_so() {
    for name in ["Counting", "Leaving", "Pausing"] {
        let Some(config) = task(name, "") else {
            return;
        };
        let mut stage = Stage::new(&config, 2);
        stage.reset().unwrap();
        // Two episodes of four steps; the second agent is not active in the last two of each.
        for step in 0..8 {
            stage.step(&[3; 4]).unwrap();
            let departed = stage.envs.departed(1).unwrap();
            match name {
                "Leaving" | "Pausing" => {
                    assert_eq!(departed, [false, step % 4 == 2], "step {step}")
                }
                _ => assert!(departed.is_empty()),
            }
        }
    }
}

#[test]
fn ends_of_a_parallel_environment_are_each_agent_s_own() {
    let Some(config) = task("Ends", "") else {
        return;
    };
    let mut stage = Stage::new(&config, 2);
    stage.reset().unwrap();
    for step in 1..=6 {
        stage.step(&[0; 4]).unwrap();
        let over = step % 3 == 0;
        let departed = stage.envs.departed(1).unwrap();
        assert_eq!(departed, [over, false], "step {step}");
        if over {
            assert_eq!(stage.out.status, [Status::Truncated; 2]);
            assert_eq!(stage.envs.final_active(1), [false, true]);
            assert_eq!(stage.envs.final_obs(1)[3..], [0.0, 0.0, 1.0]);
        } else {
            assert_eq!(stage.out.status, [Status::Running; 2]);
        }
        assert!(stage.out.active.iter().all(|active| *active));
    }
}

#[test]
fn a_limit_cuts_episodes() {
    let Some(mut config) = task("Counting", "length = 9") else {
        return;
    };
    config.episode_limit = 2;
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    stage.step(&[0, 0]).unwrap();
    assert_eq!(stage.out.status, [Status::Running]);
    stage.step(&[0, 0]).unwrap();
    assert_eq!(stage.out.status, [Status::Truncated]);
}

#[test]
fn a_step_that_was_begun_is_taken_once_and_can_be_dropped() {
    let Some(config) = task("Counting", "") else {
        return;
    };
    let [mut ahead, mut plain] = [0, 1].map(|_| Stage::new(&config, 3));
    let begin =
        |stage: &mut Stage, actions: &[i64]| stage.envs.begin_step(Actions::Discrete(actions));
    assert_eq!(begin(&mut ahead, &[0; 6]), Err(VecEnvError::NotReset));
    ahead.reset().unwrap();
    plain.reset().unwrap();
    assert!(begin(&mut ahead, &[4; 6]).is_err());
    // Over the end of an episode, which lasts four steps.
    for step in 0..6 {
        let actions = [step % 4; 6];
        begin(&mut ahead, &actions).unwrap();
        ahead.step(&actions).unwrap();
        plain.step(&actions).unwrap();
        assert_eq!(
            (&ahead.out.obs, &ahead.out.rewards),
            (&plain.out.obs, &plain.out.rewards)
        );
    }
    begin(&mut ahead, &[1; 6]).unwrap();
    ahead.reset().unwrap();
    let seeds: Vec<f32> = ahead.out.obs.chunks(3).map(|row| row[0]).collect();
    ahead.step(&[2; 6]).unwrap();
    for (row, seed) in ahead.out.obs.chunks(3).zip(seeds) {
        assert_eq!(row, [seed, 1.0, 2.0]);
    }
}

#[test]
fn the_number_of_workers_and_of_callers_changes_nothing() {
    let Some(config) = task("Counting", "") else {
        return;
    };
    let played = |workers: usize, shard: usize| {
        let config = commformer_bridge::PythonConfig {
            workers,
            ..config.clone()
        };
        let envs = VecEnv::new(commformer_bridge::envs(&config, 6).unwrap(), 7).unwrap();
        let mut stages: Vec<Stage> = envs.split(shard).into_iter().map(Stage::of).collect();
        // Shards share workers, and go their ways at the same time.
        let told: Vec<Vec<f32>> = std::thread::scope(|scope| {
            let play = |stage: &mut Stage| {
                stage.reset().unwrap();
                let mut told = Vec::new();
                for step in 0..30 {
                    let rows = stage.out.rewards.len() as i64;
                    let actions: Vec<i64> = (0..rows).map(|row| (row % 2 + step) % 4).collect();
                    stage.step(&actions).unwrap();
                    told.extend_from_slice(&stage.out.obs);
                }
                told
            };
            let threads: Vec<_> = stages
                .iter_mut()
                .map(|stage| scope.spawn(move || play(stage)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        // By steps, then environments.
        let widths: Vec<usize> = stages.iter().map(|stage| stage.out.obs.len()).collect();
        let of_step = |step: usize| {
            let parts = told.iter().zip(&widths);
            parts.flat_map(move |(told, width)| told[step * width..(step + 1) * width].to_vec())
        };
        (0..30).flat_map(of_step).collect::<Vec<f32>>()
    };
    let alone = played(1, 6);
    assert_eq!(played(2, 6), alone);
    assert_eq!(played(4, 6), alone);
    assert_eq!(played(2, 2), alone);
    assert_eq!(played(3, 1), alone);
}

#[test]
fn real_numbers_are_actions_and_one_reward_is_for_all() {
    let Some(config) = task("Moving", "") else {
        return;
    };
    let mut stage = Stage::new(&config, 2);
    assert_eq!(stage.spec().actions, ActionSpace::Continuous(2));
    stage.reset().unwrap();
    stage
        .act(Actions::Continuous(&[0.5, -1.0, 2.0, 3.0]))
        .unwrap();
    assert_eq!(stage.out.rewards, [1.0, 1.0]);
    assert_eq!(stage.out.status, [Status::Truncated; 2]);
    assert_eq!(stage.envs.final_obs(1), [2.0, 3.0]);
}

#[test]
fn the_last_picture_of_an_episode_is_of_its_end() {
    let Some(config) = task("Counting", "length = 2") else {
        return;
    };
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    let at = |stage: &Stage| {
        let mut frame = Frame::default();
        stage.envs.env(0).unwrap().draw(&mut frame);
        match frame.shapes[0].form {
            Form::Circle([x, ..]) => x,
            _ => panic!("{frame:?}"),
        }
    };
    assert_eq!(at(&stage), 0.0);
    stage.step(&[0, 0]).unwrap();
    assert_eq!(at(&stage), 1.0);
    stage.step(&[0, 0]).unwrap();
    assert_eq!(stage.out.status, [Status::Terminated]);
    assert_eq!(at(&stage), 2.0);
    // What has begun is over first.
    let actions = [0, 0];
    stage.envs.begin_step(Actions::Discrete(&actions)).unwrap();
    assert_eq!(at(&stage), 1.0);
    stage.step(&actions).unwrap();
    assert_eq!(stage.out.obs[1], 1.0);
}

/// Resets an environment, or steps it; what its two agents see.
pub fn play(env: &mut PythonEnv, actions: Option<[i64; 2]>) -> [f32; 6] {
    let mut obs = [0.0; 6];
    let out = Observation {
        obs: &mut obs,
        available: &mut [false; 8],
        active: &mut [false; 2],
    };
    let rng = &mut Rng::new(1, 2);
    match &actions {
        Some(actions) => {
            env.step(Actions::Discrete(actions), rng, out, &mut [0.0; 2]);
        }
        None => env.reset(rng, out),
    }
    obs
}

#[test]
fn environments_are_begun_together_or_apart_and_called_by_their_numbers_among_all() {
    let Some(config) = task("Counting", "fault = 'exit'\nat = 2\nlength = 9") else {
        return;
    };
    // What is begun at the same time, and what the one that fails was to do.
    for (begun, expected) in [
        (&[4, 5][..], "was to step environments 4 to 5"),
        (&[3, 4, 5], "was to step environments 3 to 5"),
        (&[3, 5], "was to step environment 3"),
        (&[5], "was to step environment 5"),
        (&[1, 2], "was to step environments 1 to 2"),
    ] {
        let mut envs = envs(&config, 6).unwrap();
        let step = |actions: [i64; 2], envs: &mut [PythonEnv]| {
            for env in begun {
                let remote = envs[*env].remote().unwrap();
                remote.begin(Some(Actions::Discrete(&actions)), &mut Rng::new(1, 2));
            }
            let seen = begun.iter().map(|env| play(&mut envs[*env], Some(actions)));
            seen.collect::<Vec<_>>()
        };
        for env in begun {
            play(&mut envs[*env], None);
        }
        for obs in step([3, 2], &mut envs) {
            assert_eq!((obs[1..3].to_vec(), obs[5]), (vec![1.0, 3.0], 2.0));
        }
        step([0, 0], &mut envs);
        let said = envs[begun[0]]
            .remote()
            .unwrap()
            .failure()
            .unwrap_or_default();
        assert!(said.contains(&format!("{expected}; ")), "{said}");
    }
}

#[test]
fn an_episode_begins_once_and_after_what_was_begun_before() {
    let Some(mut config) = task("Resets", "") else {
        return;
    };
    config.workers = 1;
    let mut stage = Stage::new(&config, 2);
    stage.reset().unwrap();
    for step in 0..9 {
        let episode = 1.0 + (step / 4) as f32;
        assert_eq!([stage.out.obs[0], stage.out.obs[6]], [episode; 2], "{step}");
        stage.step(&[0; 4]).unwrap();
    }
    // The second environment is still to be stepped when the reset is asked for.
    stage.envs.begin_step(Actions::Discrete(&[1; 4])).unwrap();
    stage.reset().unwrap();
    assert_eq!([stage.out.obs[0], stage.out.obs[6]], [4.0; 2]);
}

#[test]
fn a_worker_that_fails_as_episodes_begin_is_started_anew_for_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let Some(mut config) = task("Resets", &format!("mark = '{}'", mark.display())) else {
        return;
    };
    (config.workers, config.restarts) = (1, 1);
    let mut stage = Stage::new(&config, 3);
    stage.reset().unwrap();
    assert_eq!([0, 6, 12].map(|at| stage.out.obs[at]), [1.0; 3]);
    stage.step(&[2; 6]).unwrap();
    assert_eq!(stage.out.status, [Status::Running; 3]);
    assert_eq!([1, 7, 13].map(|at| stage.out.obs[at]), [1.0; 3]);
}
