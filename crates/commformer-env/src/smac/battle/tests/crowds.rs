//! What reciprocal avoidance promises.

use super::super::movement::softness;
use super::kinds::*;
use super::properties::OVERLAP;
use super::{Battle, Order, battle, pacified, tick};
use crate::smac::data::Unit;
use crate::smac::scenario::Side;

/// The deepest overlap of two living bodies of a plane, beyond that which those of a side allow each other; negative if
/// there is none.
pub(super) fn overlap(battle: &Battle) -> f32 {
    let mut deepest = f32::NEG_INFINITY;
    for (i, a) in battle.units().iter().enumerate() {
        for (j, b) in battle.units().iter().enumerate().take(i) {
            let (kind, other) = (battle.kind(i), battle.kind(j));
            if a.is_alive() && b.is_alive() && kind.plane == other.plane {
                let [dx, dy] = [a.position[0] - b.position[0], a.position[1] - b.position[1]];
                let apart = (dx * dx + dy * dy).sqrt();
                let room =
                    softness(a.side == b.side) * (kind.separation_radius + other.separation_radius);
                deepest = deepest.max(room - apart);
            }
        }
    }
    deepest
}

/// Ticks, and the deepest overlap on the way.
fn deepest_in(battle: &mut Battle, ticks: u32) -> f32 {
    let after = |_| {
        tick(battle);
        overlap(battle)
    };
    (0..ticks).map(after).fold(f32::NEG_INFINITY, f32::max)
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Rounding, in cells.
const ROUNDING: f32 = 1e-4;

#[test]
fn two_on_a_collision_course_pass_each_other() {
    let courses = [
        ([6.0, 10.0], [20.0, 10.0]),
        ([6.0, 10.0], [20.0, 10.3]),
        ([10.0, 6.0], [10.0, 20.0]),
        ([6.0, 6.0], [16.0, 17.0]),
    ];
    for (from, to) in courses {
        for other in [marine(), zergling(), ultralisk()] {
            let (one, two) = ((runner(marine()), from), (runner(other), to));
            for mut battle in [
                battle(&[one.clone(), two.clone()], &[]),
                battle(&[one], &[two]),
            ] {
                battle.order(0, Order::Move(to));
                battle.order(1, Order::Move(from));
                let deepest = deepest_in(&mut battle, 250);
                assert!(deepest < ROUNDING, "{from:?} {to:?}: {deepest}");
                // Two of one side turn to the same hand. Two of different sides mirror each other, and stay where
                // they are if they meet exactly.
                if battle.units()[1].side == Side::Allies {
                    let ends = [0, 1].map(|i| battle.units()[i].position);
                    assert_eq!(ends, [to, from]);
                }
            }
        }
    }
}

/// It fights nobody but can walk.
pub(super) fn runner(unit: Unit) -> Unit {
    Unit {
        speed: unit.speed,
        ..pacified(unit)
    }
}

#[test]
fn many_cross_a_circle_and_hardly_touch() {
    for count in [4, 8, 16, 24] {
        let angle = |i: usize| std::f32::consts::TAU * i as f32 / count as f32;
        // Not quite a circle: where all is alike, nobody can go first.
        let radius = |i: usize| 12.0 + 0.2 * (i * 7 % 5) as f32;
        let point = |i: usize| [angle(i).cos(), angle(i).sin()].map(|x| 16.0 + radius(i) * x);
        let units: Vec<_> = (0..count).map(|i| (runner(marine()), point(i))).collect();
        let mut battle = battle(&units, &[]);
        for i in 0..count {
            battle.order(i, Order::Move(point((i + count / 2) % count)));
        }
        let deepest = deepest_in(&mut battle, 800);
        assert!(deepest < OVERLAP, "{count}: {deepest}");
        for (i, unit) in battle.units().iter().enumerate() {
            let goal = point((i + count / 2) % count);
            assert!(
                distance(unit.position, goal) < 0.1,
                "{count}: unit {i} is at {:?}",
                unit.position
            );
        }
    }
}

#[test]
fn who_stands_is_walked_around_and_does_not_move() {
    let mut battle = battle(
        &[
            (runner(marine()), [8.0, 10.0]),
            (runner(marine()), [12.0, 10.0]),
        ],
        &[],
    );
    battle.order(0, Order::Move([16.0, 10.0]));
    assert!(deepest_in(&mut battle, 120) < ROUNDING);
    assert_eq!(battle.units()[0].position, [16.0, 10.0]);
    assert_eq!(battle.units()[1].position, [12.0, 10.0]);
}

/// Everybody wants to one place: the densest crowd there is.
#[test]
fn a_crowd_around_one_goal_overlaps_little() {
    let points = (0..64).map(|i| [4.0 + 3.0 * (i % 8) as f32, 4.0 + 3.0 * (i / 8) as f32]);
    let units: Vec<_> = points.map(|point| (runner(zergling()), point)).collect();
    let mut battle = battle(&units, &[]);
    for i in 0..64 {
        battle.order(i, Order::Move([16.0, 16.0]));
    }
    let deepest = deepest_in(&mut battle, 600);
    assert!(deepest < OVERLAP, "{deepest}");
}

#[test]
fn a_swarm_surrounds_its_victim() {
    let mut victim = marine();
    victim.hp = 1e6;
    let points = (0..20).map(|i| [20.0 + (i % 5) as f32, 14.0 + (i / 5) as f32]);
    let swarm: Vec<_> = points.map(|point| (zergling(), point)).collect();
    let mut battle = battle(&[(pacified(victim), [12.0, 15.7])], &swarm);
    for i in 1..21 {
        battle.order(i, Order::AttackMove([12.0, 15.7]));
    }
    deepest_in(&mut battle, 160);
    let fighting = (1..21).filter(|&i| battle.gap(0, i) <= 0.1).count();
    // They stand on a circle of 0.85 around it, 5.3 long: seven bodies of 0.75 have room, and fourteen if comrades squeeze.
    assert!((8..=14).contains(&fighting), "{fighting}");
}

#[test]
fn comrades_squeeze_past_each_other_and_enemies_do_not() {
    // Between two bodies of 0.375 that are 0.9 apart, another has no room, but half of it has.
    let gate = [[12.0, 9.55], [12.0, 10.45]].map(|point| (runner(marine()), point));
    let passes = |own: &[(Unit, [f32; 2])], other: &[(Unit, [f32; 2])]| {
        let mut battle = battle(own, other);
        battle.order(0, Order::Move([16.0, 10.0]));
        let straight = (0..120).all(|_| {
            tick(&mut battle);
            (battle.units()[0].position[1] - 10.0).abs() < 0.1
        });
        straight && distance(battle.units()[0].position, [16.0, 10.0]) < 0.1
    };
    let walker = (runner(marine()), [8.0, 10.0]);
    let [one, two] = gate.clone();
    assert!(passes(&[walker.clone(), one, two], &[]));
    assert!(!passes(&[walker], &gate));
}
