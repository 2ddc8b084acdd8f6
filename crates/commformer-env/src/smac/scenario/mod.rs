//! Which battle is fought: as scenario files say it.

mod army;
mod builtin;
mod error;
mod file;
mod map;
mod roster;
mod spawn;
mod start;
#[cfg(test)]
mod tests;
mod units;

pub use builtin::{builtin, builtin_text, names};
pub use error::ScenarioError;
pub(crate) use roster::Roster;
pub(crate) use spawn::Spawn;
pub use start::Start;

use super::data::Unit;
use super::terrain::Terrain;
use crate::Rng;

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
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// A battle as its file describes it: what [`parse`](Self::parse) has checked cannot be changed since.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name, such as `3m`.
    pub(crate) name: String,
    /// Steps after which an episode is truncated.
    pub(crate) limit: u32,
    /// The kinds of units that fight, with their names.
    pub(crate) units: Vec<(String, Unit)>,
    /// The agents, in their order. If units are drawn for each episode, so many of the first kind.
    pub(crate) allies: Vec<Member>,
    /// The others, in their order, or so many.
    pub(crate) enemies: Vec<Member>,
    /// Length of the one-hot type in observations; 0: none.
    pub(crate) type_bits: usize,
    /// The map.
    pub(crate) terrain: Terrain,
    /// What the enemies do first.
    pub(crate) first_order: FirstOrder,
    /// Whether an allied or enemy unit's observation has a shield: those of Protoss sides.
    pub(crate) shields: [bool; 2],
    /// How it is drawn where everybody stands at first; otherwise they have places.
    pub(crate) start: Option<Start>,
    /// What units are drawn from for each episode.
    pub(crate) roster: Option<Roster>,
    /// Where everybody stands at first, without [`start`](Self::start).
    pub(crate) spawn: Spawn,
}

impl FirstOrder {
    /// The points that it names.
    fn points(&self) -> [Option<[f32; 2]>; 2] {
        match *self {
            Self::Wait | Self::AttackAgents => [None, None],
            Self::AttackMove(point) => [Some(point), None],
            Self::AttackMoveWithin(one, other) => [Some(one), Some(other)],
        }
    }
}

