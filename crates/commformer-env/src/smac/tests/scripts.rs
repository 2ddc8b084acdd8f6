//! What scripts choose.

use super::*;
use crate::smac::{Order, Script};

/// What a script chooses for agent 0.
fn choice(script: Script, team: &Team) -> i64 {
    let mut actions = vec![0; team.env.spec().agents];
    script.act(&team.env, &mut Rng::new(1, 2), &mut actions);
    actions[0]
}

#[test]
fn attack_nearest_attacks_the_nearest_or_walks_to_it() {
    let foes = [marine(), marine()];
    let at = |points: &[[f32; 2]]| {
        choice(
            Script::AttackNearest,
            &Team::at(points, scenario(&[marine()], &foes), SmacConfig::default()),
        )
    };
    assert_eq!(at(&[[10.0, 16.0], [15.0, 16.0], [12.0, 16.0]]), 7);
    assert_eq!(at(&[[10.0, 16.0], [12.0, 16.0], [15.0, 16.0]]), 6);
    assert_eq!(at(&[[10.0, 16.0], [20.0, 17.0], [30.0, 16.0]]), 4, "east");
    assert_eq!(at(&[[10.0, 10.0], [11.0, 22.0], [30.0, 10.0]]), 2, "north");
    let flyers = scenario(&[zealot()], &[medivac()]);
    let team = Team::at(&[[10.0, 16.0], [20.0, 16.0]], flyers, SmacConfig::default());
    assert_eq!(
        choice(Script::AttackNearest, &team),
        1,
        "there is nobody that it could hit"
    );
}

#[test]
fn the_heuristic_keeps_its_target_and_walks_after_it() {
    let mut foe = marine();
    foe.weapon = None;
    let foes = [foe.clone(), foe];
    let at =
        |points: &[[f32; 2]]| Team::at(points, scenario(&[marine()], &foes), SmacConfig::default());
    let mut team = at(&[[10.0, 16.0], [15.8, 16.0], [9.0, 20.0]]);
    // The first is 5.8 away, the other 4.1.
    assert_eq!(choice(Script::Heuristic, &team), 7, "the nearest");
    team.env.act(&[6]);
    assert_eq!(choice(Script::Heuristic, &team), 6, "whom it attacks");
    // West: then the first is 6.9 away.
    team.step(&[5]);
    assert_eq!(choice(Script::AttackNearest, &team), 7);
    assert_eq!(choice(Script::Heuristic, &team), 4, "east after its target");
    let saved = team.env.save().unwrap();
    let mut other = at(&[[10.0, 16.0], [15.8, 16.0], [9.0, 20.0]]);
    other.restore(&saved).unwrap();
    assert_eq!(choice(Script::Heuristic, &other), 4, "it is saved");
    let team = at(&[[10.0, 10.0], [13.0, 22.0], [30.0, 10.0]]);
    assert_eq!(
        choice(Script::Heuristic, &team),
        2,
        "farther north than east"
    );
}

#[test]
fn scripts_find_their_way_around_walls() {
    let mut battle = scenario(&[marine()], &[marine()]);
    let free = |cell: usize| cell % 32 != 16 || cell / 32 >= 20;
    battle.terrain = Terrain::new((0..32 * 32).map(free).collect());
    let mut team = Team::at(&[[13.5, 10.5], [27.5, 10.5]], battle, SmacConfig::default());
    let mut steps = 0;
    while team.open(0).last() != Some(&6) && steps < 40 {
        team.step(&[choice(Script::AttackNearest, &team)]);
        steps += 1;
    }
    assert_eq!(
        team.open(0).last(),
        Some(&6),
        "it is at {:?}",
        team.units()[0].position
    );
}

#[test]
fn focus_fire_attacks_the_weakest_in_reach_and_of_equals_the_nearest() {
    let of = |foes: [Unit; 3]| {
        let points = [[10.0, 16.0], [15.0, 16.0], [12.0, 16.0], [14.0, 16.0]];
        let battle = scenario(&[marine()], &foes);
        choice(
            Script::FocusFire,
            &Team::at(&points, battle, SmacConfig::default()),
        )
    };
    assert_eq!(of([zealot(), stalker(), marine()]), 8);
    assert_eq!(
        of([marine(), zealot(), marine()]),
        8,
        "the other one is farther"
    );
    assert_eq!(
        of([
            Unit {
                hp: 40.0,
                ..stalker()
            },
            stalker(),
            Unit {
                hp: 119.0,
                ..marine()
            }
        ]),
        8
    );
    assert_eq!(
        of([
            Unit {
                hp: 38.0,
                ..stalker()
            },
            stalker(),
            Unit {
                hp: 119.0,
                ..marine()
            }
        ]),
        6
    );
}

