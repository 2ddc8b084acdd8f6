//! Battles with the interface of the StarCraft Multi-Agent Challenge (SMAC), without StarCraft.

mod battle;
mod data;
mod scenario;
mod terrain;

pub use battle::{Battle, BattleState, Order, Shot, UnitState};
pub use data::{
    Attribute, Bonus, Energy, Heal, LOOPS_PER_SECOND, LOOPS_PER_STEP, Plane, Splash, Unit, Weapon,
};
#[cfg(test)]
pub(crate) use scenario::Spawn;
pub use scenario::{
    FirstOrder, Member, Scenario, ScenarioError, Side, Sizes, builtin, builtin_text, names,
};
pub use terrain::Terrain;
