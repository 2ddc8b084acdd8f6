//! What agents are told, when episodes are truncated, and what is paid: by hand, and after a restart.

use commformer_env::{
    Augment, Augmented, Environment, PredatorPrey, RewardScale, Share, SharedReward, Signal,
    Status, TimeLimit, TrafficJunction,
};
use proptest::prelude::*;

use crate::shown::{Scene, Shown};
use crate::single::Single;

const ALL: Augment = Augment {
    agent_id: true,
    last_action: true,
};

/// Two agents see t and 10 t in scene t.
fn scenes(of_second: &[(bool, bool)]) -> Vec<Scene> {
    let scenes = (1..).zip(of_second).map(|(t, (active, departed))| {
        let t = t as f32;
        Scene {
            obs: [t, -t, 10.0 * t, -10.0 * t],
            active: [true, *active],
            departed: [false, *departed],
        }
    });
    scenes.collect()
}

#[test]
fn an_agent_is_told_who_it_is_and_what_it_did() {
    let (here, gone) = ((true, false), (false, false));
    // In scene 3 another has the place of the second agent; in scene 4 nobody has.
    let task = scenes(&[here, here, (true, true), gone, here]);
    let task = Shown::new(task, true, Status::Terminated);
    let mut single = Single::new(Augmented::new(task, ALL), 1);
    assert_eq!(single.env.spec().obs_dim, 2 + 2 + 2);
    single.reset();
    let mut seen = vec![single.obs.clone()];
    for actions in [[1, 0], [0, 1], [1, 1], [0, 0]] {
        single.step(&actions);
        seen.push(single.obs.clone());
    }
    // The task's numbers, the agent, its last action.
    let expected = [
        [
            [1.0, -1.0, 1.0, 0.0, 0.0, 0.0],
            [10.0, -10.0, 0.0, 1.0, 0.0, 0.0],
        ],
        [
            [2.0, -2.0, 1.0, 0.0, 0.0, 1.0],
            [20.0, -20.0, 0.0, 1.0, 1.0, 0.0],
        ],
        [
            [3.0, -3.0, 1.0, 0.0, 1.0, 0.0],
            [30.0, -30.0, 0.0, 1.0, 0.0, 0.0],
        ],
        [
            [4.0, -4.0, 1.0, 0.0, 0.0, 1.0],
            [40.0, -40.0, 0.0, 1.0, 0.0, 0.0],
        ],
        [
            [5.0, -5.0, 1.0, 0.0, 1.0, 0.0],
            // What was chosen for the empty place is nobody's last action.
            [50.0, -50.0, 0.0, 1.0, 0.0, 0.0],
        ],
    ];
    assert_eq!(seen, expected.map(|rows| rows.concat()));
}

/// One comes into a place that another left and that was empty since; the state is restored while it is.
#[test]
fn who_comes_into_a_place_that_was_left_has_done_nothing() {
    let (here, gone) = ((true, false), (false, false));
    let make = || {
        let task = scenes(&[here, (false, true), gone, here, here]);
        Single::new(
            Augmented::new(Shown::new(task, true, Status::Terminated), ALL),
            1,
        )
    };
    let mut single = make();
    single.reset();
    for _ in 0..2 {
        single.step(&[1, 1]);
    }
    let saved = single.env.save().unwrap();
    let mut restored = make();
    restored.go_on(&saved);
    for single in [&mut single, &mut restored] {
        single.step(&[1, 1]);
        assert_eq!(single.obs[4..6], [0.0, 1.0]);
        assert_eq!(single.obs[6..], [40.0, -40.0, 0.0, 1.0, 0.0, 0.0]);
        // From then on it is told what it does itself.
        single.step(&[1, 1]);
        assert_eq!(single.obs[6..], [50.0, -50.0, 0.0, 1.0, 0.0, 1.0]);
    }
}

#[test]
fn each_can_be_told_by_itself() {
    for (augment, expected) in [
        (
            Augment {
                last_action: false,
                ..ALL
            },
            vec![1.0, -1.0, 1.0, 0.0, 10.0, -10.0, 0.0, 1.0],
        ),
        (
            Augment {
                agent_id: false,
                ..ALL
            },
            vec![1.0, -1.0, 0.0, 0.0, 10.0, -10.0, 0.0, 0.0],
        ),
        (Augment::default(), vec![1.0, -1.0, 10.0, -10.0]),
    ] {
        let task = Shown::new(scenes(&[(true, false)]), false, Status::Terminated);
        let plain = task.spec().clone();
        let mut single = Single::new(Augmented::new(task, augment), 1);
        single.reset();
        assert_eq!(single.obs, expected);
        // Bit 25 was of last actions with another meaning.
        let bits = u32::from(augment.agent_id) << 24 | u32::from(augment.last_action) << 26;
        assert_eq!(single.env.spec().obs_version, plain.obs_version + bits);
    }
}

#[test]
fn an_episode_is_truncated_at_the_limit_and_begins_anew() {
    let task = || {
        let task = Shown::new(scenes(&[(true, false); 4]), false, Status::Terminated);
        Single::new(TimeLimit::new(task, 2).unwrap(), 1)
    };
    let mut single = task();
    for _ in 0..2 {
        single.reset();
        assert_eq!(single.step(&[0, 0]), Status::Running);
        assert_eq!(single.step(&[0, 0]), Status::Truncated);
    }
    // One that ends by itself at the limit has ended.
    let short = Shown::new(scenes(&[(true, false); 3]), false, Status::Terminated);
    let mut short = Single::new(TimeLimit::new(short, 2).unwrap(), 1);
    short.reset();
    short.step(&[0, 0]);
    assert_eq!(short.step(&[0, 0]), Status::Terminated);
    // What is left of the limit is saved.
    let mut single = task();
    single.reset();
    single.step(&[0, 0]);
    let saved = single.env.save().unwrap();
    let mut restored = task();
    restored.go_on(&saved);
    assert_eq!(restored.step(&[0, 0]), Status::Truncated);
    let error = TimeLimit::new(Signal::new(Default::default()).unwrap(), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`time_limit` is 0, but must be at least 1"
    );
}

