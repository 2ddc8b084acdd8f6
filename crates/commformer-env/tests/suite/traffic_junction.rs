//! Traffic Junction by hand, against its rules played step by step, and against success rates of IC3Net's release.

use commformer_env::{
    Actions, Buffers, Difficulty, Environment, Rng, Status, TrafficJunction, TrafficJunctionConfig,
    VecEnv,
};

use crate::single::Single;

const GAS: i64 = 0;
const BRAKE: i64 = 1;

fn customary(difficulty: Difficulty) -> TrafficJunctionConfig {
    let (agents, dim, add_rate_min, add_rate_max) = match difficulty {
        Difficulty::Easy => (5, 6, 0.1, 0.3),
        Difficulty::Medium => (10, 14, 0.05, 0.2),
        Difficulty::Hard => (20, 18, 0.02, 0.05),
    };
    TrafficJunctionConfig {
        difficulty,
        agents,
        dim,
        add_rate_min,
        add_rate_max,
        ..Default::default()
    }
}

const ALL: [Difficulty; 3] = [Difficulty::Easy, Difficulty::Medium, Difficulty::Hard];

fn single(config: TrafficJunctionConfig, seed: u64) -> Single<TrafficJunction> {
    let mut single = Single::new(TrafficJunction::new(config).unwrap(), seed);
    single.reset();
    single
}

/// So many places, into which cars come whenever one is free.
fn crowded(agents: usize) -> TrafficJunctionConfig {
    TrafficJunctionConfig {
        agents,
        add_rate_min: 1.0,
        add_rate_max: 1.0,
        ..Default::default()
    }
}

#[test]
fn observations_are_as_long_as_in_the_literature() {
    for (difficulty, blind, seeing) in [
        (Difficulty::Easy, 17, 137),
        (Difficulty::Medium, 61, 533),
        (Difficulty::Hard, 149, 1325),
    ] {
        for (vision, expected) in [(0, blind), (1, seeing)] {
            let config = TrafficJunctionConfig {
                vision,
                ..customary(difficulty)
            };
            let task = TrafficJunction::new(config).unwrap();
            assert_eq!(task.spec().obs_dim, expected);
        }
    }
}

#[test]
fn an_episode_begins_without_cars_and_shows_zeros() {
    let mut task = single(crowded(2), 1);
    assert_eq!(task.active, [false; 2]);
    assert!(task.obs.iter().all(|&number| number == 0.0));
    task.step(&[GAS; 2]);
    assert_eq!(task.active, [true; 2]);
    assert!(task.rewards.iter().all(|&reward| reward == 0.0));
    task.reset();
    assert_eq!(task.active, [false; 2]);
    assert!(task.obs.iter().all(|&number| number == 0.0));
}

/// Two cars on the easy roads, one from the top and one from the left: which place has which.
fn two_cars(seed: u64) -> (Single<TrafficJunction>, usize, usize) {
    let mut task = single(crowded(2), seed);
    task.step(&[GAS; 2]);
    let routes: Vec<_> = task.env.routes().flatten().collect();
    let top = routes.iter().position(|&route| route == 0).unwrap();
    assert_eq!(routes[1 - top], 1);
    (task, top, 1 - top)
}

#[test]
fn two_cars_that_never_brake_meet_in_the_middle_drive_on_and_are_followed() {
    let (mut task, top, left) = two_cars(1);
    for step in 1..=6 {
        task.step(&[GAS; 2]);
        let places: Vec<_> = task.env.locations().flatten().collect();
        assert_eq!((places[top], places[left]), ((step, 3), (3, step)));
        let crash = if step == 3 { -10.0 } else { 0.0 };
        assert_eq!(task.rewards, [-0.01 * step as f32 + crash; 2]);
        let after = step >= 3;
        assert_eq!(
            task.metrics(),
            [
                if after { 0.0 } else { 1.0 },
                if after { 2.0 } else { 0.0 },
                0.0
            ]
        );
    }
    // They leave, and others come in the same step: with no step behind them, and paid nothing yet.
    task.step(&[GAS; 2]);
    assert_eq!(task.metrics(), [0.0, 2.0, 2.0]);
    assert_eq!(
        (&task.rewards[..], &task.active[..]),
        (&[0.0; 2][..], &[true; 2][..])
    );
    let mut places: Vec<_> = task.env.locations().flatten().collect();
    places.sort_unstable();
    assert_eq!(places, [(0, 3), (3, 0)]);
}

