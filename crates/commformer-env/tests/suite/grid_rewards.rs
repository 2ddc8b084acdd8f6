//! Rewards, ends and refusals of the two grid tasks, by hand.

use commformer_env::{
    ConfigError, Mode, PredatorCapturePrey, PredatorCapturePreyConfig, PredatorPrey,
    PredatorPreyConfig, Status,
};

use crate::single::Single;

const LEFT: i64 = 3;
const STAY: i64 = 4;
const CAPTURE: i64 = 5;

/// Predators at (0, 1), (0, 2) and (0, 3), the prey at (0, 0).
fn row_of_predators(mode: Mode, episode_limit: u32) -> Single<PredatorPrey> {
    let config = PredatorPreyConfig {
        mode,
        episode_limit: Some(episode_limit),
        ..Default::default()
    };
    let mut task = Single::new(PredatorPrey::new(config).unwrap(), 0);
    task.begin(|env, _, out| env.reset_to(&[(0, 1), (0, 2), (0, 3), (0, 0)], out))
        .unwrap();
    task
}

#[test]
fn rewards_of_each_mode() {
    let cases = [
        (
            Mode::Mixed,
            [[0.0, -0.05, -0.05], [0.0, 0.0, -0.05], [0.0, 0.0, 0.0]],
        ),
        (
            Mode::Cooperative,
            [[0.05, -0.05, -0.05], [0.1, 0.1, -0.05], [0.15, 0.15, 0.15]],
        ),
        (
            Mode::Competitive,
            [[0.05, -0.05, -0.05], [0.025, 0.025, -0.05], [0.05 / 3.0; 3]],
        ),
    ];
    for (mode, steps) in cases {
        let mut task = row_of_predators(mode, 0);
        for (step, expected) in steps.into_iter().enumerate() {
            let status = task.step(&[LEFT; 3]);
            assert_eq!(task.rewards, expected, "{mode:?}");
            let ends = mode == Mode::Mixed && step == 2;
            assert_eq!(
                status,
                if ends {
                    Status::Terminated
                } else {
                    Status::Running
                },
                "{mode:?}"
            );
            assert_eq!(task.metrics(), [if step == 2 { 1.0 } else { 0.0 }]);
        }
    }
}

#[test]
fn shaping_pays_for_each_cell_nearer_and_takes_it_back() {
    let places = [(0, 1), (0, 2), (0, 3), (0, 0)];
    const RIGHT: i64 = 1;
    let config = PredatorPreyConfig {
        shaping: 0.5,
        ..Default::default()
    };
    let mut task = Single::new(PredatorPrey::new(config).unwrap(), 0);
    task.begin(|env, _, out| env.reset_to(&places, out))
        .unwrap();
    task.step(&[LEFT, LEFT, RIGHT]);
    assert_eq!(task.rewards, [0.5, 0.45, -0.55], "arrived, nearer, farther");
    task.step(&[RIGHT, STAY, LEFT]);
    assert_eq!(task.rewards, [0.0, -0.05, 0.45], "who has arrived stays");

    // The two that see, and the blind one, which is paid for the way though it has not captured.
    let config = PredatorCapturePreyConfig {
        shaping: 0.5,
        ..Default::default()
    };
    let mut task = Single::new(PredatorCapturePrey::new(config).unwrap(), 0);
    task.begin(|env, _, out| env.reset_to(&places, out))
        .unwrap();
    task.step(&[LEFT, LEFT, LEFT]);
    assert_eq!(task.rewards, [0.5, 0.45, 0.45]);

    for shaping in [-0.1, 1.5, f32::NAN] {
        let config = PredatorPreyConfig {
            shaping,
            ..Default::default()
        };
        let error = PredatorPrey::new(config).unwrap_err().to_string();
        assert!(
            error.contains("shaping") && error.contains("0 to 1"),
            "{error}"
        );
    }
}

