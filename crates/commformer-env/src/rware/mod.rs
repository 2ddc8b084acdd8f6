//! A robotic warehouse: robots bring the shelves that are requested to a goal, and put them back.
//!
//! The task of Papoudakis et al., "Benchmarking Multi-Agent Deep Reinforcement Learning Algorithms in Cooperative
//! Tasks" (NeurIPS 2021 Datasets and Benchmarks), as the package `rware` 2.0.0 has it: with the same starts and
//! requests, and without messages, its games come out the same to the last number. Differences from the package:
//!
//! - An episode that reaches its limit is truncated. There, it ends like any other.
//! - At most one shelf fewer than there are can be requested. There, a delivery then finds nothing to request.

use serde::{Deserialize, Serialize};

use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Observation, Rng, Spec, Status, Task,
    saved::save_whole,
};

mod config;
mod draw;
mod floor;
#[cfg(test)]
mod golden;
mod moves;
mod sight;
mod state;
mod ties;

pub use config::{WarehouseConfig, WarehouseReward, WarehouseSize};
use floor::Floor;
use moves::{Moves, NONE};
use sight::Sight;
use state::{Facing, Robot, State};

const ACTIONS: [&str; 5] = [
    "stay",
    "forward",
    "turn left",
    "turn right",
    "load or unload",
];
const FORWARD: i64 = 1;
const LEFT: i64 = 2;
const RIGHT: i64 = 3;
const TOGGLE: i64 = 4;

/// One environment of a robotic warehouse.
///
/// - Actions: 0 stay; 1 forward; 2 turn left; 3 turn right; 4 load the shelf on the robot's cell, or unload, which is
///   possible where shelves stood at first, at any such place that is free.
/// - A robot without a shelf passes under shelves. One with a shelf passes none, unless it is carried away. Robots
///   never share a cell: in a ring of three or more all move, of several that want one cell those of the longest
///   queue, and two do not swap.
/// - A requested shelf that is carried onto a goal is delivered, and another shelf is requested in its place, drawn
///   evenly from those that are not.
/// - Episodes begin with the robots on different cells, which may be those of shelves, and with requests, all drawn
///   evenly.
/// - Observation: column, row, 1 if the robot carries a shelf, its direction (one-hot: up, down, left, right), 1 in a
///   corridor; then the cells of the window around it, row by row. For each 7 numbers: 1 if a robot is there, its
///   direction (up, if there is none), 1 if a shelf is there, 1 if it is requested. Beyond the floor nothing is.
/// - Reward: see [`WarehouseReward`].
/// - End: [`inactivity_limit`](WarehouseConfig::inactivity_limit) terminates an episode.
/// - Metric `deliveries`: how many there have been.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Warehouse {
    config: WarehouseConfig,
    state: State,
    #[serde(skip_serializing)]
    floor: Floor,
    /// The robot on each cell.
    #[serde(skip_serializing)]
    robot_at: Vec<u32>,
    /// The shelf on each cell, be it carried.
    #[serde(skip_serializing)]
    shelf_at: Vec<u32>,
    #[serde(skip_serializing)]
    sight: Sight,
    #[serde(skip_serializing)]
    moves: Moves,
    #[serde(skip_serializing)]
    spec: Spec,
}

/// What is written of a [`Warehouse`]; the rest follows from it.
#[derive(Deserialize)]
struct Saved {
    config: WarehouseConfig,
    state: State,
}

impl Warehouse {
    /// Checks the settings. Begin an episode with [`Environment::reset`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first setting that cannot be.
    pub fn new(config: WarehouseConfig) -> Result<Self, ConfigError> {
        let floor = config.floor()?;
        let sight = Sight::new(&floor, &config);
        let mut task = Self {
            state: State {
                robots: Vec::with_capacity(config.agents),
                shelves: floor.shelves.clone(),
                requested: vec![false; floor.shelves.len()],
                steps: 0,
                inactive: 0,
                deliveries: 0,
            },
            robot_at: vec![NONE; floor.cells()],
            shelf_at: vec![NONE; floor.cells()],
            moves: Moves::new(config.agents, floor.cells(), floor.width),
            spec: Spec {
                metrics: vec!["deliveries".into()],
                ..Spec::new(
                    config.agents,
                    sight.obs_dim(),
                    ActionSpace::Discrete(ACTIONS.len()),
                )
            },
            sight,
            floor,
            config,
        };
        let robots = (0..task.config.agents as u32).map(|cell| (cell, Facing::Up));
        task.begin(robots.collect::<Vec<_>>());
        for shelf in 0..task.config.requests() {
            task.state.requested[shelf] = true;
        }
        task.refresh();
        Ok(task)
    }

