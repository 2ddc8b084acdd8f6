//! Both layouts, number by number.

use super::*;
use crate::smac::Layout;

/// Two Stalkers, of types 1 and 0, against a Marine that is 3 cells east and 4 north of the first and out
/// of the second's sight.
fn two_against_one(layout: Layout) -> Team {
    let mut scenario = scenario(&[stalker(), stalker()], &[marine()]);
    scenario.type_bits = 2;
    scenario.allies[0].type_id = Some(1);
    scenario.allies[1].type_id = Some(0);
    scenario.enemies[0].type_id = Some(0);
    let config = SmacConfig {
        layout,
        ..SmacConfig::default()
    };
    Team::at(&[[8.0, 16.0], [8.0, 10.0], [11.0, 20.0]], scenario, config)
}

fn assert_near(found: &[f32], parts: &[&[f32]]) {
    let expected = parts.concat();
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < 1e-6,
            "number {at} is {found}, not {expected}"
        );
    }
}

const NINTH: f32 = 1.0 / 9.0;

#[test]
fn the_layout_of_smac_is_written_as_it_says() {
    let team = two_against_one(Layout::Oxwhirl);
    assert_near(
        team.row(0),
        &[
            &[1.0, 1.0, 1.0, 1.0],
            &[1.0, 5.0 * NINTH, 3.0 * NINTH, 4.0 * NINTH, 1.0, 1.0, 0.0],
            &[1.0, 6.0 * NINTH, 0.0, -6.0 * NINTH, 1.0, 1.0, 1.0, 0.0],
            &[1.0, 1.0, 0.0, 1.0],
        ],
    );
    assert_near(
        team.row(1),
        &[
            &[1.0, 1.0, 1.0, 1.0],
            &[0.0; 7],
            &[1.0, 6.0 * NINTH, 0.0, 6.0 * NINTH, 1.0, 1.0, 0.0, 1.0],
            &[1.0, 1.0, 1.0, 0.0],
        ],
    );
    assert_near(
        &team.state(),
        &[
            &[1.0, 0.0, -0.25, 0.0, 1.0, 0.0, 1.0],
            &[1.0, 0.0, -0.25, -6.0 / 32.0, 1.0, 1.0, 0.0],
            &[1.0, -5.0 / 32.0, 4.0 / 32.0, 1.0, 0.0],
            &[0.0; 14],
        ],
    );
}

#[test]
fn the_layout_of_commformer_is_written_as_it_says() {
    let team = two_against_one(Layout::Commformer);
    let nothing = [0.0; 7];
    assert_near(
        team.row(0),
        &[
            &[1.0, 6.0 * NINTH, 0.0, -6.0 * NINTH, 1.0, 1.0, 1.0, 0.0],
            &nothing,
            &[1.0, 5.0 * NINTH, 3.0 * NINTH, 4.0 * NINTH, 1.0, 1.0, 0.0],
            &[1.0, 1.0, 1.0, 1.0],
            &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0],
            &nothing,
            &[1.0, 0.0],
        ],
    );
    let state = team.state();
    let far = 109.0_f32.sqrt() * NINTH;
    assert_near(
        &state[state.len() / 2..],
        &[
            &[
                1.0,
                6.0 * NINTH,
                0.0,
                6.0 * NINTH,
                0.0,
                1.0,
                1.0,
                -0.25,
                0.0,
                0.0,
                1.0,
            ],
            &nothing,
            &[
                0.0,
                far,
                3.0 * NINTH,
                10.0 * NINTH,
                0.0,
                1.0,
                1.0,
                0.0,
                -5.0 / 32.0,
                4.0 / 32.0,
            ],
            &[1.0, 1.0, 1.0, 1.0],
            &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, -0.25, -6.0 / 32.0, 1.0, 0.0],
            &nothing,
            &[0.0, 1.0],
        ],
    );
}

#[test]
fn what_agents_did_last_is_in_the_next_observation() {
    let mut team = two_against_one(Layout::Commformer);
    team.step(&[2, 1]);
    let (others, own) = (team.row(0)[8..15].to_vec(), team.row(0)[34..41].to_vec());
    assert_eq!(
        others,
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        "the other stopped"
    );
    assert_eq!(own, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], "it went north");
    let mut team = two_against_one(Layout::Oxwhirl);
    team.step(&[2, 6]);
    let state = team.state();
    let expected = [
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ];
    assert_eq!(
        state[state.len() - 14..],
        expected.concat(),
        "nobody was in the second's reach"
    );
}

