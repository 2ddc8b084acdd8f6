//! What units are made of. All lengths are in cells of the map, all times in seconds of the game's "normal"
//! speed.

use serde::{Deserialize, Serialize};

/// Loops of the game in one of its seconds.
pub const LOOPS_PER_SECOND: f32 = 16.0;

/// Loops of the game in a step of the environment.
pub const LOOPS_PER_STEP: u32 = 8;

/// What a weapon may be good against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribute {
    /// Light armour.
    Light,
    /// Heavy armour.
    Armored,
    /// Lives; a Medivac heals it.
    Biological,
    /// A machine.
    Mechanical,
    /// Very large.
    Massive,
    /// Stands where it was built.
    Structure,
}

/// Where a unit moves, and what can hit it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// On the ground, around its obstacles.
    #[default]
    Ground,
    /// Above all of it.
    Air,
    /// On the ground and across cliffs (Colossus): weapons against either can hit it; it is in the way of
    /// its like only.
    Cliffs,
}

/// A kind of unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Hit points.
    pub hp: f32,
    /// Shield points; a shield that was not hit for 10 s regains 2 a second.
    #[serde(default)]
    pub shield: f32,
    /// Taken from every hit on the hit points.
    #[serde(default)]
    pub armour: f32,
    /// Hit points regained a second.
    #[serde(default)]
    pub regeneration: f32,
    /// Seconds without damage before it regains any.
    #[serde(default)]
    pub regeneration_delay: f32,
    /// Cells a second.
    pub speed: f32,
    /// Of its body, for weapons' ranges.
    pub radius: f32,
    /// Of its body, where units keep apart.
    pub separation_radius: f32,
    /// Where it moves.
    #[serde(default)]
    pub plane: Plane,
    /// What it is.
    pub attributes: Vec<Attribute>,
    /// What it heals with.
    pub energy: Option<Energy>,
    /// How it fights.
    pub weapon: Option<Weapon>,
    /// How it heals.
    pub heal: Option<Heal>,
    /// Loops by which observations divide its weapon's cooldown.
    pub cooldown_scale: f32,
}

impl Unit {
    /// Whether it can heal a unit of this kind: what lives, and does not heal itself.
    pub fn heals(&self, other: &Unit) -> bool {
        let lives = other.attributes.contains(&Attribute::Biological);
        self.heal.is_some() && lives && other.heal.is_none()
    }
}

/// Energy of a healer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Energy {
    /// At the beginning.
    pub start: f32,
    /// At most.
    pub max: f32,
    /// Regained a second.
    pub per_second: f32,
}

/// Healing, of living units of its own side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heal {
    /// Hit points a second.
    pub per_second: f32,
    /// Energy for each of them.
    pub energy_per_hp: f32,
    /// From body to body.
    pub range: f32,
}

/// A weapon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weapon {
    /// Of each hit, before armour.
    pub damage: f32,
    /// More of it against some.
    pub bonus: Option<Bonus>,
    /// Hits of an attack.
    #[serde(default = "one")]
    pub hits: u32,
    /// Seconds between them.
    #[serde(default)]
    pub hit_spacing: f32,
    /// From body to body.
    pub range: f32,
    /// By how much a target may get away before the attack is broken off.
    #[serde(default = "one_cell")]
    pub range_slop: f32,
    /// Targets nearer than this, from body to body, are taken, even where the range is shorter.
    pub scan_range: f32,
    /// Seconds from one attack to the next, without the random part of -1/16 to 2/16.
    pub period: f32,
    /// Seconds from an attack's beginning to its first hit.
    pub damage_point: f32,
    /// Seconds after it in which the unit stands still unless it is told to move.
    pub backswing: f32,
    /// Whether it reaches units on the ground.
    #[serde(default = "yes")]
    pub ground: bool,
    /// Whether it reaches units in the air.
    #[serde(default)]
    pub air: bool,
    /// Whether the attacker dies of it: it bursts. If it is killed, it bursts too.
    #[serde(default)]
    pub suicide: bool,
    /// Whom else it hits; never its own side.
    pub splash: Option<Splash>,
}

/// Damage against an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bonus {
    /// Against these.
    pub against: Attribute,
    /// So much more.
    pub damage: f32,
}

/// Whom a weapon hits besides its target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Splash {
    /// Everybody whose body is within the radius around the attacker (if it dies of it) or the target.
    Circle {
        /// Around the centre.
        radius: f32,
        /// Share of the damage.
        share: f32,
    },
    /// Everybody whose body touches a line through the target, across the line of fire.
    Line {
        /// To either side of the target.
        reach: f32,
        /// Half of its width.
        width: f32,
    },
    /// Everybody in front of the attacker.
    Arc {
        /// From the attacker's body.
        radius: f32,
        /// Its opening.
        degrees: f32,
        /// Share of the damage, for all but the target.
        share: f32,
    },
}

fn one() -> u32 {
    1
}

fn one_cell() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}
