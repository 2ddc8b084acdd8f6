//! Level-based foraging: agents with levels load food together, whose level theirs must reach.
//!
//! The task of Albrecht and Ramamoorthy, "A Game-Theoretic Model and Best-Response Learning Method for Ad Hoc
//! Coordination in Multiagent Systems" (AAMAS 2013), as Papoudakis et al., "Benchmarking Multi-Agent Deep Reinforcement
//! Learning Algorithms in Cooperative Tasks" (NeurIPS 2021) use it: the package `lbforaging` 2.0.0, whose games it replays
//! step by step. Differences from the package:
//!
//! - The episode limit truncates. There, it ends an episode as if nothing lay beyond.
//! - Places and levels are drawn from streams of our own.
//! - Food is placed while there is room, evenly. There, it is given up after 1,000 tries.
//! - Actions that cannot be carried out are masked, unless [`ForagingConfig::mask_actions`] is off.
//! - All agents have the same range of levels, and so has all food. Observations are vectors.

mod config;
mod draw;
mod observe;
mod start;

pub use config::ForagingConfig;

use serde::{Deserialize, Serialize};

use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Observation, Rng, Spec, Status,
    error::require, saved::save_whole,
};

const NAMES: [&str; 6] = ["none", "north", "south", "west", "east", "load"];
const NONE: usize = 0;
const LOAD: usize = 5;

/// Something on the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its row, from 0 in the north.
    pub row: usize,
    /// Its column, from 0 in the west.
    pub col: usize,
    /// Its level: at least 1, and 0 for food that has been loaded.
    pub level: u32,
}

impl Item {
    /// Steps from here to there.
    fn distance(self, other: Self) -> usize {
        self.row.abs_diff(other.row) + self.col.abs_diff(other.col)
    }

    /// Whether food on both cells would be too close: around each other, or two cells away in a row or column.
    fn is_near(self, other: Self) -> bool {
        // A diagonal is two steps, too.
        self.distance(other) <= 2
    }
}

/// One environment of level-based foraging.
///
/// - Actions: 0 none, 1 north, 2 south, 3 west, 4 east, 5 load. Food and the border stop a move, and only who is beside
///   food can load. What cannot be carried out is none.
/// - All move at once. Where several go to one cell, or one stays on it, nobody moves there. Who looks whether a cell is
///   free, though, goes by where others mean to go: one whose own move fails may find another on its cell.
/// - Those who load beside the same food get it if their levels together reach its level. Each is then paid its share of
///   the food's level, by its own level, divided by what all food of the episode has (without `normalize_reward`: its
///   own level times the food's). If not, each pays the penalty.
/// - Episodes begin with agents on different cells, drawn evenly, and then food on free cells off the border, with no
///   other food around it or two cells away in its row or column. Levels are drawn evenly from their range.
/// - Observation, in numbers: row, column and level of each item of food in sight, row by row, (-1, -1, 0) for the others;
///   then row, column and (unless switched off) level of the agent and of the other agents in sight, in their order, and as
///   much for the rest. Rows and columns count from the first cell of the agent's window, which ends at the border. Other
///   agents are in sight up to twice the sight from there, so beside the north and west borders farther than food.
/// - End: all food is loaded.
/// - Metrics `success`: 1 if all food is loaded, otherwise 0. `collected`: the share of the food's levels that is
///   loaded, which is the return of the team in the literature.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Foraging {
    config: ForagingConfig,
    state: State,
    /// The level of the food on each cell, row by row.
    #[serde(skip_serializing)]
    field: Vec<u32>,
    /// What each agent does in a step, and to which cell it goes.
    #[serde(skip_serializing)]
    moves: Vec<(usize, usize)>,
    #[serde(skip_serializing)]
    spec: Spec,
}

/// What changes in an episode.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    agents: Vec<Item>,
    /// In the order of rows and columns.
    food: Vec<Item>,
    /// The levels of all food at first.
    spawned: u32,
    steps: u32,
}

/// What is written of a [`Foraging`]; the rest follows from it.
#[derive(Deserialize)]
struct Saved {
    config: ForagingConfig,
    state: State,
}

impl Foraging {
    /// Checks the settings. Begin an episode with [`Environment::reset`] or [`reset_to`](Self::reset_to).
    ///
    /// # Errors
    ///
    /// The first setting that is out of range.
    pub fn new(config: ForagingConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let of_agent = if config.observe_agent_levels { 3 } else { 2 };
        let obs_dim = 3 * config.food + of_agent * config.agents;
        Ok(Self {
            state: State {
                agents: vec![Item::default(); config.agents],
                food: Vec::with_capacity(config.food),
                ..State::default()
            },
            field: vec![0; config.rows * config.cols],
            moves: vec![(NONE, 0); config.agents],
            spec: Spec {
                masks_actions: config.mask_actions,
                metrics: ["success", "collected"].map(Into::into).into(),
                ..Spec::new(config.agents, obs_dim, ActionSpace::Discrete(NAMES.len()))
            },
            config,
        })
    }

    /// Begins an episode with these agents and this food, and writes its first observation.
    ///
    /// # Errors
    ///
    /// If there are other numbers of agents, or more food, than in the settings, or if something lies off the field or
    /// has no level; food on the border, on an agent or on other food.
    pub fn reset_to(
        &mut self,
        agents: &[Item],
        food: &[Item],
        out: Observation<'_>,
    ) -> Result<(), ConfigError> {
        let mut food = food.to_vec();
        food.sort_unstable_by_key(|item| (item.row, item.col));
        let state = State {
            agents: agents.to_vec(),
            spawned: (food.iter()).fold(0, |sum, item| item.level.saturating_add(sum)),
            food,
            steps: 0,
        };
        let unloaded = state.food.iter().all(|food| food.level > 0);
        require(unloaded, "food", "of level 0", "of levels from 1")?;
        start::check(&self.config, &state)?;
        self.state = state;
        self.fill_field();
        self.observe(out);
        Ok(())
    }

