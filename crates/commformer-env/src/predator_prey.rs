//! Predator-Prey: predators with a short sight look for a prey that does not move.
//!
//! The task of Singh et al., "Learning when to Communicate at Scale in Multiagent Cooperative and
//! Competitive Tasks" (IC3Net, ICLR 2019), as CommFormer (ICLR 2024) uses it. Differences from
//! CommFormer's release: an episode limit is part of the task and truncates; any vision and a team
//! of one work; success is reported, in every mode.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Mode, Observation, Rng, Spec, Status,
    Task,
    grid::{Grid, MOVES},
    hunt::{Hunt, Look, default_limit},
    saved::save_whole,
    settings::check,
};

const PREY_CLASS: usize = 2;
const PREDATOR_CLASS: usize = 3;

/// Settings of [`PredatorPrey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct PredatorPreyConfig {
    /// Predators (N).
    #[default = 3]
    #[schemars(range(min = 1))]
    pub agents: usize,
    /// Prey. Predators and prey must fit on different cells.
    #[default = 1]
    #[schemars(range(min = 1))]
    pub prey: usize,
    /// Cells along one side of the grid (D).
    #[default = 5]
    #[schemars(range(min = 2, max = 100))]
    pub dim: usize,
    /// Cells a predator sees in each direction; 1 is a window of 3 x 3.
    #[default = 1]
    #[schemars(range(max = 100))]
    pub vision: usize,
    /// Who is rewarded for a prey that is found, and whether finding it ends the episode.
    #[default(Mode::Mixed)]
    pub mode: Mode,
    /// Whether there is no action "stay".
    pub no_stay: bool,
    /// Paid to an agent for each cell that a step brings it nearer to the nearest prey, and taken for each that it is
    /// farther away. What an episode pays so depends on its first and last cells alone: without discounting, the best
    /// policy stays the best (Ng et al., 1999).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub shaping: f32,
    /// Steps after which an episode is truncated, 0 for never; 4 x `dim` if left out.
    pub episode_limit: Option<u32>,
}

impl Task for PredatorPreyConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(PredatorPrey::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.agents
    }

    fn episode_limit(&self) -> u32 {
        self.episode_limit.unwrap_or(default_limit(self.dim))
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = Some(limit);
    }
}

/// One environment of Predator-Prey.
///
/// - Actions: 0 up, 1 right, 2 down, 3 left, 4 stay (unless `no_stay`). The border stops a move;
///   predators may share a cell.
/// - Episodes begin with everyone on different cells, drawn evenly.
/// - A predator that ends a step on a prey stays there.
/// - Observation: the cells of the window around the predator, row by row. For each D² + 4 numbers:
///   one-hot cell id (D²), an unused 0, 1 if the cell is outside the grid, prey on it, predators on
///   it (the observer included).
/// - Reward and end: see [`Mode`].
/// - Metric `success`: 1 if all predators are on prey, otherwise 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct PredatorPrey {
    config: PredatorPreyConfig,
    hunt: Hunt,
    #[serde(skip_serializing)]
    grid: Grid,
    #[serde(skip_serializing)]
    spec: Spec,
}

/// What is written of a [`PredatorPrey`]; the rest follows from it.
#[derive(Deserialize)]
struct Saved {
    config: PredatorPreyConfig,
    hunt: Hunt,
}

impl PredatorPrey {
    /// Checks the settings. Begin an episode with [`Environment::reset`] or
    /// [`reset_to`](Self::reset_to).
    pub fn new(config: PredatorPreyConfig) -> Result<Self, ConfigError> {
        check(&config)?;
        let grid = Grid::new(config.dim, config.vision);
        let actions = ActionSpace::Discrete(MOVES.len() - usize::from(config.no_stay));
        Ok(Self {
            hunt: Hunt::new(grid, config.agents, config.prey, "agents")?,
            grid,
            spec: Spec {
                metrics: vec!["success".into()],
                ..Spec::new(config.agents, grid.obs_dim(), actions)
            },
            config,
        })
    }

    /// Begins an episode at chosen (row, column) places, the predators' and then the prey's, and
    /// writes its first observation.
    ///
    /// Places may coincide. A predator put on a prey has reached it only when it ends a step there.
    pub fn reset_to(
        &mut self,
        locations: &[(usize, usize)],
        out: Observation<'_>,
    ) -> Result<(), ConfigError> {
        self.hunt.place(self.grid, locations)?;
        self.observe(out);
        Ok(())
    }

    /// Where everyone is, as (row, column): the predators, then the prey.
    pub fn locations(&self) -> impl Iterator<Item = (usize, usize)> {
        self.hunt.locations()
    }

    fn observe(&self, out: Observation<'_>) {
        out.active.fill(true);
        let windows = out.obs.chunks_exact_mut(self.spec.obs_dim);
        for (&at, window) in self.hunt.agents.iter().zip(windows) {
            self.grid.draw_window(at, window);
            for &prey in &self.hunt.prey {
                self.grid.draw_entity(at, prey, PREY_CLASS, window);
            }
            for &predator in &self.hunt.agents {
                self.grid.draw_entity(at, predator, PREDATOR_CLASS, window);
            }
        }
    }
}

impl Environment for PredatorPrey {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.hunt.begin(self.grid, rng);
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
        let (config, hunt) = (&self.config, &mut self.hunt);
        hunt.advance(self.grid, actions, config.shaping, rewards);
        for (agent, reward) in rewards.iter_mut().enumerate() {
            *reward += hunt.reward(config.mode, agent);
        }
        self.observe(out);
        let (hunt, limit) = (&self.hunt, self.config.episode_limit());
        hunt.status(self.config.mode, hunt.all_reached(), limit)
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = f32::from(u8::from(self.hunt.all_reached()));
    }

    save_whole! { observe }

    fn action_names(&self) -> Vec<String> {
        let names = MOVES.iter().take(self.spec.actions.size());
        names.map(|name| (*name).to_owned()).collect()
    }

    fn draw(&self, frame: &mut Frame) {
        let look = |agent: usize| Look {
            label: agent.to_string(),
            sight: Some(self.config.vision),
            done: self.hunt.reached[agent],
        };
        self.hunt.draw(self.grid, look, frame);
    }
}

impl TryFrom<Saved> for PredatorPrey {
    type Error = ConfigError;

    fn try_from(saved: Saved) -> Result<Self, ConfigError> {
        let fresh = Self::new(saved.config)?;
        saved.hunt.check_like(&fresh.hunt, fresh.grid)?;
        Ok(Self {
            hunt: saved.hunt,
            ..fresh
        })
    }
}
