//! What agents see of level-based foraging.

use super::{Foraging, Item, NAMES, State};
use crate::Observation;

impl Foraging {
    /// Writes what every agent sees and can do.
    pub(super) fn observe(&self, out: Observation<'_>) {
        out.active.fill(true);
        let State { agents, food, .. } = &self.state;
        let rows = out.obs.chunks_exact_mut(self.spec.obs_dim);
        for (index, (&agent, row)) in agents.iter().zip(rows).enumerate() {
            let (of_food, of_agents) = row.split_at_mut(3 * self.config.food);
            self.show_food(agent, food, of_food);
            let others = agents[..index].iter().chain(&agents[index + 1..]);
            self.show_agents(agent, others.copied(), of_agents);
        }
        let rows = out.available.chunks_exact_mut(NAMES.len());
        for (&agent, row) in agents.iter().zip(rows) {
            for (action, available) in row.iter_mut().enumerate() {
                *available = self.is_possible(agent, action);
            }
        }
    }

    fn show_food(&self, from: Item, food: &[Item], out: &mut [f32]) {
        let sight = self.config.sight();
        let (top, left) = (
            from.row.saturating_sub(sight),
            from.col.saturating_sub(sight),
        );
        let is_seen = |food: &&Item| {
            food.level > 0
                && from.row.abs_diff(food.row) <= sight
                && from.col.abs_diff(food.col) <= sight
        };
        let mut seen = food.iter().filter(is_seen);
        for numbers in out.chunks_exact_mut(3) {
            let shown = seen.next().map(|food| {
                [food.row - top, food.col - left, food.level as usize].map(|number| number as f32)
            });
            numbers.copy_from_slice(&shown.unwrap_or([-1.0, -1.0, 0.0]));
        }
    }

    fn show_agents(&self, own: Item, others: impl Iterator<Item = Item>, out: &mut [f32]) {
        let sight = self.config.sight();
        let (top, left) = (own.row.saturating_sub(sight), own.col.saturating_sub(sight));
        let shown = |agent: Item| {
            let (row, col) = (agent.row.checked_sub(top)?, agent.col.checked_sub(left)?);
            let numbers = [row, col, agent.level as usize].map(|number| number as f32);
            (row.max(col) <= 2 * sight).then_some(numbers)
        };
        let mut seen = std::iter::once(own).chain(others).filter_map(shown);
        let width = if self.config.observe_agent_levels {
            3
        } else {
            2
        };
        for numbers in out.chunks_exact_mut(width) {
            let shown = seen.next().unwrap_or([-1.0, -1.0, 0.0]);
            numbers.copy_from_slice(&shown[..width]);
        }
    }
}