#[test]
fn focus_fire_leaves_alone_whom_the_comrades_kill_already() {
    // The last agent is the farthest from both enemies and chooses first, the first one last.
    let of = |foes: [Unit; 2]| {
        let points = [
            [10.0, 16.0],
            [10.0, 17.0],
            [10.0, 15.0],
            [14.0, 16.0],
            [14.0, 17.5],
        ];
        let battle = scenario(&[marine(), marine(), marine()], &foes);
        let team = Team::at(&points, battle, SmacConfig::default());
        let mut actions = [0; 3];
        Script::FocusFire.act(&team.env, &mut Rng::new(1, 2), &mut actions);
        actions
    };
    let left = |hp| Unit { hp, ..marine() };
    assert_eq!(of([left(40.0), left(6.0)]), [6, 6, 7], "one shot kills");
    assert_eq!(of([left(40.0), left(12.0)]), [6, 7, 7], "two do");
    assert_eq!(
        of([left(6.0), left(6.0)])[0],
        6,
        "the nearest if there is nothing left to kill"
    );
}

#[test]
fn who_chooses_first_in_focus_fire_depends_on_places_and_not_on_numbers() {
    let places = [[10.0, 16.0], [11.0, 17.0], [9.5, 15.0], [10.5, 14.0]];
    let foes = [[14.0, 16.0], [14.0, 17.5]];
    let weak = Unit {
        hp: 12.0,
        ..marine()
    };
    // By place, whichever number has it.
    let of = |numbers: [usize; 4]| {
        let points: Vec<_> = (numbers.iter().map(|&place| places[place]))
            .chain(foes)
            .collect();
        let battle = scenario(
            &[marine(), marine(), marine(), marine()],
            &[weak.clone(), marine()],
        );
        let team = Team::at(&points, battle, SmacConfig::default());
        let mut actions = [0; 4];
        Script::FocusFire.act(&team.env, &mut Rng::new(1, 2), &mut actions);
        let mut by_place = [0; 4];
        for (place, action) in numbers.into_iter().zip(actions) {
            by_place[place] = action;
        }
        by_place
    };
    // The two who are farthest from their nearest enemy kill the weak one.
    let expected = [7, 7, 6, 6];
    for numbers in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        assert_eq!(of(numbers), expected, "{numbers:?}");
    }
}

#[test]
fn scripts_stay_with_their_target_until_the_weapon_is_ready() {
    for script in [Script::AttackNearest, Script::FocusFire] {
        let foes = [
            marine(),
            Unit {
                hp: 30.0,
                ..marine()
            },
        ];
        let points = [[10.0, 16.0], [14.0, 16.0], [13.0, 14.0]];
        let mut team = Team::at(&points, scenario(&[marine()], &foes), SmacConfig::default());
        assert_eq!(choice(script, &team), 7, "it is nearer, and weaker");
        team.step(&[6]);
        assert!(team.units()[0].cooldown > 0.0);
        let ready = team.units()[0].cooldown < 8.0;
        assert_eq!(choice(script, &team), if ready { 7 } else { 6 });
        team.step(&[choice(script, &team)]);
        assert_eq!(choice(script, &team), 7, "it is ready again");
    }
}

#[test]
fn enemies_that_a_script_leads_attack_nobody_else_when_their_target_is_dead() {
    let dying = Unit {
        hp: 6.0,
        ..marine()
    };
    let battle = scenario(&[dying, marine()], &[marine()]);
    let config = SmacConfig {
        opponent: Some(Script::AttackNearest),
        ..SmacConfig::default()
    };
    let points = [[10.0, 16.0], [10.0, 17.0], [14.0, 16.0]];
    let mut team = Team::at(&points, battle, config);
    team.step(&[1, 1]);
    assert!(!team.units()[0].is_alive());
    assert_eq!(
        (team.units()[2].order, team.units()[2].target),
        (Order::Stop, None)
    );
}

