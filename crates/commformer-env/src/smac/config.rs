//! Settings of a battle.

use super::battle::Battle;
use super::cone::Cone;
use super::data::Unit;
use super::env::Smac;
use super::observe::Layout;
use super::players::Script;
use super::scenario::{Member, Scenario, Start, builtin, names};
use super::sight::Sight;
use crate::{ConfigError, Environment, LARGEST_NUMBER, Task, error::require, settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::sync::Arc;

/// What of the enemies' hit points and shields a step pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reward {
    /// The absolute value of what they have less than before, of all enemies together, as in SMAC. A shield that
    /// grows back and an enemy that is healed pay as well, so that hitting and running for ever pays best where
    /// winning is not found (oxwhirl/smac, issue 72).
    Smac,
    /// What each of them has less than before. What grew back pays again when it is shot off again.
    Losses,
    /// What each of them has less than ever before in the battle: nothing pays twice.
    Progress,
}

/// Settings of [`Smac`](super::Smac). Those of the reward have the names, and the defaults, of SMAC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct SmacConfig {
    /// The built-in map: see [Environments](environments.md#battles-kind--smac).
    #[default = "3m"]
    pub map: String,
    /// What agents perceive.
    #[default(Layout::Oxwhirl)]
    pub layout: Layout,
    /// Who leads the enemies. Left out, they do what the map says.
    pub opponent: Option<Script>,
    /// Loops of the game from one search for targets to the next, of enemies that do what the map says. Between
    /// searches they attack whom they reach or pursue already.
    #[default(Battle::SEARCH)]
    #[schemars(range(min = 1))]
    pub enemy_search: u32,
    /// Share of their hit points and shields that enemies begin an episode with where training begins. It rises evenly,
    /// and from `curriculum_end` on they have all of them. 1 is no curriculum; evaluations have none.
    #[default = 1.0]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub enemy_health: f32,
    /// The share of a run after which enemies begin as strong as on the map.
    #[default = 0.5]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub curriculum_end: f64,
    /// Where units stand at first, drawn for each episode. Left out, it is as the map says.
    pub start: Option<Start>,
    /// How wide agents see, in degrees, of which half lie to either side of where they look. They then have four more
    /// actions, to look north, south, east or west, and neither see nor can choose to attack or heal whoever is
    /// elsewhere. Left out, they see all around.
    #[schemars(range(min = 1.0, max = 360.0))]
    pub sight_cone: Option<f32>,
    /// How far agents see enemies and each other, in cells. Distances in observations are divided by it. Whoever is
    /// out of sight cannot be attacked or healed.
    #[default = 9.0]
    #[schemars(range(min = 1.0, max = 64.0))]
    pub sight: f32,
    /// Whether agents see each other. Otherwise the other agents are zeros in observations, but a healer can still
    /// choose to heal whoever is in its sight and in its reach.
    #[default = true]
    pub see_allies: bool,
    /// Whether agents know where on the map they are. Nobody can say where an enemy is who does not know that.
    pub own_position: bool,
    /// How likely an agent sees an enemy that another agent saw first. This is drawn once for each of them and holds
    /// until the enemy or the first one dies. To all others the enemy is hidden: zeros in observations.
    #[default = 1.0]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub see_enemy_probability: f32,
    /// Whether agents can choose to attack only whom they see, and only within reach. Otherwise every living enemy
    /// can be chosen, and by a healer every living ally that it could heal. If that is in reach and in sight, hidden
    /// or not, the attack is carried out; if not, the unit goes on with what it was told. So observations only, and
    /// not the actions on offer, tell where somebody is.
    #[default = true]
    pub mask_attacks: bool,
    /// Steps after which an episode is truncated, 0 for never; the map's if left out.
    pub episode_limit: Option<u32>,
    /// Whether an episode that reaches its limit is terminated, so that nothing is expected beyond, as in the paper's
    /// scripts.
    pub limit_terminates: bool,
    /// Which of the enemies' losses are rewarded.
    #[default(Reward::Progress)]
    pub reward: Reward,
    /// Reward for a battle won.
    #[default = 200.0]
    #[schemars(range(min = 0.0))]
    pub reward_win: f32,
    /// Reward for a battle lost.
    pub reward_defeat: f32,
    /// Reward for each enemy's death.
    #[default = 10.0]
    #[schemars(range(min = 0.0))]
    pub reward_death_value: f32,
    /// Whether own losses cost nothing.
    #[default = true]
    pub reward_only_positive: bool,
    /// What own losses cost, as a share of what the enemies' pay.
    #[default = 0.5]
    #[schemars(range(min = 0.0))]
    pub reward_negative_scale: f32,
    /// What all rewards of a battle that is won without a loss add up to, about. 0 leaves rewards as they are.
    #[default = 20.0]
    #[schemars(range(min = 0.0))]
    pub reward_scale_rate: f32,
}

