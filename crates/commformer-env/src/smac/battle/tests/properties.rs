//! What holds in every battle.

use super::crowds::overlap;
use super::kinds::*;
use super::{Battle, Order, battle_on, open_field};
use crate::Rng;
use crate::smac::data::{LOOPS_PER_STEP, Plane, Unit};
use crate::smac::scenario::Side;
use crate::smac::terrain::Terrain;
use proptest::prelude::*;

/// No two bodies overlap by more cells than this, a third of a Marine, however dense the crowd. Where nobody can avoid
/// all others, each avoids the worst; and walls stop units whom others expect to go on.
pub(super) const OVERLAP: f32 = 0.25;

const KINDS: [fn() -> Unit; 12] = [
    marine, marauder, medivac, zealot, stalker, colossus, zergling, hydralisk, baneling, ultralisk,
    reaper, overlord,
];

/// Points 2.1 cells apart at least, so that no two bodies touch.
fn points(rng: &mut Rng, terrain: &Terrain) -> Vec<[f32; 2]> {
    let grid = (0..100).map(|i| [1.5 + 3.0 * (i % 10) as f32, 1.5 + 3.0 * (i / 10) as f32]);
    let mut shift = || 0.9 * (rng.uniform() - 0.5);
    let shifted = grid.map(|[x, y]| [x + shift(), y + shift()]);
    let mut points: Vec<_> = shifted
        .filter(|&point| terrain.is_free(point, Plane::Ground))
        .collect();
    rng.shuffle(&mut points);
    points
}

fn terrain(rng: &mut Rng) -> Terrain {
    let blocked = rng.below(3);
    Terrain::new((0..32 * 32).map(|_| rng.below(10) >= blocked).collect())
}

fn army(rng: &mut Rng, points: &mut Vec<[f32; 2]>, size: usize) -> Vec<(Unit, [f32; 2])> {
    let at = points.split_off(points.len().saturating_sub(size));
    let mut kind = || KINDS[rng.below(KINDS.len() as u32) as usize]();
    at.into_iter().map(|point| (kind(), point)).collect()
}

fn random_battle(rng: &mut Rng) -> Battle {
    let terrain = terrain(rng);
    let mut points = points(rng, &terrain);
    let sizes = [1 + rng.below(12), 1 + rng.below(30)].map(|size| size as usize);
    let allies = army(rng, &mut points, sizes[0]);
    let enemies = army(rng, &mut points, sizes[1]);
    battle_on(terrain, &allies, &enemies)
}

fn random_order(rng: &mut Rng, units: usize) -> Order {
    let mut point = || [32.0 * rng.uniform(), 32.0 * rng.uniform()];
    let (a, b) = (point(), point());
    match rng.below(5) {
        0 => Order::Stop,
        1 => Order::Move(a),
        2 => Order::AttackMove(b),
        _ => Order::Target(rng.below(units as u32) as usize),
    }
}

fn random_orders(battle: &mut Battle, rng: &mut Rng) {
    let units = battle.units().len();
    for i in 0..units {
        if rng.below(3) == 0 {
            battle.order(i, random_order(rng, units));
        }
    }
}

fn check_bounds(battle: &Battle) {
    let terrain = &battle.scenario().terrain;
    for (i, unit) in battle.units().iter().enumerate() {
        let kind = battle.kind(i);
        assert!(terrain.is_free(unit.position, kind.plane), "{unit:?}");
        assert!((0.0..=kind.hp).contains(&unit.hp), "{unit:?}");
        assert!((0.0..=kind.shield).contains(&unit.shield), "{unit:?}");
        let most = kind.energy.map_or(0.0, |energy| energy.max);
        assert!((0.0..=most).contains(&unit.energy), "{unit:?}");
        assert!((0.0..40.0).contains(&unit.cooldown), "{unit:?}");
    }
    let overlap = overlap(battle);
    assert!(overlap < OVERLAP, "{overlap}");
}

fn check_dead(before: &Battle, after: &Battle) {
    for (i, (dead, now)) in before.units().iter().zip(after.units()).enumerate() {
        if !dead.is_alive() {
            assert_eq!(dead, now, "nothing of the dead changes");
            let mut shots = after.shots().iter();
            assert!(shots.all(|shot| shot.from != i && shot.at != i));
        }
    }
}