#[test]
fn a_car_that_brakes_waits_and_shows_it_until_its_place_has_another() {
    let (mut task, top, left) = two_cars(2);
    let width = task.env.spec().obs_dim;
    let mut actions = [GAS; 2];
    actions[top] = BRAKE;
    for step in 1..=6 {
        task.step(&actions);
        assert_eq!(task.rewards[top], -0.01 * step as f32);
        assert_eq!(task.env.locations().nth(top), Some(Some((0, 3))));
        assert_eq!((task.obs[top * width], task.obs[left * width]), (1.0, 0.0));
    }
    // The left one leaves. Its place, the only free one, goes to one from the top, where a car stands. The place is paid
    // for the new one's crash, as in IC3Net's.
    task.step(&actions);
    assert_eq!(task.env.routes().collect::<Vec<_>>(), [Some(0); 2]);
    assert!(task.env.departed()[left]);
    assert_eq!(task.obs[left * width], 0.0);
    assert_eq!(
        (task.rewards[top], task.rewards[left]),
        (-0.07 - 10.0, -10.0)
    );
    assert_eq!(task.metrics(), [0.0, 2.0, 1.0]);
}

#[test]
fn a_new_car_shows_no_brake_of_the_one_before_it() {
    let mut task = single(crowded(1), 3);
    task.step(&[GAS]);
    task.step(&[BRAKE]);
    assert_eq!(task.obs[0], 1.0);
    for _ in 0..6 {
        task.step(&[GAS]);
        assert_eq!(task.obs[0], 0.0);
    }
    let begun = task.metrics()[2];
    task.step(&[GAS]);
    assert_eq!((begun, task.metrics()[2], task.obs[0]), (0.0, 1.0, 0.0));
}

/// A place left and taken again in one step was left, also in the step that ends the episode.
#[test]
fn who_drives_off_the_road_has_departed() {
    let mut task = single(crowded(2), 4);
    task.step(&[GAS; 2]);
    for _ in 0..6 {
        task.step(&[GAS, BRAKE]);
        assert_eq!(task.env.departed(), [false; 2]);
    }
    task.step(&[GAS, BRAKE]);
    assert_eq!(task.env.departed(), [true, false]);
    assert_eq!(task.active, [true; 2]);
    task.step(&[GAS, BRAKE]);
    assert_eq!(task.env.departed(), [false; 2]);
    for _ in 0..6 {
        task.step(&[GAS, BRAKE]);
    }
    assert_eq!(task.env.departed(), [true, false]);
    task.reset();
    assert_eq!(task.env.departed(), [false; 2]);

    let config = TrafficJunctionConfig {
        episode_limit: Some(8),
        ..crowded(2)
    };
    let mut envs = VecEnv::new(vec![TrafficJunction::new(config).unwrap()], 4).unwrap();
    let mut out = Buffers::of(&envs);
    out.reset(&mut envs).unwrap();
    for step in 0..=9 {
        if step > 0 {
            let actions = Actions::Discrete(&[GAS, BRAKE]);
            out.step(&mut envs, actions).unwrap();
        }
        assert_eq!(out.status[0] == Status::Truncated, step == 8);
        assert_eq!(envs.departed(0), Ok(&[step == 8, false][..]));
    }
    assert_eq!(
        envs.departed(1),
        Ok(&[][..]),
        "there is no such environment"
    );
}

/// What is in each cell of an agent's window: the road's id, and cars.
fn window(task: &Single<TrafficJunction>, agent: usize, ids: usize) -> Vec<(Option<usize>, f32)> {
    let width = task.env.spec().obs_dim;
    let cells = task.obs[agent * width..][2..width].chunks(ids + 2);
    cells
        .map(|cell| {
            let set: Vec<_> = (0..=ids).filter(|&channel| cell[channel] == 1.0).collect();
            assert_eq!(set.len(), 1, "one id, or no road");
            assert_eq!(cell[..=ids].iter().sum::<f32>(), 1.0);
            (Some(set[0]).filter(|&id| id < ids), cell[ids + 1])
        })
        .collect()
}

