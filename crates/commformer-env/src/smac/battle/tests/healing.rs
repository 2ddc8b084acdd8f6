//! Healers.

use super::kinds::*;
use super::{Order, battle, pacified, tick, ticks_until};

#[test]
fn a_medivac_heals_nine_a_second_for_energy() {
    let mut battle = battle(
        &[(medivac(), [10.0, 10.0]), (marauder(), [12.0, 10.0])],
        &[],
    );
    battle.units[1].hp = 50.0;
    battle.order(0, Order::Target(1));
    for _ in 0..16 {
        tick(&mut battle);
    }
    assert_eq!(battle.units()[1].hp, 59.0);
    let energy = 50.0 - 9.0 * 0.33 + 0.5625;
    assert!((battle.units()[0].energy - energy).abs() < 1e-4);
    assert_eq!(battle.units()[0].cooldown, 0.0);
    battle.advance_with(8, &mut || 0.0);
    assert_eq!(battle.shots().len(), 1, "one heal is shown a step");
}

#[test]
fn nobody_is_healed_beyond_its_hit_points_or_without_energy() {
    let mut battle = battle(
        &[(medivac(), [10.0, 10.0]), (marauder(), [12.0, 10.0])],
        &[],
    );
    battle.order(0, Order::Target(1));
    battle.units[1].hp = 124.9;
    tick(&mut battle);
    assert_eq!(battle.units()[1].hp, 125.0);

    battle.units[1].hp = 50.0;
    battle.units[0].energy = 0.33 * 0.5;
    tick(&mut battle);
    assert!((battle.units()[1].hp - 50.5).abs() < 1e-5);
    // All of it was spent; what is left came back in this loop.
    assert_eq!(battle.units()[0].energy, 0.5625 / 16.0);
}

#[test]
fn only_living_flesh_near_by_is_healed() {
    let mut battle = battle(
        &[
            (medivac(), [10.0, 10.0]),
            (medivac(), [12.0, 10.0]),
            (stalker(), [10.0, 12.0]),
            (pacified(marine()), [10.0, 25.0]),
        ],
        &[],
    );
    for unit in &mut battle.units[1..] {
        unit.hp = 10.0;
    }
    for patient in 0..3 {
        battle.order(0, Order::Target(patient));
        tick(&mut battle);
        assert_eq!(battle.units()[0].target, None);
    }
    battle.order(0, Order::Target(3));
    // It flies there first: to 4 cells from body to body.
    ticks_until(&mut battle, |battle| battle.units()[3].hp > 10.0);
    assert!(
        (3.8..=4.0).contains(&battle.gap(0, 3)),
        "{}",
        battle.gap(0, 3)
    );
    battle.units[3].hp = 0.0;
    tick(&mut battle);
    let healer = &battle.units()[0];
    assert_eq!((healer.target, healer.order), (None, Order::Stop));
    assert_eq!(battle.units()[3].hp, 0.0);
}

#[test]
fn an_enemy_healer_looks_for_the_nearest_who_is_hurt() {
    let mut battle = battle(
        &[],
        &[
            (medivac(), [10.0, 10.0]),
            (marine(), [11.0, 10.0]),
            (marine(), [12.0, 10.0]),
            (marine(), [13.0, 10.0]),
        ],
    );
    tick(&mut battle);
    assert_eq!(battle.units()[0].target, None);
    battle.units[2].hp = 40.0;
    battle.units[3].hp = 20.0;
    tick(&mut battle);
    assert_eq!(battle.units()[0].target, Some(2));
    let ticks = ticks_until(&mut battle, |battle| battle.units()[0].target == Some(3));
    // 5 points, of which the first loop gave 9 / 16: eight more loops, and one to look around.
    assert_eq!(ticks, 9);
}

#[test]
fn an_enemy_healer_keeps_to_the_fighters() {
    let fighters = [(marine(), [20.0, 10.0]), (marine(), [20.0, 12.0])];
    let [one, two] = fighters;
    let mut battle = battle(
        &[(pacified(ultralisk()), [8.0, 11.0])],
        &[one, two, (medivac(), [19.0, 11.0])],
    );
    for i in 1..4 {
        battle.order(i, Order::AttackMove([1.0, 11.0]));
    }
    for _ in 0..10 {
        tick(&mut battle);
    }
    // No faster than the Marines, 10 loops of 2.25 / 16.
    assert!((battle.units()[3].position[0] - (19.0 - 22.5 / 16.0)).abs() < 1e-4);
    for _ in 0..100 {
        tick(&mut battle);
    }
    let [marine, medivac] = [1, 3].map(|i| battle.units()[i].position[0]);
    assert!(marine - medivac < 4.5, "{marine} {medivac}");
}
