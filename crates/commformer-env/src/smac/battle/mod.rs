//! The fight itself, loop by loop.
//!
//! In a loop everybody takes a target, all walk at once, weapons go on, the hits of the loop land together (a unit
//! that dies in this loop still does its own; a Baneling bursts), the dead are taken out, healers heal, and what comes
//! back by itself comes back.

mod arms;
mod attack;
mod health;
mod movement;
mod state;
mod targets;

pub use state::{BattleState, Order, Shot, UnitState};

#[cfg(test)]
mod tests;

use super::data::Unit;
use super::scenario::{Member, Scenario, Side};
use crate::{Rng, StateError};
use movement::{Mover, Paths};
use state::{Hidden, side};
use std::sync::Arc;

/// Room for so many shots of each unit in a step; more take memory.
const SHOTS_PER_UNIT: usize = 4;

/// A battle under way.
#[derive(Clone, Debug)]
pub struct Battle {
    scenario: Arc<Scenario>,
    units: Vec<UnitState>,
    hidden: Vec<Hidden>,
    shots: Vec<Shot>,
    /// Since the beginning.
    loops: u32,
    /// Loops between a unit's searches for a target.
    search: u32,
    /// The living, while they move.
    movers: Vec<Mover>,
    paths: Paths,
}

impl Battle {
    /// Loops from one search to the next if nothing else is said: a quarter of a second. The game's data do not say. Of
    /// 4, 6, 8 and 12, this brings the win rates of SMAC's heuristic on 2s3z, 3s5z and 1c3s5z nearest to those published
    /// for StarCraft II, with the fewest wins where the enemies are more.
    pub const SEARCH: u32 = 4;

    /// Room for a battle; [`begin`](Self::begin) starts it.
    pub fn new(scenario: Arc<Scenario>) -> Self {
        Self::with_search(scenario, Self::SEARCH)
    }

    /// The same, but so many loops pass between two searches of a unit that takes targets by itself; 0 counts as 1.
    pub fn with_search(scenario: Arc<Scenario>, loops: u32) -> Self {
        let count = scenario.allies.len() + scenario.enemies.len();
        Self {
            paths: Paths::new(&scenario.terrain),
            scenario,
            units: Vec::with_capacity(count),
            hidden: Vec::with_capacity(count),
            loops: 0,
            search: loops.max(1),
            shots: Vec::with_capacity(SHOTS_PER_UNIT * count),
            movers: Vec::with_capacity(count),
        }
    }

    /// Starts a battle of these members at these points, the allies first: all of them whole and ready.
    ///
    /// # Panics
    ///
    /// If a member's kind is none of the scenario's.
    pub fn begin(&mut self, members: &[Member], points: &[[f32; 2]]) {
        self.units.clear();
        self.hidden.clear();
        self.shots.clear();
        self.loops = 0;
        let allies = self.scenario.allies.len();
        for (number, (&member, &position)) in members.iter().zip(points).enumerate() {
            let (kind, side) = (self.scenario.kind(member), side(number, allies));
            self.units.push(UnitState {
                side,
                unit: member.unit,
                position,
                hp: kind.hp,
                shield: kind.shield,
                energy: kind.energy.map_or(0.0, |energy| energy.start),
                cooldown: 0.0,
                order: match side {
                    Side::Allies => Order::Stop,
                    Side::Enemies => Order::Guard,
                },
                target: None,
            });
            self.hidden.push(Hidden::default());
        }
    }

    /// Leaves the units of a side this share of their hit points and shields.
    pub fn weaken(&mut self, side: Side, share: f32) {
        for unit in self.units.iter_mut().filter(|unit| unit.side == side) {
            unit.hp *= share;
            unit.shield *= share;
        }
    }

    /// What is fought.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// All units, dead ones too.
    pub fn units(&self) -> &[UnitState] {
        &self.units
    }

    /// Shots of the last step.
    pub fn shots(&self) -> &[Shot] {
        &self.shots
    }

    /// Tells a living unit what to do from now on. An order to the dead, or to nobody, changes nothing.
    pub fn order(&mut self, unit: usize, order: Order) {
        if let Some(state) = self.units.get_mut(unit).filter(|unit| unit.is_alive()) {
            state.order = order;
            if let Order::Target(at) = order {
                self.hidden[unit].marked = Some(at);
            }
        }
    }

    /// Whom a unit was last told to attack or heal, while they live: also when it was told something else since.
    pub(in crate::smac) fn marked(&self, unit: usize) -> Option<usize> {
        let lives = |&at: &usize| self.units.get(at).is_some_and(UnitState::is_alive);
        self.hidden[unit].marked.filter(lives)
    }

    /// Lets so many loops of the game pass. From `rng` comes the random part of each attack's period.
    pub fn advance(&mut self, loops: u32, rng: &mut Rng) {
        // Between -1/16 and 2/16 of a second.
        self.advance_with(loops, &mut || 3.0 * rng.uniform() - 1.0);
    }

    fn advance_with(&mut self, loops: u32, jitter: &mut impl FnMut() -> f32) {
        self.shots.clear();
        for _ in 0..loops {
            self.take_targets();
            self.walk();
            let first = self.shots.len();
            self.shoot(jitter);
            self.land(first);
            self.bury();
            self.heal();
            self.regenerate();
            self.loops = self.loops.wrapping_add(1);
        }
    }

    /// Whether a side has lost: nobody of it lives who could fight. Where nobody of it ever could, it has lost when
    /// all are dead.
    pub fn is_beaten(&self, side: Side) -> bool {
        let armed = |unit: &UnitState| self.scenario.units[unit.unit].1.weapon.is_some();
        let of_side = || self.units.iter().filter(move |unit| unit.side == side);
        let all_unarmed = !of_side().any(armed);
        !of_side().any(|unit| unit.is_alive() && (all_unarmed || armed(unit)))
    }

    /// Whether a side has anybody left who is no healer, or who is one if all are: then it has won if the other is beaten.
    pub fn stands(&self, side: Side) -> bool {
        let heals = |unit: &UnitState| self.scenario.units[unit.unit].1.heal.is_some();
        let of_side = || self.units.iter().filter(move |unit| unit.side == side);
        let all_heal = of_side().all(heals);
        of_side().any(|unit| unit.is_alive() && (all_heal || !heals(unit)))
    }

    /// All of it that changes.
    pub fn state(&self) -> BattleState {
        BattleState {
            units: self.units.clone(),
            hidden: self.hidden.clone(),
            shots: self.shots.clone(),
            loops: self.loops,
        }
    }

    /// Goes on from a state of a battle of the same scenario.
    ///
    /// # Errors
    ///
    /// When the state is one of another scenario, or cannot be; this battle is then as it was.
    pub fn restore(&mut self, state: BattleState) -> Result<(), StateError> {
        state.check(&self.scenario)?;
        // What there is room for stays.
        self.units.clone_from(&state.units);
        self.hidden.clone_from(&state.hidden);
        self.shots.clone_from(&state.shots);
        self.loops = state.loops;
        Ok(())
    }

    /// The kind of a unit.
    fn kind(&self, unit: usize) -> &Unit {
        &self.scenario.units[self.units[unit].unit].1
    }
}
