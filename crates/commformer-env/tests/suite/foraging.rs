//! Level-based foraging: games of the package `lbforaging` 2.0.0, step by step, and what the games do not show.
//!
//! The games are in `tests/golden/lbf`, with the script that records them.

use crate::golden::rows;
use crate::single::Single;
use commformer_env::{Foraging, ForagingConfig, Item, Rng, Status};
use safetensors::SafeTensors;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;

fn count(case: &Value, key: &str) -> u32 {
    let found = case[key].as_u64();
    found.unwrap_or_else(|| panic!("{key} in {case}")) as u32
}

/// The package's settings as ours.
fn config(case: &Value) -> ForagingConfig {
    let side = |axis: usize| case["field_size"][axis].as_u64().unwrap() as usize;
    let flag = |key: &str| case[key].as_bool().unwrap();
    ForagingConfig {
        rows: side(0),
        cols: side(1),
        agents: count(case, "players") as usize,
        food: count(case, "max_num_food") as usize,
        sight: Some(count(case, "sight") as usize),
        force_coop: flag("force_coop"),
        min_agent_level: count(case, "min_player_level"),
        max_agent_level: count(case, "max_player_level"),
        min_food_level: count(case, "min_food_level"),
        max_food_level: case["max_food_level"].as_u64().map(|level| level as u32),
        penalty: case["penalty"].as_f64().unwrap() as f32,
        normalize_reward: flag("normalize_reward"),
        observe_agent_levels: flag("observe_agent_levels"),
        mask_actions: true,
        episode_limit: count(case, "max_episode_steps"),
    }
}

/// Items from rows, columns and levels; those of level 0 are not there.
fn items(numbers: &[f64]) -> Vec<Item> {
    let items = numbers.chunks_exact(3).map(|item| Item {
        row: item[0] as usize,
        col: item[1] as usize,
        level: item[2] as u32,
    });
    items.filter(|item| item.level > 0).collect()
}

fn numbers<T: Copy + Into<f64>>(found: &[T]) -> Vec<f64> {
    found.iter().map(|&number| number.into()).collect()
}

fn replay(name: &str, bytes: &[u8]) {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let texts: &HashMap<String, String> = metadata.metadata().as_ref().unwrap();
    let config = config(&serde_json::from_str(&texts["case"]).unwrap());
    let limit = config.episode_limit;
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensors = [
        "agents",
        "food",
        "obs",
        "available",
        "actions",
        "rewards",
        "done",
    ];
    let [agents, food, obs, available, actions, rewards, done] =
        tensors.map(|tensor| rows(&file, tensor));
    let mut task = Single::new(Foraging::new(config).unwrap(), 0);
    let mut steps = 0;
    for row in 0..done.len() {
        let at = format!("{name}, row {row}");
        if agents[row][0] >= 0.0 {
            let [agents, food] = [&agents, &food].map(|rows| items(&rows[row]));
            task.begin(|env, _, out| env.reset_to(&agents, &food, out))
                .unwrap();
            steps = 0;
        }
        assert_eq!(numbers(&task.obs), obs[row], "{at}: seen");
        let open: Vec<u8> = task.available.iter().map(|&open| open.into()).collect();
        assert_eq!(numbers(&open), available[row], "{at}: available");
        if actions[row][0] < 0.0 {
            // What is seen at an end.
            continue;
        }
        let chosen: Vec<i64> = actions[row].iter().map(|&action| action as i64).collect();
        let status = task.step(&chosen);
        steps += 1;
        assert_eq!(numbers(&task.rewards), rewards[row], "{at}: rewards");
        let is_over = task.metrics()[0] == 1.0;
        assert_eq!(status == Status::Terminated, is_over, "{at}");
        assert_eq!(
            status == Status::Truncated,
            !is_over && steps == limit,
            "{at}"
        );
        assert_eq!(status != Status::Running, done[row][0] == 1.0, "{at}: end");
    }
}

#[test]
fn recorded_games_come_out_the_same() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/lbf");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let games = paths.filter(|path| path.extension().is_some_and(|end| end == "safetensors"));
    let games: Vec<_> = games.collect();
    assert_eq!(games.len(), 6);
    for path in games {
        replay(&path.display().to_string(), &fs::read(&path).unwrap());
    }
}

fn item(row: usize, col: usize, level: u32) -> Item {
    Item { row, col, level }
}

fn begun(config: ForagingConfig, agents: &[Item], food: &[Item]) -> Single<Foraging> {
    let mut single = Single::new(Foraging::new(config).unwrap(), 1);
    single
        .begin(|env, _, out| env.reset_to(agents, food, out))
        .unwrap();
    single
}

#[test]
fn who_cannot_move_may_find_another_on_its_cell() {
    // The first goes where the second stands, which means to go where the third stays.
    let agents = [item(0, 0, 1), item(0, 1, 1), item(0, 2, 1)];
    let config = ForagingConfig {
        agents: 3,
        ..Default::default()
    };
    let mut single = begun(config, &agents, &[item(3, 3, 2)]);
    single.step(&[4, 4, 0]);
    assert_eq!(
        single.env.agents(),
        [item(0, 1, 1), item(0, 1, 1), item(0, 2, 1)]
    );
}

#[test]
fn without_a_mask_an_impossible_action_is_none() {
    let config = ForagingConfig {
        mask_actions: false,
        ..Default::default()
    };
    let agents = [item(0, 0, 1), item(3, 2, 1)];
    let mut single = begun(config, &agents, &[item(3, 3, 2)]);
    assert!(single.available.is_empty());
    single.step(&[1, 4]);
    assert_eq!(single.env.agents(), agents);
    assert_eq!(single.rewards, [0.0, 0.0]);
}