/// All of a battle with the sides and the axes changed.
fn mirrored(units: &[(Unit, [f32; 2])]) -> Vec<(Unit, [f32; 2])> {
    let mirror = |(unit, [x, y]): &(Unit, [f32; 2])| (unit.clone(), [*y, *x]);
    units.iter().map(mirror).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        ..Default::default()
    })]

    #[test]
    fn bounds_hold_and_the_dead_rest(seed: u64) {
        let mut rng = Rng::new(seed, 0);
        let mut battle = random_battle(&mut rng);
        for _ in 0..40 {
            random_orders(&mut battle, &mut rng);
            for _ in 0..LOOPS_PER_STEP {
                let before = battle.clone();
                battle.advance(1, &mut rng);
                check_bounds(&battle);
                check_dead(&before, &battle);
            }
        }
    }

    #[test]
    fn a_restored_battle_goes_on_to_the_same_bits(seed: u64) {
        let mut rng = Rng::new(seed, 0);
        let mut battle = random_battle(&mut rng);
        for _ in 0..10 {
            random_orders(&mut battle, &mut rng);
            battle.advance(LOOPS_PER_STEP, &mut rng);
        }
        let saved = serde_json::to_string(&(battle.state(), &rng)).unwrap();
        let (state, mut same_rng) = serde_json::from_str(&saved).unwrap();
        let mut restored = Battle::new(battle.scenario().clone());
        restored.restore(state).unwrap();
        for _ in 0..20 {
            random_orders(&mut battle, &mut rng);
            battle.advance(LOOPS_PER_STEP, &mut rng);
            random_orders(&mut restored, &mut same_rng);
            restored.advance(LOOPS_PER_STEP, &mut same_rng);
            prop_assert_eq!(battle.state(), restored.state());
        }
    }

    /// To the last bit: the map is mirrored in its diagonal, which changes no distance, and attacks take exactly
    /// their periods.
    #[test]
    fn sides_that_change_places_have_the_same_fate(seed: u64) {
        let mut rng = Rng::new(seed, 0);
        let mut points = points(&mut rng, &open_field());
        let sizes = [1 + rng.below(12), 1 + rng.below(12)].map(|size| size as usize);
        let [allies, enemies] = sizes.map(|size| army(&mut rng, &mut points, size));
        let mut battle = battle_on(open_field(), &allies, &enemies);
        let mut mirror = battle_on(open_field(), &mirrored(&enemies), &mirrored(&allies));
        let other = |i: usize| if i < sizes[0] { i + sizes[1] } else { i - sizes[0] };
        for step in 0..30 {
            for i in 0..sizes[0] + sizes[1] {
                let [x, y] = [32.0 * rng.uniform(), 32.0 * rng.uniform()];
                // Sides differ only in what they do without an order.
                if step == 0 || rng.below(4) == 0 {
                    battle.order(i, Order::AttackMove([x, y]));
                    mirror.order(other(i), Order::AttackMove([y, x]));
                }
            }
            battle.advance_with(LOOPS_PER_STEP, &mut || 0.5);
            mirror.advance_with(LOOPS_PER_STEP, &mut || 0.5);
            for (i, unit) in battle.units().iter().enumerate() {
                let twin = &mirror.units()[other(i)];
                let [x, y] = twin.position;
                prop_assert_eq!(unit.position, [y, x]);
                prop_assert_eq!((unit.hp, unit.shield, unit.energy), (twin.hp, twin.shield, twin.energy));
                prop_assert_eq!((unit.cooldown, unit.target.map(other)), (twin.cooldown, twin.target));
            }
            for (side, twin) in [(Side::Allies, Side::Enemies), (Side::Enemies, Side::Allies)] {
                prop_assert_eq!(battle.is_beaten(side), mirror.is_beaten(twin));
            }
        }
    }
}

#[test]
fn a_state_of_another_battle_or_a_damaged_one_is_refused() {
    let roster = |kind: fn() -> Unit| [(kind(), [10.0, 10.0])];
    let mut battle = battle_on(open_field(), &roster(marine), &roster(zealot));
    let alone = battle_on(open_field(), &roster(marine), &[]);
    let error = battle.restore(alone.state()).unwrap_err().to_string();
    assert!(error.contains("restore it under the scenario"), "{error}");
    let mut state = battle.state();
    state.units[0].target = Some(2);
    let error = battle.restore(state).unwrap_err().to_string();
    assert!(error.contains("unit 2, but there are only 2"), "{error}");
    let most = marine().hp;
    for hp in [f32::NAN, -1.0, most + 1.0] {
        let mut state = battle.state();
        state.units[0].hp = hp;
        let error = battle.restore(state).unwrap_err().to_string();
        let expected = format!("unit 0 has {hp} hit points, but must have 0 to {most}");
        assert!(error.contains(&expected), "{error}");
    }
    let mut state = battle.state();
    state.units[1].cooldown = f32::INFINITY;
    let error = battle.restore(state).unwrap_err().to_string();
    assert!(
        error.contains("unit 1 has inf where a finite number must be"),
        "{error}"
    );
}