impl Scenario {
    /// The battle that a scenario file describes. `smac/maps` in this crate has examples;
    /// [`builtin_text`] returns them.
    ///
    /// ```
    /// # fn main() -> Result<(), commformer_env::smac::ScenarioError> {
    /// let scenario = commformer_env::smac::Scenario::parse(
    ///     r#"
    /// name = "two_heroes"
    /// limit = 100                     # steps of an episode
    /// type_bits = 0                   # if more, every group has a `type_id` below it
    /// first_order = { attack_move = [9, 16] }  # or "wait", "attack_agents", { attack_move_within = [...] }
    ///
    /// [[allies]]
    /// unit = "hero"
    /// count = 2
    /// place = "west"
    ///
    /// [[enemies]]
    /// unit = "zergling"
    /// count = 20
    /// place = "edges"
    ///
    /// [units.hero]                    # a built-in unit with changes; or all fields of a new one
    /// like = "marine"
    /// hp = 300
    /// weapon = { damage = 20 }
    ///
    /// [units.zergling]                # of its own name: all of them on this map
    /// speed = 2
    ///
    /// [places.west]                   # a block of units around a point
    /// at = [[9, 16]]
    ///
    /// [places.edges]                  # of several points and rectangles, one is drawn
    /// at = [[20, 8, 31, 10], [20, 22, 31, 24]]
    /// each = true                     # by every unit for itself
    ///
    /// [terrain]                       # rows and columns, without the last; all others are walls
    /// free = [{ y = [8, 24], x = [[0, 32]] }]
    /// cliffs = [{ y = [15, 17], x = [[14, 18]] }]
    /// "#,
    /// )?;
    /// assert_eq!((scenario.allies().len(), scenario.enemies().len()), (2, 20));
    ///
    /// // Units and places can be drawn for each episode.
    /// let drawn = commformer_env::smac::Scenario::parse(
    ///     r#"
    /// name = "surprise"
    /// limit = 100
    /// first_order = "attack_agents"
    /// start = "either"                # or "surround", "reflect": in place of all places
    ///
    /// [roster]                        # in place of `[[allies]]` and `[[enemies]]`
    /// allies = 5
    /// enemies = 6
    /// kinds = [                       # with a `type_id`, if there are `type_bits`
    ///     { unit = "marine", weight = 0.9 },
    ///     { unit = "medivac", weight = 0.1, alone = false },  # never a side of these only
    /// ]
    ///
    /// [terrain]
    /// free = [{ y = [0, 32], x = [[0, 32]] }]
    /// "#,
    /// )?;
    /// assert!(drawn.is_drawn());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The line and the reason, if the file describes no battle.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        file::parse(text)
    }

    /// Its name, such as `3m`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Steps after which an episode is truncated.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The kinds of units that fight, with their names.
    pub fn units(&self) -> &[(String, Unit)] {
        &self.units
    }

    /// The agents, in their order. If units are drawn for each episode, so many of the first kind.
    pub fn allies(&self) -> &[Member] {
        &self.allies
    }

    /// The others, in their order, or so many.
    pub fn enemies(&self) -> &[Member] {
        &self.enemies
    }

    /// Who fights in an episode, the allies first: always the same, or drawn.
    pub fn muster(&self, rng: &mut Rng, members: &mut Vec<Member>) {
        if let Some(roster) = &self.roster {
            return roster.draw(self.counts(), rng, members);
        }
        members.clear();
        members.extend(self.allies.iter().chain(&self.enemies));
    }

    /// Points for these members, the allies first, of an episode; no two bodies of a plane overlap by more than
    /// a rounding, and all stand on free ground. Agents of a kind are sorted by x, then y, as SMAC does.
    ///
    /// # Panics
    ///
    /// If these are not the members that [`muster`](Self::muster) gives.
    pub fn spawn(&self, members: &[Member], rng: &mut Rng, points: &mut Vec<[f32; 2]>) {
        self.place(members, rng, points);
    }

    /// What people call the agents: by kind and number; nothing where each episode draws their kinds.
    pub(crate) fn agent_names(&self) -> Vec<String> {
        if self.is_drawn() {
            return Vec::new();
        }
        let kinds = self.allies.iter().map(|member| &self.units[member.unit].0);
        let name = |(number, kind)| format!("{kind} {number}");
        kinds.enumerate().map(name).collect()
    }

    /// The kind of a member.
    ///
    /// # Panics
    ///
    /// If its kind is none of the scenario's.
    pub fn kind(&self, member: Member) -> &Unit {
        &self.units[member.unit].1
    }

    /// Whether units are drawn for each episode.
    pub fn is_drawn(&self) -> bool {
        self.roster.is_some()
    }

    /// The units of each side.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.allies.len(), self.enemies.len()]
    }

    /// All kinds of which a side can have units.
    pub(super) fn kinds(&self, side: Side) -> impl Iterator<Item = &Unit> {
        let members = match side {
            Side::Allies => &self.allies,
            Side::Enemies => &self.enemies,
        };
        let drawn = self.roster.iter().flat_map(Roster::members);
        drawn
            .chain(members.iter().copied())
            .map(|member| self.kind(member))
    }

    /// The type in observations of a unit of this number and kind.
    pub(super) fn type_id(&self, number: usize, kind: usize) -> Option<usize> {
        let member = match &self.roster {
            Some(roster) => roster.members().nth(kind),
            None => self.allies.iter().chain(&self.enemies).nth(number).copied(),
        };
        member.and_then(|member| member.type_id)
    }

    /// Whether all units can be of these kinds, the allies first.
    pub(super) fn can_be(&self, kinds: &[usize]) -> bool {
        match &self.roster {
            Some(roster) => roster.is_drawn(self.counts(), kinds),
            None => {
                let members = self.allies.iter().chain(&self.enemies);
                members.map(|member| member.unit).eq(kinds.iter().copied())
            }
        }
    }
}
