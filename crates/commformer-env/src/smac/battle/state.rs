//! What there is in a battle, and what of it changes.

use super::attack::Attack;
use crate::StateError;
use crate::smac::scenario::{Scenario, Side};
use crate::smac::terrain::Terrain;
use serde::{Deserialize, Serialize};

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
    /// The number of the unit that shoots or heals.
    pub from: usize,
    /// The number of the unit that is hit or healed.
    pub at: usize,
}

/// What of a unit neither observations nor pictures show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hidden {
    /// How it moved in the last loop.
    pub(super) velocity: [f32; 2],
    /// The attack under way.
    pub(super) attack: Option<Attack>,
    /// Loops without damage.
    pub(super) unhurt: f32,
    /// Whether it has burst, if its weapon kills it.
    pub(super) burst: bool,
    /// Whom it was last told to attack or heal.
    pub(super) marked: Option<usize>,
    /// Who did the last damage to it.
    pub(super) attacker: Option<usize>,
    /// Where it took its target.
    pub(super) origin: [f32; 2],
}

/// All of a battle that changes: what [`Battle::restore`](super::Battle::restore) goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BattleState {
    pub(super) units: Vec<UnitState>,
    pub(super) hidden: Vec<Hidden>,
    pub(super) shots: Vec<Shot>,
    pub(super) loops: u32,
}

impl BattleState {
    /// Refuses a state that is one of another scenario, or cannot be.
    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), StateError> {
        let count = scenario.allies.len() + scenario.enemies.len();
        let kinds: Vec<usize> = self.units.iter().map(|unit| unit.unit).collect();
        let sides = (0..count).map(|number| side(number, scenario.allies.len()));
        let same = scenario.can_be(&kinds) && sides.eq(self.units.iter().map(|unit| unit.side));
        if self.hidden.len() != count || !same {
            return Err(StateError::new(format!(
                "it is not a battle of `{}`: restore it under the scenario it was saved under",
                scenario.name
            )));
        }
        let side = 0.0..=Terrain::SIDE as f32;
        let stray = |unit: &UnitState| !unit.position.iter().all(|at| side.contains(at));
        if let Some(unit) = self.units.iter().position(stray) {
            return Err(StateError::new(format!(
                "unit {unit} is at {:?}, off the map: the state is damaged",
                self.units[unit].position
            )));
        }
        let targets = self.units.iter().flat_map(|unit| {
            let ordered = match unit.order {
                Order::Target(target) => Some(target),
                _ => None,
            };
            [unit.target, ordered].into_iter().flatten()
        });
        let attacks = self.hidden.iter().filter_map(|hidden| hidden.attack);
        let known = |hidden: &Hidden| [hidden.marked, hidden.attacker].into_iter().flatten();
        let known = self.hidden.iter().flat_map(known);
        let shots = self.shots.iter().flat_map(|shot| [shot.from, shot.at]);
        let mut named = targets
            .chain(attacks.map(|attack| attack.target))
            .chain(known)
            .chain(shots);
        if let Some(unit) = named.find(|&unit| unit >= count) {
            return Err(StateError::new(format!(
                "it names unit {unit}, but there are only {count}: the state is damaged"
            )));
        }
        self.check_numbers(scenario)
    }

    /// Refuses numbers that no unit of the kind can have.
    fn check_numbers(&self, scenario: &Scenario) -> Result<(), StateError> {
        for (number, (unit, hidden)) in self.units.iter().zip(&self.hidden).enumerate() {
            let kind = &scenario.units[unit.unit].1;
            let energy = kind
                .energy
                .map_or(0.0, |energy| energy.max.max(energy.start));
            let bounded = [
                ("hit points", unit.hp, kind.hp),
                ("shield points", unit.shield, kind.shield),
                ("energy", unit.energy, energy),
            ];
            let mut bounded = bounded.into_iter();
            if let Some((name, found, most)) =
                bounded.find(|(_, found, most)| !(0.0..=*most).contains(found))
            {
                return Err(StateError::new(format!(
                    "unit {number} has {found} {name}, but must have 0 to {most}: the state is damaged"
                )));
            }
            let elapsed = hidden.attack.map(|attack| attack.elapsed);
            let mut others = [unit.cooldown, hidden.unhurt]
                .into_iter()
                .chain(hidden.velocity)
                .chain(hidden.origin)
                .chain(elapsed);
            if let Some(found) = others.find(|number| !number.is_finite()) {
                return Err(StateError::new(format!(
                    "unit {number} has {found} where a finite number must be: the state is damaged"
                )));
            }
        }
        Ok(())
    }
}

/// The side of a unit by its number.
pub(super) fn side(number: usize, allies: usize) -> Side {
    if number < allies {
        Side::Allies
    } else {
        Side::Enemies
    }
}
