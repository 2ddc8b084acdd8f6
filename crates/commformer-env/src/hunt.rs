//! What Predator-Prey and Predator-Capture-Prey share: agents that look for prey on a grid.

mod draw;

pub(crate) use draw::Look;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Rng, Status,
    error::require,
    grid::{Cell, Grid},
};

/// Who is rewarded for a prey that is found, and whether finding it ends the episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// 0 on a prey, -0.05 elsewhere; the episode ends when all have done their part.
    #[default]
    Mixed,
    /// 0.05 for each agent now on a prey to all of those, -0.05 elsewhere; never ends by itself.
    Cooperative,
    /// 0.05 shared by the agents now on a prey, -0.05 elsewhere; never ends by itself.
    Competitive,
}

/// Reward of a step that an agent spends off every prey.
pub(crate) const STEP_PENALTY: f32 = -0.05;
const PREY_REWARD: f64 = 0.05;

impl Mode {
    /// Reward of an agent that stands on a prey together with others, `on_prey` in all.
    fn reward_on_prey(self, on_prey: usize) -> f32 {
        match self {
            Mode::Mixed => 0.0,
            Mode::Cooperative => (PREY_REWARD * on_prey as f64) as f32,
            Mode::Competitive => (PREY_REWARD / on_prey as f64) as f32,
        }
    }
}

/// Where everyone is, and how long the episode has lasted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hunt {
    pub agents: Vec<Cell>,
    pub prey: Vec<Cell>,
    /// Whether an agent has ended a step on a prey: from then on it does not move.
    pub reached: Vec<bool>,
    pub steps: u32,
}

impl Hunt {
    /// Room for an episode; `begin` or `place` starts one.
    pub fn new(
        grid: Grid,
        agents: usize,
        prey: usize,
        agents_field: &'static str,
    ) -> Result<Self, ConfigError> {
        // One cell is left for an agent.
        let room = grid.cells() - 1;
        let allowed = format!("1 to {room}, the cells of the grid but one");
        require((1..=room).contains(&prey), "prey", prey, allowed)?;
        let free = grid.cells() - prey;
        let allowed = format!("1 to {free}, the cells of the grid without the prey");
        require((1..=free).contains(&agents), agents_field, agents, allowed)?;
        Ok(Self {
            agents: vec![Cell::default(); agents],
            prey: vec![Cell::default(); prey],
            reached: vec![false; agents],
            steps: 0,
        })
    }

    /// Starts an episode: all on different cells, drawn evenly.
    pub fn begin(&mut self, grid: Grid, rng: &mut Rng) {
        for index in 0..self.agents.len() {
            self.agents[index] = grid.draw_free(rng, &[&self.agents[..index]]);
        }
        for index in 0..self.prey.len() {
            self.prey[index] = grid.draw_free(rng, &[&self.agents, &self.prey[..index]]);
        }
        self.restart();
    }

    /// Starts an episode at chosen (row, column) places: the agents', then the prey's.
    pub fn place(&mut self, grid: Grid, locations: &[(usize, usize)]) -> Result<(), ConfigError> {
        let expected = self.agents.len() + self.prey.len();
        let allowed = format!("{expected} places, the agents' and then the prey's");
        require(
            locations.len() == expected,
            "locations",
            format!("{} places", locations.len()),
            allowed,
        )?;
        for &(row, col) in locations {
            let allowed = format!("rows and columns below {}", grid.dim);
            require(
                grid.contains(Cell { row, col }),
                "locations",
                format!("({row}, {col})"),
                allowed,
            )?;
        }
        let entities = self.agents.iter_mut().chain(&mut self.prey);
        for (entity, &(row, col)) in entities.zip(locations) {
            *entity = Cell { row, col };
        }
        self.restart();
        Ok(())
    }

    fn restart(&mut self) {
        self.reached.fill(false);
        self.steps = 0;
    }

    /// Places as (row, column): the agents', then the prey's.
    pub fn locations(&self) -> impl Iterator<Item = (usize, usize)> {
        self.agents
            .iter()
            .chain(&self.prey)
            .map(|cell| (cell.row, cell.col))
    }

    pub fn on_prey(&self, agent: usize) -> bool {
        self.prey.contains(&self.agents[agent])
    }

    /// Moves every agent that has not reached a prey yet, and notes who has. Each agent's `rewards` become `shaping` for
    /// every cell by which it is nearer to a prey than before.
    pub fn advance(&mut self, grid: Grid, actions: &[i64], shaping: f32, rewards: &mut [f32]) {
        for (agent, (&action, reward)) in actions.iter().zip(rewards).enumerate() {
            let before = (shaping != 0.0).then(|| self.distance(agent));
            if !self.reached[agent] {
                self.agents[agent] = grid.moved(self.agents[agent], action);
                self.reached[agent] = self.on_prey(agent);
            }
            *reward = before.map_or(0.0, |before| shaping * (before - self.distance(agent)));
        }
        self.steps = self.steps.saturating_add(1);
    }

    /// What an agent's step is worth, without shaping.
    pub fn reward(&self, mode: Mode, agent: usize) -> f32 {
        if !self.reached[agent] {
            return STEP_PENALTY;
        }
        let on_prey = self.reached.iter().filter(|&&reached| reached).count();
        mode.reward_on_prey(on_prey)
    }

    /// Steps from an agent to the nearest prey.
    fn distance(&self, agent: usize) -> f32 {
        let Cell { row, col } = self.agents[agent];
        let steps = |prey: &Cell| row.abs_diff(prey.row) + col.abs_diff(prey.col);
        self.prey.iter().map(steps).min().unwrap_or(0) as f32
    }

    pub fn all_reached(&self) -> bool {
        self.reached.iter().all(|&reached| reached)
    }

    /// How the episode stands if `done` says whether the task is; `limit` 0 is none.
    pub fn status(&self, mode: Mode, done: bool, limit: u32) -> Status {
        Status::of(mode == Mode::Mixed && done, self.steps, limit)
    }

    /// Whether a state read from outside belongs to this grid and as many agents and prey as
    /// `like` has.
    pub fn check_like(&self, like: &Hunt, grid: Grid) -> Result<(), ConfigError> {
        let sizes = |hunt: &Hunt| (hunt.agents.len(), hunt.prey.len(), hunt.reached.len());
        let allowed = format!("(agents, prey, agents) {:?}", sizes(like));
        require(
            sizes(self) == sizes(like),
            "hunt",
            format!("{:?}", sizes(self)),
            allowed,
        )?;
        let strays = self
            .agents
            .iter()
            .chain(&self.prey)
            .filter(|&&cell| !grid.contains(cell))
            .count();
        require(
            strays == 0,
            "hunt",
            format!("{strays} places off the grid"),
            "on the grid",
        )
    }
}

/// The episode limit of a grid if none is configured: 4 steps for each cell along its side, which
/// gives the customary 20 for 5 x 5, 40 for 10 x 10 and 80 for 20 x 20.
pub(crate) fn default_limit(dim: usize) -> u32 {
    (dim as u32).saturating_mul(4)
}
