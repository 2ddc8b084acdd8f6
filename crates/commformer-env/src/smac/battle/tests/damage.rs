//! What hits do: by hand.

use super::super::Shot;
use super::kinds::*;
use super::{Battle, Order, battle, first_blow, pacified, tick, ticks_until};
use crate::smac::data::Unit;

/// Hit points and shield that the first hit leaves.
fn left(attacker: Unit, victim: Unit) -> (f32, f32) {
    let battle = first_blow(attacker, victim);
    (battle.units()[1].hp, battle.units()[1].shield)
}

#[test]
fn armour_takes_from_every_hit() {
    assert_eq!(left(marine(), marauder()), (125.0 - (6.0 - 1.0), 0.0));
    assert_eq!(left(zergling(), ultralisk()), (500.0 - (5.0 - 2.0), 0.0));
}

#[test]
fn no_armour_takes_all() {
    let mut wall = ultralisk();
    wall.armour = 10.0;
    assert_eq!(left(zergling(), wall), (500.0 - 0.5, 0.0));
}

#[test]
fn bonus_damage_is_for_one_attribute() {
    assert_eq!(left(marauder(), marauder()), (125.0 - (20.0 - 1.0), 0.0));
    assert_eq!(left(marauder(), marine()), (45.0 - 10.0, 0.0));
}

#[test]
fn shields_absorb_without_armour_and_the_rest_meets_armour() {
    assert_eq!(left(marine(), zealot()), (100.0, 50.0 - 6.0));
    let mut worn = zealot();
    worn.shield = 2.0;
    assert_eq!(left(marine(), worn), (100.0 - (6.0 - 2.0 - 1.0), 0.0));
}

#[test]
fn shields_come_back_ten_seconds_after_the_last_damage() {
    let mut battle = first_blow(marine(), zealot());
    battle.order(0, Order::Stop);
    let ticks = ticks_until(&mut battle, |battle| battle.units()[1].shield > 44.0);
    // The hit's own loop was the first of 160 without; an eighth of a point comes with the next.
    assert_eq!((ticks, battle.units()[1].shield), (160, 44.125));
    assert_eq!(
        ticks_until(&mut battle, |battle| battle.units()[1].shield == 50.0),
        6 * 8 - 1
    );
    tick(&mut battle);
    assert_eq!(battle.units()[1].shield, 50.0);
}

#[test]
fn hit_points_come_back_at_once_or_after_a_delay() {
    let mut battle = first_blow(marine(), zergling());
    assert_eq!(battle.units()[1].hp, 35.0 - 6.0 + 0.2734 / 16.0);
    battle = first_blow(marine(), reaper());
    battle.order(0, Order::Stop);
    let ticks = ticks_until(&mut battle, |battle| battle.units()[1].hp > 54.0);
    assert_eq!((ticks, battle.units()[1].hp), (160, 54.125));
}

/// 0.28 s are 4.48 loops.
#[test]
fn a_zealot_hits_twice() {
    let mut battle = first_blow(zealot(), marauder());
    assert_eq!(battle.units()[1].hp, 125.0 - 7.0);
    assert_eq!(
        ticks_until(&mut battle, |battle| battle.units()[1].hp < 118.0),
        5
    );
    assert_eq!(battle.units()[1].hp, 125.0 - 2.0 * 7.0);
}

