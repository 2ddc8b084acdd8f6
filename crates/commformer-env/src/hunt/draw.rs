//! A hunt as a picture: a cell is one unit wide, row 0 at the top.

use super::Hunt;
use crate::frame::{Form, Frame, Role, in_crowd, window};
use crate::grid::{Cell, Grid};

/// What of an agent the picture needs, besides where it is.
pub(crate) struct Look {
    /// What is written on it.
    pub label: String,
    /// How many cells far it sees; `None`: nobody.
    pub sight: Option<usize>,
    /// Whether it has done its part.
    pub done: bool,
}

impl Hunt {
    /// Draws everybody, each agent as `look` says.
    pub fn draw(&self, grid: Grid, look: impl Fn(usize) -> Look, frame: &mut Frame) {
        frame.cells(grid.dim, grid.dim);
        let looks: Vec<Look> = (0..self.agents.len()).map(look).collect();
        for (agent, (&at, look)) in self.agents.iter().zip(&looks).enumerate() {
            if let Some(sight) = look.sight {
                frame.shape(
                    Role::Sight(agent),
                    window([at.col, at.row], sight, [grid.dim; 2]),
                );
            }
        }
        for &prey in &self.prey {
            let ([x, y], tip) = (middle(prey), 0.45);
            let diamond = vec![[x, y - tip], [x + tip, y], [x, y + tip], [x - tip, y]];
            frame.shape(Role::Target, Form::Polygon(diamond));
        }
        for (agent, look) in looks.iter().enumerate() {
            let (at, radius) = self.stand(agent);
            if look.done {
                let ring = Form::Circle([at[0], at[1], radius * 1.25]);
                frame.shape(Role::Good, ring);
            }
            frame.agent(agent, at, radius, &look.label);
        }
    }

    /// The centre and radius of an agent's disc: in the middle of its cell, or with those who share it, and
    /// around the prey if there is one, side by side.
    fn stand(&self, agent: usize) -> ([f32; 2], f32) {
        let cell = self.agents[agent];
        let here = |other: &usize| self.agents[*other] == cell;
        let crowd = (0..self.agents.len()).filter(here).count();
        let [x, y] = middle(cell);
        if crowd == 1 && !self.on_prey(agent) {
            return ([x, y], 0.34);
        }
        let place = (0..agent).filter(here).count();
        let ([right, down], radius) = in_crowd(place, crowd);
        ([x + right, y + down], radius)
    }
}

fn middle(cell: Cell) -> [f32; 2] {
    [cell.col as f32 + 0.5, cell.row as f32 + 0.5]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_that_share_a_cell_do_not_cover_each_other() {
        let grid = Grid::new(3, 1);
        for agents in [2, 5, 8] {
            let mut hunt = Hunt::new(grid, agents, 1, "agents").unwrap();
            hunt.place(grid, &vec![(1, 1); agents + 1]).unwrap();
            let discs: Vec<_> = (0..agents).map(|agent| hunt.stand(agent)).collect();
            for (index, ([x, y], radius)) in discs.iter().enumerate() {
                assert!((1.0..2.0).contains(&(x - radius)) && (1.0..2.0).contains(&(y + radius)));
                for ([a, b], _) in &discs[..index] {
                    assert!((x - a).hypot(y - b) > 1.99 * radius, "{agents}");
                }
            }
        }
    }
}
