//! What a unit can do, in the numbers of SMAC's actions. They are the agents', but scripted enemies play by
//! the same rules.

use super::battle::{Battle, Order, UnitState};
use super::data::Unit;
use super::scenario::{Scenario, Side};
use super::vector::{self, Vec2, add, scale};
use std::ops::Range;

/// Of the dead.
pub(crate) const NO_OP: usize = 0;
/// To stand, and to attack nobody.
pub(crate) const STOP: usize = 1;
/// North, south, east, west.
pub(crate) const MOVES: Range<usize> = 2..6;
/// To attack the first of the others, or to heal the first of one's own.
pub(crate) const FIRST_TARGET: usize = MOVES.end;

/// One cell along each of the [`MOVES`].
pub(crate) const DIRECTIONS: [Vec2; 4] = [[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]];
/// How far ahead a unit is sent by a move.
const MOVE: f32 = 2.0;
/// Whoever is farther away, from centre to centre, cannot be attacked or healed.
pub(crate) const REACH: f32 = 6.0;

/// The numbers of a side's units.
pub(crate) fn numbers(scenario: &Scenario, side: Side) -> Range<usize> {
    let allies = scenario.allies.len();
    match side {
        Side::Allies => 0..allies,
        Side::Enemies => allies..allies + scenario.enemies.len(),
    }
}

/// How many actions the units of a side have; agents with a [cone](super::cone) have more.
pub(crate) fn count(scenario: &Scenario, side: Side) -> usize {
    let [own, others] = [side, side.other()].map(|side| numbers(scenario, side).len());
    let heals = scenario.kinds(side).any(|kind| kind.heal.is_some());
    FIRST_TARGET + if heals { others.max(own) } else { others }
}

/// What people call the agents' actions. Where some heal, a target's number means another for them.
pub(crate) fn names(scenario: &Scenario) -> Vec<String> {
    let mut members = scenario.allies.iter();
    let heals = members.any(|&member| scenario.kind(member).heal.is_some());
    let verb = if heals { "target" } else { "attack" };
    let targets = 0..count(scenario, Side::Allies) - FIRST_TARGET;
    let moves = ["nothing", "stop", "north", "south", "east", "west"].map(String::from);
    let targets = targets.map(|target| format!("{verb} {target}"));
    moves.into_iter().chain(targets).collect()
}

/// What kind of unit it is.
pub(crate) fn kind<'a>(battle: &'a Battle, unit: &UnitState) -> &'a Unit {
    &battle.scenario().units[unit.unit].1
}

/// The distance between two units' centres.
pub(crate) fn distance(one: &UnitState, other: &UnitState) -> f32 {
    vector::distance(one.position, other.position)
}

/// The units that a unit's actions from [`FIRST_TARGET`] on name, in their order: of its own side if it
/// heals, otherwise of the other.
pub(crate) fn named(battle: &Battle, unit: usize) -> Range<usize> {
    let unit = &battle.units()[unit];
    let heals = kind(battle, unit).heal.is_some();
    let side = if heals { unit.side } else { unit.side.other() };
    numbers(battle.scenario(), side)
}

/// Whether a unit can attack another, or heal it if it heals, wherever it is.
pub(crate) fn affects(battle: &Battle, unit: usize, other: usize) -> bool {
    let [unit, other] = [unit, other].map(|unit| &battle.units()[unit]);
    let [by, to] = [unit, other].map(|unit| kind(battle, unit));
    let possible = match (&by.heal, &by.weapon) {
        (Some(_), _) => by.heals(to),
        (None, Some(weapon)) => weapon.reaches(to.plane),
        (None, None) => false,
    };
    possible && other.is_alive()
}

/// Writes which actions a unit can take, (A) of its side. There is always one.
pub(crate) fn write_available(battle: &Battle, unit: usize, out: &mut [bool]) {
    out.fill(false);
    let state = &battle.units()[unit];
    if !state.is_alive() {
        out[NO_OP] = true;
        return;
    }
    out[STOP] = true;
    let plane = kind(battle, state).plane;
    for (open, ahead) in out[MOVES].iter_mut().zip(DIRECTIONS) {
        let to = add(state.position, ahead);
        *open = battle.scenario().terrain.is_free(to, plane);
    }
    for (open, other) in out[FIRST_TARGET..].iter_mut().zip(named(battle, unit)) {
        *open = affects(battle, unit, other) && distance(state, &battle.units()[other]) <= REACH;
    }
}

/// What a living unit's action tells it; `None` for the action of the dead.
pub(crate) fn order(battle: &Battle, unit: usize, action: usize) -> Option<Order> {
    if action == NO_OP {
        return None;
    }
    if action == STOP {
        return Some(Order::Stop);
    }
    let Some(target) = action.checked_sub(FIRST_TARGET) else {
        let ahead = scale(DIRECTIONS[action - MOVES.start], MOVE);
        return Some(Order::Move(add(battle.units()[unit].position, ahead)));
    };
    Some(Order::Target(named(battle, unit).start + target))
}
