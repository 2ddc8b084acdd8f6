//! Episodes as a whole.

use super::*;
use crate::smac::{Layout, Script, Side};
use crate::{Buffers, VecEnv};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

fn battle() -> Scenario {
    let mut battle = scenario(
        &[marine(), stalker(), medivac()],
        &[zealot(), marine(), medivac()],
    );
    battle.first_order = FirstOrder::AttackMove([8.0, 16.0]);
    battle
}

const POINTS: [[f32; 2]; 6] = [
    [8.0, 16.0],
    [8.0, 18.0],
    [6.0, 16.0],
    [18.0, 16.0],
    [18.0, 18.0],
    [20.0, 16.0],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_script_takes_available_actions_of_which_there_is_always_one(seed: u64, script in 0..5_usize) {
        let script = Script::ALL[script];
        let mut team = Team::at(&POINTS, battle(), SmacConfig::default());
        let mut rng = Rng::new(seed, 0);
        let mut status = Status::Running;
        while status == Status::Running {
            let mut actions = [-1; 3];
            script.act(&team.env, &mut rng, &mut actions);
            for (agent, &action) in actions.iter().enumerate() {
                let open = team.open(agent);
                prop_assert!(open.contains(&(action as usize)), "{action} of {open:?}");
                prop_assert_eq!(open == [0], !team.active[agent]);
            }
            status = team.step(&actions);
            prop_assert!(team.obs.iter().chain(&team.rewards).all(|number| number.is_finite()));
            let side = |side| team.units().iter().filter(move |unit| unit.side == side);
            let dead = side(Side::Enemies).filter(|unit| !unit.is_alive()).count();
            prop_assert_eq!(team.metrics()[1], dead as f32 / 3.0);
        }
    }
}

#[test]
fn a_battle_goes_on_from_where_it_was_saved() {
    for layout in [Layout::Oxwhirl, Layout::Commformer] {
        let config = SmacConfig {
            layout,
            opponent: Some(Script::Kite),
            ..SmacConfig::default()
        };
        let original = Team::at(&POINTS, battle(), config.clone());
        let restored = Team::new(battle(), config);
        assert_goes_on(original, 12, restored, Script::FocusFire);
    }
}

#[test]
fn bytes_that_are_no_state_of_the_battle_change_nothing() {
    let mut team = Team::at(&POINTS, battle(), SmacConfig::default());
    let saved = team.env.save().unwrap();
    let before = team.obs.clone();
    for length in 0..saved.len() {
        assert!(team.restore(&saved[..length]).is_err(), "{length} bytes");
    }
    let unbegun = Team::new(battle(), SmacConfig::default())
        .env
        .save()
        .unwrap();
    assert!(team.restore(&unbegun).is_err());
    let other = SmacConfig {
        reward_win: 1.0,
        ..SmacConfig::default()
    };
    let other = Team::at(&POINTS, battle(), other).env.save().unwrap();
    assert!(
        team.restore(&other)
            .unwrap_err()
            .to_string()
            .contains("other settings")
    );
    assert_eq!((team.env.save(), team.obs), (Some(saved), before));
}

#[test]
fn any_number_of_threads_plays_the_same_battles() {
    let play = |threads| {
        let config = SmacConfig {
            opponent: Some(Script::Random),
            ..SmacConfig::default()
        };
        let task = Smac::with_scenario(Arc::new(battle()), config).unwrap();
        let count = task.spec().actions.size();
        let mut envs = VecEnv::new(vec![task; 6], 11)
            .unwrap()
            .with_envs_per_thread(1);
        let mut out = Buffers::of(&envs);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut seen = Vec::new();
        pool.install(|| {
            out.reset(&mut envs).unwrap();
            for step in 0..80 {
                let rows = out.available.chunks_exact(count);
                let nth = |row: &[bool]| {
                    let open: Vec<usize> = (0..count).filter(|&action| row[action]).collect();
                    open[step % open.len()] as i64
                };
                let actions: Vec<i64> = rows.map(nth).collect();
                out.step(&mut envs, Actions::Discrete(&actions)).unwrap();
                seen.extend_from_slice(&out.obs);
                seen.extend_from_slice(&out.rewards);
            }
        });
        seen
    };
    let alone = play(1);
    assert_eq!(play(2), alone);
    assert_eq!(play(3), alone);
}
