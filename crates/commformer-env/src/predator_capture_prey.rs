//! Predator-Capture-Prey: some agents see but cannot capture, the others capture but hardly see.
//!
//! The task of Seraj et al., "Learning Efficient Diverse Communication for Cooperative
//! Heterogeneous Teaming" (HetNet, AAMAS 2022), as CommFormer (ICLR 2024) uses it. Differences from
//! CommFormer's release: an episode limit is part of the task and truncates; any vision and a team
//! of one work; with several prey an agent captures whichever it stands on (there it would have to
//! stand on all of them at once); success is reported, in every mode.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Mode, Observation, Rng, Spec, Status,
    Task,
    error::require,
    grid::{CLASS_CHANNELS, Cell, Grid, MOVES},
    hunt::{Hunt, Look, STEP_PENALTY, default_limit},
    saved::save_whole,
    settings::check,
};

const CAPTURE_CLASS: usize = 0;
const PREY_CLASS: usize = 2;
const PERCEPTION_CLASS: usize = 3;

const CAPTURE_ACTION: i64 = 5;
const ACTIONS: usize = 6;

/// What a channel holds that a capture agent cannot perceive.
const UNSEEN: f32 = -1.0;

/// Reward of a capture agent that stands on a prey it has not captured, under the second scheme.
const UNCAPTURED_ON_PREY: f32 = -0.025;

/// Settings of [`PredatorCapturePrey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct PredatorCapturePreyConfig {
    /// Perception agents, the first of the team.
    #[default = 2]
    pub perception: usize,
    /// Capture agents, the rest of the team.
    #[default = 1]
    #[schemars(range(min = 1))]
    pub capture: usize,
    /// Prey. Agents and prey must fit on different cells.
    #[default = 1]
    #[schemars(range(min = 1))]
    pub prey: usize,
    /// Cells along one side of the grid (D).
    #[default = 5]
    #[schemars(range(min = 2, max = 100))]
    pub dim: usize,
    /// Cells a perception agent sees in each direction; 1 is a window of 3 x 3.
    #[default = 1]
    #[schemars(range(max = 100))]
    pub vision: usize,
    /// Cells a capture agent sees in each direction, at most `vision`; the rest of its window is hidden. Left out, it
    /// is blind: it knows which cells surround it, not who is on them.
    #[schemars(range(max = 100))]
    pub capture_vision: Option<usize>,
    /// Who is rewarded for a prey that is found, and whether capturing it ends the episode.
    #[default(Mode::Mixed)]
    pub mode: Mode,
    /// Whether the penalty of a capture agent that is on a prey and has yet to capture it is halved.
    pub second_reward_scheme: bool,
    /// Paid to an agent for each cell that a step brings it nearer to the nearest prey, and taken for each that it is
    /// farther away. What an episode pays so depends on its first and last cells alone: without discounting, the best
    /// policy stays the best (Ng et al., 1999).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub shaping: f32,
    /// Steps after which an episode is truncated, 0 for never; 4 x `dim` if left out.
    pub episode_limit: Option<u32>,
}

impl Task for PredatorCapturePreyConfig {
    fn build(&self) -> Result<Box<dyn Environment>, ConfigError> {
        Ok(Box::new(PredatorCapturePrey::new(self.clone())?))
    }

    fn agents(&self) -> usize {
        self.perception.saturating_add(self.capture)
    }

    fn size_keys(&self) -> &'static [&'static str] {
        &["perception", "capture"]
    }

    fn episode_limit(&self) -> u32 {
        self.episode_limit.unwrap_or(default_limit(self.dim))
    }

    fn set_episode_limit(&mut self, limit: u32) {
        self.episode_limit = Some(limit);
    }

    fn roles(&self) -> Vec<String> {
        let roles = [("P", self.perception), ("C", self.capture)];
        let roles = roles.map(|(role, agents)| vec![role.to_owned(); agents]);
        roles.concat()
    }
}

