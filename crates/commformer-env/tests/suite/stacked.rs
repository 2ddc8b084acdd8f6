//! Observations that are stacked: by hand, and against what was shown in the steps before.

use commformer_env::{
    Actions, Buffers, Difficulty, Environment, MOST_STACKED, PredatorPrey, PredatorPreyConfig, Rng,
    Signal, Stacked, Status, TrafficJunction, TrafficJunctionConfig, VecEnv,
};
use proptest::prelude::*;

use crate::shown::{Scene, Shown};
use crate::single::Single;

/// Scene `t` shows the first agent t and -t, the second 10 t and -10 t; both are active.
fn counted(t: u8) -> Scene {
    let t = f32::from(t);
    Scene {
        obs: [t, -t, 10.0 * t, -10.0 * t],
        active: [true; 2],
        departed: [false; 2],
    }
}

/// What the first agent and the second are shown in each scene.
fn shown(task: Shown, stack: usize) -> Vec<[Vec<f32>; 2]> {
    let scenes = task.scenes.len();
    let mut single = Single::new(Stacked::new(task, stack).unwrap(), 1);
    let rows = |obs: &[f32]| {
        let (first, second) = obs.split_at(2 * stack);
        [first.to_vec(), second.to_vec()]
    };
    single.reset();
    let mut all = vec![rows(&single.obs)];
    for _ in 1..scenes {
        single.step(&[0, 0]);
        all.push(rows(&single.obs));
    }
    all
}

#[test]
fn the_newest_comes_first_and_zeros_stand_for_what_was_not() {
    let task = Shown::new((1..=4).map(counted), false, Status::Terminated);
    let expected = [
        [
            [1.0, -1.0, 0.0, 0.0, 0.0, 0.0],
            [10.0, -10.0, 0.0, 0.0, 0.0, 0.0],
        ],
        [
            [2.0, -2.0, 1.0, -1.0, 0.0, 0.0],
            [20.0, -20.0, 10.0, -10.0, 0.0, 0.0],
        ],
        [
            [3.0, -3.0, 2.0, -2.0, 1.0, -1.0],
            [30.0, -30.0, 20.0, -20.0, 10.0, -10.0],
        ],
        [
            [4.0, -4.0, 3.0, -3.0, 2.0, -2.0],
            [40.0, -40.0, 30.0, -30.0, 20.0, -20.0],
        ],
    ];
    assert_eq!(shown(task, 3), expected.map(|rows| rows.map(Vec::from)));
}

#[test]
fn a_new_episode_remembers_nothing_and_the_last_observation_of_the_old_one_is_stacked() {
    for end in [Status::Truncated, Status::Terminated] {
        let task = Shown::new((1..=3).map(counted), false, end);
        let mut envs = VecEnv::new(vec![Stacked::new(task, 2).unwrap()], 0).unwrap();
        let mut out = Buffers::of(&envs);
        let actions = Actions::Discrete(&[0, 0]);
        let first = [1.0, -1.0, 0.0, 0.0, 10.0, -10.0, 0.0, 0.0];
        out.reset(&mut envs).unwrap();
        assert_eq!(out.obs, first);
        for _ in 0..2 {
            out.step(&mut envs, actions).unwrap();
        }
        assert_eq!(out.status, [end]);
        let last = [3.0, -3.0, 2.0, -2.0, 30.0, -30.0, 20.0, -20.0];
        assert_eq!(envs.final_obs(0), last);
        assert_eq!(out.obs, first);
        // An episode that is dropped is forgotten too.
        out.step(&mut envs, actions).unwrap();
        out.reset(&mut envs).unwrap();
        assert_eq!(out.obs, first);
    }
}

#[test]
fn a_place_forgets_whoever_left_it() {
    let scenes = |leaving: &[(bool, bool)]| {
        let scenes = (1..).zip(leaving).map(|(t, &(active, departed))| Scene {
            active: [true, active],
            departed: [false, departed],
            ..counted(t)
        });
        scenes.collect::<Vec<_>>()
    };
    let second = |scenes: &[Scene], leaves| {
        let task = Shown::new(scenes.iter().copied(), leaves, Status::Terminated);
        let rows = shown(task, 3).into_iter();
        // Of each observation the first number will do: the second is its negative.
        rows.map(|[_, row]| [row[0], row[2], row[4]])
            .collect::<Vec<_>>()
    };
    let (here, gone) = ((true, false), (false, false));
    // In scene 3 another has the place of the one that left.
    let taken = scenes(&[here, here, (true, true), here]);
    let expected = [
        [10.0, 0.0, 0.0],
        [20.0, 10.0, 0.0],
        [30.0, 0.0, 0.0],
        [40.0, 30.0, 0.0],
    ];
    assert_eq!(second(&taken, true), expected);
    // In scene 3 one leaves, in scene 4 nobody is there, in scene 5 another comes.
    let empty = scenes(&[here, here, (false, true), gone, here, here]);
    let expected = [
        [10.0, 0.0, 0.0],
        [20.0, 10.0, 0.0],
        [30.0, 0.0, 0.0],
        [40.0, 0.0, 0.0],
        [50.0, 0.0, 0.0],
        [60.0, 50.0, 0.0],
    ];
    assert_eq!(second(&empty, true), expected);
    // The first agent, which stays, remembers.
    let task = Shown::new(taken, true, Status::Terminated);
    assert_eq!(shown(task, 3)[3][0], [4.0, -4.0, 3.0, -3.0, 2.0, -2.0]);
    // Where nobody leaves, one that was not active for a while remembers.
    let asleep = scenes(&[here, gone, here]);
    let expected = [[10.0, 0.0, 0.0], [20.0, 10.0, 0.0], [30.0, 20.0, 10.0]];
    assert_eq!(second(&asleep, false), expected);
}

