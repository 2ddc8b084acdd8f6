//! What agents can do, and what it tells their units.

use super::*;
use crate::smac::Order;

fn config() -> SmacConfig {
    SmacConfig::default()
}

#[test]
fn an_agent_can_stop_go_where_the_ground_is_free_and_attack_whom_it_reaches() {
    let points = [
        [10.0, 16.0],
        [1.0, 8.5],
        [31.5, 23.5],
        [16.0, 16.0],
        [16.1, 16.0],
    ];
    let team = Team::at(
        &points,
        scenario(&vec![marine(); 3], &vec![marine(); 2]),
        config(),
    );
    assert_eq!(
        team.open(0),
        [1, 2, 3, 4, 5, 6],
        "6 cells are in reach, 6.1 are not"
    );
    assert_eq!(team.open(1), [1, 2, 4, 5], "south of it the ground ends");
    assert_eq!(
        team.open(2),
        [1, 3, 5],
        "north the ground ends, east the map"
    );
    assert_eq!(team.active, [true; 3]);
}

#[test]
fn a_healer_heals_what_lives() {
    let mut machine = marine();
    machine.attributes = vec![Attribute::Mechanical];
    let points = [[10.0, 16.0], [10.0, 15.0], [10.0, 14.0], [10.0, 12.0]];
    let team = Team::at(
        &points,
        scenario(&[medivac(), marine(), machine], &[marine()]),
        config(),
    );
    assert_eq!(team.open(0), [1, 2, 3, 4, 5, 7], "not the machine, 8");
}

#[test]
fn a_healer_names_allies_that_do_not_heal_and_flies_over_anything() {
    let allies = [marine(), medivac(), medivac(), marine()];
    let points = [
        [10.0, 16.0],
        [10.0, 8.5],
        [11.0, 16.0],
        [10.0, 14.0],
        [10.0, 12.0],
    ];
    let team = Team::at(&points, scenario(&allies, &[marine()]), config());
    assert_eq!(
        team.env.spec().actions.size(),
        6 + 4,
        "there are more allies than enemies to name"
    );
    assert_eq!(
        team.open(1),
        [1, 2, 3, 4, 5, 9],
        "ally 3 is in reach, ally 0 is not, ally 2 heals itself"
    );
    assert_eq!(team.open(2), [1, 2, 3, 4, 5, 6, 9]);
    assert_eq!(team.open(0), [1, 2, 3, 4, 5, 6], "it attacks");
}

#[test]
fn nobody_is_offered_what_its_weapon_cannot_hit() {
    let points = [[10.0, 16.0], [11.0, 16.0], [13.0, 16.0], [14.0, 16.0]];
    let unarmed = Unit {
        weapon: None,
        ..marine()
    };
    let of = |ally: Unit| {
        let walker = Unit {
            plane: Plane::Cliffs,
            ..marine()
        };
        Team::at(
            &points,
            scenario(&[ally, marine()], &[medivac(), walker]),
            config(),
        )
        .open(0)
    };
    assert_eq!(of(marine())[5..], [6, 7]);
    assert_eq!(of(zealot())[5..], [7], "the first one flies");
    assert!(of(unarmed)[5..].is_empty());
}

#[test]
fn actions_become_orders_and_what_is_not_available_is_stop() {
    let points = [[10.0, 16.0], [12.0, 16.0], [14.0, 16.0], [30.0, 16.0]];
    let battle = || scenario(&[marine(), medivac()], &vec![marine(); 2]);
    let ordered = |actions: [i64; 2]| {
        let mut team = Team::at(&points, battle(), config());
        team.env.act(&actions);
        [0, 1].map(|agent| team.units()[agent].order)
    };
    assert_eq!(
        ordered([1, 6]),
        [Order::Stop, Order::Target(0)],
        "the healer's 6 is ally 0"
    );
    assert_eq!(
        ordered([6, 1]),
        [Order::Target(2), Order::Stop],
        "the others' 6 is enemy 0"
    );
    assert_eq!(
        ordered([2, 3]),
        [Order::Move([10.0, 18.0]), Order::Move([12.0, 14.0])]
    );
    assert_eq!(
        ordered([4, 5]),
        [Order::Move([12.0, 16.0]), Order::Move([10.0, 16.0])]
    );
    assert_eq!(
        ordered([0, 7]),
        [Order::Stop; 2],
        "nothing is for the dead, and healers do not heal themselves"
    );
    assert_eq!(
        ordered([7, -1]),
        [Order::Stop; 2],
        "enemy 1 is out of reach"
    );
    assert_eq!(ordered([99, 1]), [Order::Stop; 2]);
}

