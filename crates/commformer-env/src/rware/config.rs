//! The settings of a robotic warehouse.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::{Warehouse, floor::Floor};
use crate::{ConfigError, Environment, Task, error::require, saved, settings::check};

/// How large a warehouse is, as the tasks of the package `rware` are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WarehouseSize {
    /// 1 row of 3 columns of shelves.
    Tiny,
    /// 2 rows of 3 columns.
    Small,
    /// 2 rows of 5 columns.
    Medium,
    /// 3 rows of 5 columns.
    Large,
}

impl WarehouseSize {
    /// How many rows and columns of shelves there are.
    pub(super) fn shelves(self) -> (usize, usize) {
        match self {
            Self::Tiny => (1, 3),
            Self::Small => (2, 3),
            Self::Medium => (2, 5),
            Self::Large => (3, 5),
        }
    }
}

/// Who is paid for a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WarehouseReward {
    /// Every robot gets 1.
    Global,
    /// The robot that delivers gets 1.
    Individual,
    /// The robot that delivers gets 0.5, and another 0.5 when it puts the shelf back.
    TwoStage,
}

/// Settings of [`Warehouse`](super::Warehouse).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct WarehouseConfig {
    /// Robots (N), at most one for each cell.
    #[default = 2]
    #[schemars(range(min = 1))]
    pub agents: usize,
    /// Rows and columns of shelves.
    #[default(WarehouseSize::Tiny)]
    pub size: WarehouseSize,
    /// Shelves along one side of a column.
    #[default = 8]
    #[schemars(range(min = 1, max = 100))]
    pub column_height: usize,
    /// A floor plan in place of `size` and `column_height`: lines of equal length, of `x` for a shelf, `.` for a free
    /// cell and `g` for a goal. Spaces do not count, and an empty one is none. At most 100 lines of 100 cells.
    #[serde(deserialize_with = "saved::text")]
    pub floor_plan: Option<String>,
    /// Cells that a robot sees in each direction; 1 is a window of 3 x 3.
    #[default = 1]
    #[schemars(range(max = 100))]
    pub sensor_range: usize,
    /// Shelves that are requested at any time, fewer than there are; as many as robots if left out. The package's easy
    /// tasks have twice, its hard ones half as many.
    #[schemars(range(min = 1))]
    pub request_queue: Option<usize>,
    /// Who is paid for a delivery.
    #[default(WarehouseReward::Individual)]
    pub reward: WarehouseReward,
    /// Whether a robot's place in its observation is a share of the floor's extent, instead of a number of cells.
    pub normalised_coordinates: bool,
    /// Steps without a delivery after which an episode is terminated, 0 for never.
    pub inactivity_limit: u32,
    /// Steps after which an episode is truncated, 0 for never; 500 if left out.
    pub episode_limit: Option<u32>,
}

impl WarehouseConfig {
    /// Shelves that are requested at any time.
    pub(super) fn requests(&self) -> usize {
        self.request_queue.unwrap_or(self.agents)
    }

    /// The floor, if these settings fit it.
    pub(super) fn floor(&self) -> Result<Floor, ConfigError> {
        check(self)?;
        let plan = self.floor_plan.as_deref().map(str::trim);
        let floor = match plan.filter(|plan| !plan.is_empty()) {
            Some(plan) => Floor::drawn(plan)?,
            None => Floor::regular(self.size, self.column_height),
        };
        let cells = floor.cells();
        let allowed = format!("1 to {cells}, the cells of the floor");
        let fits = (1..=cells).contains(&self.agents);
        require(fits, "agents", self.agents, allowed)?;
        let (requests, shelves) = (self.requests(), floor.shelves.len());
        let allowed = format!("1 or more, and fewer than the {shelves} shelves");
        let fits = (1..shelves).contains(&requests);
        let found = match self.request_queue {
            Some(_) => requests.to_string(),
            None => format!("left out, so {requests}, as many as robots"),
        };
        require(fits, "request_queue", found, allowed)?;
        Ok(floor)
    }
}

impl Task for WarehouseConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(Warehouse::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.agents
    }

    fn episode_limit(&self) -> u32 {
        self.episode_limit.unwrap_or(500)
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = Some(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        let error = |edit: fn(&mut WarehouseConfig)| {
            let mut config = WarehouseConfig::default();
            edit(&mut config);
            config.floor().unwrap_err().to_string()
        };
        let no_robots = error(|config| config.agents = 0);
        assert_eq!(no_robots, "`agents` is 0, but must be at least 1");
        let many_robots = error(|config| config.agents = 111);
        assert_eq!(
            many_robots,
            "`agents` is 111, but must be 1 to 110, the cells of the floor"
        );
        assert!(error(|config| config.sensor_range = 101).contains("0 to 100"));
        assert!(error(|config| config.column_height = 0).contains("`column_height` is 0"));
        assert!(error(|config| config.request_queue = Some(0)).contains("`request_queue` is 0"));
        // As many requests as robots.
        let crowd = error(|config| config.agents = 40);
        assert_eq!(
            crowd,
            "`request_queue` is left out, so 40, as many as robots, but must be 1 or more, and fewer than the 32 shelves"
        );
        let refused = |plan: &str| {
            let floor_plan = Some(plan.into());
            let config = WarehouseConfig {
                floor_plan,
                ..Default::default()
            };
            config.floor().unwrap_err().to_string()
        };
        assert!(refused("xx.\nxxgg").contains("lines of equal length"));
        assert!(refused("xx.\nxx.").contains("at least one goal `g`"));
        assert!(refused("xx#\nxxg").contains("`#`"));
        assert!(refused(&"x".repeat(101)).contains("1 to 100 cells"));
        let empty = WarehouseConfig {
            floor_plan: Some(" \n".into()),
            ..Default::default()
        };
        assert_eq!(empty.floor().unwrap().cells(), 110);
        assert!(refused("x.g").contains("fewer than the 1 shelves"));
    }
}
