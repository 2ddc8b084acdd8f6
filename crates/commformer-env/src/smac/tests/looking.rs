//! A cone of sight: what agents see and can do, and where they look.

use super::*;
use crate::smac::{Layout, Order, Script};

fn config(degrees: f32) -> SmacConfig {
    SmacConfig {
        sight_cone: Some(degrees),
        ..SmacConfig::default()
    }
}

/// The first of four looks of agents that face two enemies.
const NORTH: i64 = 8;
const SOUTH: i64 = 9;
const EAST: i64 = 10;
const WEST: i64 = 11;

/// An agent at (16, 16) with an ally to the north, and enemies to the east and to the west of it.
fn crossroads(config: SmacConfig) -> Team {
    let points = [[16.0, 16.0], [16.0, 20.0], [20.0, 16.0], [12.0, 16.0]];
    let still = Unit {
        weapon: None,
        speed: 0.0,
        ..marine()
    };
    let battle = scenario(&vec![marine(); 2], &vec![still; 2]);
    Team::at(&points, battle, config)
}

/// Whether agent 0 sees enemy 0, enemy 1, and its ally, by the layout of SMAC.
fn seen(team: &Team) -> [bool; 3] {
    let row = team.row(0);
    [&row[4..9], &row[9..14], &row[14..19]].map(|unit| unit.iter().any(|&number| number != 0.0))
}

#[test]
fn only_what_is_in_the_cone_is_seen_and_can_be_attacked() {
    let mut team = crossroads(config(90.0));
    let looks = NORTH as usize..NORTH as usize + 4;
    for (look, sees, targets) in [
        (None, [true, false, false], vec![6]),
        (Some(WEST), [false, true, false], vec![7]),
        (Some(NORTH), [false, false, true], vec![]),
        (Some(SOUTH), [false; 3], vec![]),
        (Some(EAST), [true, false, false], vec![6]),
    ] {
        if let Some(look) = look {
            team.step(&[look, 1]);
        }
        assert_eq!(seen(&team), sees, "{look:?}");
        let open: Vec<usize> = (1..6).chain(targets).chain(looks.clone()).collect();
        assert_eq!(team.open(0), open, "{look:?}");
    }
    let team = crossroads(config(360.0));
    assert_eq!(seen(&team), [true; 3]);
    assert_eq!(
        crossroads(SmacConfig::default()).open(0),
        [1, 2, 3, 4, 5, 6, 7]
    );
}

#[test]
fn what_is_seen_depends_on_the_angle() {
    let at = |enemy: [f32; 2], degrees| {
        let battle = scenario(&[marine()], &[marine()]);
        let team = Team::at(&[[16.0, 16.0], enemy], battle, config(degrees));
        (team.row(0)[4..9] != [0.0; 5], team.open(0).contains(&6))
    };
    // It looks east.
    for (enemy, degrees, seen, near) in [
        ([19.0, 19.0], 90.0, true, true),
        ([19.0, 13.0], 90.0, true, true),
        ([19.0, 19.1], 90.0, false, false),
        ([19.0, 19.1], 92.0, true, true),
        ([16.0, 19.0], 180.0, true, true),
        ([15.9, 19.0], 180.0, false, false),
        ([13.0, 19.1], 270.0, true, true),
        ([13.0, 18.9], 270.0, false, false),
        ([23.0, 16.0], 90.0, true, false),
        ([25.5, 16.0], 90.0, false, false),
    ] {
        assert_eq!(
            at(enemy, degrees),
            (seen, seen && near),
            "{enemy:?}, {degrees}"
        );
    }
}

#[test]
fn healers_need_to_see_whom_they_heal() {
    let points = [[16.0, 16.0], [14.0, 16.0], [16.0, 13.0], [30.0, 16.0]];
    let allies = [medivac(), marine(), marine()];
    let mut team = Team::at(&points, scenario(&allies, &[marine()]), config(90.0));
    // Six actions, three allies to name, four looks.
    assert_eq!(team.env.spec().actions.size(), 13);
    assert_eq!(team.open(0), [1, 2, 3, 4, 5, 9, 10, 11, 12]);
    team.step(&[10, 1, 1]);
    assert_eq!(team.open(0), [1, 2, 3, 4, 5, 8, 9, 10, 11, 12], "south");
}

#[test]
fn who_looks_around_goes_on_with_what_it_was_told() {
    let mut team = crossroads(config(90.0));
    team.step(&[6, 1]);
    team.env.act(&[WEST, 1]);
    assert_eq!(team.units()[0].order, Order::Target(2));
    team.env.act(&[4, 1]);
    let told = team.units()[0].order;
    team.env.act(&[NORTH, 1]);
    assert_eq!(
        (team.units()[0].order, told),
        (told, Order::Move([18.0, 16.0]))
    );
}

