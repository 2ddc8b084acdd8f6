//! Where units can be.

use super::data::Plane;
use super::vector::{Vec2, add, dot, scale, sub};

/// What is in a cell of the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nothing: ground to walk on.
    Free,
    /// A wall: only what flies crosses it.
    #[default]
    Blocked,
    /// A cliff: a wall to all but those who walk up and down cliffs.
    Cliff,
    /// Cut in two by a diagonal: free on the side of this corner, a wall on the other.
    Half {
        /// Whether the corner is one of the two at larger x.
        east: bool,
        /// Whether the corner is one of the two at larger y.
        north: bool,
    },
}

/// The map: 32 x 32 cells, some free to walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Terrain {
    /// Row by row from y = 0.
    cells: Vec<Cell>,
}

/// Longest stride, along either axis, that [`Terrain::slide`] checks at once: no wall, a cell thick or more,
/// lies between its ends.
const STRIDE: f32 = 0.5;

/// Strides that cross the map along its diagonal and half of it again.
const MAX_STRIDES: f32 = 3.0 * Terrain::SIDE as f32;

impl Terrain {
    /// Cells along a side.
    pub const SIDE: usize = 32;

    /// From free cells, row by row from y = 0; all others are walls.
    #[cfg(test)]
    pub(crate) fn new(free: Vec<bool>) -> Self {
        let cell = |free| if free { Cell::Free } else { Cell::Blocked };
        Self::from_cells(free.into_iter().map(cell).collect())
    }

    /// From all cells, row by row from y = 0.
    pub(crate) fn from_cells(cells: Vec<Cell>) -> Self {
        debug_assert_eq!(cells.len(), Self::SIDE * Self::SIDE);
        Self { cells }
    }

