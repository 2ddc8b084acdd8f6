//! The settings of Traffic Junction, and how its traffic rises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::{Difficulty, TrafficJunction};
use crate::{ConfigError, Environment, Task, error::require, settings};

/// Settings of [`TrafficJunction`](crate::TrafficJunction).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficJunctionConfig {
    /// The roads.
    #[default(Difficulty::Easy)]
    pub difficulty: Difficulty,
    /// Places for cars (N); customary are 5 for easy, 10 for medium and 20 for hard.
    #[default = 5]
    #[schemars(range(min = 1, max = 10000))]
    pub agents: usize,
    /// Cells along one side of the grid; customary are 6 for easy, 14 for medium and 18 for hard. Easy and medium:
    /// even, from 4; the easy grid has one more, so that it has a middle. Hard: a multiple of 3, from 9.
    #[default = 6]
    #[schemars(range(min = 4, max = 100))]
    pub dim: usize,
    /// Cells a car sees in each direction; 1 is a window of 3 x 3.
    #[default = 1]
    #[schemars(range(max = 100))]
    pub vision: usize,
    /// Probability that a car comes in at an entry in a step, in the first part of a run; customary are 0.1 for easy,
    /// 0.05 for medium and 0.02 for hard.
    #[default = 0.1]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub add_rate_min: f64,
    /// The same in the last part, at least `add_rate_min`; customary are 0.3 for easy, 0.2 for medium and 0.05 for hard.
    #[default = 0.3]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub add_rate_max: f64,
    /// The share of a run after which the rate begins to rise; 0.125 is 250 of IC3Net's 2,000 epochs.
    #[default = 0.125]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub curriculum_start: f64,
    /// The share after which it has risen, at least `curriculum_start`; 0.625 is 1,250 epochs.
    #[default = 0.625]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub curriculum_end: f64,
    /// Steps after which an episode is truncated, 0 for never; 20, 40 or 80 by difficulty if left out.
    pub episode_limit: Option<u32>,
}

impl TrafficJunctionConfig {
    /// The probability that a car comes in at an entry in a step when the share `progress` of the run is
    /// over: rising in steps of a hundredth.
    pub fn add_rate(&self, progress: f64) -> f64 {
        let (min, max) = (self.add_rate_min, self.add_rate_max);
        let (start, end) = (self.curriculum_start, self.curriculum_end);
        if progress >= end {
            return max;
        }
        let risen = ((progress - start) / (end - start)).max(0.0);
        let exact = min + (max - min) * risen;
        // What should be a whole number of hundredths may lie below it by a rounding.
        ((exact * 100.0 + 1e-9).floor() / 100.0).max(min)
    }

    /// Refuses settings that are out of range; what fits on the roads is for the roads to say.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        settings::check(self)?;
        let (rate, end) = (self.add_rate_max, self.curriculum_end);
        let fits = (self.add_rate_min..=1.0).contains(&rate);
        require(fits, "add_rate_max", rate, "`add_rate_min` to 1")?;
        let fits = (self.curriculum_start..=1.0).contains(&end);
        require(fits, "curriculum_end", end, "`curriculum_start` to 1")
    }
}

impl Task for TrafficJunctionConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(TrafficJunction::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.agents
    }

    fn episode_limit(&self) -> u32 {
        self.episode_limit.unwrap_or(self.difficulty.limit())
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = Some(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_rises_by_hundredths_from_the_start_of_the_curriculum_to_its_end() {
        let config = TrafficJunctionConfig::default();
        let rates = [0.0, 0.125, 0.149, 0.151, 0.375, 0.6, 0.62, 0.625, 1.0];
        let rates = rates.map(|progress| config.add_rate(progress));
        assert_eq!(rates, [0.1, 0.1, 0.1, 0.11, 0.2, 0.29, 0.29, 0.3, 0.3]);
    }

    #[test]
    fn a_rate_below_a_hundredth_stays_and_one_without_a_curriculum_is_the_last() {
        let config = TrafficJunctionConfig {
            add_rate_min: 0.005,
            add_rate_max: 0.012,
            ..Default::default()
        };
        assert_eq!(
            [0.0, 0.3, 0.6, 0.7].map(|at| config.add_rate(at)),
            [0.005, 0.005, 0.01, 0.012]
        );
        let config = TrafficJunctionConfig {
            curriculum_start: 0.0,
            curriculum_end: 0.0,
            ..Default::default()
        };
        assert_eq!(config.add_rate(0.0), 0.3);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let default = TrafficJunctionConfig::default;
        let cases = [
            (
                TrafficJunctionConfig {
                    agents: 0,
                    ..default()
                },
                "`agents` is 0",
            ),
            (
                TrafficJunctionConfig {
                    vision: 101,
                    ..default()
                },
                "`vision` is 101",
            ),
            (
                TrafficJunctionConfig {
                    add_rate_min: -0.1,
                    ..default()
                },
                "`add_rate_min` is -0.1",
            ),
            (
                TrafficJunctionConfig {
                    add_rate_max: 0.05,
                    ..default()
                },
                "`add_rate_min` to 1",
            ),
            (
                TrafficJunctionConfig {
                    add_rate_max: f64::NAN,
                    ..default()
                },
                "is NaN",
            ),
            (
                TrafficJunctionConfig {
                    curriculum_start: 2.0,
                    ..default()
                },
                "`curriculum_start` is 2",
            ),
            (
                TrafficJunctionConfig {
                    curriculum_end: 0.1,
                    ..default()
                },
                "`curriculum_start` to 1",
            ),
        ];
        for (config, expected) in cases {
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