/// The line of 1.25 to either side, half as wide as 0.15, touches bodies of radius 0.375 whose centres are within
/// 0.525 of it. The line of fire is along x, so the line of damage is along y.
#[test]
fn the_beams_of_a_colossus_burn_a_line_across() {
    let zealot = || {
        let mut zealot = pacified(marauder());
        zealot.radius = 0.375;
        zealot.armour = 0.0;
        zealot
    };
    let at = [
        [15.0, 10.0],
        [15.0, 11.7],
        [15.0, 11.9],
        [15.5, 9.0],
        [15.6, 11.0],
    ];
    let enemies = at.map(|point| (zealot(), point));
    let mut battle = battle(
        &[(colossus(), [10.0, 10.0]), (marine(), [15.0, 9.2])],
        &enemies,
    );
    battle.order(0, Order::Target(2));
    ticks_until(&mut battle, |battle| !battle.shots().is_empty());
    let lost: Vec<_> = battle.units()[2..]
        .iter()
        .map(|unit| 125.0 - unit.hp)
        .collect();
    // Two beams of 10, both in the loop of the damage point. 1.7 along leaves 0.45 to the line's end, 1.9 leaves
    // 0.65; 0.5 aside is near enough, 0.6 is not.
    assert_eq!(lost, [20.0, 20.0, 0.0, 20.0, 0.0]);
    assert_eq!(battle.units()[1].hp, 45.0, "its own side is spared");
}

#[test]
fn a_baneling_dies_and_takes_all_around_it_along() {
    // The circle of 2.2 reaches bodies of 0.375 at 2.575, and it is the attacker's.
    let at = [[10.7, 10.0], [10.0, 12.5], [10.0, 7.4], [9.0, 10.0]];
    let mut victims = at.map(|point| (pacified(marine()), point));
    victims[3].0 = pacified(marauder());
    let mut battle = battle(
        &[(baneling(), [10.0, 10.0]), (baneling(), [9.2, 9.0])],
        &victims,
    );
    battle.order(0, Order::Target(2));
    tick(&mut battle);
    let hp: Vec<_> = battle.units().iter().map(|unit| unit.hp).collect();
    assert_eq!(hp, [0.0, 30.0, 10.0, 10.0, 45.0, 125.0 - 19.0]);
}

#[test]
fn a_baneling_that_is_killed_bursts_once_and_so_do_those_whom_it_kills() {
    let mut battle = battle(
        &[
            (marine(), [10.0, 10.0]),
            (baneling(), [14.0, 10.0]),
            (marine(), [15.0, 11.5]),
        ],
        &[
            (baneling(), [14.0, 11.5]),
            (marine(), [14.0, 8.0]),
            (marine(), [14.0, 13.0]),
        ],
    );
    battle.units[1].hp = 20.0;
    battle.units[3].hp = 6.0;
    battle.shots.push(Shot { from: 0, at: 3 });
    battle.land(0);
    // 6 of the Marine kill the enemy's Baneling. Its burst does 20 to ours, which has no light armour, and 35 to the
    // Marine that is 1 away; ours does 35 to the enemy that is 2 away. Each spares its own side.
    let hp = |battle: &Battle| {
        battle
            .units()
            .iter()
            .map(|unit| unit.hp)
            .collect::<Vec<_>>()
    };
    let after = [45.0, 0.0, 10.0, 0.0, 10.0, 45.0];
    assert_eq!(hp(&battle), after);
    for _ in 0..2 {
        battle.bury();
        battle.land(1);
        assert_eq!(hp(&battle), after, "nobody bursts twice");
    }
}

#[test]
fn an_ultralisk_cleaves_what_is_in_front_of_it() {
    // Its body and 2 cells, and the victim's body: 3.375 from its centre.
    let at = [
        [12.0, 10.0],
        [10.1, 13.3],
        [9.9, 13.0],
        [13.5, 10.2],
        [11.0, 8.0],
    ];
    let victims = at.map(|point| (pacified(marine()), point));
    let mut battle = battle(&[(ultralisk(), [10.0, 10.0])], &victims);
    battle.order(0, Order::Target(1));
    ticks_until(&mut battle, |battle| !battle.shots().is_empty());
    let lost: Vec<_> = battle.units()[1..]
        .iter()
        .map(|unit| 45.0 - unit.hp)
        .collect();
    let share = 45.0 - (45.0 - 35.0 * 0.33);
    assert_eq!(lost, [35.0, share, 0.0, 0.0, share]);
}