/// One environment of Predator-Capture-Prey.
///
/// - Agents: first the perception agents, then the capture agents.
/// - Actions: 0 up, 1 right, 2 down, 3 left, 4 stay, 5 capture. The border stops a move; agents may
///   share a cell. A capture agent on a prey captures it; any other agent's action 5 does nothing.
/// - Episodes begin with everyone on different cells, drawn evenly.
/// - An agent that ends a step on a prey stays there, but can still capture: arriving and capturing
///   take two steps.
/// - Observation: the cells of the window around the agent, row by row. For each D² + 4 numbers:
///   one-hot cell id (D²), capture agents on it, 1 if the cell is outside the grid, prey on it,
///   perception agents on it. Of a blind capture agent's window the last four numbers of every cell
///   are -1; of one that sees less than the window, all numbers of the cells out of sight are -1.
/// - Reward: see [`Mode`]; in all modes a capture agent gets -0.05 until it has captured (-0.025
///   once on a prey, under `second_reward_scheme`).
/// - End, in mixed mode: all have reached a prey and all capture agents have captured.
/// - Metric `success`: 1 if that has come about, otherwise 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct PredatorCapturePrey {
    config: PredatorCapturePreyConfig,
    hunt: Hunt,
    /// Whether each capture agent has captured.
    captured: Vec<bool>,
    #[serde(skip_serializing)]
    grid: Grid,
    #[serde(skip_serializing)]
    spec: Spec,
}

/// What is written of a [`PredatorCapturePrey`]; the rest follows from it.
#[derive(Deserialize)]
struct Saved {
    config: PredatorCapturePreyConfig,
    hunt: Hunt,
    captured: Vec<bool>,
}

impl PredatorCapturePrey {
    /// Checks the settings. Begin an episode with [`Environment::reset`] or
    /// [`reset_to`](Self::reset_to).
    pub fn new(config: PredatorCapturePreyConfig) -> Result<Self, ConfigError> {
        check(&config)?;
        let grid = Grid::new(config.dim, config.vision);
        let sight = config.capture_vision.unwrap_or(0);
        let allowed = format!("0 to {}, the `vision` of perception agents", config.vision);
        require(sight <= config.vision, "capture_vision", sight, allowed)?;
        let agents = config.agents();
        Ok(Self {
            hunt: Hunt::new(grid, agents, config.prey, "perception + capture")?,
            captured: vec![false; config.capture],
            grid,
            spec: Spec {
                metrics: vec!["success".into()],
                ..Spec::new(agents, grid.obs_dim(), ActionSpace::Discrete(ACTIONS))
            },
            config,
        })
    }

    /// Begins an episode at chosen (row, column) places, the agents' and then the prey's, and
    /// writes its first observation.
    ///
    /// Places may coincide. An agent put on a prey has reached it only when it ends a step there.
    pub fn reset_to(
        &mut self,
        locations: &[(usize, usize)],
        out: Observation<'_>,
    ) -> Result<(), ConfigError> {
        self.hunt.place(self.grid, locations)?;
        self.captured.fill(false);
        self.observe(out);
        Ok(())
    }

    /// Where everyone is, as (row, column): the perception agents, the capture agents, the prey.
    pub fn locations(&self) -> impl Iterator<Item = (usize, usize)> {
        self.hunt.locations()
    }

    fn done(&self) -> bool {
        self.hunt.all_reached() && self.captured.iter().all(|&captured| captured)
    }

    fn observe(&self, out: Observation<'_>) {
        out.active.fill(true);
        let windows = out.obs.chunks_exact_mut(self.spec.obs_dim);
        for (agent, (&at, window)) in self.hunt.agents.iter().zip(windows).enumerate() {
            self.grid.draw_window(at, window);
            let captures = agent >= self.config.perception;
            match self.config.capture_vision {
                None if captures => self.hide_classes(window),
                Some(sight) if captures => {
                    self.draw_entities(at, window);
                    self.hide_beyond(sight, window);
                }
                _ => self.draw_entities(at, window),
            }
        }
    }

