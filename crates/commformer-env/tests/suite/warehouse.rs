//! What holds in every robotic warehouse, whatever the robots do. That its rules are those of the package `rware`, the
//! recorded games say: `src/rware/golden.rs`.

use crate::single::Single;
use commformer_env::{
    Environment, Form, Frame, Rng, Role, Status, Warehouse, WarehouseConfig, WarehouseReward,
};
use proptest::prelude::*;

fn warehouse(plan: &str, edit: impl FnOnce(&mut WarehouseConfig)) -> Single<Warehouse> {
    let mut config = WarehouseConfig {
        floor_plan: Some(plan.into()),
        ..Default::default()
    };
    edit(&mut config);
    Single::new(Warehouse::new(config).unwrap(), 7)
}

/// Left upper corners of all shapes of a role in the picture, in order.
fn places(task: &Single<Warehouse>, role: Role) -> Vec<[f32; 2]> {
    let mut frame = Frame::default();
    task.env.draw(&mut frame);
    let place = |form: Form| match form {
        Form::Rectangle([x, y, ..]) => Some([x, y]),
        _ => None,
    };
    let shapes = frame.shapes.into_iter().filter(|shape| shape.role == role);
    let mut places: Vec<_> = shapes.filter_map(|shape| place(shape.form)).collect();
    places.sort_by(|a, b| a.partial_cmp(b).unwrap());
    places
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn robots_and_shelves_keep_apart_and_what_is_seen_follows_from_the_state(
        seed: u64,
        agents in 1_usize..10,
        sensor_range in 0_usize..3,
        requests in 1_usize..7,
        reward in prop::sample::select(vec![
            WarehouseReward::Global, WarehouseReward::Individual, WarehouseReward::TwoStage,
        ]),
    ) {
        let edit = |config: &mut WarehouseConfig| {
            config.agents = agents;
            config.sensor_range = sensor_range;
            config.request_queue = Some(requests);
            config.reward = reward;
        };
        let plan = "xxgx\n....\nxxgx\n..xg";
        let (mut task, mut other) = (warehouse(plan, edit), warehouse(plan, edit));
        task.rng = Rng::new(seed, 0);
        task.reset();
        let mut policy = Rng::new(seed, 1);
        let (mut before, mut total) = (0.0, 0.0);
        for _ in 0..60 {
            // Forward more often than anything else.
            let actions: Vec<i64> = (0..agents).map(|_| [0, 1, 1, 1, 2, 3, 4][policy.below(7) as usize]).collect();
            task.step(&actions);
            let mut robots: Vec<_> = (task.obs.chunks_exact(task.env.spec().obs_dim))
                .map(|seen| [seen[0] as u32, seen[1] as u32])
                .collect();
            robots.sort_unstable();
            robots.dedup();
            prop_assert_eq!(robots.len(), agents);
            let (requested, others) = (places(&task, Role::Target), places(&task, Role::Cliff));
            prop_assert_eq!((requested.len(), others.len()), (requests, 7 - requests));
            let mut shelves = [requested, others].concat();
            shelves.sort_by(|a, b| a.partial_cmp(b).unwrap());
            shelves.dedup();
            prop_assert_eq!(shelves.len(), 7);
            // A warehouse that is restored works out anew what this one has kept up to date.
            let saved = task.env.save().unwrap();
            other.go_on(&saved);
            prop_assert_eq!(&other.obs, &task.obs);
            // What is paid are deliveries.
            let deliveries = task.metrics()[0];
            let paid: f32 = task.rewards.iter().sum();
            total += paid;
            match reward {
                WarehouseReward::Individual => prop_assert_eq!(paid, deliveries - before),
                WarehouseReward::Global => prop_assert_eq!(paid, agents as f32 * (deliveries - before)),
                WarehouseReward::TwoStage => prop_assert!((deliveries / 2.0..=deliveries).contains(&total)),
            }
            before = deliveries;
        }
    }
}

#[test]
fn everything_is_drawn_evenly_at_the_start() {
    // Three cells, of which two have shelves.
    let mut task = warehouse("xxg", |config| config.agents = 1);
    let (mut at, mut facing, mut requested) = ([0; 3], [0; 4], [0; 2]);
    let episodes = 6000;
    for _ in 0..episodes {
        task.reset();
        at[task.obs[0] as usize] += 1;
        facing[task.obs[3..7].iter().position(|&is| is == 1.0).unwrap()] += 1;
        requested[places(&task, Role::Target)[0][0] as usize] += 1;
    }
    // More than four standard deviations.
    let even = |counts: &[usize]| {
        let expected = episodes / counts.len();
        counts.iter().all(|count| count.abs_diff(expected) < 170)
    };
    assert!(
        even(&at) && even(&facing) && even(&requested),
        "{at:?} {facing:?} {requested:?}"
    );
}

#[test]
fn a_limit_truncates_and_inactivity_terminates() {
    let ends = |limit: u32, inactivity: u32| {
        let mut task = warehouse("xxg", |config| {
            config.agents = 1;
            config.episode_limit = Some(limit);
            config.inactivity_limit = inactivity;
        });
        task.reset();
        let mut steps = (1..=9).map(|step| (step, task.step(&[0])));
        steps.find(|(_, status)| *status != Status::Running)
    };
    assert_eq!(ends(3, 0), Some((3, Status::Truncated)));
    assert_eq!(ends(0, 4), Some((4, Status::Terminated)));
    assert_eq!(ends(3, 4), Some((3, Status::Truncated)));
    assert_eq!(ends(0, 0), None);
}

#[test]
fn a_place_is_a_share_of_the_extent_where_that_is_asked_for() {
    let mut task = warehouse("xxg", |config| {
        config.agents = 3;
        config.request_queue = Some(1);
        config.normalised_coordinates = true;
    });
    task.reset();
    let width = task.env.spec().obs_dim;
    let mut places: Vec<_> = task
        .obs
        .chunks_exact(width)
        .map(|seen| (seen[0], seen[1]))
        .collect();
    places.sort_by(|a, b| a.partial_cmp(b).unwrap());
    // One row is no extent.
    assert_eq!(places, [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0)]);
}

#[test]
fn what_does_not_fit_its_own_settings_is_refused() {
    let written = serde_json::to_string(&Warehouse::new(Default::default()).unwrap()).unwrap();
    let refused = |from: &str, to: &str, expected: &str| {
        assert!(written.contains(from), "{written}");
        let read = serde_json::from_str::<Warehouse>(&written.replacen(from, to, 1));
        let error = read.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(r#""cell":1,"#, r#""cell":0,"#, "on different cells");
    refused(r#""cell":1,"#, r#""cell":110,"#, "on different cells");
    refused(r#""agents":2"#, r#""agents":3"#, "`robots` is 2");
    refused(r#""shelves":[11,"#, r#""shelves":["#, "`shelves` is 31");
    refused(r#""shelves":[11,"#, r#""shelves":[10,"#, "in corridors");
    refused(r#""load":null"#, r#""load":0"#, "where the shelf is");
    refused(r#""load":null"#, r#""load":32"#, "where the shelf is");
    refused(r#""requested":[true"#, r#""requested":[false"#, "1 of 32");
}
