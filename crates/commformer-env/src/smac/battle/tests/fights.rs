//! When units attack, and whom.

use super::kinds::*;
use super::{Battle, Order, battle, begin, pacified, tick, ticks_until};
use crate::Rng;
use crate::smac::scenario::Side;

/// The loops from the beginning to the death of a standing Marine under the fire of another.
fn loops_to_kill(seed: u64) -> u32 {
    let mut battle = battle(
        &[(marine(), [10.0, 10.0])],
        &[(pacified(marine()), [14.0, 10.0])],
    );
    battle.order(0, Order::Target(1));
    let mut rng = Rng::new(seed, 0);
    let mut loops = 0;
    while battle.units()[1].is_alive() {
        battle.advance(1, &mut rng);
        loops += 1;
    }
    loops
}

/// 45 / 6: the eighth hit kills. It comes after 7 periods of 13.7728 and -1 to 2 loops, each rounded up to whole
/// loops, and the damage point of 0.8 of a loop, rounded up, after the first loop.
#[test]
fn a_marine_kills_another_in_eight_hits() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed, 0);
        let period = |rng: &mut Rng| (0.8608 * 16.0 + (3.0 * rng.uniform() - 1.0)).ceil() as u32;
        let exact: u32 = (0..7).map(|_| period(&mut rng)).sum();
        let loops = loops_to_kill(seed);
        assert_eq!(loops, 1 + exact + 1);
        assert!((1 + 7 * 13 + 1..=1 + 7 * 16 + 1).contains(&loops));
    }
}

#[test]
fn shots_and_cooldown_tell_of_an_attack() {
    let mut battle = battle(
        &[(marine(), [10.0, 10.0])],
        &[(pacified(marine()), [14.0, 10.0])],
    );
    battle.order(0, Order::Target(1));
    tick(&mut battle);
    assert_eq!(battle.units()[0].cooldown, 0.8608 * 16.0);
    assert!(battle.shots().is_empty(), "before the damage point");
    tick(&mut battle);
    assert_eq!((battle.shots()[0].from, battle.shots()[0].at), (0, 1));
    assert_eq!(battle.units()[1].hp, 39.0);
}

/// 0.208 s are 3.328 loops: the hit comes with the fourth loop after the attack's beginning.
#[test]
fn a_hydralisk_that_moves_before_its_damage_point_has_not_attacked() {
    let start = || {
        let mut battle = battle(
            &[(hydralisk(), [10.0, 10.0])],
            &[(pacified(marine()), [14.0, 10.0])],
        );
        battle.order(0, Order::Target(1));
        for _ in 0..4 {
            tick(&mut battle);
        }
        battle
    };
    let mut stays = start();
    tick(&mut stays);
    assert_eq!(stays.units()[1].hp, 45.0 - 12.0);

    let mut goes = start();
    assert!(goes.units()[0].cooldown > 0.0);
    goes.order(0, Order::Move([5.0, 10.0]));
    tick(&mut goes);
    assert_eq!(goes.units()[0].cooldown, 0.0);
    assert_eq!(goes.units()[0].position, [10.0 - 2.25 / 16.0, 10.0]);
    goes.order(0, Order::Target(1));
    assert_eq!(
        ticks_until(&mut goes, |battle| battle.units()[1].hp < 45.0),
        5
    );
}

/// A Marine's backswing is 12 loops long.
#[test]
fn a_backswing_holds_a_unit_unless_it_is_told_to_move() {
    let start = || {
        let mut battle = battle(
            &[(pacified(overlord()), [20.0, 20.0])],
            &[(marine(), [10.0, 10.0]), (pacified(overlord()), [1.0, 1.0])],
        );
        battle.units[0].position = [12.0, 10.0];
        battle.units[0].hp = 6.0;
        battle.order(1, Order::AttackMove([1.0, 10.0]));
        ticks_until(&mut battle, |battle| !battle.units()[0].is_alive());
        battle
    };
    let position = |battle: &Battle| battle.units()[1].position;
    let mut holds = start();
    let before = position(&holds);
    let ticks = ticks_until(&mut holds, |battle| position(battle) != before);
    // The backswing ends 12.8 loops after the attack's beginning, 13 whole ones, of which the hit took one.
    assert_eq!(ticks, 13);
    let mut moves = start();
    moves.order(1, Order::Move([1.0, 10.0]));
    assert_eq!(
        ticks_until(&mut moves, |battle| position(battle) != before),
        1
    );
}