#[test]
fn a_healer_shows_its_energy_and_the_others_their_cooldown() {
    let points = [[10.0, 16.0], [12.0, 16.0], [14.0, 16.0]];
    let mut team = Team::at(
        &points,
        scenario(&[marine(), medivac()], &[zealot()]),
        SmacConfig::default(),
    );
    assert_eq!(team.state()[4..6], [1.0, 0.25], "50 of 200");
    team.step(&[6, 1]);
    let cooldown = team.units()[0].cooldown;
    assert!(cooldown > 0.0);
    assert_eq!(team.state()[1], cooldown / 15.0);
    assert!(team.state()[5] >= 0.25);
}

#[test]
fn a_healer_does_not_take_enemies_for_its_patients() {
    let points = [[10.0, 16.0], [12.0, 16.0], [14.0, 16.0]];
    let team = Team::at(
        &points,
        scenario(&[marine(), medivac()], &[marine()]),
        SmacConfig::default(),
    );
    assert_eq!(team.open(1)[5..], [6], "its action 6 is ally 0");
    assert_eq!(
        team.row(1)[4..6],
        [0.0, 2.0 * NINTH],
        "enemy 0 is no target of it"
    );
    assert_eq!(team.row(0)[4..6], [1.0, 4.0 * NINTH]);
}

#[test]
fn a_dead_agent_of_commformer_shows_its_number_only() {
    let mut scenario = scenario(&[marine(), marine()], &[hits(1000.0)]);
    scenario.first_order = FirstOrder::AttackMove([10.0, 16.0]);
    let config = SmacConfig {
        layout: Layout::Commformer,
        ..SmacConfig::default()
    };
    let mut team = Team::at(
        &[[10.0, 16.0], [10.0, 23.0], [14.0, 16.0]],
        scenario,
        config,
    );
    team.lose_the_first();
    let hot = |row: &[f32]| row.iter().filter(|&&number| number != 0.0).count();
    assert_eq!(
        (hot(team.row(0)), team.row(0).iter().rev().nth(1)),
        (1, Some(&1.0))
    );
    let state = team.state();
    let (dead, alive) = state.split_at(state.len() / 2);
    assert_eq!((hot(dead), dead.iter().rev().nth(1)), (1, Some(&1.0)));
    assert!(
        alive[..7 + 1 + 7].iter().all(|&number| number == 0.0),
        "the dead are hidden"
    );
}

#[test]
fn the_dead_are_seen_by_nobody() {
    for layout in [Layout::Oxwhirl, Layout::Commformer] {
        let weak = Unit {
            hp: 1.0,
            ..marine()
        };
        let mut battle = scenario(&[marine(), weak.clone()], &[marine(), weak]);
        battle.first_order = FirstOrder::AttackMove([11.0, 16.0]);
        let config = SmacConfig {
            layout,
            ..SmacConfig::default()
        };
        // Each of the weak ones is nearest to the other side.
        let points = [[10.0, 16.0], [11.0, 16.0], [14.0, 16.0], [13.0, 16.0]];
        let mut team = Team::at(&points, battle, config);
        team.step(&[7, 1]);
        let alive: Vec<bool> = team.units().iter().map(UnitState::is_alive).collect();
        assert_eq!(alive, [true, false, true, false]);
        let none = |numbers: &[f32]| numbers.iter().all(|&number| number == 0.0);
        let (row, state) = (team.row(0), team.state());
        // Four moves, two enemies of 5 numbers, an ally of 5; or an ally of 5 and 8, two enemies, ...
        let (ally, enemy) = match layout {
            Layout::Oxwhirl => (&row[14..19], &row[9..14]),
            Layout::Commformer => (&row[..13], &row[18..23]),
        };
        assert!(none(ally) && none(enemy), "{row:?}");
        // Two allies of 4 numbers, two enemies of 3; or an ally of 8 and 8, two enemies of 8, ...
        let (ally, enemy) = match layout {
            Layout::Oxwhirl => (&state[4..8], &state[11..14]),
            Layout::Commformer => (&state[..16], &state[24..32]),
        };
        assert!(none(ally) && none(enemy), "{state:?}");
        assert!(!none(&row[..row.len() / 2]) && !none(&state[..state.len() / 2]));
    }
}

