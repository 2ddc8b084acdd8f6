//! The fight itself, loop by loop.

use super::scenario::{Scenario, Side};
use crate::{Rng, StateError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a unit is told to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Stand; an enemy then takes whoever comes near, an agent nobody.
    #[default]
    Stop,
    /// Go to a point.
    Move([f32; 2]),
    /// Go to a point and take whom it meets on the way.
    AttackMove([f32; 2]),
    /// Attack this unit (heal it, if it is of its own side), walking there if need be.
    Target(usize),
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

/// A battle under way.
#[derive(Clone, Debug)]
pub struct Battle {
    scenario: Arc<Scenario>,
    units: Vec<UnitState>,
    shots: Vec<Shot>,
}

impl Battle {
    /// Room for a battle; [`begin`](Self::begin) starts it.
    pub fn new(scenario: Arc<Scenario>) -> Self {
        Self {
            scenario,
            units: Vec::new(),
            shots: Vec::new(),
        }
    }

    /// Starts a battle with the units at these points, the allies first.
    pub fn begin(&mut self, points: &[[f32; 2]], _rng: &mut Rng) {
        let scenario = &self.scenario;
        let sides = [
            (Side::Allies, &scenario.allies),
            (Side::Enemies, &scenario.enemies),
        ];
        let members = sides
            .into_iter()
            .flat_map(|(side, all)| all.iter().map(move |&one| (side, one)));
        self.shots.clear();
        self.units.clear();
        self.units
            .extend(members.zip(points).map(|((side, member), &position)| {
                UnitState {
                    side,
                    unit: member.unit,
                    position,
                    hp: scenario.kind(member).hp,
                    shield: scenario.kind(member).shield,
                    energy: scenario
                        .kind(member)
                        .energy
                        .map_or(0.0, |energy| energy.start),
                    cooldown: 0.0,
                    order: Order::Stop,
                    target: None,
                }
            }));
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

    /// Tells a living unit what to do from now on.
    pub fn order(&mut self, unit: usize, order: Order) {
        self.units[unit].order = order;
    }

    /// Lets so many loops of the game pass.
    pub fn advance(&mut self, loops: u32, _rng: &mut Rng) {
        self.shots.clear();
        for _ in 0..loops {
            for from in 0..self.units.len() {
                self.act(from);
            }
        }
    }

    fn act(&mut self, from: usize) {
        let unit = self.units[from].clone();
        if !unit.is_alive() {
            return;
        }
        let kind = self.scenario.units[unit.unit].1.clone();
        let cooldown = (unit.cooldown - 1.0).max(0.0);
        self.units[from].cooldown = cooldown;
        let aim = match unit.order {
            Order::Stop => None,
            Order::Move(to) | Order::AttackMove(to) => Some(to),
            Order::Target(at) => Some(self.units[at].position),
        };
        let at = match unit.order {
            Order::Target(at) if self.units[at].is_alive() => Some(at),
            Order::AttackMove(_) => (0..self.units.len())
                .filter(|&at| self.units[at].side != unit.side && self.units[at].is_alive())
                .min_by(|&one, &other| {
                    let far = |at: usize| {
                        let [x, y] = self.units[at].position;
                        (x - unit.position[0]).hypot(y - unit.position[1])
                    };
                    far(one).total_cmp(&far(other))
                }),
            _ => None,
        };
        let Some(aim) = aim else { return };
        let step = kind.speed / 16.0;
        let [dx, dy] = [0, 1].map(|axis| aim[axis] - unit.position[axis]);
        let far = dx.hypot(dy);
        let distance =
            at.map(|at| [0, 1].map(|axis| self.units[at].position[axis] - unit.position[axis]));
        let near = distance.is_some_and(|[dx, dy]| dx.hypot(dy) <= 6.0);
        if let (Some(at), Some(weapon), true) = (at, &kind.weapon, near) {
            if cooldown == 0.0 {
                let damage = weapon.damage;
                let target = &mut self.units[at];
                let shield = target.shield.min(damage);
                target.shield -= shield;
                target.hp = (target.hp - (damage - shield)).max(0.0);
                self.units[from].cooldown = weapon.period * 16.0;
                self.shots.push(Shot { from, at });
            }
        } else if far > 0.0 {
            let part = (step / far).min(1.0);
            let to = [unit.position[0] + dx * part, unit.position[1] + dy * part];
            if self.scenario.terrain.is_free(to, kind.plane) {
                self.units[from].position = to;
            }
        }
    }

    /// Whether a side has lost: nobody of it lives who could fight.
    pub fn is_beaten(&self, side: Side) -> bool {
        let fights = |unit: &UnitState| self.scenario.units[unit.unit].1.heal.is_none();
        !self
            .units
            .iter()
            .any(|unit| unit.side == side && unit.is_alive() && fights(unit))
    }

    /// All that it needs to go on.
    pub fn state(&self) -> BattleState {
        BattleState {
            units: self.units.clone(),
        }
    }

    /// Goes on from a state of the same scenario.
    pub fn restore(&mut self, state: BattleState) -> Result<(), StateError> {
        if state.units.len() != self.scenario.allies.len() + self.scenario.enemies.len() {
            return Err(StateError::new("it has other units"));
        }
        self.units = state.units;
        Ok(())
    }
}

/// A battle as it is saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BattleState {
    units: Vec<UnitState>,
}