#[test]
fn the_dead_are_not_active_and_can_only_do_nothing() {
    let mut scenario = scenario(&[marine(), marine()], &[hits(1000.0)]);
    scenario.first_order = FirstOrder::AttackMove([10.0, 16.0]);
    let mut team = Team::at(
        &[[10.0, 16.0], [31.0, 23.0], [14.0, 16.0]],
        scenario,
        config(),
    );
    team.lose_the_first();
    assert_eq!(team.open(0), [0]);
    assert!(team.row(0).iter().all(|&number| number == 0.0));
    assert_eq!(
        team.step(&[6, 1]),
        Status::Running,
        "what the dead are told is nothing"
    );
    assert_eq!(team.open(0), [0]);
    let [won, kills, losses, damage, _, _] = team.metrics();
    assert_eq!([won, kills, losses, damage], [0.0, 0.0, 0.5, 0.0]);
}

#[test]
fn episodes_begin_only_where_units_can_be() {
    let mut team = Team::new(scenario(&[marine()], &[marine()]), config());
    let mut error = |points: &[[f32; 2]]| {
        let begun = team.call(|env, rng, out| env.reset_to(points, rng, out));
        begun.unwrap_err().to_string()
    };
    assert!(error(&[[10.0, 16.0]]).contains("`points` is 1 points, but must be 2"));
    assert!(error(&[[10.0, 16.0], [10.0, 4.0]]).contains("[10.0, 4.0]"));
    assert!(error(&[[f32::NAN, 16.0], [10.0, 12.0]]).contains("NaN"));
}

#[test]
fn settings_that_cannot_be_are_named() {
    let error = |config| {
        let battle = Arc::new(scenario(&[marine()], &[marine()]));
        Smac::with_scenario(battle, config).unwrap_err().to_string()
    };
    let found = error(SmacConfig {
        reward_win: f32::NAN,
        ..config()
    });
    assert_eq!(
        found,
        "`reward_win` is NaN, but must be 0 or a number above it"
    );
    let found = error(SmacConfig {
        reward_scale_rate: -1.0,
        ..config()
    });
    assert!(found.contains("`reward_scale_rate` is -1"), "{found}");
    let unknown = SmacConfig {
        map: "4m_vs_nobody".into(),
        ..config()
    };
    let found = Smac::new(unknown).unwrap_err().to_string();
    assert!(found.contains("`map` is \"4m_vs_nobody\""), "{found}");
}

#[test]
fn nobody_is_offered_the_dead() {
    let points = [[10.0, 16.0], [11.0, 16.0], [13.0, 16.0], [13.0, 18.0]];
    let weak = Unit {
        hp: 1.0,
        ..marine()
    };
    let mut team = Team::at(
        &points,
        scenario(&vec![marine(); 2], &vec![weak; 2]),
        config(),
    );
    assert_eq!(team.open(1)[5..], [6, 7]);
    team.step(&[6, 1]);
    assert_eq!(team.open(1)[5..], [7]);
    assert_eq!(team.metrics()[1], 0.5);
}

#[test]
fn a_new_episode_knows_nothing_of_the_last() {
    let points = [[4.0, 16.0], [28.0, 16.0]];
    let short = SmacConfig {
        episode_limit: Some(3),
        ..config()
    };
    let mut team = Team::at(&points, scenario(&[marine()], &[marine()]), short);
    let fresh = team.state();
    for _ in 0..2 {
        let statuses = [1, 1, 1].map(|action| team.step(&[action]));
        assert_eq!(
            statuses,
            [Status::Running, Status::Running, Status::Truncated]
        );
        assert_ne!(team.state(), fresh);
        team.begin(&points);
        assert_eq!(team.state(), fresh);
    }
}