#[test]
fn the_limit_truncates_unless_the_task_ends_in_the_same_step() {
    let last_of = |limit| {
        let mut task = row_of_predators(Mode::Mixed, limit);
        (1..=3)
            .map(|step| (step, task.step(&[LEFT; 3])))
            .find(|&(_, status)| status != Status::Running)
    };
    assert_eq!(last_of(1), Some((1, Status::Truncated)));
    assert_eq!(last_of(2), Some((2, Status::Truncated)));
    assert_eq!(last_of(3), Some((3, Status::Terminated)));
    assert_eq!(last_of(0), Some((3, Status::Terminated)));
}

#[test]
fn the_limit_left_out_follows_the_grid_and_counts_anew_in_each_episode() {
    for (dim, limit) in [(5, 20), (10, 40), (20, 80)] {
        let config = PredatorPreyConfig {
            dim,
            vision: 0,
            ..Default::default()
        };
        let mut task = Single::new(PredatorPrey::new(config).unwrap(), 0);
        for _ in 0..2 {
            task.reset();
            for step in 1..=limit {
                let expected = if step == limit {
                    Status::Truncated
                } else {
                    Status::Running
                };
                assert_eq!(task.step(&[STAY; 3]), expected);
            }
        }
    }
}

#[test]
fn a_predator_put_on_a_prey_may_leave_it_in_the_first_step_only() {
    let mut task = row_of_predators(Mode::Mixed, 0);
    let places = [(0, 1), (2, 2), (2, 2), (0, 1)];
    task.begin(|env, _, out| env.reset_to(&places, out))
        .unwrap();
    task.step(&[LEFT, STAY, STAY]);
    assert_eq!(task.env.locations().next(), Some((0, 0)));
    task.begin(|env, _, out| env.reset_to(&places, out))
        .unwrap();
    task.step(&[STAY; 3]);
    task.step(&[LEFT, STAY, STAY]);
    assert_eq!(task.env.locations().next(), Some((0, 1)));
}

/// A perception agent at (1, 1), a capture agent at (0, 1), the prey at (0, 0) and (1, 0).
fn pair(config: PredatorCapturePreyConfig) -> Single<PredatorCapturePrey> {
    let config = PredatorCapturePreyConfig {
        perception: 1,
        capture: 1,
        prey: 2,
        ..config
    };
    let mut task = Single::new(PredatorCapturePrey::new(config).unwrap(), 0);
    task.begin(|env, _, out| env.reset_to(&[(1, 1), (0, 1), (0, 0), (1, 0)], out))
        .unwrap();
    task
}

#[test]
fn arriving_and_capturing_take_two_steps_on_any_of_the_prey() {
    let steps = [
        // Too early: nothing is there to capture.
        ([STAY, CAPTURE], [-0.05, -0.05], Status::Running),
        ([LEFT, LEFT], [0.0, -0.05], Status::Running),
        // A perception agent's capture does nothing.
        ([CAPTURE, STAY], [0.0, -0.05], Status::Running),
        ([STAY, CAPTURE], [0.0, 0.0], Status::Terminated),
    ];
    let mut task = pair(Default::default());
    for (actions, rewards, status) in steps {
        assert_eq!(task.step(&actions), status);
        assert_eq!(task.rewards, rewards);
    }
    assert_eq!(task.metrics(), [1.0]);
}

#[test]
fn an_uncaptured_prey_costs_in_every_mode_and_half_under_the_second_scheme() {
    for (mode, together) in [
        (Mode::Mixed, 0.0),
        (Mode::Cooperative, 0.1),
        (Mode::Competitive, 0.025),
    ] {
        for (second_reward_scheme, waiting) in [(false, -0.05), (true, -0.025)] {
            let mut task = pair(PredatorCapturePreyConfig {
                mode,
                second_reward_scheme,
                ..Default::default()
            });
            task.step(&[STAY, STAY]);
            assert_eq!(task.rewards, [-0.05, -0.05]);
            task.step(&[LEFT, LEFT]);
            assert_eq!(task.rewards, [together, waiting]);
            let status = task.step(&[STAY, CAPTURE]);
            assert_eq!(task.rewards, [together, together]);
            assert_eq!(status == Status::Terminated, mode == Mode::Mixed);
        }
    }
}