impl SmacConfig {
    /// The battle that it names.
    ///
    /// # Errors
    ///
    /// If no built-in map has this name.
    pub fn scenario(&self) -> Result<Arc<Scenario>, ConfigError> {
        builtin(&self.map).ok_or_else(|| ConfigError {
            field: "map".into(),
            found: format!("{:?}", self.map),
            allowed: format!("one of {}", names().collect::<Vec<_>>().join(", ")),
        })
    }

    /// The cone that agents see in.
    pub(super) fn cone(&self) -> Option<Cone> {
        self.sight_cone.map(Cone::new)
    }

    /// What agents see with.
    pub(super) fn eyesight(&self) -> Sight {
        Sight {
            range: self.sight,
            cone: self.cone(),
            allies: self.see_allies,
            position: self.own_position,
            enemies: self.see_enemy_probability,
        }
    }

    /// The share of their hit points and shields that enemies begin with when the share `progress` of a run is over.
    pub(super) fn enemy_health(&self, progress: f64) -> f32 {
        if progress >= self.curriculum_end {
            return 1.0;
        }
        let risen = (progress / self.curriculum_end).max(0.0) as f32;
        self.enemy_health + (1.0 - self.enemy_health) * risen
    }

    /// How many of so many enemies can be hidden from some agents: all or none.
    pub(super) fn hidden(&self, enemies: usize) -> usize {
        if self.see_enemy_probability < 1.0 {
            enemies
        } else {
            0
        }
    }

    /// The factor of all rewards in a battle against so many enemies, which have so many points in all.
    pub(super) fn reward_scale(&self, enemies: usize, strength: f32) -> f32 {
        if self.reward_scale_rate == 0.0 {
            return 1.0;
        }
        let deaths = enemies as f32 * self.reward_death_value;
        self.reward_scale_rate / (strength + deaths + self.reward_win)
    }

    /// Whether a battle can be fought so; where units stand is taken from the scenario.
    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), ConfigError> {
        settings::check(self)?;
        self.check_rewards(scenario)?;
        let crowded = self.start.and_then(|_| scenario.crowded());
        require(
            crowded.is_none(),
            "start",
            self.start.map_or("", Start::name),
            "left out: not all units find room on this map",
        )
    }

    /// Whether all that a battle can pay is a number.
    fn check_rewards(&self, scenario: &Scenario) -> Result<(), ConfigError> {
        let points = |side: &[Member]| strength(side.iter().map(|&member| scenario.kind(member)));
        let lost = |side: &[Member]| points(side) + side.len() as f32 * self.reward_death_value;
        let gain = lost(&scenario.enemies);
        let (own, cost) = match self.reward_only_positive {
            true => (0.0, 0.0),
            false => {
                let own = lost(&scenario.allies);
                (own, self.reward_negative_scale * own)
            }
        };
        let (win, defeat) = (self.reward_win, self.reward_defeat);
        let of_win = gain + win;
        let of_defeat = gain.max(cost) + defeat.abs();
        let scale = self.reward_scale(scenario.enemies.len(), points(&scenario.enemies));
        let most = of_win.max(of_defeat) * scale;
        for (field, found, reached) in [
            ("reward_death_value", self.reward_death_value, gain.max(own)),
            ("reward_negative_scale", self.reward_negative_scale, cost),
            ("reward_win", win, of_win),
            ("reward_defeat", defeat, of_defeat),
            ("reward_scale_rate", self.reward_scale_rate, most),
        ] {
            require(
                reached <= LARGEST_NUMBER,
                field,
                format!("{found:e}"),
                format!(
                    "nearer to 0: what a battle can pay adds up to more than {LARGEST_NUMBER:e}"
                ),
            )?;
        }
        Ok(())
    }
}

impl Task for SmacConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(Smac::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.scenario().map_or(0, |map| map.allies.len())
    }

    fn size_keys(&self) -> &'static [&'static str] {
        &["map"]
    }

    fn episode_limit(&self) -> u32 {
        // 0 if there is no such map.
        let map = || self.scenario().map_or(0, |scenario| scenario.limit);
        self.episode_limit.unwrap_or_else(map)
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = Some(limit);
    }

    fn roles(&self) -> Vec<String> {
        let Ok(map) = self.scenario() else {
            return Vec::new();
        };
        if map.is_drawn() {
            return vec![String::new(); map.allies.len()];
        }
        let kinds = map.allies.iter().map(|member| &map.units[member.unit].0);
        let initial = |name: &String| name.chars().take(1).flat_map(char::to_uppercase).collect();
        kinds.map(initial).collect()
    }
}

/// Hit points and shields of units that nothing has hurt.
pub(super) fn strength<'a>(kinds: impl Iterator<Item = &'a Unit>) -> f32 {
    kinds.map(|kind| kind.hp + kind.shield).sum()
}