#[test]
fn the_easy_middle_by_hand() {
    let (mut task, top, left) = two_cars(4);
    for _ in 0..2 {
        task.step(&[GAS; 2]);
    }
    // Road cells row by row: (0..3, 3) are 0 to 2, (3, 0..7) are 3 to 9, (4..7, 3) are 10 to 12.
    let none = (None, 0.0);
    let seen = [
        none,
        (Some(1), 0.0),
        none, //
        none,
        (Some(2), 1.0),
        none, //
        (Some(5), 1.0),
        (Some(6), 0.0),
        (Some(7), 0.0),
    ];
    assert_eq!(window(&task, top, 13), seen);
    let seen = [
        none,
        none,
        (Some(2), 1.0), //
        (Some(4), 0.0),
        (Some(5), 1.0),
        (Some(6), 0.0), //
        none,
        none,
        (Some(10), 0.0),
    ];
    assert_eq!(window(&task, left, 13), seen);
    task.step(&[GAS; 2]);
    assert_eq!(window(&task, top, 13)[4], (Some(6), 2.0));
    let width = task.env.spec().obs_dim;
    assert_eq!(
        (task.obs[top * width + 1], task.obs[left * width + 1]),
        (0.0, 1.0)
    );
}

#[test]
fn off_the_grid_there_is_no_road_and_no_car() {
    let mut task = single(
        TrafficJunctionConfig {
            vision: 9,
            ..crowded(1)
        },
        5,
    );
    task.step(&[GAS]);
    let seen = window(&task, 0, 13);
    assert_eq!(seen.iter().filter(|cell| cell.0.is_some()).count(), 13);
    assert_eq!(seen.iter().map(|cell| cell.1).sum::<f32>(), 1.0);
}

/// The rules written once more, with how long the car of each place has been there and whether it braked.
#[test]
fn every_step_of_random_play_keeps_the_rules() {
    for difficulty in ALL {
        let config = TrafficJunctionConfig {
            add_rate_max: 0.5,
            episode_limit: Some(60),
            ..customary(difficulty)
        };
        let mut task = single(config, 6);
        let (agents, mut policy) = (task.env.spec().agents, Rng::new(7, 0));
        let (mut waits, mut crashes, mut braked) = (vec![0; agents], 0, vec![false; agents]);
        let mut status = Status::Running;
        while status == Status::Running {
            let before: Vec<_> = task.env.locations().collect();
            let arrived = task.metrics()[2];
            let actions: Vec<i64> = (0..agents).map(|_| policy.below(2).into()).collect();
            status = task.step(&actions);
            let now: Vec<_> = task.env.locations().collect();
            let mut left = 0;
            for agent in 0..agents {
                assert_eq!(task.active[agent], now[agent].is_some());
                let width = task.env.spec().obs_dim;
                let own = &task.obs[agent * width..][..width];
                let Some((row, col)) = now[agent] else {
                    assert!(own.iter().all(|&number| number == 0.0));
                    assert_eq!(task.rewards[agent], 0.0);
                    left += usize::from(before[agent].is_some());
                    waits[agent] = 0;
                    continue;
                };
                let moved = before[agent].map(|(r, c)| r.abs_diff(row) + c.abs_diff(col));
                let drove_on = moved.is_some_and(|by| by == usize::from(actions[agent] == GAS));
                let others = now
                    .iter()
                    .filter(|&&other| other == Some((row, col)))
                    .count();
                let crash = if others > 1 { -10.0 } else { 0.0 };
                crashes += usize::from(others > 1);
                let paid =
                    |wait: i32| (task.rewards[agent] - crash + 0.01 * wait as f32).abs() < 1e-4;
                if drove_on && paid(waits[agent] + 1) {
                    (waits[agent], braked[agent]) = (waits[agent] + 1, actions[agent] == BRAKE);
                } else {
                    // Another car, which has just come in.
                    assert!(paid(0), "{} after {}", task.rewards[agent], waits[agent]);
                    left += usize::from(before[agent].is_some());
                    (waits[agent], braked[agent]) = (0, false);
                }
                assert_eq!(own[0] == 1.0, braked[agent]);
            }
            assert_eq!(task.metrics()[2] - arrived, left as f32);
            assert_eq!(task.metrics()[1], crashes as f32);
            assert_eq!(task.metrics()[0] == 1.0, crashes == 0);
        }
    }
}