#[test]
fn moves_and_attacks_do_not_turn_an_agent() {
    let mut team = crossroads(config(90.0));
    for action in [WEST, 2, 7, 3, 1] {
        team.step(&[action, 1]);
        let row = team.row(0);
        assert_eq!(row[row.len() - 2..], [-1.0, 0.0], "after {action}");
    }
}

#[test]
fn every_action_has_a_name() {
    let names = |config| {
        let env = crossroads(config).env;
        let names = env.action_names();
        assert_eq!(names.len(), env.spec().actions.size());
        names
    };
    let plain = names(SmacConfig::default());
    assert_eq!(plain[5..], ["west", "attack 0", "attack 1"]);
    let with_looks = names(config(90.0));
    assert_eq!(with_looks[..NORTH as usize], plain);
    let looks = ["look north", "look south", "look east", "look west"];
    assert_eq!(with_looks[NORTH as usize..], looks);
}

#[test]
fn the_dead_do_not_look() {
    let mut battle = scenario(&vec![marine(); 2], &[hits(1000.0)]);
    battle.first_order = FirstOrder::AttackMove([10.0, 16.0]);
    let points = [[10.0, 16.0], [31.0, 23.0], [14.0, 16.0]];
    let mut team = Team::at(&points, battle, config(90.0));
    team.lose_the_first();
    assert_eq!(team.open(0), [0]);
    team.step(&[7, 1]);
    assert!(team.row(0).iter().all(|&number| number == 0.0));
}

