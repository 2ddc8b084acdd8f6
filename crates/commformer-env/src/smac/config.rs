//! Settings of a battle.

use super::data::Unit;
use super::observe::Layout;
use super::players::Script;
use super::scenario::{Scenario, Side, builtin, names};
use crate::{ConfigError, error::require};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Settings of [`Smac`](super::Smac). Those of the reward have the names, and the defaults, of SMAC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmacConfig {
    /// The built-in map; `3m` by default.
    pub map: String,
    /// What agents perceive; that of the SMAC package by default.
    pub layout: Layout,
    /// Who leads the enemies. Left out, as by default, they do what the map says.
    pub opponent: Option<Script>,
    /// Steps after which an episode is truncated, 0 for never; the map's if left out.
    pub episode_limit: Option<u32>,
    /// For a battle won; 200 by default.
    pub reward_win: f32,
    /// For a battle lost; 0 by default.
    pub reward_defeat: f32,
    /// For each enemy's death; 10 by default.
    pub reward_death_value: f32,
    /// Whether own losses cost nothing; on by default. What is paid is then the absolute value.
    pub reward_only_positive: bool,
    /// What own losses cost, as a share of what the enemies' pay; 0.5 by default.
    pub reward_negative_scale: f32,
    /// What all rewards of a battle that is won without a loss add up to, about; 20 by default. 0 leaves
    /// rewards as they are.
    pub reward_scale_rate: f32,
}

impl Default for SmacConfig {
    fn default() -> Self {
        Self {
            map: "3m".into(),
            layout: Layout::Oxwhirl,
            opponent: None,
            episode_limit: None,
            reward_win: 200.0,
            reward_defeat: 0.0,
            reward_death_value: 10.0,
            reward_only_positive: true,
            reward_negative_scale: 0.5,
            reward_scale_rate: 20.0,
        }
    }
}

impl SmacConfig {
    /// The battle that it names.
    ///
    /// # Errors
    ///
    /// If no built-in map has this name.
    pub fn scenario(&self) -> Result<Arc<Scenario>, ConfigError> {
        builtin(&self.map).ok_or_else(|| ConfigError {
            field: "map",
            found: format!("{:?}", self.map),
            allowed: format!("one of {}", names().collect::<Vec<_>>().join(", ")),
        })
    }

    /// Steps after which an episode is truncated, 0 for never; the map's where they are left out, and 0 if
    /// there is no such map.
    pub fn limit(&self) -> u32 {
        let map = || self.scenario().map_or(0, |scenario| scenario.limit);
        self.episode_limit.unwrap_or_else(map)
    }

    /// The factor of all rewards in a battle.
    pub(super) fn reward_scale(&self, scenario: &Scenario) -> f32 {
        if self.reward_scale_rate == 0.0 {
            return 1.0;
        }
        let deaths = scenario.enemies.len() as f32 * self.reward_death_value;
        self.reward_scale_rate / (strength(scenario, Side::Enemies) + deaths + self.reward_win)
    }

    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), ConfigError> {
        let amounts = [
            ("reward_win", self.reward_win),
            ("reward_death_value", self.reward_death_value),
            ("reward_negative_scale", self.reward_negative_scale),
            ("reward_scale_rate", self.reward_scale_rate),
        ];
        for (field, amount) in amounts {
            require(
                amount >= 0.0 && amount.is_finite(),
                field,
                amount,
                "a finite number from 0",
            )?;
        }
        require(
            self.reward_defeat.is_finite(),
            "reward_defeat",
            self.reward_defeat,
            "finite",
        )?;
        let scale = self.reward_scale(scenario);
        require(
            scale.is_finite(),
            "reward_scale_rate",
            self.reward_scale_rate,
            "0: nothing is paid",
        )
    }
}

/// Hit points and shields of a side at the beginning.
pub(super) fn strength(scenario: &Scenario, side: Side) -> f32 {
    let members = match side {
        Side::Allies => &scenario.allies,
        Side::Enemies => &scenario.enemies,
    };
    let of = |kind: &Unit| kind.hp + kind.shield;
    members
        .iter()
        .map(|&member| of(scenario.kind(member)))
        .sum()
}