#[test]
fn cars_come_with_the_given_rate_at_every_entry_onto_every_route_and_into_every_place() {
    for difficulty in ALL {
        let config = TrafficJunctionConfig {
            add_rate_min: 0.25,
            add_rate_max: 0.25,
            ..customary(difficulty)
        };
        let agents = config.agents;
        let mut task = single(config, 8);
        let rounds = 8_000;
        let (mut of_place, mut of_route) = (vec![0.0_f64; agents], vec![0.0_f64; 56]);
        for _ in 0..rounds {
            task.reset();
            task.step(&vec![GAS; agents]);
            for (place, route) in task.env.routes().enumerate() {
                if let Some(route) = route {
                    of_place[place] += 1.0;
                    of_route[route] += 1.0;
                }
            }
        }
        let (entries, routes) = match difficulty {
            Difficulty::Easy => (2, 1),
            Difficulty::Medium => (4, 3),
            Difficulty::Hard => (8, 7),
        };
        let all = f64::from(rounds) * 0.25 * f64::from(entries);
        let chi_squared = |counts: &[f64]| -> f64 {
            let expected = all / counts.len() as f64;
            counts
                .iter()
                .map(|n| (n - expected).powi(2) / expected)
                .sum()
        };
        // The 99.9 % points for 55 and 19 degrees of freedom, the most of the three.
        let of_route = &of_route[..entries as usize * routes];
        assert!(chi_squared(of_route) < 93.2, "{of_route:?}");
        assert!(chi_squared(&of_place) < 43.8, "{of_place:?}");
    }
}

#[test]
fn the_last_free_place_goes_to_the_first_entry() {
    for seed in 0..20 {
        let mut task = single(crowded(1), seed);
        task.step(&[GAS]);
        assert_eq!(task.env.routes().collect::<Vec<_>>(), [Some(0)]);
    }
}

#[test]
fn traffic_follows_the_progress_and_is_full_without_it() {
    let mut task = TrafficJunction::new(Default::default()).unwrap();
    let mut rates = vec![task.add_rate()];
    for share in [0.0, 0.375, 7.0] {
        task.progress(share);
        rates.push(task.add_rate());
    }
    assert_eq!(rates, [0.3, 0.1, 0.2, 0.3]);
}

/// The success rates of random play at the lowest rate of cars, measured once with IC3Net's release.
#[test]
fn random_cars_get_through_as_often_as_those_of_the_reference() {
    for (difficulty, expected) in ALL.into_iter().zip([0.41, 0.22, 0.21]) {
        let mut task = Single::new(TrafficJunction::new(customary(difficulty)).unwrap(), 9);
        task.env.progress(0.0);
        let (agents, mut policy) = (task.env.spec().agents, Rng::new(10, 0));
        let (episodes, mut successes) = (1_000, 0.0);
        for _ in 0..episodes {
            task.reset();
            let mut status = Status::Running;
            while status == Status::Running {
                let actions: Vec<i64> = (0..agents).map(|_| policy.below(2).into()).collect();
                status = task.step(&actions);
            }
            successes += f64::from(task.metrics()[0]);
        }
        let found = successes / f64::from(episodes);
        // Three standard errors of the difference between two samples of 1,000.
        assert!((found - expected).abs() < 0.066, "{difficulty:?}: {found}");
    }
}

#[test]
fn an_episode_is_truncated_at_its_limit() {
    for (difficulty, limit, expected) in [
        (Difficulty::Easy, None, 20),
        (Difficulty::Medium, None, 40),
        (Difficulty::Hard, None, 80),
        (Difficulty::Hard, Some(3), 3),
    ] {
        let config = TrafficJunctionConfig {
            episode_limit: limit,
            ..customary(difficulty)
        };
        let agents = config.agents;
        let mut task = single(config, 11);
        for step in 1..=expected {
            let status = task.step(&vec![GAS; agents]);
            assert_eq!(status == Status::Truncated, step == expected);
        }
    }
    let config = TrafficJunctionConfig {
        episode_limit: Some(0),
        ..Default::default()
    };
    let mut task = single(config, 12);
    assert!((0..500).all(|_| task.step(&[BRAKE; 5]) == Status::Running));
}
