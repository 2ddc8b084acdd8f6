//! Traffic Junction: cars come and go on roads that cross, and must not meet.
//!
//! The task of Sukhbaatar et al. (CommNet, NIPS 2016) with the three difficulties of Singh et al.,
//! "Learning when to Communicate at Scale in Multiagent Cooperative and Competitive Tasks" (IC3Net, ICLR
//! 2019). Differences from IC3Net's release, which CommFormer's contains:
//!
//! - Every road cell has an id of its own. There, one lane's ids overwrite the other's where they cross,
//!   and on the easy roads two ids have a second meaning: off the road, and an unused one.
//! - A car comes with a last action of its own, gas. There, it has that of the car that had its place
//!   before.
//! - Places without a car are nowhere. There, they are seen as cars in the corner of the grid.
//! - An episode limit is part of the task and truncates.
//! - The rate at which cars come rises with the run ([`Environment::progress`]) and reaches its
//!   maximum. There, it rises with the epoch, by one increment however many epochs were skipped, and
//!   on the easy roads stays a hundredth below.
//! - Any vision works.

use serde::{Deserialize, Serialize};

use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Observation, Rng, Spec, Status, Task,
    error::require, saved::save_whole,
};

mod config;
mod draw;
mod roads;

pub use config::TrafficJunctionConfig;
pub use roads::Difficulty;
use roads::Roads;

const BRAKE: i64 = 1;
const WAIT_PENALTY: f32 = -0.01;
const CRASH_PENALTY: f32 = -10.0;

/// The last action and the route, before the window.
const OWN: usize = 2;
/// Channels of a cell after the road ids: off the road, and cars.
const CLASS_CHANNELS: usize = 2;

/// One environment of Traffic Junction.
///
/// - An agent is a place for a car. A place without one is not active: it is shown zeros and paid 0, and
///   its action does nothing.
/// - Actions: 0 gas, to the next cell of the route; 1 brake. From a route's last cell a car leaves.
/// - After the cars have moved, each entry in its order puts a car on its first cell with the probability
///   [`TrafficJunctionConfig::add_rate`], while there is a free place: at random which one, and which of
///   the entry's routes it takes. The first cell may be taken: then they crash at once.
/// - Reward of a car: -0.01 for each step since it came, and -10 if it shares its cell. Cars that crash
///   drive on. A place is paid for the car that it has after the step. If another left it in that step, this is
///   the last reward of that one's return, as in IC3Net's release: -10 where the new car crashes at once.
/// - Observation: the car's last action, its route's number as a share of the largest, and the cells of
///   the window around it, row by row. For each V numbers, B + 1 of them the one-hot id of a road cell
///   (road cells are counted row by row; B is 2, 4 or 8 x `dim` by difficulty, of which medium and hard
///   roads use fewer), 1 if there is no road, cars on it (the observer included). V is B + 3, as in
///   IC3Net's release.
/// - Metric `success`: 1 if no cars have crashed, otherwise 0. `crashes`: how often a car shared its cell
///   at the end of a step. `cars`: how many have reached the end of their route.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct TrafficJunction {
    config: TrafficJunctionConfig,
    state: State,
    /// How much of the run is over.
    progress: f64,
    #[serde(skip_serializing)]
    add_rate: f64,
    #[serde(skip_serializing)]
    roads: Roads,
    /// Cars on each cell now.
    #[serde(skip_serializing)]
    on_cell: Vec<u32>,
    /// Whose car drove off in the last step, (N).
    #[serde(skip_serializing)]
    departed: Vec<bool>,
    #[serde(skip_serializing)]
    spec: Spec,
}

/// What changes in an episode.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// In each place the car that has it, (N).
    places: Vec<Option<Car>>,
    steps: u32,
    crashes: u64,
    arrived: u64,
}

/// A car on its way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Car {
    route: u32,
    /// How many cells of it are behind.
    driven: u32,
    /// Steps since it came.
    wait: u32,
    braked: bool,
}

