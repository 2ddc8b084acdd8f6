//! What agents perceive, in the layouts of the two public programs.

mod row;
mod scene;

pub(super) use scene::Scene;

use super::actions::{self, MOVES};
use super::cone::{Cone, Look};
use super::scenario::{Scenario, Side};
use super::sight::Sight;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What observations and states consist of, in which order.
///
/// Distances are divided by the [sight range](super::SmacConfig::sight), hit points, shields and energy by their maximum, cooldowns
/// by the unit's scale, and places are counted from the map's centre and divided by its side. A unit that an
/// agent does not see, or that is dead, is all zeros. Shields are there if the unit's side has them, types if the battle
/// has several on a side. With a [cone of sight](super::SmacConfig::sight_cone), x and y of where an agent looks
/// are in its own part of the observation and in each ally's part of the state, before the type. With its
/// [own position](super::SmacConfig::own_position), x and y of an agent on the map come after its shield.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Of the SMAC package.
    ///
    /// - Observation: 4 moves that are open; each enemy (1 if it can be attacked, distance, x, y, hit points,
    ///   shield, type); each other ally (1, distance, x, y, hit points, shield, type); own hit points,
    ///   shield, type.
    /// - State, one for the team: each ally (hit points, cooldown or energy, x, y, shield, type); each enemy
    ///   (hit points, x, y, shield, type); each ally's last action.
    #[default]
    Oxwhirl,
    /// Of CommFormer's release. A dead agent's rows are zeros, but for its number.
    ///
    /// - Observation: each other ally (as above, and its last action); each enemy (as above); the moves; the
    ///   agent as it would see itself (1, 0, 0, 0, hit points, shield, type, last action); its number.
    /// - State, for each agent: each other ally (1 if seen, distance, x, y, cooldown or energy, hit
    ///   points, shield, x and y on the map, type, last action); each enemy (1 if it can be attacked,
    ///   distance, x, y, 1 if seen, hit points, shield, type, x and y on the map); the moves; the agent
    ///   (1, 0, 0, 0, hit points, shield, x and y on the map, type, last action); its number. Only the dead
    ///   are hidden here.
    Commformer,
}

impl Layout {
    /// Numbers in an agent's observation (O).
    pub(super) fn obs_dim(self, scenario: &Scenario, sight: Sight) -> usize {
        let of = Sizes::of(scenario, sight.cone);
        let place = if sight.position { 2 } else { 0 };
        let own = MOVES.len() + of.own + place + of.look;
        let seen = of.enemies * (4 + of.foe) + of.others * (4 + of.own) + own;
        match self {
            Self::Oxwhirl => seen,
            Self::Commformer => seen + 4 + (of.others + 1) * (of.actions + 1),
        }
    }

    /// Numbers in the state: one for the team, or (N, S) for each of its agents.
    pub(super) fn state_len(self, scenario: &Scenario, cone: Option<Cone>) -> usize {
        let of = Sizes::of(scenario, cone);
        let (agents, own) = (of.others + 1, of.own + of.look + of.actions);
        match self {
            Self::Oxwhirl => agents * (3 + own) + of.enemies * (2 + of.foe),
            Self::Commformer => {
                let others = of.others * (7 + own) + of.enemies * (7 + of.foe);
                agents * (others + MOVES.len() + 6 + own + agents)
            }
        }
    }
}

/// How many actions agents have (A): the looks come last.
pub(super) fn agent_actions(scenario: &Scenario, cone: Option<Cone>) -> usize {
    let looks = if cone.is_some() { Look::ALL.len() } else { 0 };
    actions::count(scenario, Side::Allies) + looks
}

/// How many numbers the parts have.
#[derive(Clone, Copy)]
struct Sizes {
    /// Allies besides the observer.
    others: usize,
    enemies: usize,
    /// Hit points, shield and type of an ally.
    own: usize,
    /// The same of an enemy.
    foe: usize,
    /// Where an ally looks.
    look: usize,
    actions: usize,
}

impl Sizes {
    fn of(scenario: &Scenario, cone: Option<Cone>) -> Self {
        let body = |shields| 1 + usize::from(shields) + scenario.type_bits;
        Self {
            others: scenario.allies.len() - 1,
            enemies: scenario.enemies.len(),
            own: body(scenario.shields[0]),
            foe: body(scenario.shields[1]),
            look: if cone.is_some() { 2 } else { 0 },
            actions: agent_actions(scenario, cone),
        }
    }
}
