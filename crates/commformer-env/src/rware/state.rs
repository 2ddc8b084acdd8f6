//! What changes in an episode of a robotic warehouse.

use serde::{Deserialize, Serialize};

use super::Warehouse;
use crate::{ConfigError, error::require};

/// What changes in an episode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub robots: Vec<Robot>,
    /// The cell of each shelf.
    pub shelves: Vec<u32>,
    pub requested: Vec<bool>,
    pub steps: u32,
    /// Steps since the last delivery.
    pub inactive: u32,
    pub deliveries: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Robot {
    pub cell: u32,
    pub facing: Facing,
    /// The shelf that it carries.
    pub load: Option<u32>,
    /// Whether it has delivered since it last unloaded; under the reward of two stages alone.
    pub delivered: bool,
}

/// Where a robot faces, in the order of its one-hot numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Facing {
    Up,
    Down,
    Left,
    Right,
}

impl Facing {
    pub const ALL: [Self; 4] = [Self::Up, Self::Down, Self::Left, Self::Right];

    pub fn turned_left(self) -> Self {
        match self {
            Self::Up => Self::Left,
            Self::Left => Self::Down,
            Self::Down => Self::Right,
            Self::Right => Self::Up,
        }
    }

    pub fn turned_right(self) -> Self {
        match self {
            Self::Up => Self::Right,
            Self::Right => Self::Down,
            Self::Down => Self::Left,
            Self::Left => Self::Up,
        }
    }
}

impl State {
    /// Refuses a state that the task's rules do not lead to.
    pub fn check(&self, task: &Warehouse) -> Result<(), ConfigError> {
        let (agents, cells) = (task.spec.agents, task.floor.cells());
        let apart = |places: &[u32]| {
            let mut taken = vec![false; cells];
            let mut places = places.iter();
            places.all(|&cell| {
                let place = taken.get_mut(cell as usize);
                place.is_some_and(|place| !std::mem::replace(place, true))
            })
        };
        let places: Vec<u32> = self.robots.iter().map(|robot| robot.cell).collect();
        let allowed = format!("{agents}, on different cells of the floor");
        let fits = places.len() == agents && apart(&places);
        require(fits, "robots", places.len(), allowed)?;
        let count = task.floor.shelves.len();
        let allowed = format!("{count}, on different cells of the floor");
        let fits = self.shelves.len() == count && apart(&self.shelves);
        require(fits, "shelves", self.shelves.len(), allowed)?;
        let carried = |cell: u32| {
            let mut robots = self.robots.iter();
            robots.any(|robot| robot.cell == cell && robot.load.is_some())
        };
        let stray = (self.robots.iter()).find(|robot| {
            (robot.load).is_some_and(|load| self.shelves.get(load as usize) != Some(&robot.cell))
        });
        let allowed = "robots that are where the shelf is that they carry";
        require(stray.is_none(), "robots", format!("{stray:?}"), allowed)?;
        let stray = (self.shelves.iter())
            .find(|cell| task.floor.corridor[**cell as usize] && !carried(**cell));
        let allowed = "in corridors only those that are carried";
        require(stray.is_none(), "shelves", format!("{stray:?}"), allowed)?;
        let requests = self.requested.iter().filter(|is| **is).count();
        let fits = self.requested.len() == count && requests == task.config.requests();
        let found = format!("{requests} of {}", self.requested.len());
        let allowed = format!("{} of {count}", task.config.requests());
        require(fits, "requested", found, allowed)
    }
}