#[test]
fn a_target_that_walks_off_before_the_damage_point_is_not_hit() {
    // It stands at the edge of the range, and is 2 cells farther before the fourth loop: beyond the slop of 1.
    let edge = 10.0 + 5.0 + 2.0 * 0.625;
    let mut runner = pacified(hydralisk());
    runner.speed = 16.0;
    let mut battle = battle(&[(hydralisk(), [10.0, 10.0])], &[(runner, [edge, 10.0])]);
    battle.order(0, Order::Target(1));
    tick(&mut battle);
    assert!(battle.units()[0].cooldown > 0.0, "the attack has begun");
    battle.order(1, Order::Move([30.0, 10.0]));
    for _ in 0..2 {
        tick(&mut battle);
    }
    assert_eq!(battle.units()[0].cooldown, 0.0, "and is broken off");
    for _ in 0..3 {
        tick(&mut battle);
    }
    assert_eq!(battle.units()[1].hp, 90.0);
    // The attacker follows.
    assert!(battle.units()[0].position[0] > 10.0);
}

#[test]
fn a_target_within_the_slop_is_still_hit() {
    let edge = 10.0 + 5.0 + 2.0 * 0.625;
    let mut runner = pacified(hydralisk());
    runner.speed = 2.0;
    let mut battle = battle(
        &[(hydralisk(), [10.0, 10.0])],
        &[(runner, [edge - 0.2, 10.0])],
    );
    battle.order(0, Order::Target(1));
    battle.order(1, Order::Move([30.0, 10.0]));
    assert_eq!(
        ticks_until(&mut battle, |battle| battle.units()[1].hp < 90.0),
        5
    );
    assert!(battle.gap(0, 1) > 5.0);
}

#[test]
fn a_target_that_dies_before_the_damage_point_wastes_nothing() {
    let mut battle = battle(
        &[(hydralisk(), [10.0, 10.0]), (marauder(), [10.0, 12.0])],
        &[(pacified(marine()), [14.0, 10.0])],
    );
    battle.units[2].hp = 1.0;
    battle.order(0, Order::Target(2));
    tick(&mut battle);
    battle.order(1, Order::Target(2));
    tick(&mut battle);
    assert!(!battle.units()[2].is_alive());
    tick(&mut battle);
    let unit = &battle.units()[0];
    assert_eq!(
        (unit.cooldown, unit.target, unit.order),
        (0.0, None, Order::Stop)
    );
}

#[test]
fn two_who_kill_each_other_both_die() {
    let mut battle = battle(&[(marine(), [10.0, 10.0])], &[(marine(), [14.0, 10.0])]);
    battle.order(0, Order::Target(1));
    let both = ticks_until(&mut battle, |battle| {
        battle.units().iter().any(|unit| !unit.is_alive())
    });
    assert!(battle.is_beaten(Side::Allies) && battle.is_beaten(Side::Enemies));
    // Seven periods of 14 whole loops.
    assert_eq!(both, 1 + 7 * 14 + 1);
}

#[test]
fn agents_attack_nobody_by_themselves_and_enemies_the_nearest() {
    let mut battle = battle(
        &[(marine(), [10.0, 10.0]), (marine(), [11.0, 12.0])],
        &[(pacified(marine()), [14.0, 10.0]), (marine(), [16.0, 11.0])],
    );
    tick(&mut battle);
    let targets: Vec<_> = battle.units().iter().map(|unit| unit.target).collect();
    assert_eq!(targets, [None, None, None, Some(1)]);
}

#[test]
fn enemies_look_around_every_few_loops() {
    for (search, loops) in [(1, 1), (4, 4), (6, 6)] {
        let mut battle = battle(
            &[(pacified(marine()), [10.0, 10.0])],
            &[(marine(), [20.0, 10.0])],
        );
        battle.search = search;
        tick(&mut battle);
        assert_eq!(battle.units()[1].target, None, "too far");
        battle.units[0].position = [16.0, 10.0];
        // The first loop was one in which it looked.
        let ticks = ticks_until(&mut battle, |battle| battle.units()[1].target.is_some());
        assert_eq!(ticks, loops);
    }
}

#[test]
fn who_is_attacked_calls_comrades_near_by() {
    // The first enemy is 5.7 away and in range, the second 6.9: farther than a Marine looks, 5.5 and two bodies.
    let mut battle = battle(
        &[(marine(), [14.3, 10.0])],
        &[
            (pacified(marine()), [20.0, 10.0]),
            (marine(), [20.0, 13.9]),
            (marine(), [20.0, 14.1]),
        ],
    );
    for _ in 0..8 {
        tick(&mut battle);
        assert_eq!(battle.units()[2].target, None, "nobody is attacked yet");
    }
    battle.order(0, Order::Target(1));
    ticks_until(&mut battle, |battle| battle.units()[2].target == Some(0));
    assert!(battle.units()[1].hp < 45.0);
    assert_eq!(battle.units()[3].target, None, "4.1 cells away");
}