#[test]
fn levels_and_places_are_drawn_from_all_that_there_are() {
    let config = ForagingConfig {
        rows: 5,
        cols: 6,
        food: 3,
        min_agent_level: 2,
        max_agent_level: 3,
        min_food_level: 4,
        ..Default::default()
    };
    let mut single = Single::new(Foraging::new(config).unwrap(), 3);
    let mut seen: [HashMap<(usize, usize), u32>; 2] = Default::default();
    let mut levels: [HashMap<u32, u32>; 2] = Default::default();
    let mut items = [0; 4];
    let episodes = 4_000;
    for _ in 0..episodes {
        single.reset();
        let (agents, food) = (single.env.agents().to_vec(), single.env.food().to_vec());
        items[food.len()] += 1;
        let together: u32 = agents.iter().map(|agent| agent.level).sum();
        assert!(food.iter().all(|food| (4..=together).contains(&food.level)));
        for (kind, all) in [&agents, &food].into_iter().enumerate() {
            for (index, one) in all.iter().enumerate() {
                *seen[kind].entry((one.row, one.col)).or_default() += 1;
                *levels[kind].entry(one.level).or_default() += 1;
                let apart =
                    |other: &Item| one.row.abs_diff(other.row) + one.col.abs_diff(other.col);
                let least = [1, 3][kind];
                assert!(
                    all[..index].iter().all(|other| apart(other) >= least),
                    "{all:?}"
                );
                assert!(kind == 0 || agents.iter().all(|agent| apart(agent) > 0));
            }
        }
    }
    // Every cell, with its share: 8,000 agents on 30 cells.
    assert_eq!((seen[0].len(), seen[1].len()), (30, 12));
    let shares = seen[0]
        .values()
        .map(|&count| f64::from(count) * 30.0 / 8_000.0);
    let shares: Vec<f64> = shares.collect();
    assert!(
        shares.iter().all(|share| (0.75..1.25).contains(share)),
        "{shares:?}"
    );
    assert!(
        (0.47..0.53).contains(&(f64::from(levels[0][&2]) / 8_000.0)),
        "{levels:?}"
    );
    assert_eq!(levels[1].len(), 3, "{levels:?}");
    // There is not always room for all three.
    assert!(items[0] == 0 && items[2] > 0 && items[3] > 0, "{items:?}");
}

#[test]
fn food_of_the_highest_level_takes_what_the_weakest_three_have() {
    let config = ForagingConfig {
        agents: 4,
        max_agent_level: 5,
        force_coop: true,
        ..Default::default()
    };
    let mut single = Single::new(Foraging::new(config).unwrap(), 4);
    for _ in 0..50 {
        single.reset();
        let mut levels: Vec<u32> = single
            .env
            .agents()
            .iter()
            .map(|agent| agent.level)
            .collect();
        levels.sort_unstable();
        let weakest: u32 = levels[..3].iter().sum();
        assert!(single.env.food().iter().all(|food| food.level == weakest));
    }
}

#[test]
fn what_is_collected_is_what_the_team_was_paid() {
    let config = ForagingConfig {
        agents: 3,
        food: 3,
        ..Default::default()
    };
    let mut single = Single::new(Foraging::new(config).unwrap(), 5);
    let mut policy = Rng::new(6, 0);
    let mut loaded = 0;
    for _ in 0..30 {
        single.reset();
        let mut paid = 0.0;
        while {
            let actions: Vec<i64> = (0..3).map(|_| policy.below(6).into()).collect();
            let status = single.step(&actions);
            paid += single.rewards.iter().sum::<f32>();
            status == Status::Running
        } {}
        let [_, collected] = single.metrics()[..] else {
            panic!("two metrics")
        };
        assert!((paid - collected).abs() < 1e-6, "{paid}, {collected}");
        loaded += u32::from(collected > 0.0);
    }
    assert!(loaded > 5, "{loaded}");
}

#[test]
fn a_start_that_cannot_be_is_refused() {
    let mut single = Single::new(Foraging::new(Default::default()).unwrap(), 1);
    let agents = [item(0, 0, 1), item(7, 7, 2)];
    let mut message = |agents: &[Item], food: &[Item]| {
        let begun = single.begin(|env, _, out| env.reset_to(agents, food, out));
        begun.map_or_else(|error| error.to_string(), |()| String::new())
    };
    assert_eq!(message(&agents, &[item(3, 3, 2), item(1, 1, 4)]), "");
    let cases: [(&[Item], &[Item], &str); 7] = [
        (&agents[..1], &[], "`agents` is 1 of them, but must be 2"),
        (
            &agents,
            &[item(1, 1, 1), item(3, 3, 1), item(5, 5, 1)],
            "`food` is 3 items, but must be at most 2",
        ),
        (&[item(0, 8, 1), agents[1]], &[], "on the field"),
        (&agents, &[item(0, 3, 1)], "off the border"),
        (
            &[item(3, 3, 1), agents[1]],
            &[item(3, 3, 1)],
            "off the agents",
        ),
        (
            &agents,
            &[item(3, 3, 1), item(4, 4, 1)],
            "neither around it",
        ),
        (&agents, &[item(3, 3, 0)], "of levels from 1"),
    ];
    for (agents, food, expected) in cases {
        let found = message(agents, food);
        assert!(found.contains(expected), "{found}");
    }
}