#[test]
fn lengths_are_those_of_the_formulas_for_every_combination_of_features() {
    let kinds = [marine(), stalker()];
    for (shields, bits) in [
        [false, true].map(|own| (own, 0)),
        [false, true].map(|own| (own, 3)),
    ]
    .concat()
    {
        for foe_shields in [false, true] {
            for (n, m) in [(1, 1), (2, 5), (6, 3)] {
                let [own, foe] = [shields, foe_shields].map(|has| kinds[usize::from(has)].clone());
                let mut scenario = scenario(&vec![own; n], &vec![foe; m]);
                scenario.type_bits = bits;
                let [own, foe] = [shields, foe_shields].map(|has| 1 + usize::from(has) + bits);
                let actions = 6 + m;
                let sight = SmacConfig::default().eyesight();
                let oxwhirl = 4 + m * (4 + foe) + (n - 1) * (4 + own) + own;
                assert_eq!(Layout::Oxwhirl.obs_dim(&scenario, sight), oxwhirl);
                let state = n * (3 + own) + m * (2 + foe) + n * actions;
                assert_eq!(Layout::Oxwhirl.state_len(&scenario, None), state);
                let commformer = n * (4 + own + actions) + m * (4 + foe) + 4 + n;
                assert_eq!(Layout::Commformer.obs_dim(&scenario, sight), commformer);
                let ally = 5 + own + 2 + actions;
                let row = (n - 1) * ally + m * (5 + foe + 2) + 4 + (ally - 1) + n;
                assert_eq!(Layout::Commformer.state_len(&scenario, None), n * row);
                // Every number is written, and no more.
                for layout in [Layout::Oxwhirl, Layout::Commformer] {
                    let points: Vec<[f32; 2]> = (0..n + m)
                        .map(|unit| [2.0 + 2.0 * unit as f32, 16.0])
                        .collect();
                    let config = SmacConfig {
                        layout,
                        ..SmacConfig::default()
                    };
                    let team = Team::at(&points, scenario.clone(), config);
                    assert!(
                        team.obs
                            .iter()
                            .chain(&team.state())
                            .all(|number| number.is_finite())
                    );
                }
            }
        }
    }
}

#[test]
fn agents_know_where_they_are_if_told() {
    // A quarter of the map west and an eighth south of its centre; a cone, so that the look follows.
    let points = [[8.0, 12.0], [16.0, 17.0], [19.0, 16.0]];
    let at = |layout, own_position| {
        let config = SmacConfig {
            layout,
            own_position,
            sight_cone: Some(90.0),
            ..SmacConfig::default()
        };
        Team::at(&points, scenario(&vec![marine(); 2], &[marine()]), config)
    };
    for layout in [Layout::Oxwhirl, Layout::Commformer] {
        let [mut with, mut without] = [true, false].map(|told| at(layout, told));
        // Hit points come before, and what follows is the look and, in the second layout, the last action of 11 and one
        // of 2 numbers.
        let after = match layout {
            Layout::Oxwhirl => 2,
            Layout::Commformer => 2 + 11 + 2,
        };
        let split = |row: &[f32]| {
            let own = row.len() - after - 2;
            (
                row[own..own + 2].to_vec(),
                [&row[..own], &row[own + 2..]].concat(),
            )
        };
        let (place, rest) = split(with.row(0));
        assert_eq!(place, [-0.25, -0.125]);
        assert_eq!(rest, without.row(0), "all else is as it was");
        assert_eq!(with.state(), without.state(), "which always has places");
        // East by two cells in some steps.
        for _ in 0..3 {
            with.step(&[4, 1]);
            without.step(&[4, 1]);
        }
        let x = with.units()[0].position[0];
        assert!(x > 8.5);
        assert_eq!(split(with.row(0)).0, [(x - 16.0) / 32.0, -0.125]);
    }
}
