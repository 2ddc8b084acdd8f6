//! How episodes of level-based foraging begin.

use super::config::MAX_LEVEL;
use super::{Foraging, ForagingConfig, Item, State};
use crate::{ConfigError, Rng, error::require};

/// What three agents can have together.
const MAX_FOOD_LEVEL: u32 = 3 * MAX_LEVEL;

impl Foraging {
    /// Draws agents and food.
    pub(super) fn begin(&mut self, rng: &mut Rng) {
        let ForagingConfig { rows, cols, .. } = self.config;
        let State { agents, food, .. } = &mut self.state;
        for index in 0..agents.len() {
            let (before, rest) = agents.split_at_mut(index);
            // Fewer agents than cells: one of these is free.
            rest[0] = loop {
                let cell = rng.below((rows * cols) as u32) as usize;
                let [row, col] = [cell / cols, cell % cols];
                if before
                    .iter()
                    .all(|other| (other.row, other.col) != (row, col))
                {
                    let level = between(
                        rng,
                        self.config.min_agent_level,
                        self.config.max_agent_level,
                    );
                    break Item { row, col, level };
                }
            };
        }
        let most = self
            .config
            .max_food_level
            .unwrap_or_else(|| weakest(agents));
        let least = match self.config.force_coop {
            true => most,
            false => self.config.min_food_level,
        };
        food.clear();
        for _ in 0..self.config.food {
            let Some((row, col)) = place(rng, [rows, cols], agents, food) else {
                break;
            };
            let level = between(rng, least, most);
            food.push(Item { row, col, level });
        }
        food.sort_unstable_by_key(|item| (item.row, item.col));
        self.state.spawned = food.iter().map(|item| item.level).sum();
        self.state.steps = 0;
        self.fill_field();
    }
}

/// A number from one to another, both included, drawn evenly.
fn between(rng: &mut Rng, least: u32, most: u32) -> u32 {
    least + rng.below(most - least + 1)
}

/// What the three agents of the lowest levels have together.
fn weakest(agents: &[Item]) -> u32 {
    let mut lowest = [u32::MAX; 3];
    for agent in agents {
        let mut level = agent.level;
        for low in &mut lowest {
            if level < *low {
                std::mem::swap(&mut level, low);
            }
        }
    }
    lowest.iter().filter(|&&level| level < u32::MAX).sum()
}

/// A free cell for food, drawn evenly from those off the border that have no food around them nor two cells away in
/// their row or column.
fn place(
    rng: &mut Rng,
    [rows, cols]: [usize; 2],
    agents: &[Item],
    food: &[Item],
) -> Option<(usize, usize)> {
    let is_free = |&(row, col): &(usize, usize)| {
        let here = Item { row, col, level: 0 };
        !food.iter().any(|food| food.is_near(here))
            && agents.iter().all(|agent| agent.distance(here) > 0)
    };
    let cells = || {
        let inner = (1..rows - 1).flat_map(|row| (1..cols - 1).map(move |col| (row, col)));
        inner.filter(is_free)
    };
    let count = cells().count() as u32;
    match count {
        0 => None,
        _ => cells().nth(rng.below(count) as usize),
    }
}

/// Refuses an episode that cannot be under these settings.
pub(super) fn check(config: &ForagingConfig, state: &State) -> Result<(), ConfigError> {
    let ForagingConfig { rows, cols, .. } = *config;
    let State { agents, food, .. } = state;
    let found = format!("{} of them", agents.len());
    require(
        agents.len() == config.agents,
        "agents",
        found,
        config.agents,
    )?;
    let (found, allowed) = (
        format!("{} items", food.len()),
        format!("at most {}", config.food),
    );
    require(food.len() <= config.food, "food", found, allowed)?;
    let is_stray = |agent: &&Item| {
        let level = (1..=MAX_LEVEL).contains(&agent.level);
        agent.row >= rows || agent.col >= cols || !level
    };
    let stray = agents.iter().find(is_stray);
    let allowed = format!("on the field, of levels from 1 to {MAX_LEVEL}");
    require(stray.is_none(), "agents", format!("{stray:?}"), allowed)?;
    let inner =
        |food: &Item| (1..rows - 1).contains(&food.row) && (1..cols - 1).contains(&food.col);
    let is_taken =
        |food: &Item| food.level > 0 && agents.iter().any(|agent| agent.distance(*food) == 0);
    let too_high = |food: &Item| food.level > MAX_FOOD_LEVEL;
    let stray = (food.iter()).find(|food| !inner(food) || is_taken(food) || too_high(food));
    let allowed = format!("off the border and off the agents, of levels up to {MAX_FOOD_LEVEL}");
    require(stray.is_none(), "food", format!("{stray:?}"), allowed)?;
    let mut pairs = food
        .iter()
        .zip(1..)
        .flat_map(|(one, next)| food[next..].iter().map(move |other| (one, other)));
    let wrong = pairs
        .find(|(one, other)| one.is_near(**other) || (one.row, one.col) > (other.row, other.col));
    let allowed =
        "row by row, with other food neither around it nor two cells away in its row or column";
    require(wrong.is_none(), "food", format!("{wrong:?}"), allowed)?;
    let left: u32 = food.iter().map(|food| food.level).sum();
    let most = MAX_FOOD_LEVEL * food.len() as u32;
    let allowed = format!("{left}, what is left, to {most}");
    require(
        (left..=most).contains(&state.spawned),
        "spawned",
        state.spawned,
        allowed,
    )
}