#[test]
fn captures_are_forgotten_at_a_reset() {
    let mut task = pair(Default::default());
    task.step(&[STAY, LEFT]);
    task.step(&[STAY, CAPTURE]);
    assert_eq!(task.rewards[1], 0.0);
    task.begin(|env, _, out| env.reset_to(&[(1, 1), (0, 1), (0, 0), (1, 0)], out))
        .unwrap();
    task.step(&[LEFT, LEFT]);
    assert_eq!(task.rewards[1], -0.05);
    task.reset();
    assert_eq!(task.metrics(), [0.0]);
}

#[test]
fn settings_that_cannot_be_are_named_with_what_they_may_be() {
    let of = |config: PredatorPreyConfig| PredatorPrey::new(config).unwrap_err().to_string();
    let base = PredatorPreyConfig::default;
    assert_eq!(
        of(PredatorPreyConfig { dim: 101, ..base() }),
        "`dim` is 101, but must be 2 to 100"
    );
    assert_eq!(
        of(PredatorPreyConfig {
            vision: 101,
            ..base()
        }),
        "`vision` is 101, but must be 0 to 100"
    );
    let cells = "the cells of the grid";
    assert_eq!(
        of(PredatorPreyConfig { prey: 0, ..base() }),
        "`prey` is 0, but must be at least 1"
    );
    assert_eq!(
        of(PredatorPreyConfig { prey: 25, ..base() }),
        format!("`prey` is 25, but must be 1 to 24, {cells} but one")
    );
    let free = "1 to 24, the cells of the grid without the prey";
    assert_eq!(
        of(PredatorPreyConfig {
            agents: 25,
            ..base()
        }),
        format!("`agents` is 25, but must be {free}")
    );
    assert_eq!(
        of(PredatorPreyConfig {
            agents: 0,
            ..base()
        }),
        "`agents` is 0, but must be at least 1"
    );

    let field =
        |config: PredatorCapturePreyConfig| PredatorCapturePrey::new(config).unwrap_err().field;
    let base = PredatorCapturePreyConfig::default;
    assert_eq!(
        field(PredatorCapturePreyConfig {
            capture: 0,
            ..base()
        }),
        "capture"
    );
    assert_eq!(
        field(PredatorCapturePreyConfig {
            perception: 24,
            ..base()
        }),
        "perception + capture"
    );
    let many = PredatorCapturePreyConfig {
        perception: usize::MAX,
        ..base()
    };
    assert_eq!(field(many), "perception + capture");
    let farther = PredatorCapturePreyConfig {
        capture_vision: Some(2),
        ..base()
    };
    assert_eq!(
        PredatorCapturePrey::new(farther).unwrap_err().to_string(),
        "`capture_vision` is 2, but must be 0 to 1, the `vision` of perception agents"
    );
}

#[test]
fn places_that_cannot_be_are_refused_and_change_nothing() {
    let mut task = row_of_predators(Mode::Mixed, 0);
    let before: Vec<_> = task.env.locations().collect();
    let mut refusal = |places: &[(usize, usize)]| -> ConfigError {
        task.begin(|env, _, out| env.reset_to(places, out))
            .unwrap_err()
    };
    let error = refusal(&[(0, 0)]);
    assert_eq!(
        error.to_string(),
        "`locations` is 1 places, but must be 4 places, the agents' and then the prey's"
    );
    let error = refusal(&[(1, 1), (1, 1), (1, 1), (0, 5)]);
    assert_eq!(
        error.to_string(),
        "`locations` is (0, 5), but must be rows and columns below 5"
    );
    assert_eq!(task.env.locations().collect::<Vec<_>>(), before);
}

#[test]
fn configurations_are_read_with_defaults_and_without_unknown_fields() {
    let read = serde_json::from_str::<PredatorPreyConfig>;
    let expected = PredatorPreyConfig {
        dim: 10,
        mode: Mode::Cooperative,
        ..Default::default()
    };
    assert_eq!(
        read(r#"{"dim": 10, "mode": "cooperative"}"#).unwrap(),
        expected
    );
    assert!(
        read(r#"{"dimension": 10}"#)
            .unwrap_err()
            .to_string()
            .contains("unknown field `dimension`")
    );
}
