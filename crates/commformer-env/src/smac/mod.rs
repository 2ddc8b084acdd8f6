//! Battles with the interface of the StarCraft Multi-Agent Challenge (SMAC), without StarCraft.

mod battle;
mod data;
mod scenario;
mod terrain;

pub use battle::{Battle, BattleState, Order, Shot, UnitState};
pub use data::{
    Attribute, Bonus, Energy, Heal, LOOPS_PER_SECOND, LOOPS_PER_STEP, Plane, Splash, Unit, Weapon,
};
pub use scenario::{FirstOrder, Member, Scenario, Side, builtin};
pub use terrain::Terrain;