#[test]
fn kite_steps_away_from_blades_while_its_weapon_is_not_ready() {
    let at = |foe: Unit| {
        let points = [[16.0, 16.0], [19.0, 16.5]];
        let mut team = Team::at(
            &points,
            scenario(&[stalker()], &[foe]),
            SmacConfig::default(),
        );
        assert_eq!(choice(Script::Kite, &team), 6, "it is ready");
        team.step(&[6]);
        assert!(team.units()[0].cooldown >= 8.0);
        choice(Script::Kite, &team)
    };
    let still = |unit: Unit| Unit { speed: 0.0, ..unit };
    assert_eq!(at(still(zealot())), 5, "west");
    assert_eq!(
        at(still(marine())),
        6,
        "from a gun there is no getting away"
    );
}

#[test]
fn healers_heal_the_most_hurt_and_follow_the_others() {
    let allies = [medivac(), marine(), marine()];
    let mut battle = scenario(&allies, &[hits(10.0)]);
    battle.first_order = FirstOrder::AttackMove([10.0, 16.0]);
    let points = [[5.0, 12.0], [20.0, 12.0], [9.0, 16.0], [13.0, 16.0]];
    let mut team = Team::at(&points, battle, SmacConfig::default());
    assert_eq!(
        choice(Script::FocusFire, &team),
        2,
        "nobody is hurt; the nearest is as far north as east"
    );
    let mut steps = 0;
    while team.units()[2].hp == 45.0 && steps < 20 {
        team.step(&[1, 1, 1]);
        steps += 1;
    }
    assert_eq!(choice(Script::AttackNearest, &team), 8);
}

#[test]
fn only_guns_give_way_and_only_to_blades_that_are_near() {
    let still = |unit: Unit| Unit { speed: 0.0, ..unit };
    let after_a_hit = |own: Unit, foes: [Unit; 2], points: [[f32; 2]; 3]| {
        let mut team = Team::at(&points, scenario(&[own], &foes), SmacConfig::default());
        team.step(&[6]);
        assert!(team.units()[0].cooldown >= 8.0);
        choice(Script::Kite, &team)
    };
    let near = [[16.0, 16.0], [17.0, 16.0], [18.0, 16.0]];
    let far = [[16.0, 16.0], [19.0, 16.0], [23.0, 16.0]];
    assert_eq!(
        after_a_hit(zealot(), [still(zealot()), still(zealot())], near),
        6,
        "it has blades"
    );
    assert_eq!(
        after_a_hit(stalker(), [still(marine()), still(zealot())], far),
        6,
        "blades are far"
    );
    assert_eq!(
        after_a_hit(stalker(), [still(marine()), still(zealot())], near),
        5,
        "west"
    );
}

#[test]
fn healers_go_to_the_hurt_first_and_stop_above_those_who_are_well() {
    let mut battle = scenario(&[medivac(), marine(), marine()], &[hits(10.0)]);
    battle.first_order = FirstOrder::AttackMove([24.0, 16.0]);
    let points = [[10.0, 16.0], [3.0, 16.0], [24.0, 16.0], [28.0, 16.0]];
    let mut team = Team::at(&points, battle, SmacConfig::default());
    assert_eq!(choice(Script::Kite, &team), 5, "the nearest is west");
    team.step(&[1, 1, 1]);
    assert!(team.units()[2].hp < 45.0);
    assert_eq!(
        choice(Script::Kite, &team),
        4,
        "the one who is hurt is east"
    );
    let above = [[10.0, 16.0], [10.2, 16.0], [24.0, 16.0], [30.0, 23.0]];
    let team = Team::at(
        &above,
        scenario(&[medivac(), marine(), marine()], &[marine()]),
        SmacConfig::default(),
    );
    assert_eq!(choice(Script::AttackNearest, &team), 1);
}

#[test]
fn a_random_player_takes_every_available_action_equally_often() {
    let team = Team::at(
        &[[10.0, 16.0], [14.0, 16.0]],
        scenario(&[marine()], &[marine()]),
        SmacConfig::default(),
    );
    let mut rng = Rng::new(5, 5);
    let mut counts = [0_u32; 7];
    for _ in 0..6_000 {
        let mut action = [0];
        Script::Random.act(&team.env, &mut rng, &mut action);
        counts[action[0] as usize] += 1;
    }
    assert_eq!(counts[0], 0);
    let chi_squared: f64 = counts[1..]
        .iter()
        .map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0)
        .sum();
    // The 99.9 % point of chi squared with 5 degrees of freedom is 20.5.
    assert!(chi_squared < 20.5, "{counts:?}");
}