#[test]
fn rewards_are_scaled() {
    let task = PredatorPrey::new(Default::default()).unwrap();
    let mut plain = Single::new(task.clone(), 1);
    let mut scaled = Single::new(RewardScale::new(task.clone(), 4.0).unwrap(), 1);
    plain.reset();
    scaled.reset();
    for _ in 0..5 {
        plain.step(&[0, 1, 2]);
        scaled.step(&[0, 1, 2]);
        assert!(plain.rewards.iter().any(|reward| *reward != 0.0));
        let expected: Vec<f32> = plain.rewards.iter().map(|reward| 4.0 * reward).collect();
        assert_eq!(scaled.rewards, expected);
    }
    for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(RewardScale::new(task.clone(), wrong).is_err());
    }
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let told = |augment| {
        let task = TrafficJunction::new(Default::default()).unwrap();
        let mut single = Single::new(Augmented::new(task, augment), 3);
        single.reset();
        single
    };
    let (mut with, without) = (told(ALL), told(Augment::default()));
    let saved = without.env.save().unwrap();
    let before = with.env.save();
    let error = with
        .begin(|env, _, out| env.restore(&saved, out))
        .unwrap_err();
    assert!(
        error.to_string().contains("0 numbers of actions, not 10"),
        "{error}"
    );
    assert_eq!(with.env.save(), before);
}

proptest! {
    #[test]
    fn a_saved_task_goes_on_as_if_nothing_had_happened(
        actions in proptest::collection::vec([0..2i64, 0..2, 0..2, 0..2, 0..2], 1..30),
        (at, limit, seed) in (0..30_usize, 1..20u32, any::<u64>()),
    ) {
        let make = || {
            let task = TrafficJunction::new(Default::default()).unwrap();
            let task = TimeLimit::new(RewardScale::new(task, 0.5).unwrap(), limit).unwrap();
            Single::new(Augmented::new(task, ALL), seed)
        };
        let mut straight = make();
        straight.reset();
        let mut resumed = None;
        for (step, actions) in actions.iter().enumerate() {
            if step == at % actions.len() {
                let saved = straight.env.save().unwrap();
                let mut other = make();
                other.rng = straight.rng.clone();
                other.go_on(&saved);
                prop_assert_eq!(&other.obs, &straight.obs);
                resumed = Some(other);
            }
            let status = straight.step(actions);
            if let Some(resumed) = &mut resumed {
                prop_assert_eq!(resumed.step(actions), status);
                prop_assert_eq!(&resumed.obs, &straight.obs);
                prop_assert_eq!(&resumed.rewards, &straight.rewards);
            }
            if status != Status::Running {
                break;
            }
        }
    }
}

/// Scene t pays each of the two t. The second leaves in scene 3 and is paid for that; another comes in scene 6.
#[test]
fn agents_are_paid_together_and_those_who_left_are_not() {
    let scenes = || {
        let (here, left, nobody, comes) =
            ((true, false), (false, true), (false, false), (true, false));
        Shown::new(
            scenes(&[here, here, left, nobody, nobody, comes]),
            true,
            Status::Terminated,
        )
    };
    let paid = |share| {
        let mut single = Single::new(SharedReward::new(scenes(), share), 1);
        single.reset();
        let mut paid = Vec::new();
        for step in 0..5 {
            if step == 3 {
                // Who has left is known after a restart.
                let saved = single.env.save().unwrap();
                single.env = SharedReward::new(scenes(), share);
                single.go_on(&saved);
            }
            single.step(&[0, 0]);
            paid.push([single.rewards[0], single.rewards[1]]);
        }
        paid
    };
    assert_eq!(
        paid(Share::Sum),
        [[2.0, 2.0], [4.0, 4.0], [3.0, 0.0], [4.0, 0.0], [10.0, 10.0]]
    );
    assert_eq!(
        paid(Share::Mean),
        [[1.0, 1.0], [2.0, 2.0], [1.5, 0.0], [2.0, 0.0], [5.0, 5.0]]
    );
}

/// Nobody has the second place until scene 3, and nobody again in the next episode. It is known after a restart.
#[test]
fn a_place_that_nobody_ever_had_is_not_paid_where_agents_leave() {
    let (here, nobody) = ((true, false), (false, false));
    for (leaves, at_first) in [(true, [1.0, 0.0]), (false, [2.0, 2.0])] {
        let make = || {
            let task = Shown::new(scenes(&[nobody, nobody, here]), leaves, Status::Terminated);
            Single::new(SharedReward::new(task, Share::Sum), 1)
        };
        let mut single = make();
        for _ in 0..2 {
            single.reset();
            let saved = single.env.save().unwrap();
            let mut restored = make();
            restored.go_on(&saved);
            for single in [&mut single, &mut restored] {
                single.step(&[0, 0]);
                assert_eq!(single.rewards, at_first, "{leaves}");
                single.step(&[0, 0]);
                assert_eq!(single.rewards, [4.0, 4.0], "{leaves}");
            }
        }
    }
}