#[test]
fn a_pursuit_ends_21_cells_from_where_it_began() {
    let mut fast = super::crowds::runner(marine());
    fast.speed = 4.0;
    let mut battle = battle(&[(fast, [28.0, 16.0])], &[(zergling(), [31.0, 16.0])]);
    battle.order(0, Order::Move([1.0, 16.0]));
    tick(&mut battle);
    assert_eq!(battle.units()[1].target, Some(0));
    ticks_until(&mut battle, |battle| battle.units()[1].target.is_none());
    let far = 31.0 - battle.units()[1].position[0];
    // A loop takes a Zergling 0.18 cells farther.
    assert!((21.0..21.2).contains(&far), "{far}");
    assert!(battle.gap(0, 1) > 5.0, "it does not see it any more");
}

#[test]
fn nobody_takes_whom_it_cannot_hit() {
    let mut battle = battle(
        &[(overlord(), [10.0, 10.0]), (colossus(), [10.0, 14.0])],
        &[(zealot(), [11.5, 10.0]), (stalker(), [11.5, 7.0])],
    );
    tick(&mut battle);
    let target = |i: usize| battle.units()[i].target;
    assert_eq!((target(2), target(3)), (Some(1), Some(0)));
    battle.order(2, Order::Target(0));
    tick(&mut battle);
    assert_eq!(battle.units()[2].target, None);
}

#[test]
fn a_healer_is_a_target_like_others() {
    for (medivac_at, nearest) in [(11.0, 0), (13.0, 1)] {
        let mut battle = battle(
            &[(marine(), [12.0, 10.0]), (medivac(), [medivac_at, 10.0])],
            &[(marine(), [16.0, 10.0])],
        );
        tick(&mut battle);
        assert_eq!(battle.units()[2].target, Some(nearest));
    }
}

#[test]
fn a_side_is_beaten_without_fighters_unless_it_never_had_any() {
    let mut battle = battle(
        &[(marine(), [5.0, 5.0]), (medivac(), [7.0, 5.0])],
        &[(overlord(), [25.0, 5.0]), (overlord(), [28.0, 5.0])],
    );
    assert!(!battle.is_beaten(Side::Allies) && !battle.is_beaten(Side::Enemies));
    battle.units[0].hp = 0.0;
    battle.units[2].hp = 0.0;
    assert!(battle.is_beaten(Side::Allies) && !battle.is_beaten(Side::Enemies));
    battle.units[3].hp = 0.0;
    assert!(battle.is_beaten(Side::Enemies));
}

#[test]
fn a_unit_walks_to_its_goal_and_stays_there() {
    let mut battle = battle(&[(marine(), [10.0, 10.0])], &[]);
    battle.order(0, Order::Move([12.0, 10.0]));
    // 2 cells at 2.25 / 16 a loop: 14.2 loops.
    let ticks = ticks_until(&mut battle, |battle| {
        battle.units()[0].position == [12.0, 10.0]
    });
    assert_eq!(ticks, 15);
    tick(&mut battle);
    assert_eq!(battle.units()[0].position, [12.0, 10.0]);
}

/// 400 battles: 2.5 standard deviations are 25 from a half.
#[test]
fn neither_side_has_an_advantage() {
    let squad = |x| [0.0, 1.0, 2.0].map(|y| (marine(), [x, 15.0 + y]));
    let mut battle = battle(&squad(9.0), &squad(23.0));
    let points: Vec<_> = battle.units().iter().map(|unit| unit.position).collect();
    let mut rng = Rng::new(3, 0);
    let mut won = [0, 0];
    for _ in 0..400 {
        begin(&mut battle, &points, &mut rng);
        for i in 0..6 {
            let x = if i < 3 { 23.0 } else { 9.0 };
            battle.order(i, Order::AttackMove([x, 16.0]));
        }
        let sides = [Side::Allies, Side::Enemies];
        let mut beaten = [false; 2];
        while beaten == [false; 2] {
            battle.advance(8, &mut rng);
            beaten = sides.map(|side| battle.is_beaten(side));
        }
        won[0] += u32::from(!beaten[0]);
        won[1] += u32::from(!beaten[1]);
    }
    assert!(won[0].abs_diff(won[1]) < 50, "{won:?}");
    assert!(won[0] + won[1] > 350, "{won:?}");
}