    /// Every cell with its column and row, row by row from y = 0.
    pub(crate) fn cells(&self) -> impl Iterator<Item = ([usize; 2], Cell)> + '_ {
        let at = |index: usize| [index % Self::SIDE, index / Self::SIDE];
        (self.cells.iter().enumerate()).map(move |(index, cell)| (at(index), *cell))
    }

    /// Whether a unit of this plane can be at a point: anywhere on the map in the air; on the ground in free
    /// cells; and where cliffs are no obstacle, on these too.
    pub fn is_free(&self, [x, y]: [f32; 2], plane: Plane) -> bool {
        let Some(cell) = self.cell([x, y]) else {
            return false;
        };
        if plane == Plane::Air {
            return true;
        }
        match cell {
            Cell::Free => true,
            Cell::Blocked => false,
            Cell::Cliff => plane == Plane::Cliffs,
            Cell::Half { east, north } => {
                let towards = |corner: bool, part: f32| if corner { part } else { 1.0 - part };
                towards(east, x.fract()) + towards(north, y.fract()) >= 1.0
            }
        }
    }

    /// Where a unit of this plane gets that walks straight from a free point towards another: there if
    /// nothing is in its way; otherwise along the walls that are, until these turn it back. Never on a
    /// blocked cell, if it starts on none; from there it may walk to a free one.
    pub fn slide(&self, from: [f32; 2], to: [f32; 2], plane: Plane) -> [f32; 2] {
        let whole = sub(to, from);
        let length = whole[0].abs().max(whole[1].abs());
        if !length.is_finite() {
            return from;
        }
        let strides = (length / STRIDE).ceil().max(1.0);
        let stride = whole.map(|part| part / strides);
        let mut at = from;
        let mut straight = true;
        for _ in 0..strides.min(MAX_STRIDES) as u32 {
            let ahead = add(at, stride);
            if self.is_open(at, ahead, plane) {
                at = ahead;
            } else {
                straight = false;
                match self.beside(at, ahead, plane) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        // The strides' sum misses the point by some roundings.
        if straight && self.is_free(to, plane) {
            to
        } else {
            at
        }
    }

    /// Whether a stride leads to a free point, and not between two walls that touch at a corner.
    fn is_open(&self, [x, y]: Vec2, [to_x, to_y]: Vec2, plane: Plane) -> bool {
        let crosses_corner = x.floor() != to_x.floor() && y.floor() != to_y.floor();
        self.is_free([to_x, to_y], plane)
            && (!crosses_corner || self.is_free([to_x, y], plane) || self.is_free([x, to_y], plane))
    }

    /// The end of the longest part of a stride that is open along an axis or, at a diagonal edge, along that.
    fn beside(&self, from: Vec2, ahead: Vec2, plane: Plane) -> Option<Vec2> {
        let stride = sub(ahead, from);
        let edge = self.edge(ahead).or_else(|| self.edge(from));
        let mut best = None;
        let mut longest = 0.0;
        for along in [[1.0, 0.0], [0.0, 1.0]].into_iter().chain(edge) {
            let length = dot(stride, along);
            let end = add(from, scale(along, length));
            if length.abs() > longest && self.is_open(from, end, plane) {
                longest = length.abs();
                best = Some(end);
            }
        }
        best
    }

    /// How the diagonal edge runs in the cell of a point, if there is one.
    fn edge(&self, point: Vec2) -> Option<Vec2> {
        use std::f32::consts::FRAC_1_SQRT_2 as HALF;
        match self.cell(point)? {
            Cell::Half { east, north } if east == north => Some([HALF, -HALF]),
            Cell::Half { .. } => Some([HALF, HALF]),
            Cell::Free | Cell::Blocked | Cell::Cliff => None,
        }
    }

    /// The cell of a point; `None` off the map.
    fn cell(&self, point: Vec2) -> Option<Cell> {
        Self::index(point).map(|index| self.cells[index])
    }

    /// The number of a point's cell, row by row from y = 0; `None` off the map.
    pub(super) fn index([x, y]: Vec2) -> Option<usize> {
        let side = 0.0..Self::SIDE as f32;
        let inside = side.contains(&x) && side.contains(&y);
        inside.then(|| y as usize * Self::SIDE + x as usize)
    }
}

/// Opens the corners of walls that were painted in blocks of 2 x 2 cells: a blocked block with free blocks on
/// two sides that meet, and on no other, becomes free on that side of its diagonal.
pub(crate) fn cut_corners(cells: &mut [Cell]) {
    const BLOCKS: usize = Terrain::SIDE / 2;
    let index = |x: usize, y: usize| y * Terrain::SIDE + x;
    let painted = cells.to_vec();
    // Blocks beyond the edge, which wrap around to huge numbers, are neither.
    let all = |x: usize, y: usize, cell: Cell| {
        let inside = x < BLOCKS && y < BLOCKS;
        inside && (0..4).all(|part| painted[index(2 * x + part % 2, 2 * y + part / 2)] == cell)
    };
    let free = |x, y| all(x, y, Cell::Free);
    for (x, y) in (0..BLOCKS).flat_map(|y| (0..BLOCKS).map(move |x| (x, y))) {
        let [west, east] = [free(x.wrapping_sub(1), y), free(x + 1, y)];
        let [south, north] = [free(x, y.wrapping_sub(1)), free(x, y + 1)];
        if all(x, y, Cell::Blocked) && west != east && south != north {
            let [at_x, at_y] = [usize::from(east), usize::from(north)];
            let half = Cell::Half { east, north };
            cells[index(2 * x + at_x, 2 * y + at_y)] = Cell::Free;
            cells[index(2 * x + 1 - at_x, 2 * y + at_y)] = half;
            cells[index(2 * x + at_x, 2 * y + 1 - at_y)] = half;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Free from y = 8 to 24, but for a pillar of 2 x 2 cells at (16, 16).
    fn pillar() -> Terrain {
        let free = |cell: usize| {
            let (x, y) = (cell % 32, cell / 32);
            (8..24).contains(&y) && !((16..18).contains(&x) && (16..18).contains(&y))
        };
        Terrain::new((0..32 * 32).map(free).collect())
    }

    #[test]
    fn a_body_slides_along_a_wall_and_stops_before_one() {
        let terrain = pillar();
        let slide = |from, to| terrain.slide(from, to, Plane::Ground);
        assert_eq!(slide([3.0, 20.0], [3.1, 20.1]), [3.1, 20.1]);
        assert_eq!(slide([3.0, 20.0], [13.0, 12.0]), [13.0, 12.0]);
        // Along the upper edge, as far as it would have gone in x.
        let [x, y] = slide([3.0, 23.9], [5.0, 24.9]);
        assert!(
            (x - 5.0).abs() < 1e-5 && (23.0..24.0).contains(&y),
            "{x}, {y}"
        );
        // Straight against the pillar.
        let [x, y] = slide([14.0, 17.0], [20.0, 17.0]);
        assert!((15.4..16.0).contains(&x) && y == 17.0, "{x}, {y}");
        assert_eq!(
            terrain.slide([14.0, 17.0], [20.0, 17.0], Plane::Air),
            [20.0, 17.0]
        );
    }

    #[test]
    fn walls_that_touch_at_a_corner_let_nobody_through() {
        let mut free = vec![true; 32 * 32];
        free[10 * 32 + 9] = false;
        free[9 * 32 + 10] = false;
        let terrain = Terrain::new(free);
        let [x, y] = terrain.slide([9.95, 9.95], [10.05, 10.05], Plane::Ground);
        assert!(x < 10.0 && y < 10.0, "{x}, {y}");
    }

    #[test]
    fn only_some_cross_cliffs() {
        let mut cells = vec![Cell::Free; 32 * 32];
        cells[12 * 32..14 * 32].fill(Cell::Cliff);
        let terrain = Terrain::from_cells(cells);
        let up = |plane| terrain.slide([16.0, 10.0], [16.0, 16.0], plane);
        assert_eq!(up(Plane::Cliffs), [16.0, 16.0]);
        assert_eq!(up(Plane::Air), [16.0, 16.0]);
        assert!(up(Plane::Ground)[1] < 12.0);
    }

    /// Free below the edge y = x + 2, from x = 8 on.
    fn stairs() -> Terrain {
        let mut cells = vec![Cell::Free; 32 * 32];
        // Blocks above the steps at (8, 8), (10, 10), (12, 12).
        for y in 8..32 {
            cells[y * 32..][..y / 2 * 2].fill(Cell::Blocked);
        }
        cut_corners(&mut cells);
        Terrain::from_cells(cells)
    }

    #[test]
    fn a_body_walks_along_a_diagonal_edge() {
        // Going up along it, half of the way is lost.
        let [x, y] = stairs().slide([8.0, 9.9], [8.0, 13.9], Plane::Ground);
        assert!(
            (x - 10.0).abs() < 0.3 && (y - x - 1.9).abs() < 0.3,
            "{x}, {y}"
        );
    }

    #[test]
    fn what_is_no_number_moves_nobody() {
        let terrain = pillar();
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(
                terrain.slide([3.0, 20.0], [odd, 20.0], Plane::Ground),
                [3.0, 20.0]
            );
            assert!(!terrain.is_free([odd, 3.0], Plane::Air));
        }
    }

    proptest! {
        #[test]
        fn nobody_slides_onto_a_blocked_cell(
            x in 0.0_f32..32.0, y in 0.0_f32..32.0, angle in 0.0_f32..7.0, log_length in -3.0_f32..4.0,
        ) {
            let length = 10.0_f32.powf(log_length);
            let to = [x + length * angle.cos(), y + length * angle.sin()];
            for terrain in [pillar(), stairs()] {
                if terrain.is_free([x, y], Plane::Ground) {
                    let [end_x, end_y] = terrain.slide([x, y], to, Plane::Ground);
                    prop_assert!(terrain.is_free([end_x, end_y], Plane::Ground));
                    prop_assert!((end_x - x).hypot(end_y - y) < length * 1.001 + 1e-4);
                }
            }
        }
    }
}