/// Any scene.
fn scene() -> impl Strategy<Value = Scene> {
    let numbers = proptest::array::uniform4(-1.0..1.0_f32);
    (numbers, any::<[bool; 2]>(), any::<[bool; 2]>()).prop_map(|(obs, active, departed)| Scene {
        obs,
        active,
        departed,
    })
}

proptest! {
    /// What is shown is what was shown, back to the step in which the agent came or the episode began.
    #[test]
    fn what_is_remembered_was_shown_to_the_same_agent(
        scenes in proptest::collection::vec(scene(), 1..20),
        stack in 1..=MOST_STACKED,
        leaves in any::<bool>(),
    ) {
        let task = Shown::new(scenes.clone(), leaves, Status::Terminated);
        for (t, rows) in shown(task, stack).into_iter().enumerate() {
            for (agent, row) in rows.into_iter().enumerate() {
                let own = |t: usize| [scenes[t].obs[2 * agent], scenes[t].obs[2 * agent + 1]];
                let mut expected = own(t).to_vec();
                for age in 1..stack {
                    // Whether it is the same agent in this step and in those since, and was there all along.
                    let same = age <= t
                        && (!leaves
                            || (t - age..=t).all(|t| scenes[t].active[agent])
                                && (t - age + 1..=t).all(|t| !scenes[t].departed[agent]));
                    expected.extend(if same { own(t - age) } else { [0.0; 2] });
                }
                prop_assert_eq!(&row, &expected, "agent {} in scene {}", agent, t);
            }
        }
    }

    #[test]
    fn a_saved_stack_goes_on_as_if_nothing_had_happened(
        scenes in proptest::collection::vec(scene(), 2..12),
        (saved_at, stack) in (0..12_usize, 1..6_usize),
        leaves in any::<bool>(),
    ) {
        let task = Shown::new(scenes.clone(), leaves, Status::Terminated);
        let expected = shown(task.clone(), stack);
        let saved_at = saved_at % scenes.len();
        let mut single = Single::new(Stacked::new(task.clone(), stack).unwrap(), 1);
        single.reset();
        for _ in 0..saved_at {
            single.step(&[0, 0]);
        }
        let saved = single.env.save().unwrap();
        let mut restored = Single::new(Stacked::new(task, stack).unwrap(), 1);
        restored.go_on(&saved);
        prop_assert_eq!(&restored.obs, &expected[saved_at].concat());
        for expected in &expected[saved_at + 1..] {
            restored.step(&[0, 0]);
            prop_assert_eq!(&restored.obs, &expected.concat());
        }
    }
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let task = Shown::new((1..=4).map(counted), false, Status::Terminated);
    let stacked = |stack| Single::new(Stacked::new(task.clone(), stack).unwrap(), 1);
    let saved = |stack, steps| {
        let mut single = stacked(stack);
        single.reset();
        for _ in 0..steps {
            single.step(&[0, 0]);
        }
        single.env.save().unwrap()
    };
    let mut own = stacked(3);
    own.reset();
    own.step(&[0, 0]);
    let good = saved(3, 2);
    // A byte of the task; then how many numbers there are, and these, 4 bytes each.
    assert_eq!(good[..3], [1, 2, 8]);
    assert_eq!(good.len(), 3 + 8 * 4);
    let with = |at: usize, bytes: &[u8]| {
        let mut state = good.clone();
        state[at..at + bytes.len()].copy_from_slice(bytes);
        state
    };
    for (state, part) in [
        (saved(2, 2), "remembers 4 numbers, not 8"),
        (with(3, &f32::NAN.to_le_bytes()), "remembers NaN"),
        (with(31, &f32::INFINITY.to_le_bytes()), "remembers inf"),
        (with(1, &[9]), "no such scene"),
        ([&good[..], &[0]].concat(), "bytes have a meaning"),
        (good[..20].to_vec(), ""),
        (Vec::new(), ""),
    ] {
        let error = own.begin(|env, _, out| env.restore(&state, out));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    own.step(&[0, 0]);
    let expected = [3.0, -3.0, 2.0, -2.0, 1.0, -1.0];
    assert_eq!(own.obs[..6], expected);
    own.go_on(&good);
    assert_eq!(own.obs[..6], expected);
}

#[test]
fn a_stack_is_1_to_16_and_its_policy_knows_no_other() {
    let task = || PredatorPrey::new(Default::default()).unwrap();
    for stack in [0, 17, usize::MAX] {
        let error = Stacked::new(task(), stack).unwrap_err();
        assert_eq!((&*error.field, &*error.allowed), ("stack", "1 to 16"));
    }
    let plain = task().spec().clone();
    let mut versions = Vec::new();
    for stack in 1..=MOST_STACKED {
        let spec = Stacked::new(task(), stack).unwrap().spec().clone();
        assert_eq!(spec, plain.clone().stacked(stack));
        assert_eq!(spec.obs_dim, stack * plain.obs_dim);
        assert!(!versions.contains(&spec.obs_version));
        versions.push(spec.obs_version);
    }
    assert_eq!(plain.clone().stacked(1), plain);
}

#[test]
fn a_stack_for_which_there_is_no_memory_is_refused() {
    let config = PredatorPreyConfig {
        agents: 9000,
        dim: 100,
        vision: 100,
        ..Default::default()
    };
    let error = Stacked::new(PredatorPrey::new(config).unwrap(), MOST_STACKED).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("numbers for each of 9000 agents"), "{error}");
    assert!(
        error.contains("so low that there is memory for them"),
        "{error}"
    );
}

