//! The settings of level-based foraging.

use super::Foraging;
use crate::{ConfigError, Environment, Task, error::require, settings::check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Levels beyond this are refused: their sums and products stay exact.
pub(super) const MAX_LEVEL: u32 = 1000;

/// Agents that have room beside an item of food.
const SIDES: usize = 4;

/// Settings of [`Foraging`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct ForagingConfig {
    /// Rows of the field.
    #[default = 8]
    #[schemars(range(min = 3, max = 100))]
    pub rows: usize,
    /// Columns of the field.
    #[default = 8]
    #[schemars(range(min = 3, max = 100))]
    pub cols: usize,
    /// Agents (N), fewer than the cells off the border.
    #[default = 2]
    #[schemars(range(min = 1))]
    pub agents: usize,
    /// Items of food at most. An episode has fewer where there is no room for another.
    #[default = 2]
    #[schemars(range(min = 1, max = 100))]
    pub food: usize,
    /// Cells that an agent sees in each direction. Left out, it sees the whole field.
    #[schemars(range(min = 1, max = 100))]
    pub sight: Option<usize>,
    /// Whether all food has the highest level that there is. Two agents can then load it only together, unless
    /// `max_food_level` is set.
    pub force_coop: bool,
    /// The lowest level of an agent.
    #[default = 1]
    #[schemars(range(min = 1, max = 1000))]
    pub min_agent_level: u32,
    /// The highest level of an agent, from the lowest on.
    #[default = 2]
    #[schemars(range(min = 1, max = 1000))]
    pub max_agent_level: u32,
    /// The lowest level of food.
    #[default = 1]
    #[schemars(range(min = 1, max = 1000))]
    pub min_food_level: u32,
    /// The highest level of food, from the lowest on. Left out, it is what the three agents of the lowest levels
    /// have together.
    #[schemars(range(min = 1, max = 1000))]
    pub max_food_level: Option<u32>,
    /// Penalty of each agent that tries to load food with too few others.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub penalty: f32,
    /// Whether rewards are scaled so that all food of an episode is worth 1 to the team.
    #[default = true]
    pub normalize_reward: bool,
    /// Whether agents see each other's level, and their own.
    #[default = true]
    pub observe_agent_levels: bool,
    /// Whether actions that cannot be carried out are not available. Otherwise they can be chosen, as in the package,
    /// and do nothing.
    #[default = true]
    pub mask_actions: bool,
    /// Steps after which an episode is truncated, 0 for never.
    #[default = 50]
    pub episode_limit: u32,
}

impl ForagingConfig {
    /// Cells that an agent sees in each direction.
    pub(super) fn sight(&self) -> usize {
        self.sight.unwrap_or(self.rows.max(self.cols))
    }

    /// Refuses settings that are out of range.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check(self)?;
        let level = |name, found: u32, [least, most]: [u32; 2]| {
            let fits = (least..=most).contains(&found);
            require(fits, name, found, format!("{least} to {most}"))
        };
        // Food lies off the border, and some cell must be left for it.
        let inner = (self.rows - 2) * (self.cols - 2);
        let allowed = format!(
            "1 to {}, fewer than the cells off the border",
            inner.saturating_sub(1)
        );
        let fits = (1..inner).contains(&self.agents);
        require(fits, "agents", self.agents, allowed)?;
        let least = self.min_agent_level;
        level("max_agent_level", self.max_agent_level, [least, MAX_LEVEL])?;
        // What the three weakest agents have at least.
        let most = MAX_LEVEL.min(self.min_agent_level * self.agents.min(3) as u32);
        let most = self.max_food_level.map_or(most, |_| MAX_LEVEL);
        level("min_food_level", self.min_food_level, [1, most])?;
        let least = self.min_food_level;
        let highest = self.max_food_level.unwrap_or(least);
        level("max_food_level", highest, [least, MAX_LEVEL])?;
        let (name, easiest) = match self.force_coop {
            true => ("max_food_level", highest),
            false => ("min_food_level", least),
        };
        let most = self.agents.min(SIDES) as u32 * self.max_agent_level;
        let allowed = format!("at most {most}, what all agents beside it can have together");
        require(easiest <= most, name, easiest, allowed)
    }
}

impl Task for ForagingConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(Foraging::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.agents
    }

    fn episode_limit(&self) -> u32 {
        self.episode_limit
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        type Change = fn(&mut ForagingConfig);
        let cases: [(Change, &str); 14] = [
            (|c| c.rows = 2, "`rows` is 2, but must be 3 to 100"),
            (|c| c.cols = 101, "`cols` is 101"),
            (|c| c.agents = 0, "`agents` is 0, but must be at least 1"),
            (|c| c.agents = 36, "`agents` is 36, but must be 1 to 35"),
            (|c| c.food = 0, "`food` is 0"),
            (|c| c.sight = Some(0), "`sight` is 0"),
            (
                |c| c.min_agent_level = 3,
                "`max_agent_level` is 2, but must be 3 to 1000",
            ),
            (
                |c| c.min_food_level = 3,
                "`min_food_level` is 3, but must be 1 to 2",
            ),
            (
                |c| (c.min_food_level, c.max_food_level) = (3, Some(2)),
                "`max_food_level` is 2, but must be 3 to 1000",
            ),
            (
                |c| (c.min_food_level, c.max_food_level) = (5, Some(5)),
                "`min_food_level` is 5, but must be at most 4, what all agents beside it",
            ),
            (
                |c| (c.force_coop, c.max_food_level) = (true, Some(5)),
                "`max_food_level` is 5, but must be at most 4",
            ),
            (
                |c| (c.agents, c.min_food_level, c.max_food_level) = (5, 9, Some(9)),
                "`min_food_level` is 9, but must be at most 8",
            ),
            (
                |c| c.max_food_level = Some(1001),
                "`max_food_level` is 1001",
            ),
            (|c| c.penalty = f32::NAN, "`penalty` is NaN"),
        ];
        for (change, expected) in cases {
            let mut config = ForagingConfig::default();
            config.check().unwrap();
            change(&mut config);
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    /// Two agents have up to 4 together.
    #[test]
    fn food_that_only_some_episodes_agents_can_load_is_allowed() {
        for (force_coop, levels) in [(false, (4, 4)), (false, (1, 5)), (true, (1, 4))] {
            let config = ForagingConfig {
                force_coop,
                min_food_level: levels.0,
                max_food_level: Some(levels.1),
                ..Default::default()
            };
            assert_eq!(config.check(), Ok(()), "{levels:?}");
        }
    }
}
