//! The settings of level-based foraging.

use super::Foraging;
use crate::{ConfigError, Environment, Task, error::require};
use serde::{Deserialize, Serialize};

/// Sides of a field.
const SIDES: [usize; 2] = [3, 100];
/// Levels beyond this are refused: their sums and products stay exact.
pub(super) const MAX_LEVEL: u32 = 1000;

/// Settings of [`Foraging`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForagingConfig {
    /// Rows of the field, 3 to 100; 8 by default.
    pub rows: usize,
    /// Columns of the field, 3 to 100; 8 by default.
    pub cols: usize,
    /// Agents (N), at least 1 and fewer than the cells off the border; 2 by default.
    pub agents: usize,
    /// Items of food at most, 1 to 100; 2 by default. An episode has fewer where there is no room for another.
    pub food: usize,
    /// Cells that an agent sees in each direction, 1 to 100. Left out, as by default, it sees the whole field.
    pub sight: Option<usize>,
    /// Gives all food the highest level that there is; off by default. Two agents can then load it together only, unless
    /// `max_food_level` is set.
    pub force_coop: bool,
    /// The lowest level of an agent, 1 to 1000; 1 by default.
    pub min_agent_level: u32,
    /// The highest level of an agent, from the lowest to 1000; 2 by default.
    pub max_agent_level: u32,
    /// The lowest level of food, from 1; 1 by default.
    pub min_food_level: u32,
    /// The highest level of food, from the lowest to 1000. Left out, as by default, it is what the three agents of the
    /// lowest levels have together.
    pub max_food_level: Option<u32>,
    /// Taken from each agent that tries to load food with too few others, 0 to 1000; 0 by default.
    pub penalty: f32,
    /// Scales rewards so that all food of an episode is worth 1 to the team; on by default.
    pub normalize_reward: bool,
    /// Shows agents each other's level, and their own; on by default.
    pub observe_agent_levels: bool,
    /// Whether actions that cannot be carried out are not available; on by default. Otherwise they can be chosen, as in
    /// the package, and do nothing.
    pub mask_actions: bool,
    /// Steps after which an episode is truncated, 0 for never; 50 by default.
    pub episode_limit: u32,
}

impl ForagingConfig {
    /// Cells that an agent sees in each direction.
    pub(super) fn sight(&self) -> usize {
        self.sight.unwrap_or(self.rows.max(self.cols))
    }

    /// Refuses settings that are out of range.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let whole = |name, found: usize, [least, most]: [usize; 2]| {
            let fits = (least..=most).contains(&found);
            require(fits, name, found, format!("{least} to {most}"))
        };
        let level = |name, found: u32, [least, most]: [u32; 2]| {
            let fits = (least..=most).contains(&found);
            require(fits, name, found, format!("{least} to {most}"))
        };
        whole("rows", self.rows, SIDES)?;
        whole("cols", self.cols, SIDES)?;
        // Food lies off the border, and some cell must be left for it.
        let inner = (self.rows - 2) * (self.cols - 2);
        let allowed = format!(
            "1 to {}, fewer than the cells off the border",
            inner.saturating_sub(1)
        );
        let fits = (1..inner).contains(&self.agents);
        require(fits, "agents", self.agents, allowed)?;
        whole("food", self.food, [1, 100])?;
        whole("sight", self.sight(), [1, 100])?;
        level("min_agent_level", self.min_agent_level, [1, MAX_LEVEL])?;
        let least = self.min_agent_level;
        level("max_agent_level", self.max_agent_level, [least, MAX_LEVEL])?;
        // What the three weakest agents have at least.
        let most = MAX_LEVEL.min(self.min_agent_level * self.agents.min(3) as u32);
        let most = self.max_food_level.map_or(most, |_| MAX_LEVEL);
        level("min_food_level", self.min_food_level, [1, most])?;
        let least = self.min_food_level;
        let highest = self.max_food_level.unwrap_or(least);
        level("max_food_level", highest, [least, MAX_LEVEL])?;
        let fits = (0.0..=1000.0).contains(&self.penalty);
        require(fits, "penalty", self.penalty, "0 to 1000")
    }
}

impl Default for ForagingConfig {
    fn default() -> Self {
        Self {
            rows: 8,
            cols: 8,
            agents: 2,
            food: 2,
            sight: None,
            force_coop: false,
            min_agent_level: 1,
            max_agent_level: 2,
            min_food_level: 1,
            max_food_level: None,
            penalty: 0.0,
            normalize_reward: true,
            observe_agent_levels: true,
            mask_actions: true,
            episode_limit: 50,
        }
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
        let cases: [(Change, &str); 11] = [
            (|c| c.rows = 2, "`rows` is 2, but must be 3 to 100"),
            (|c| c.cols = 101, "`cols` is 101"),
            (|c| c.agents = 0, "`agents` is 0, but must be 1 to 35"),
            (|c| c.agents = 36, "`agents` is 36"),
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
}