#[test]
fn rewards_masks_and_ends_are_the_tasks() {
    let task = Shown::new((1..=3).map(counted), true, Status::Truncated);
    let mut single = Single::new(Stacked::new(task.clone(), 2).unwrap(), 1);
    single.reset();
    assert_eq!(single.step(&[0, 0]), Status::Running);
    assert_eq!(single.step(&[0, 0]), Status::Truncated);
    assert_eq!(single.rewards, [2.0; 2]);
    assert_eq!(single.available, [true; 4]);
    // A task that cannot be saved cannot be saved stacked.
    let mut endless = task;
    endless.at = 256;
    assert_eq!(Stacked::new(endless, 2).unwrap().save(), None);
}

#[test]
fn a_failure_elsewhere_is_an_error() {
    let task = |failure: Option<&str>| {
        let mut task = Shown::new((1..=3).map(counted), false, Status::Truncated);
        task.failure = failure.map(String::from);
        Stacked::new(task, 2).unwrap()
    };
    let reset = |tasks| {
        let mut envs = VecEnv::new(tasks, 0).unwrap();
        Buffers::of(&envs).reset(&mut envs)
    };
    assert_eq!(reset(vec![task(None), task(None)]), Ok(()));
    let error = reset(vec![task(None), task(Some("gone"))]).unwrap_err();
    assert_eq!(error.to_string(), "environment 1: gone");
}

/// The newest observation of a stacked task is what the task alone shows, and the rest what it showed before, over
/// whole episodes of tasks that are built in.
#[test]
fn the_built_in_tasks_show_what_they_show_unstacked() {
    fn check(task: impl Environment + Clone, actions: u32) {
        let (agents, width) = (task.spec().agents, task.spec().obs_dim);
        let mut plain = Single::new(task.clone(), 4);
        let mut stacked = Single::new(Stacked::new(task, 2).unwrap(), 4);
        let mut policy = Rng::new(3, 0);
        let (mut remembered, mut forgotten) = (0, 0);
        for _ in 0..5 {
            plain.reset();
            stacked.reset();
            let mut before: Option<Vec<f32>> = None;
            let mut status = Status::Running;
            loop {
                assert_eq!(plain.active, stacked.active);
                for agent in 0..agents {
                    let row = &stacked.obs[agent * 2 * width..][..2 * width];
                    let own = agent * width..(agent + 1) * width;
                    assert_eq!(row[..width], plain.obs[own.clone()]);
                    match &before {
                        Some(before) if row[width..] == before[own.clone()] => remembered += 1,
                        _ => {
                            assert!(row[width..].iter().all(|number| *number == 0.0));
                            forgotten += 1;
                        }
                    }
                }
                if status != Status::Running {
                    break;
                }
                before = Some(plain.obs.clone());
                let joint: Vec<i64> = (0..agents).map(|_| policy.below(actions).into()).collect();
                status = plain.step(&joint);
                assert_eq!(stacked.step(&joint), status);
                assert_eq!(plain.rewards, stacked.rewards);
            }
        }
        assert!(remembered > 5 * agents && forgotten >= 5 * agents);
    }
    check(PredatorPrey::new(Default::default()).unwrap(), 5);
    check(Signal::new(Default::default()).unwrap(), 4);
    let config = TrafficJunctionConfig {
        difficulty: Difficulty::Medium,
        dim: 14,
        ..Default::default()
    };
    check(TrafficJunction::new(config).unwrap(), 2);
}
