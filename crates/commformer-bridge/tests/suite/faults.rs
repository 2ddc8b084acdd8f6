//! What can happen to a worker is told with its place and Python's words, or survived where that was asked for.

use crate::{Stage, task};
use commformer_bridge::{PythonConfig, envs};
use commformer_env::{Actions, Environment, Frame, Rng, Status, VecEnvError};
use std::time::{Duration, Instant};

/// The error of the first step that has one.
pub fn broken(config: &PythonConfig) -> String {
    let mut stage = Stage::new(config, 3);
    stage.reset().unwrap();
    for _ in 0..9 {
        match stage.step(&[1; 6]) {
            Ok(()) => {}
            Err(VecEnvError::Remote { env, what }) => return format!("{env}: {what}"),
            Err(other) => panic!("{other}"),
        }
    }
    panic!("nothing was wrong")
}

#[track_caller]
pub fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[test]
fn a_fault_names_the_worker_the_environment_the_step_and_what_python_said() {
    let Some(config) = task("Counting", "fault = 'raise'") else {
        return;
    };
    let parts = [
        "worker ",
        "`tests.suite.tasks:Counting`",
        "step 3 of its environment 0",
        "Traceback",
        "ValueError: the wheel came off",
    ];
    says(&broken(&config), &parts);
    let Some(config) = task("Counting", "fault = 'shape'") else {
        return;
    };
    says(
        &broken(&config),
        &["step 3 of its environment 0", "(1, 3)", "(2, 3)"],
    );
    let Some(config) = task("Counting", "fault = 'nan'") else {
        return;
    };
    let text = broken(&config);
    says(&text, &["not finite", "step 3"]);
    assert!(
        text.ends_with("number 2 of the observation of agent 1"),
        "{text}"
    );
    let Some(config) = task("Counting", "fault = 'exit'") else {
        return;
    };
    says(&broken(&config), &["ended (exit status: 3)", "good bye"]);
    let Some(config) = task("Counting", "fault = 'kill'") else {
        return;
    };
    says(&broken(&config), &["ended (signal: 9"]);
    let Some(config) = task("Counting", "fault = 'reset'") else {
        return;
    };
    says(
        &broken(&config),
        &["a reset of its environment 0", "no new episode"],
    );
}

/// Of the first episode, and of one that begins when another has ended.
#[test]
fn a_number_of_a_reset_that_is_not_finite_names_the_worker_and_the_environment() {
    let Some(mut config) = task("Counting", "fault = 'nan in reset'\nat = 0") else {
        return;
    };
    let wrong =
        "wrote a number that is not finite, in a reset: number 1 of the observation of agent 1";
    let said = Stage::new(&config, 3).reset().unwrap_err().to_string();
    says(&said, &["environment 0: worker ", wrong]);
    config.options.insert("at".into(), 3.into());
    says(&broken(&config), &["0: worker ", wrong]);

    // It is started anew like one that fails in a step.
    config.restarts = 1;
    config.workers = 1;
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    for _ in 0..4 {
        stage.step(&[1; 2]).unwrap();
    }
    assert_eq!(stage.out.status, [Status::Terminated]);
    assert!(stage.out.obs.iter().all(|number| number.is_finite()));
    stage.step(&[1; 2]).unwrap();
    assert_eq!(
        (stage.out.status[0], stage.out.obs[1]),
        (Status::Running, 1.0)
    );
}

#[test]
fn a_worker_that_hangs_says_where() {
    let Some(mut config) = task("Counting", "fault = 'hang'") else {
        return;
    };
    config.timeout = 1.0;
    says(
        &broken(&config),
        &[
            "no answer within 1 s (env.timeout)",
            "to step environment 0",
            "in break_down",
        ],
    );
}

#[test]
fn what_cannot_be_made_is_refused_at_the_start() {
    let refused = |config: PythonConfig| envs(&config, 4).unwrap_err().to_string();
    let Some(config) = task("noisy", "") else {
        return;
    };
    says(
        &refused(config.clone()),
        &["its beginning", "RuntimeError: it cannot be made"],
    );
    let Some(unequal) = task("unequal", "") else {
        return;
    };
    says(&refused(unequal), &["its environments differ"]);
    let python = PythonConfig {
        python: "no-such-python".into(),
        ..config
    };
    says(&refused(python), &["`no-such-python`", "env.python"]);
}

#[test]
fn a_worker_is_started_anew_where_that_was_asked_for_and_its_episodes_are_truncated() {
    for fault in ["raise", "exit", "nan"] {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let options = format!(
            "fault = '{fault}'\nmark = '{}'\nlength = 100",
            mark.display()
        );
        let Some(mut config) = task("Counting", &options) else {
            return;
        };
        config.restarts = 1;
        config.workers = 1;
        let mut stage = Stage::new(&config, 2);
        stage.reset().unwrap();
        stage.step(&[1; 4]).unwrap();
        stage.step(&[2; 4]).unwrap();
        let before = stage.out.obs.clone();
        stage.step(&[3; 4]).unwrap();
        assert_eq!(stage.out.status, [Status::Truncated; 2], "{fault}");
        // What was seen last is all that is known of the end.
        assert_eq!(stage.envs.final_obs(1), &before[6..]);
        assert_eq!(stage.out.rewards, [0.0; 4]);
        assert_eq!(stage.out.obs[1], 0.0);
        // How they would have gone nobody knows.
        assert!(stage.envs.episodes().is_empty() && stage.envs.lost(0) && stage.envs.lost(1));
        stage.step(&[3; 4]).unwrap();
        assert_eq!((stage.out.obs[1], stage.out.obs[2]), (1.0, 3.0));
        assert!(!stage.envs.lost(0));
    }
}