    /// Begins an episode in which nothing is requested yet.
    fn begin(&mut self, robots: impl IntoIterator<Item = (u32, Facing)>) {
        self.state.robots.clear();
        let robots = robots.into_iter().map(|(cell, facing)| Robot {
            cell,
            facing,
            load: None,
            delivered: false,
        });
        self.state.robots.extend(robots);
        self.state.shelves.copy_from_slice(&self.floor.shelves);
        self.state.requested.fill(false);
        self.state.steps = 0;
        self.state.inactive = 0;
        self.state.deliveries = 0;
    }

    /// Brings up to date what follows from the state.
    fn refresh(&mut self) {
        self.robot_at.fill(NONE);
        for (robot, &Robot { cell, .. }) in (0..).zip(&self.state.robots) {
            self.robot_at[cell as usize] = robot;
        }
        self.shelf_at.fill(NONE);
        for (shelf, &cell) in (0..).zip(&self.state.shelves) {
            self.shelf_at[cell as usize] = shelf;
        }
        for cell in 0..self.floor.cells() {
            self.refresh_cell(cell);
        }
    }

    /// The same for one cell.
    fn refresh_cell(&mut self, cell: usize) {
        let robot = self.state.robots.get(self.robot_at[cell] as usize);
        let requested = self.state.requested.get(self.shelf_at[cell] as usize);
        let facing = robot.map(|robot| robot.facing);
        self.sight.see(cell, facing, requested.copied());
    }

    fn observe(&self, out: Observation<'_>) {
        self.sight.observe(&self.state.robots, &self.floor, out);
    }

    /// The cell in front of a robot; its own at the wall.
    fn in_front(&self, robot: Robot) -> u32 {
        let (cell, width) = (robot.cell as usize, self.floor.width);
        let (row, col) = (cell / width, cell % width);
        let front = match robot.facing {
            Facing::Up if row > 0 => cell - width,
            Facing::Down if row + 1 < self.floor.height => cell + width,
            Facing::Left if col > 0 => cell - 1,
            Facing::Right if col + 1 < width => cell + 1,
            _ => cell,
        };
        front as u32
    }

    /// Whether a robot that carries a shelf is stopped by the shelf on a cell: one that nobody carries.
    fn stops(&self, cell: u32) -> bool {
        let robot = self.state.robots.get(self.robot_at[cell as usize] as usize);
        self.shelf_at[cell as usize] != NONE && robot.is_none_or(|robot| robot.load.is_none())
    }

    /// Moves, turns, loads and unloads. Pays for shelves that are put back.
    fn act(&mut self, actions: &[i64], rewards: &mut [f32]) {
        for (index, &robot) in self.state.robots.iter().enumerate() {
            let front = match actions[index] {
                FORWARD => self.in_front(robot),
                _ => robot.cell,
            };
            let stopped = robot.load.is_some() && front != robot.cell && self.stops(front);
            self.moves.at[index] = robot.cell;
            self.moves.wanted[index] = if stopped { robot.cell } else { front };
        }
        self.moves.resolve();
        // Everybody leaves before anybody arrives.
        for (robot, &granted) in self.state.robots.iter().zip(&self.moves.granted) {
            if granted {
                self.robot_at[robot.cell as usize] = NONE;
                if robot.load.is_some() {
                    self.shelf_at[robot.cell as usize] = NONE;
                }
            }
        }
        for (index, robot) in self.state.robots.iter_mut().enumerate() {
            match actions[index] {
                FORWARD if self.moves.granted[index] => {
                    robot.cell = self.moves.wanted[index];
                    self.robot_at[robot.cell as usize] = index as u32;
                    if let Some(shelf) = robot.load {
                        self.state.shelves[shelf as usize] = robot.cell;
                        self.shelf_at[robot.cell as usize] = shelf;
                    }
                }
                LEFT => robot.facing = robot.facing.turned_left(),
                RIGHT => robot.facing = robot.facing.turned_right(),
                TOGGLE if robot.load.is_none() => {
                    let shelf = self.shelf_at[robot.cell as usize];
                    robot.load = (shelf != NONE).then_some(shelf);
                }
                TOGGLE if !self.floor.corridor[robot.cell as usize] => {
                    robot.load = None;
                    if robot.delivered {
                        rewards[index] += 0.5;
                    }
                    robot.delivered = false;
                }
                _ => {}
            }
        }
    }