    fn draw_entities(&self, at: Cell, window: &mut [f32]) {
        for &prey in &self.hunt.prey {
            self.grid.draw_entity(at, prey, PREY_CLASS, window);
        }
        let (perception, capture) = self.hunt.agents.split_at(self.config.perception);
        for (agents, class) in [(perception, PERCEPTION_CLASS), (capture, CAPTURE_CLASS)] {
            for &agent in agents {
                self.grid.draw_entity(at, agent, class, window);
            }
        }
    }

    /// Leaves the cell ids of a window, (W, W, V), and nothing else.
    fn hide_classes(&self, window: &mut [f32]) {
        let cells = self.grid.cells();
        for cell in window.chunks_exact_mut(self.grid.channels()) {
            // This takes the 1 of a cell outside the grid away, too.
            cell[cells..cells + CLASS_CHANNELS].fill(UNSEEN);
        }
    }

    /// Hides all cells of a window, (W, W, V), that are more than `sight` from its centre.
    fn hide_beyond(&self, sight: usize, window: &mut [f32]) {
        let Grid { vision, .. } = self.grid;
        let side = self.grid.side();
        for (index, cell) in window.chunks_exact_mut(self.grid.channels()).enumerate() {
            let (row, col) = (index / side, index % side);
            if row.abs_diff(vision).max(col.abs_diff(vision)) > sight {
                cell.fill(UNSEEN);
            }
        }
    }
}

impl Environment for PredatorCapturePrey {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.hunt.begin(self.grid, rng);
        self.captured.fill(false);
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
        let first = self.config.perception;
        for (index, captured) in self.captured.iter_mut().enumerate() {
            // An agent that captures does not move, so it is on the prey already.
            *captured |=
                actions[first + index] == CAPTURE_ACTION && self.hunt.on_prey(first + index);
        }
        let (config, hunt) = (&self.config, &mut self.hunt);
        hunt.advance(self.grid, actions, config.shaping, rewards);
        for (agent, reward) in rewards.iter_mut().enumerate() {
            let has_yet_to = |index: usize| !self.captured[index];
            *reward += match agent.checked_sub(first).is_some_and(has_yet_to) {
                true if config.second_reward_scheme && hunt.reached[agent] => UNCAPTURED_ON_PREY,
                true => STEP_PENALTY,
                false => hunt.reward(config.mode, agent),
            };
        }
        self.observe(out);
        let limit = self.config.episode_limit();
        self.hunt.status(self.config.mode, self.done(), limit)
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = f32::from(u8::from(self.done()));
    }

    save_whole! { observe }

    fn action_names(&self) -> Vec<String> {
        let names = MOVES.into_iter().chain(["capture"]);
        names.map(String::from).collect()
    }

    fn agent_names(&self) -> Vec<String> {
        let name = |agent| match agent < self.config.perception {
            true => format!("perception {agent}"),
            false => format!("capture {agent}"),
        };
        (0..self.spec.agents).map(name).collect()
    }

    fn draw(&self, frame: &mut Frame) {
        let look = |agent: usize| {
            let (role, sight, done) = match agent.checked_sub(self.config.perception) {
                None => ("P", Some(self.config.vision), self.hunt.reached[agent]),
                Some(index) => ("C", self.config.capture_vision, self.captured[index]),
            };
            Look {
                label: format!("{role}{agent}"),
                sight,
                done,
            }
        };
        self.hunt.draw(self.grid, look, frame);
    }
}

impl TryFrom<Saved> for PredatorCapturePrey {
    type Error = ConfigError;

    fn try_from(saved: Saved) -> Result<Self, ConfigError> {
        let fresh = Self::new(saved.config)?;
        saved.hunt.check_like(&fresh.hunt, fresh.grid)?;
        require(
            saved.captured.len() == fresh.captured.len(),
            "captured",
            format!("{} flags", saved.captured.len()),
            format!("{}, one for each capture agent", fresh.captured.len()),
        )?;
        Ok(Self {
            hunt: saved.hunt,
            captured: saved.captured,
            ..fresh
        })
    }
}