#[test]
fn what_is_wrong_with_a_picture_is_said_by_the_next_step() {
    for (draws, parts) in [
        ("raise", ["ZeroDivisionError: no picture", "Traceback"]),
        ("none", ["draw() returned None", "expected a dictionary"]),
        ("role", ["'hero'", "expected a role, one of ground"]),
        ("nan", ["cannot be sent", "expected finite numbers"]),
        ("large", ["a picture of ", "expected less than 4194304"]),
    ] {
        let Some(mut config) = task("Pictured", &format!("draws = '{draws}'")) else {
            return;
        };
        config.workers = 1;
        let mut stage = Stage::new(&config, 2);
        stage.reset().unwrap();
        let mut frame = Frame::default();
        stage.envs.env(1).unwrap().draw(&mut frame);
        assert_eq!(frame, Frame::default());
        let error = stage.step(&[1; 4]).unwrap_err().to_string();
        says(&error, &["failed in the picture of its environment 1"]);
        says(&error, &parts);
    }
}

/// Nobody waits for it then, and what is asked of it next cannot be sent.
#[test]
fn a_worker_that_ends_between_steps_is_missed_by_the_next_and_by_a_reset() {
    let Some(mut config) = task("Who", "length = 201") else {
        return;
    };
    config.workers = 1;
    let killed = |config: &PythonConfig| {
        let mut stage = Stage::new(config, 2);
        stage.reset().unwrap();
        let id = stage.out.obs[0].to_string();
        let kill = std::process::Command::new("kill")
            .args(["-9", &id])
            .status();
        assert!(kill.unwrap().success());
        std::thread::sleep(Duration::from_millis(300));
        (stage, id)
    };
    let parts = ["ended (signal: 9", "when it was spoken to"];
    says(
        &killed(&config).0.step(&[0; 4]).unwrap_err().to_string(),
        &parts,
    );
    says(&killed(&config).0.reset().unwrap_err().to_string(), &parts);
    config.restarts = 1;
    let (mut stage, before) = killed(&config);
    stage.step(&[0; 4]).unwrap();
    assert_eq!(stage.out.status, [Status::Truncated; 2]);
    assert_ne!(stage.out.obs[0].to_string(), before);
    let (mut stage, before) = killed(&config);
    stage.reset().unwrap();
    stage.step(&[0; 4]).unwrap();
    assert_eq!(stage.out.status, [Status::Running; 2]);
    assert_ne!(stage.out.obs[0].to_string(), before);
}

#[test]
fn a_worker_that_said_why_it_ended_is_heard_by_whoever_asks_it_next() {
    let Some(mut config) = task("Counting", "fault = 'raise'\nat = 1") else {
        return;
    };
    config.workers = 1;
    let mut envs = envs(&config, 2).unwrap();
    for env in &mut envs {
        crate::stepping::play(env, None);
    }
    for env in &mut envs {
        let remote = env.remote().unwrap();
        remote.begin(Some(Actions::Discrete(&[0, 0])), &mut Rng::new(1, 2));
        remote.send();
        // It raises, says so and ends.
        std::thread::sleep(Duration::from_millis(500));
    }
    for env in envs.iter_mut().rev() {
        crate::stepping::play(env, Some([0, 0]));
        let said = env
            .remote()
            .unwrap()
            .failure()
            .unwrap_or_default()
            .to_owned();
        says(&said, &["the wheel came off"]);
    }
}

#[test]
fn an_environment_that_forks_and_returns_twice_is_found_out() {
    for (when, late) in [("step", 0.0), ("step", 0.3), ("reset", 0.0), ("make", 2.0)] {
        let Some(mut config) = task("Forking", &format!("when = '{when}'\nlate = {late}")) else {
            return;
        };
        config.workers = 1;
        let mut stage = Stage::new(&config, 1);
        stage.reset().unwrap();
        let start = Instant::now();
        let error = loop {
            match stage.step(&[1, 1]) {
                // Until then nothing of the child's has arrived: all episodes are five steps long.
                Ok(()) => {}
                Err(error) => break error.to_string(),
            }
            if let [ended] = stage.envs.episodes() {
                assert_eq!(ended.steps, 5);
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "nothing was wrong"
            );
        };
        says(
            &error,
            &["has forked, and both processes returned", "os._exit"],
        );
    }
    // A child that ends by an exception has not come back.
    let Some(config) = task("Forking", "exits = true") else {
        return;
    };
    let mut stage = Stage::new(&config, 1);
    stage.reset().unwrap();
    for _ in 0..50 {
        stage.step(&[1, 1]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn hung_workers_have_one_deadline() {
    for (kind, options) in [("Counting", "fault = 'hang'\nat = 1"), ("Stopped", "")] {
        let Some(mut config) = task(kind, options) else {
            return;
        };
        (config.workers, config.timeout) = (4, 1.0);
        let mut stage = Stage::new(&config, 4);
        stage.reset().unwrap();
        let start = Instant::now();
        says(
            &stage.step(&[1; 8]).unwrap_err().to_string(),
            &["no answer within 1 s (env.timeout)"],
        );
        let took = start.elapsed();
        assert!(took < Duration::from_millis(3000), "{kind}: {took:?}");
    }
}

#[test]
fn more_memory_than_there_is_is_refused_with_the_numbers() {
    let Some(config) = task("Huge", "") else {
        return;
    };
    let error = envs(&config, 2).unwrap_err().to_string();
    says(
        &error,
        &[
            "cannot share memory",
            "1 environments take 8388628 MiB",
            "MiB of memory are free",
            "`rollout.num_envs`",
        ],
    );
}

#[test]
fn restarts_come_to_an_end() {
    let Some(mut config) = task("Counting", "fault = 'raise'\nat = 1") else {
        return;
    };
    config.restarts = 2;
    says(&broken(&config), &["the wheel came off"]);
}