/// What is written of a [`TrafficJunction`]; the rest follows from it.
#[derive(Deserialize)]
struct Saved {
    config: TrafficJunctionConfig,
    state: State,
    progress: f64,
}

impl TrafficJunction {
    /// Checks the settings. Cars come as at the end of a run until [`Environment::progress`] says
    /// otherwise.
    pub fn new(config: TrafficJunctionConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let roads = Roads::new(config.difficulty, config.dim)?;
        let side = 2 * config.vision + 1;
        let obs_dim = OWN + side * side * (roads.ids + CLASS_CHANNELS);
        Ok(Self {
            state: State {
                places: vec![None; config.agents],
                steps: 0,
                crashes: 0,
                arrived: 0,
            },
            progress: 1.0,
            add_rate: config.add_rate(1.0),
            on_cell: vec![0; roads.extent * roads.extent],
            departed: vec![false; config.agents],
            spec: Spec {
                metrics: ["success", "crashes", "cars"].map(Into::into).into(),
                ..Spec::new(config.agents, obs_dim, ActionSpace::Discrete(2))
            },
            roads,
            config,
        })
    }

    /// Where the car of each place is, as (row, column).
    pub fn locations(&self) -> impl Iterator<Item = Option<(usize, usize)>> {
        let extent = self.roads.extent;
        self.state.places.iter().map(move |place| {
            let cell = self.cell((*place)?);
            Some((cell / extent, cell % extent))
        })
    }

    /// The route of the car of each place, counted from 0, entry by entry.
    pub fn routes(&self) -> impl Iterator<Item = Option<usize>> {
        (self.state.places.iter()).map(|place| place.map(|car| car.route as usize))
    }

    /// The probability that a car comes in at an entry in a step.
    pub fn add_rate(&self) -> f64 {
        self.add_rate
    }

    fn cell(&self, car: Car) -> usize {
        usize::from(self.roads.routes[car.route as usize][car.driven as usize])
    }

    /// Moves the cars, and takes those away that leave.
    fn drive(&mut self, actions: &[i64]) {
        let State {
            places, arrived, ..
        } = &mut self.state;
        self.departed.fill(false);
        let places = places.iter_mut().zip(&mut self.departed);
        for ((place, departed), &action) in places.zip(actions) {
            let Some(car) = place else { continue };
            car.wait = car.wait.saturating_add(1);
            car.braked = action == BRAKE;
            if car.braked {
                continue;
            }
            car.driven += 1;
            if car.driven as usize == self.roads.routes[car.route as usize].len() {
                *place = None;
                *departed = true;
                *arrived = arrived.saturating_add(1);
            }
        }
    }

    /// Lets cars in.
    fn admit(&mut self, rng: &mut Rng) {
        let places = &mut self.state.places;
        let routes = self.roads.routes_of_entry() as u32;
        let mut free = places.iter().filter(|place| place.is_none()).count() as u32;
        for entry in 0..self.roads.entries as u32 {
            if free == 0 {
                return;
            }
            if f64::from(rng.uniform()) >= self.add_rate {
                continue;
            }
            let chosen = rng.below(free) as usize;
            let route = entry * routes + rng.below(routes);
            let place = places
                .iter_mut()
                .filter(|place| place.is_none())
                .nth(chosen);
            if let Some(place) = place {
                *place = Some(Car {
                    route,
                    driven: 0,
                    wait: 0,
                    braked: false,
                });
                free -= 1;
            }
        }
    }

    /// Counts the cars on each cell.
    fn count(&mut self) {
        self.on_cell.fill(0);
        for car in self.state.places.iter().flatten() {
            let cell = self.roads.routes[car.route as usize][car.driven as usize];
            self.on_cell[usize::from(cell)] += 1;
        }
    }

    /// Pays every car, and notes who has crashed. A car that came into a place left in this step is paid there, too: in
    /// IC3Net's release cars also come before rewards are read.
    fn pay(&mut self, rewards: &mut [f32]) {
        for (agent, reward) in rewards.iter_mut().enumerate() {
            let Some(car) = self.state.places[agent] else {
                *reward = 0.0;
                continue;
            };
            *reward = WAIT_PENALTY * car.wait as f32;
            if self.on_cell[self.cell(car)] > 1 {
                *reward += CRASH_PENALTY;
                self.state.crashes = self.state.crashes.saturating_add(1);
            }
        }
    }

