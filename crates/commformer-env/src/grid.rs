//! A square grid and the window of it that an agent sees.
//!
//! Every cell of a window is described by V = D² + 4 channels: one for each absolute cell of the
//! grid (row * D + column) and four *class channels* after those, of which each task gives the
//! first, third and fourth its own meaning. The second says that a cell lies outside the grid.

use serde::{Deserialize, Serialize};

use crate::Rng;

/// Class channels of a cell, counted from the first one after the D² cell ids.
pub(crate) const CLASS_CHANNELS: usize = 4;
const OUTSIDE: usize = 1;

/// What people call the moves, in the order of [`Grid::moved`].
pub(crate) const MOVES: [&str; 5] = ["up", "right", "down", "left", "stay"];

/// A place on the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub row: usize,
    pub col: usize,
}

/// A grid of `dim` x `dim` cells, seen `vision` cells far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub dim: usize,
    pub vision: usize,
}

impl Grid {
    pub fn new(dim: usize, vision: usize) -> Self {
        Self { dim, vision }
    }

    pub fn cells(self) -> usize {
        self.dim * self.dim
    }

    /// Channels of one cell, V.
    pub fn channels(self) -> usize {
        self.cells() + CLASS_CHANNELS
    }

    /// Cells along one side of a window, W = 2 * vision + 1.
    pub fn side(self) -> usize {
        2 * self.vision + 1
    }

    /// Numbers in one window, W * W * V.
    pub fn obs_dim(self) -> usize {
        self.side() * self.side() * self.channels()
    }

    pub fn contains(self, cell: Cell) -> bool {
        cell.row < self.dim && cell.col < self.dim
    }

    /// Where an agent is after action 0 up, 1 right, 2 down, 3 left; any other stays. The border
    /// stops it.
    #[inline]
    pub fn moved(self, from: Cell, action: i64) -> Cell {
        // Sums instead of a `match`: a processor cannot foresee which arm a policy takes.
        let steps = |direction| usize::from(action == direction);
        let last = self.dim - 1;
        Cell {
            row: (from.row + steps(2)).min(last).saturating_sub(steps(0)),
            col: (from.col + steps(1)).min(last).saturating_sub(steps(3)),
        }
    }

    /// A cell drawn evenly from those that none of `taken` covers; there must be one.
    pub fn draw_free(self, rng: &mut Rng, taken: &[&[Cell]]) -> Cell {
        loop {
            let index = rng.below(self.cells() as u32) as usize;
            let cell = Cell {
                row: index / self.dim,
                col: index % self.dim,
            };
            if taken.iter().all(|cells| !cells.contains(&cell)) {
                return cell;
            }
        }
    }

    /// Overwrites `window`, (W, W, V), with what the empty grid looks like from `at`.
    #[inline]
    pub fn draw_window(self, at: Cell, window: &mut [f32]) {
        window.fill(0.0);
        let (side, outside) = (self.side(), self.cells() + OUTSIDE);
        let mut cells = window.chunks_exact_mut(self.channels());
        for window_row in 0..side {
            // Rows and columns above or left of the grid wrap around to huge numbers.
            let row = (at.row + window_row).wrapping_sub(self.vision);
            for (window_col, cell) in cells.by_ref().take(side).enumerate() {
                let col = (at.col + window_col).wrapping_sub(self.vision);
                let inside = row < self.dim && col < self.dim;
                cell[if inside {
                    row * self.dim + col
                } else {
                    outside
                }] = 1.0;
            }
        }
    }

    /// Adds `what` to the window of `at`, one to the class channel `class` of its cell, if it is in
    /// sight.
    #[inline]
    pub fn draw_entity(self, at: Cell, what: Cell, class: usize, window: &mut [f32]) {
        let side = self.side();
        let row = (what.row + self.vision).wrapping_sub(at.row);
        let col = (what.col + self.vision).wrapping_sub(at.col);
        if row < side && col < side {
            window[(row * side + col) * self.channels() + self.cells() + class] += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_stops_every_move() {
        let grid = Grid::new(3, 0);
        let ends = |row, col| {
            [0, 1, 2, 3, 4]
                .map(|a| grid.moved(Cell { row, col }, a))
                .map(|c| (c.row, c.col))
        };
        assert_eq!(ends(0, 0), [(0, 0), (0, 1), (1, 0), (0, 0), (0, 0)]);
        assert_eq!(ends(1, 1), [(0, 1), (1, 2), (2, 1), (1, 0), (1, 1)]);
        assert_eq!(ends(2, 2), [(1, 2), (2, 2), (2, 2), (2, 1), (2, 2)]);
    }

    #[test]
    fn a_window_in_the_corner_by_hand() {
        let grid = Grid::new(2, 1);
        let mut window = vec![7.0; grid.obs_dim()];
        let corner = Cell { row: 0, col: 0 };
        grid.draw_window(corner, &mut window);
        grid.draw_entity(corner, Cell { row: 1, col: 0 }, 2, &mut window);
        grid.draw_entity(corner, Cell { row: 1, col: 0 }, 2, &mut window);
        // Channels: cells (0,0) (0,1) (1,0) (1,1), unused, outside, two more classes.
        let outside = [0., 0., 0., 0., 0., 1., 0., 0.];
        let expected = [
            outside,
            outside,
            outside,
            outside,
            [1., 0., 0., 0., 0., 0., 0., 0.],
            [0., 1., 0., 0., 0., 0., 0., 0.],
            outside,
            [0., 0., 1., 0., 0., 0., 2., 0.],
            [0., 0., 0., 1., 0., 0., 0., 0.],
        ];
        assert_eq!(window, expected.concat());
    }
}
