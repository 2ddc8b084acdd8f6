//! Walls, and the ways around them.

use super::crowds::runner;
use super::kinds::*;
use super::{Battle, Order, battle_on, tick, ticks_until};
use crate::smac::terrain::Terrain;

/// A map with a wall a cell thick along x = 12, from y = 0 up to this.
fn wall(height: usize) -> Terrain {
    let side = Terrain::SIDE;
    let free = |cell| cell % side != 12 || cell / side >= height;
    Terrain::new((0..side * side).map(free).collect())
}

/// A Marine and a Medivac who want through the wall.
fn before(height: usize) -> Battle {
    let units = [(runner(marine()), [8.0, 10.0]), (medivac(), [8.0, 10.0])];
    let mut battle = battle_on(wall(height), &units, &[]);
    for i in 0..2 {
        battle.order(i, Order::Move([16.0, 10.0]));
    }
    battle
}

#[test]
fn who_flies_crosses_a_wall_and_who_walks_stops_if_there_is_no_way() {
    let mut battle = before(Terrain::SIDE);
    for _ in 0..100 {
        tick(&mut battle);
    }
    assert!((11.8..12.0).contains(&battle.units()[0].position[0]));
    assert_eq!(battle.units()[1].position, [16.0, 10.0]);
}

/// The way around the wall's end at (12, 20) and (13, 20) is 10.77 + 1 + 10.44 cells long, 158 loops at 2.25 / 16.
#[test]
fn who_walks_goes_around_a_wall() {
    let mut battle = before(20);
    let ticks = ticks_until(&mut battle, |battle| {
        battle.units()[0].position == [16.0, 10.0]
    });
    assert!((158..180).contains(&ticks), "{ticks}");
}

#[test]
fn who_is_told_to_go_into_a_wall_stays_before_it() {
    let mut battle = before(20);
    battle.order(0, Order::Move([12.5, 10.0]));
    for _ in 0..100 {
        tick(&mut battle);
    }
    let [x, y] = battle.units()[0].position;
    assert!((11.8..12.0).contains(&x) && y == 10.0, "{x} {y}");
}

/// More goals than ways are kept for: all the same, everybody finds its own.
#[test]
fn many_goals_behind_a_wall_are_all_found() {
    let units: Vec<_> = (0..20)
        .map(|i| {
            (
                runner(zergling()),
                [2.0 + (i % 5) as f32, 5.0 + (i / 5) as f32],
            )
        })
        .collect();
    let mut battle = battle_on(wall(20), &units, &[]);
    let goal = |i: usize| [15.0 + 2.0 * (i % 5) as f32, 2.0 + 3.0 * (i / 5) as f32];
    for i in 0..20 {
        battle.order(i, Order::Move(goal(i)));
    }
    ticks_until(&mut battle, |battle| {
        let units = battle.units().iter().enumerate();
        units.into_iter().all(|(i, unit)| unit.position == goal(i))
    });
}
