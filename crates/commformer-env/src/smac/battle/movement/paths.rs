//! The way around walls, for units on the ground.

use crate::smac::data::Plane;
use crate::smac::paths::{CELLS, Distances, centre, neighbours};
use crate::smac::terrain::Terrain;
use crate::smac::vector::{Vec2, add, scale, sub};

const SIDE: usize = Terrain::SIDE;

/// Goals whose fields are kept at a time.
const FIELDS: usize = 16;

/// A unit looks along its way for the farthest cell that it can walk straight to: at so many, so many cells apart.
const LOOK_AHEAD: usize = 4;
const LOOK_EVERY: usize = 3;

/// Ways on one map. What is kept follows from the map alone, and changes nothing but the time it takes.
#[derive(Clone, Debug)]
pub(in crate::smac::battle) struct Paths {
    /// Whether a unit can be in the middle of each cell.
    free: Vec<bool>,
    /// For every corner of cells, those at smaller x and y that are not free up to their own corners.
    walls: Vec<u16>,
    fields: Vec<Field>,
    oldest: usize,
}

/// Distances to a goal.
#[derive(Clone, Debug)]
struct Field {
    /// The goal's cell; none yet: past the last.
    goal: usize,
    distances: Distances,
}

impl Paths {
    pub(in crate::smac::battle) fn new(terrain: &Terrain) -> Self {
        let mut walls = vec![0; (SIDE + 1) * (SIDE + 1)];
        for y in 0..SIDE {
            let mut row = 0;
            for x in 0..SIDE {
                row += u16::from(!is_whole(terrain, x, y));
                walls[(y + 1) * (SIDE + 1) + x + 1] = walls[y * (SIDE + 1) + x + 1] + row;
            }
        }
        let field = Field {
            goal: CELLS,
            distances: Distances::NONE,
        };
        let middle = |cell| terrain.is_free(centre(cell), Plane::Ground);
        Self {
            free: (0..CELLS).map(middle).collect(),
            walls,
            fields: vec![field; FIELDS],
            oldest: 0,
        }
    }

    /// Where to walk straight to, in order to get to a goal: to itself if nothing is between, if it lies in a wall, or
    /// if there is no way.
    pub(super) fn next(&mut self, terrain: &Terrain, from: Vec2, goal: Vec2) -> Vec2 {
        let (Some(at), Some(end)) = (Terrain::index(from), Terrain::index(goal)) else {
            return goal;
        };
        if self.is_open(at, end) || self.sees(from, goal) || !terrain.is_free(goal, Plane::Ground) {
            return goal;
        }
        let index = self.field(end);
        let Distances(far) = &self.fields[index].distances;
        let way = std::iter::successors(Some(at), |&at| {
            let nearer = neighbours(at).filter(|&next| far[next] < far[at]);
            nearer.min_by_key(|&next| far[next])
        });
        let mut ahead = way.skip(1).step_by(LOOK_EVERY).take(LOOK_AHEAD).map(centre);
        let Some(first) = ahead.next() else {
            return goal;
        };
        ahead
            .take_while(|&to| self.sees(from, to))
            .last()
            .unwrap_or(first)
    }

    /// Whether there is no wall in the rectangle between two cells.
    fn is_open(&self, a: usize, b: usize) -> bool {
        let (ax, ay, bx, by) = (a % SIDE, a / SIDE, b % SIDE, b / SIDE);
        let corner = |x: usize, y: usize| self.walls[y * (SIDE + 1) + x];
        let (low_x, low_y) = (ax.min(bx), ay.min(by));
        let (high_x, high_y) = (ax.max(bx) + 1, ay.max(by) + 1);
        corner(high_x, high_y) + corner(low_x, low_y)
            == corner(low_x, high_y) + corner(high_x, low_y)
    }

    /// Whether a straight line between two points on the map crosses no wall, seen every half of a cell: a corner that
    /// it cuts turns nobody back.
    fn sees(&self, from: Vec2, to: Vec2) -> bool {
        let way = sub(to, from);
        let looks = (2.0 * way[0].abs().max(way[1].abs())).ceil().max(1.0);
        let stride = scale(way, 1.0 / looks);
        let (mut at, mut before) = (from, None);
        (0..looks as usize).all(|_| {
            at = add(at, stride);
            let [x, y] = at.map(|at| (at as usize).min(SIDE - 1));
            let [from_x, from_y] = before.replace([x, y]).unwrap_or([x, y]);
            let is_free = |x: usize, y: usize| self.free[y * SIDE + x];
            // Not between two walls that touch at a corner.
            is_free(x, y) && (is_free(from_x, y) || is_free(x, from_y))
        })
    }

    /// The index of a goal's field: of one that is kept, or of a new one in place of the oldest.
    fn field(&mut self, goal: usize) -> usize {
        let kept = self.fields.iter().position(|field| field.goal == goal);
        kept.unwrap_or_else(|| {
            let index = self.oldest;
            self.oldest = (index + 1) % FIELDS;
            self.fields[index] = Field {
                goal,
                distances: Distances::to(goal, |cell| self.free[cell]),
            };
            index
        })
    }
}

/// Whether a cell is free up to its corners.
fn is_whole(terrain: &Terrain, x: usize, y: usize) -> bool {
    let corners = [(0.01, 0.01), (0.99, 0.01), (0.01, 0.99), (0.99, 0.99)];
    corners
        .iter()
        .all(|(dx, dy)| terrain.is_free([x as f32 + dx, y as f32 + dy], Plane::Ground))
}