    /// Where the agents are, and of which levels they are, (N).
    pub fn agents(&self) -> &[Item] {
        &self.state.agents
    }

    /// All food of the episode, row by row.
    pub fn food(&self) -> &[Item] {
        &self.state.food
    }

    fn cell(&self, item: Item) -> usize {
        item.row * self.config.cols + item.col
    }

    fn fill_field(&mut self) {
        self.field.fill(0);
        for index in 0..self.state.food.len() {
            let food = self.state.food[index];
            let cell = self.cell(food);
            self.field[cell] = food.level;
        }
    }

    /// The cell to which a move goes, if it goes anywhere.
    fn target(&self, at: Item, action: usize) -> Option<usize> {
        let ForagingConfig { rows, cols, .. } = self.config;
        let cell = self.cell(at);
        match action {
            1 => (at.row > 0).then(|| cell - cols),
            2 => (at.row + 1 < rows).then_some(cell + cols),
            3 => (at.col > 0).then(|| cell - 1),
            4 => (at.col + 1 < cols).then_some(cell + 1),
            _ => None,
        }
    }

    /// The first food beside an agent: north, south, west or east of it.
    fn food_beside(&self, at: Item) -> Option<usize> {
        let mut around = (1..LOAD).filter_map(|action| self.target(at, action));
        around.find(|&cell| self.field[cell] > 0)
    }

    fn is_possible(&self, at: Item, action: usize) -> bool {
        match action {
            NONE => true,
            LOAD => self.food_beside(at).is_some(),
            _ => (self.target(at, action)).is_some_and(|cell| self.field[cell] == 0),
        }
    }

    /// Moves everybody who can.
    fn advance(&mut self, actions: &[i64]) {
        for (agent, &action) in actions.iter().enumerate() {
            let at = self.state.agents[agent];
            let action = usize::try_from(action).unwrap_or(NONE);
            let action = if self.is_possible(at, action) {
                action
            } else {
                NONE
            };
            let to = self.target(at, action).unwrap_or(self.cell(at));
            self.moves[agent] = (action, to);
        }
        for (agent, &(_, to)) in self.state.agents.iter_mut().zip(&self.moves) {
            let is_alone = (self.moves.iter())
                .filter(|(_, other)| *other == to)
                .count()
                == 1;
            if is_alone {
                (agent.row, agent.col) = (to / self.config.cols, to % self.config.cols);
            }
        }
    }

    /// Lets agents load, and pays them.
    fn load(&mut self, rewards: &mut [f32]) {
        rewards.fill(0.0);
        for index in 0..self.state.food.len() {
            let food = self.state.food[index];
            if food.level == 0 {
                continue;
            }
            let loads = |(agent, &(action, _)): (&Item, &(usize, usize))| {
                (action == LOAD && agent.distance(food) == 1).then_some(agent.level)
            };
            let agents = || self.state.agents.iter().zip(&self.moves).map(loads);
            let together: u32 = agents().flatten().sum();
            if together == 0 {
                continue;
            }
            let is_loaded = together >= food.level;
            let scale = match self.config.normalize_reward {
                true => f64::from(together) * f64::from(self.state.spawned),
                false => 1.0,
            };
            for (level, reward) in agents().zip(&mut *rewards) {
                let Some(level) = level else { continue };
                match is_loaded {
                    true => *reward = (f64::from(level) * f64::from(food.level) / scale) as f32,
                    false => *reward -= self.config.penalty,
                }
            }
            if is_loaded {
                self.state.food[index].level = 0;
                let cell = self.cell(food);
                self.field[cell] = 0;
            }
        }
    }

    /// The levels of the food that is left.
    fn left(&self) -> u32 {
        self.state.food.iter().map(|food| food.level).sum()
    }
}

impl Environment for Foraging {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.begin(rng);
        self.observe(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let actions = actions.indices_for(self.spec.agents);
        self.advance(actions);
        self.load(rewards);
        self.state.steps = self.state.steps.saturating_add(1);
        self.observe(out);
        Status::of(
            self.left() == 0,
            self.state.steps,
            self.config.episode_limit,
        )
    }

    fn metrics(&self, out: &mut [f32]) {
        let left = self.left();
        out[0] = f32::from(u8::from(left == 0));
        out[1] = 1.0 - left as f32 / self.state.spawned.max(1) as f32;
    }

    save_whole! { observe }

    fn action_names(&self) -> Vec<String> {
        NAMES.map(String::from).into()
    }

    fn draw(&self, frame: &mut Frame) {
        self.picture(frame);
    }
}

impl TryFrom<Saved> for Foraging {
    type Error = ConfigError;

    fn try_from(Saved { config, mut state }: Saved) -> Result<Self, ConfigError> {
        let mut task = Self::new(config)?;
        // A task that was saved before its first episode has agents without a level.
        if state.food.is_empty() && state.spawned == 0 {
            require(
                state.agents == task.state.agents,
                "agents",
                "in an episode without food",
                "as before the first episode",
            )?;
        } else {
            start::check(&task.config, &state)?;
        }
        // Room for as much food as the settings allow.
        state
            .food
            .reserve_exact(task.config.food - state.food.len());
        task.state = state;
        task.fill_field();
        Ok(task)
    }
}