    fn observe(&self, out: Observation<'_>) {
        out.obs.fill(0.0);
        let last_route = (self.roads.routes.len() - 1) as f32;
        let seen = out.obs.chunks_exact_mut(self.spec.obs_dim).zip(out.active);
        for ((seen, active), &place) in seen.zip(&self.state.places) {
            *active = place.is_some();
            let Some(car) = place else { continue };
            let (own, window) = seen.split_at_mut(OWN);
            own[0] = f32::from(u8::from(car.braked));
            own[1] = car.route as f32 / last_route;
            self.draw_window(self.cell(car), window);
        }
    }

    /// Adds to `window`, (W, W, V) of zeros, what is seen from a cell.
    fn draw_window(&self, at: usize, window: &mut [f32]) {
        let Roads {
            extent, ids, id_of, ..
        } = &self.roads;
        let (vision, side) = (self.config.vision, 2 * self.config.vision + 1);
        for (index, seen) in window.chunks_exact_mut(ids + CLASS_CHANNELS).enumerate() {
            // Rows and columns above or left of the grid wrap around to huge numbers.
            let row = (at / extent + index / side).wrapping_sub(vision);
            let col = (at % extent + index % side).wrapping_sub(vision);
            let inside = row < *extent && col < *extent;
            let cell = if inside { row * extent + col } else { 0 };
            match id_of[cell].filter(|_| inside) {
                Some(id) => {
                    seen[usize::from(id)] = 1.0;
                    seen[ids + 1] = self.on_cell[cell] as f32;
                }
                None => seen[*ids] = 1.0,
            }
        }
    }
}

impl Environment for TrafficJunction {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.state.places.fill(None);
        self.state.steps = 0;
        self.state.crashes = 0;
        self.state.arrived = 0;
        self.departed.fill(false);
        self.count();
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
        self.drive(actions);
        self.admit(rng);
        self.count();
        self.pay(rewards);
        self.observe(out);
        self.state.steps = self.state.steps.saturating_add(1);
        Status::of(false, self.state.steps, self.config.episode_limit())
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = f32::from(u8::from(self.state.crashes == 0));
        out[1] = self.state.crashes as f32;
        out[2] = self.state.arrived as f32;
    }

    fn progress(&mut self, share: f64) {
        self.progress = share.clamp(0.0, 1.0);
        self.add_rate = self.config.add_rate(self.progress);
    }

    fn departed(&self) -> &[bool] {
        &self.departed
    }

    save_whole! { observe }

    fn action_names(&self) -> Vec<String> {
        ["gas", "brake"].map(String::from).into()
    }

    fn agent_names(&self) -> Vec<String> {
        let name = |place| format!("car {place}");
        (0..self.spec.agents).map(name).collect()
    }

    fn draw(&self, frame: &mut Frame) {
        self.picture(frame);
    }
}

impl TryFrom<Saved> for TrafficJunction {
    type Error = ConfigError;

    fn try_from(saved: Saved) -> Result<Self, ConfigError> {
        let mut task = Self::new(saved.config)?;
        let places = &saved.state.places;
        require(
            places.len() == task.spec.agents,
            "places",
            places.len(),
            format!("{}, one for each agent", task.spec.agents),
        )?;
        let routes = &task.roads.routes;
        let length = |car: &Car| routes.get(car.route as usize).map_or(0, Vec::len);
        let stray = (places.iter().flatten()).find(|car| car.driven as usize >= length(car));
        let allowed = "cars on a route that there is, before its end";
        require(stray.is_none(), "places", format!("{stray:?}"), allowed)?;
        let share = (0.0..=1.0).contains(&saved.progress);
        require(share, "progress", saved.progress, "0 to 1")?;
        task.state = saved.state;
        task.progress(saved.progress);
        task.count();
        Ok(task)
    }
}
