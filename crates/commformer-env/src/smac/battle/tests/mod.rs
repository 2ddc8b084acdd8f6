//! Battles of hand-made rosters on an open field.

mod crowds;
mod damage;
mod fights;
mod healing;
mod kinds;
mod properties;
mod walls;

use super::{Battle, Order};
use crate::Rng;
use crate::smac::data::Unit;
use crate::smac::scenario::{FirstOrder, Member, Scenario};
use crate::smac::terrain::Terrain;
use std::sync::Arc;

fn open_field() -> Terrain {
    Terrain::new(vec![true; Terrain::SIDE * Terrain::SIDE])
}

/// A battle of these units at these points.
fn battle_on(
    terrain: Terrain,
    allies: &[(Unit, [f32; 2])],
    enemies: &[(Unit, [f32; 2])],
) -> Battle {
    let all = allies.iter().chain(enemies);
    let named = |(i, (unit, _)): (usize, &(Unit, [f32; 2]))| (format!("unit {i}"), unit.clone());
    let member = |unit| Member {
        unit,
        type_id: None,
    };
    let count = allies.len() + enemies.len();
    let scenario = Scenario {
        name: "by hand".into(),
        limit: 100,
        units: all.clone().enumerate().map(named).collect(),
        allies: (0..allies.len()).map(member).collect(),
        enemies: (allies.len()..count).map(member).collect(),
        type_bits: 0,
        terrain,
        first_order: FirstOrder::Wait,
        shields: [false; 2],
        start: None,
        roster: None,
        spawn: crate::smac::Spawn::facing(allies.len(), enemies.len()),
    };
    let mut battle = Battle::new(Arc::new(scenario));
    let points: Vec<_> = all.map(|(_, point)| *point).collect();
    begin(&mut battle, &points, &mut Rng::new(0, 0));
    battle
}

/// Begins a battle of those whom its scenario names.
fn begin(battle: &mut Battle, points: &[[f32; 2]], rng: &mut Rng) {
    let mut members = Vec::new();
    battle.scenario().muster(rng, &mut members);
    battle.begin(&members, points);
}

fn battle(allies: &[(Unit, [f32; 2])], enemies: &[(Unit, [f32; 2])]) -> Battle {
    battle_on(open_field(), allies, enemies)
}

/// One loop in which attacks take exactly their period.
fn tick(battle: &mut Battle) {
    battle.advance_with(1, &mut || 0.0);
}

/// Ticks until something holds, and counts them.
fn ticks_until(battle: &mut Battle, holds: impl Fn(&Battle) -> bool) -> u32 {
    let mut ticks = 0;
    while !holds(battle) {
        tick(battle);
        ticks += 1;
        assert!(ticks < 10_000, "it never comes to this");
    }
    ticks
}

/// An agent attacks the only enemy, which does nothing, for one hit of the first attack.
fn first_blow(attacker: Unit, victim: Unit) -> Battle {
    let mut battle = battle(
        &[(attacker, [10.0, 10.0])],
        &[(pacified(victim), [11.0, 10.0])],
    );
    battle.order(0, Order::Target(1));
    ticks_until(&mut battle, |battle| !battle.shots().is_empty());
    battle
}

/// A unit that neither moves nor fights.
fn pacified(mut unit: Unit) -> Unit {
    unit.weapon = None;
    unit.heal = None;
    unit.speed = 0.0;
    unit
}
