//! The fight itself, loop by loop.
//!
//! In a loop everybody takes a target, all walk at once, weapons go on, the hits of the loop land together (a unit
//! that dies in this loop still does its own; a Baneling bursts), the dead are taken out, healers heal, and what comes
//! back by itself comes back.

mod damage;
mod health;
mod movement;
mod orca;
mod paths;
mod spots;
mod targets;
mod weapons;

#[cfg(test)]
mod tests;

use super::data::Unit;
use super::scenario::{Member, Scenario, Side};
use super::terrain::Terrain;
use crate::{Rng, StateError};
use movement::Mover;
use paths::Paths;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use weapons::Attack;

/// Room for so many shots of each unit in a step; more take memory.
const SHOTS_PER_UNIT: usize = 4;

/// What a unit is told to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Stand, and attack nobody: what an agent does that was told nothing.
    #[default]
    Stop,
    /// Go to a point.
    Move([f32; 2]),
    /// Go to a point and take whom it meets on the way.
    AttackMove([f32; 2]),
    /// Attack this unit (heal it, if it is of its own side), walking there if need be.
    Target(usize),
    /// Stand, and take whoever comes near: what an enemy does that was told nothing.
    Guard,
}

/// A unit in a battle. Units have numbers: the allies first, then the enemies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    /// Whose it is.
    pub side: Side,
    /// Its kind, an index into [`Scenario::units`].
    pub unit: usize,
    /// Where it is.
    pub position: [f32; 2],
    /// Hit points left; 0: dead.
    pub hp: f32,
    /// Shield left.
    pub shield: f32,
    /// Energy left.
    pub energy: f32,
    /// Loops until its weapon is ready.
    pub cooldown: f32,
    /// What it was told.
    pub order: Order,
    /// Whom it attacks or heals now.
    pub target: Option<usize>,
}

impl UnitState {
    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.hp > 0.0
    }
}

/// A shot, or a heal, for whoever draws the battle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// Who.
    pub from: usize,
    /// At whom.
    pub at: usize,
}

/// What of a unit is nobody else's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Hidden {
    /// How it moved in the last loop.
    velocity: [f32; 2],
    attack: Option<Attack>,
    /// Loops without damage.
    unhurt: f32,
    /// Whether it has burst, if its weapon kills it.
    burst: bool,
    /// Whom it was last told to attack or heal.
    marked: Option<usize>,
    /// Who did the last damage to it.
    attacker: Option<usize>,
    /// Where it took its target.
    origin: [f32; 2],
}

/// All of a battle that changes: what [`Battle::restore`] goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BattleState {
    units: Vec<UnitState>,
    hidden: Vec<Hidden>,
    shots: Vec<Shot>,
    loops: u32,
}

/// The side of a unit by its number.
fn side(number: usize, allies: usize) -> Side {
    if number < allies {
        Side::Allies
    } else {
        Side::Enemies
    }
}

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
        let scenario = &self.scenario;
        let count = scenario.allies.len() + scenario.enemies.len();
        let kinds: Vec<usize> = state.units.iter().map(|unit| unit.unit).collect();
        let sides = (0..count).map(|number| side(number, scenario.allies.len()));
        let same = scenario.can_be(&kinds) && sides.eq(state.units.iter().map(|unit| unit.side));
        if state.hidden.len() != count || !same {
            return Err(StateError::new(format!(
                "it is not a battle of `{}`: restore it under the scenario it was saved under",
                scenario.name
            )));
        }
        let side = 0.0..=Terrain::SIDE as f32;
        let stray = |unit: &UnitState| !unit.position.iter().all(|at| side.contains(at));
        if let Some(unit) = state.units.iter().position(stray) {
            return Err(StateError::new(format!(
                "unit {unit} is at {:?}, off the map: the state is damaged",
                state.units[unit].position
            )));
        }
        let targets = state.units.iter().flat_map(|unit| {
            let ordered = match unit.order {
                Order::Target(target) => Some(target),
                _ => None,
            };
            [unit.target, ordered].into_iter().flatten()
        });
        let attacks = state.hidden.iter().filter_map(|hidden| hidden.attack);
        let known = |hidden: &Hidden| [hidden.marked, hidden.attacker].into_iter().flatten();
        let known = state.hidden.iter().flat_map(known);
        let shots = state.shots.iter().flat_map(|shot| [shot.from, shot.at]);
        let mut named = targets
            .chain(attacks.map(|attack| attack.target))
            .chain(known)
            .chain(shots);
        if let Some(unit) = named.find(|&unit| unit >= count) {
            return Err(StateError::new(format!(
                "it names unit {unit}, but there are only {count}: the state is damaged"
            )));
        }
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