#[test]
fn where_agents_look_is_in_observations_and_states() {
    let unarmed = Unit {
        weapon: None,
        ..marine()
    };
    let mut battle = scenario(&[stalker(), stalker()], &[unarmed]);
    battle.type_bits = 2;
    for (member, type_id) in battle.allies.iter_mut().zip([1, 0]) {
        member.type_id = Some(type_id);
    }
    battle.enemies[0].type_id = Some(0);
    let points = [[8.0, 16.0], [8.0, 10.0], [11.0, 16.0]];
    let with = |layout, sight_cone| {
        let config = SmacConfig {
            layout,
            sight_cone,
            ..SmacConfig::default()
        };
        Team::at(&points, battle.clone(), config)
    };
    let sizes = |team: &Team| [team.env.spec().obs_dim, team.env.spec().state_dim];
    // Seven actions become eleven; two numbers more where somebody looks.
    let grown = |layout| {
        let [new, old] = [Some(90.0), None].map(|cone| sizes(&with(layout, cone)));
        [new[0] - old[0], new[1] - old[1]]
    };
    assert_eq!(grown(Layout::Oxwhirl), [2, 2 * 2 + 2 * 4]);
    assert_eq!(grown(Layout::Commformer), [2 + 2 * 4, 2 * (2 * 2 + 2 * 4)]);

    let mut team = with(Layout::Oxwhirl, Some(90.0));
    team.step(&[7, 1]);
    // Hit points, shield, look, type.
    let row = team.row(0);
    assert_eq!(row[row.len() - 6..], [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    let state = team.state();
    // Hit points, cooldown, x, y, shield, look, type.
    assert_eq!(state[5..7], [0.0, 1.0]);
    assert_eq!(state[9 + 5..9 + 7], [1.0, 0.0]);
    assert_eq!(
        state[state.len() - 22..][..11]
            .iter()
            .rposition(|&at| at == 1.0),
        Some(7)
    );

    let mut team = with(Layout::Commformer, Some(90.0));
    team.step(&[10, 1]);
    let row = team.row(0);
    // West, type 1, action 10 of 11, number 0 of 2.
    let own = [-1.0, 0.0, 0.0, 1.0];
    assert_eq!(row[row.len() - 17..row.len() - 13], own);
    assert_eq!(
        row[row.len() - 13..].iter().rposition(|&at| at == 1.0),
        Some(11)
    );
}

#[test]
fn battles_with_all_options_go_on_from_where_they_were_saved() {
    for layout in [Layout::Oxwhirl, Layout::Commformer] {
        for map in ["terran_5_vs_5", "zerg_10_vs_11"] {
            let config = SmacConfig {
                map: map.into(),
                layout,
                ..config(90.0)
            };
            let team = || Team::new(Scenario::clone(&config.scenario().unwrap()), config.clone());
            let mut original = team();
            original.reset();
            assert_goes_on(original, 6, team(), Script::Random);
        }
    }
}

#[test]
fn what_was_not_drawn_or_looked_at_is_refused() {
    let config = SmacConfig {
        map: "terran_5_vs_5".into(),
        ..config(90.0)
    };
    let battle = Scenario::clone(&config.scenario().unwrap());
    let mut team = Team::new(battle, config.clone());
    team.reset();
    let saved = team.env.save().unwrap();
    for length in 0..saved.len() {
        assert!(team.restore(&saved[..length]).is_err(), "{length} bytes");
    }
    // Five looks follow steps (0) and the five last actions, none of them; no enemy hides.
    let begins = [0, 5, 0, 0, 0, 0, 0, 5, 2, 2, 2, 2, 2, 0, 0, 10];
    let at = saved
        .windows(begins.len())
        .position(|bytes| bytes == begins);
    let at = at.expect("the looks, then the number of units") + 8;
    let with = |place: usize, byte: u8| {
        let mut bytes = saved.clone();
        bytes[place] = byte;
        bytes
    };
    assert!(team.restore(&with(at, 3)).is_ok());
    assert!(
        team.restore(&with(at, 4)).is_err(),
        "there is no fifth direction"
    );
    // Each unit begins with its side and its kind.
    let unit = at + 8;
    assert_eq!(saved[unit], 0, "an ally");
    for kind in [3, 250] {
        assert!(team.restore(&with(unit + 1, kind)).is_err(), "kind {kind}");
    }
    let other = (saved[unit + 1] + 1) % 3;
    let found = team
        .restore(&with(unit + 1, other))
        .unwrap_err()
        .to_string();
    assert!(
        found.contains("it is not a battle of `terran_5_vs_5`"),
        "{found}: the sides differ"
    );
    let all_round = SmacConfig {
        sight_cone: None,
        ..config
    };
    let mut other = Team::new(Scenario::clone(team.env.battle().scenario()), all_round);
    let found = other.restore(&saved).unwrap_err().to_string();
    assert!(found.contains("other settings"), "{found}");
}

#[test]
fn types_and_rewards_are_those_of_the_units_that_were_drawn() {
    let config = SmacConfig {
        map: "protoss_5_vs_5".into(),
        reward: crate::smac::Reward::Smac,
        ..SmacConfig::default()
    };
    let battle = Scenario::clone(&config.scenario().unwrap());
    let mut team = Team::new(battle, config);
    let mut seen = [false; 3];
    for _ in 0..20 {
        team.reset();
        let units = team.units().to_vec();
        for (agent, unit) in units[..5].iter().enumerate() {
            let row = team.row(agent);
            let mut types = [0.0; 3];
            types[unit.unit] = 1.0;
            assert_eq!(row[row.len() - 3..], types);
            seen[unit.unit] = true;
        }
        // Every enemy: hit points, x, y, shield, type.
        let state = team.state();
        let enemies = state[5 * 8..].chunks_exact(7).zip(&units[5..]);
        for (row, unit) in enemies {
            assert_eq!(row[4..].iter().position(|&hot| hot == 1.0), Some(unit.unit));
        }
        let points: f32 = units[5..].iter().map(|unit| unit.hp + unit.shield).sum();
        let rest = |team: &Team| -> f32 {
            let enemies = team.units()[5..].iter().filter(|unit| unit.is_alive());
            enemies.map(|unit| unit.hp + unit.shield).sum()
        };
        let mut actions = [0; 5];
        for _ in 0..40 {
            let before = rest(&team);
            Script::AttackNearest.act(&team.env, &mut Rng::new(0, 0), &mut actions);
            if team.step(&actions) != Status::Running {
                break;
            }
            if team.units()[5..].iter().all(UnitState::is_alive) {
                let expected = (before - rest(&team)).abs() * 20.0 / (points + 250.0);
                assert!((team.rewards[0] - expected).abs() < 1e-4);
            }
            assert!((team.metrics()[3] - (1.0 - rest(&team) / points)).abs() < 1e-6);
        }
    }
    assert_eq!(seen, [true; 3]);
}

#[test]
fn options_that_cannot_be_are_named() {
    let error = |config| {
        let battle = Arc::new(scenario(&[marine()], &[marine()]));
        Smac::with_scenario(battle, config).unwrap_err().to_string()
    };
    for degrees in [0.0, -90.0, 361.0, f32::NAN] {
        let found = error(config(degrees));
        assert!(found.starts_with("`sight_cone` is"), "{found}");
        assert!(
            found.ends_with("but must be a number from 1 to 360"),
            "{found}"
        );
    }
    let narrow = Terrain::new((0..32 * 32).map(|cell| cell % 32 > 30).collect());
    let battle = Scenario {
        terrain: narrow,
        ..scenario(&vec![marine(); 2], &[marine()])
    };
    let start = SmacConfig {
        start: Some(crate::smac::Start::Reflect),
        ..SmacConfig::default()
    };
    let found = Smac::with_scenario(Arc::new(battle), start)
        .unwrap_err()
        .to_string();
    assert_eq!(
        found,
        "`start` is reflect, but must be left out: not all units find room on this map"
    );
}
