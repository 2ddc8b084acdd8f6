//! What enemies do.

use super::*;
use crate::smac::{Order, Script};

#[test]
fn scripts_lead_the_enemies_as_well() {
    let led = |opponent| {
        let foes = scenario(&[marine()], &[marine(), marine()]);
        let config = SmacConfig {
            opponent,
            ..SmacConfig::default()
        };
        let mut team = Team::at(&[[4.0, 16.0], [20.0, 16.0], [22.0, 17.0]], foes, config);
        for _ in 0..6 {
            team.step(&[1]);
        }
        team.units()[1].position
    };
    assert_eq!(led(None), [20.0, 16.0], "the map lets them wait");
    assert!(led(Some(Script::AttackNearest))[0] < 16.0);
    assert_ne!(led(Some(Script::Random)), [20.0, 16.0]);
}

#[test]
fn the_map_tells_the_enemies_where_to_go() {
    let points = [[4.0, 16.0], [12.0, 16.0], [20.0, 16.0], [28.0, 20.0]];
    let orders = |first_order, seed| {
        let mut battle = scenario(&vec![marine(); 2], &vec![marine(); 2]);
        battle.first_order = first_order;
        let mut team = Team::new(battle, SmacConfig::default());
        team.rng = Rng::new(seed, 0);
        team.begin(&points);
        team.step(&[1, 1]);
        [2, 3].map(|enemy| team.units()[enemy].order)
    };
    assert_eq!(orders(FirstOrder::Wait, 1), [Order::Guard; 2]);
    let to = [9.0, 16.0];
    assert_eq!(
        orders(FirstOrder::AttackMove(to), 1),
        [Order::AttackMove(to); 2]
    );
    assert_eq!(
        orders(FirstOrder::AttackAgents, 1),
        [Order::AttackMove(points[1]); 2],
        "both are nearest to agent 1"
    );
    let line = FirstOrder::AttackMoveWithin([8.0, 10.0], [12.0, 10.0]);
    let drawn: Vec<f32> = (0..20)
        .map(|seed| match orders(line.clone(), seed) {
            [Order::AttackMove([x, y]), other] => {
                assert_eq!(
                    (other, y),
                    (Order::AttackMove([x, y]), 10.0),
                    "all go to one point"
                );
                x
            }
            orders => panic!("{orders:?}"),
        })
        .collect();
    assert!(drawn.iter().all(|x| (8.0..12.0).contains(x)), "{drawn:?}");
    assert!(
        drawn.iter().any(|&x| x < 9.5) && drawn.iter().any(|&x| x > 10.5),
        "{drawn:?}"
    );
}

#[test]
fn how_often_enemies_look_around_is_a_setting() {
    let team = |enemy_search| {
        let config = SmacConfig {
            enemy_search,
            ..SmacConfig::default()
        };
        Smac::with_scenario(Arc::new(scenario(&[marine()], &[marine()])), config)
    };
    let error = team(0).unwrap_err().to_string();
    assert_eq!(error, "`enemy_search` is 0, but must be 1 to 4294967295");
    // 8 cells away the enemy sees nobody in the first loop. An agent that walks 1.125 cells a step is near enough (6.25)
    // after 13 loops; then the enemy looks in the next that is due: in the second step or, of 32 loops, in the fifth.
    for (search, steps) in [(1, 2), (32, 5)] {
        let mut team = Team {
            env: team(search).unwrap(),
            ..Team::new(scenario(&[marine()], &[marine()]), SmacConfig::default())
        };
        team.begin(&[[10.0, 16.0], [18.0, 16.0]]);
        let mut taken = 0;
        while team.units()[1].target.is_none() && taken < 9 {
            team.step(&[if taken < 2 { 4 } else { 1 }]);
            taken += 1;
        }
        assert_eq!(taken, steps, "{search}");
    }
}

#[test]
fn enemies_that_look_for_the_agents_go_on_to_the_next_when_one_is_dead() {
    let mut battle = scenario(&vec![marine(); 2], &[hits(1000.0)]);
    battle.first_order = FirstOrder::AttackAgents;
    let points = [[4.0, 16.0], [12.0, 16.0], [20.0, 16.0]];
    let mut team = Team::at(&points, battle, SmacConfig::default());
    let mut status = Status::Running;
    while status == Status::Running {
        status = team.step(&[1, 1]);
    }
    assert_eq!(status, Status::Terminated);
    assert_eq!(team.metrics(), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
}
