//! Battles with the interface of the StarCraft Multi-Agent Challenge (SMAC), without StarCraft.

mod account;
mod actions;
mod battle;
mod cone;
mod config;
mod data;
mod draw;
mod env;
mod observe;
mod opponent;
mod paths;
mod players;
mod scenario;
mod sight;
mod terrain;
mod vector;

pub use battle::{Battle, BattleState, Order, Shot, UnitState};
pub use config::{Reward, SmacConfig};
pub use data::{
    Attribute, Bonus, Energy, Heal, LOOPS_PER_SECOND, LOOPS_PER_STEP, Plane, Splash, Unit, Weapon,
};
pub use env::Smac;
pub use observe::Layout;
pub use players::Script;
#[cfg(test)]
pub(crate) use scenario::Spawn;
pub use scenario::{
    FirstOrder, Member, Scenario, ScenarioError, Side, Start, builtin, builtin_text, names,
};
#[cfg(test)]
pub(crate) use terrain::Terrain;

#[cfg(test)]
mod tests;
