//! The fight itself, loop by loop.

use super::scenario::{Scenario, Side};
use crate::Rng;
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
    pub fn begin(&mut self, points: &[[f32; 2]], rng: &mut Rng) {
        let _ = (points, rng);
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
    pub fn advance(&mut self, loops: u32, rng: &mut Rng) {
        let _ = (loops, rng);
    }

    /// Whether a side has lost: nobody of it lives who could fight.
    pub fn is_beaten(&self, side: Side) -> bool {
        let _ = side;
        false
    }
}