    /// Takes requested shelves off the list that are on a goal, pays for them, and requests others. `draw` chooses one
    /// of so many. Whether there were any.
    fn deliver(&mut self, mut draw: impl FnMut(u32) -> u32, rewards: &mut [f32]) -> bool {
        let before = self.state.deliveries;
        for goal in 0..self.floor.goals.len() {
            let cell = self.floor.goals[goal];
            let shelf = self.shelf_at[cell] as usize;
            if self.state.requested.get(shelf) != Some(&true) {
                continue;
            }
            self.request(&mut draw);
            self.state.requested[shelf] = false;
            self.refresh_cell(cell);
            self.state.deliveries = self.state.deliveries.saturating_add(1);
            // Nobody can put a shelf down on a goal, so a robot is there.
            let robot = self.robot_at[cell] as usize;
            match self.config.reward {
                WarehouseReward::Global => rewards.iter_mut().for_each(|reward| *reward += 1.0),
                WarehouseReward::Individual => rewards[robot] += 1.0,
                WarehouseReward::TwoStage => {
                    rewards[robot] += 0.5;
                    self.state.robots[robot].delivered = true;
                }
            }
        }
        self.state.deliveries > before
    }

    /// Requests one more shelf. `draw` chooses one of so many, in the order of the shelves.
    fn request(&mut self, mut draw: impl FnMut(u32) -> u32) {
        let count = self.state.requested.iter().filter(|is| !**is).count();
        let chosen = draw(count as u32) as usize;
        let mut free = (0..).zip(&self.state.requested).filter(|(_, is)| !**is);
        if let Some((shelf, _)) = free.nth(chosen) {
            let shelf: usize = shelf;
            self.state.requested[shelf] = true;
            self.refresh_cell(self.state.shelves[shelf] as usize);
        }
    }

    /// A step, in which `draw` chooses the new requests.
    fn advance(
        &mut self,
        actions: &[i64],
        draw: impl FnMut(u32) -> u32,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        rewards.fill(0.0);
        self.act(actions, rewards);
        for robot in 0..self.state.robots.len() {
            self.refresh_cell(self.moves.at[robot] as usize);
            self.refresh_cell(self.state.robots[robot].cell as usize);
        }
        let state = &mut self.state;
        state.steps = state.steps.saturating_add(1);
        state.inactive = state.inactive.saturating_add(1);
        if self.deliver(draw, rewards) {
            self.state.inactive = 0;
        }
        self.observe(out);
        let patience = self.config.inactivity_limit;
        let over = patience > 0 && self.state.inactive >= patience;
        Status::of(over, self.state.steps, self.config.episode_limit())
    }
}

impl Environment for Warehouse {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.robot_at.fill(NONE);
        let (cells, agents) = (self.floor.cells() as u32, self.config.agents as u32);
        self.begin([]);
        for robot in 0..agents {
            let cell = loop {
                let cell = rng.below(cells);
                if self.robot_at[cell as usize] == NONE {
                    break cell;
                }
            };
            self.robot_at[cell as usize] = robot;
            self.state.robots.push(Robot {
                cell,
                facing: Facing::ALL[rng.below(4) as usize],
                load: None,
                delivered: false,
            });
        }
        for _ in 0..self.config.requests() {
            self.request(|count| rng.below(count));
        }
        self.refresh();
        self.observe(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let actions = actions.indices_for(self.spec.agents);
        self.advance(actions, |count| rng.below(count), out, rewards)
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = self.state.deliveries as f32;
    }

    save_whole! { observe }

    fn action_names(&self) -> Vec<String> {
        ACTIONS.map(String::from).into()
    }

    fn agent_names(&self) -> Vec<String> {
        let name = |robot| format!("robot {robot}");
        (0..self.spec.agents).map(name).collect()
    }

    fn draw(&self, frame: &mut Frame) {
        self.picture(frame);
    }
}

impl TryFrom<Saved> for Warehouse {
    type Error = ConfigError;

    fn try_from(saved: Saved) -> Result<Self, ConfigError> {
        let mut task = Self::new(saved.config)?;
        saved.state.check(&task)?;
        task.state = saved.state;
        task.refresh();
        Ok(task)
    }
}
