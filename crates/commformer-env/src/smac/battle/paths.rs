//! The way around walls, for units on the ground.

use super::vector::Vec2;
use crate::smac::data::Plane;
use crate::smac::terrain::Terrain;

const SIDE: usize = Terrain::SIDE;

/// Goals whose fields are kept at a time.
const FIELDS: usize = 16;

/// Cells along its way that a unit looks ahead for the farthest that it can walk straight to.
const LOOK_AHEAD: usize = 10;

/// Not to be reached.
const NEVER: u16 = u16::MAX;

/// Ways on one map. What is kept follows from the map alone, and changes nothing but the time it takes.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// For every corner of cells, the walls at smaller x and y.
    walls: Vec<u16>,
    fields: Vec<Field>,
    oldest: usize,
    queue: Vec<usize>,
}

/// Steps from each cell to a goal.
#[derive(Clone, Debug)]
struct Field {
    /// The goal's cell; none yet: past the last.
    goal: usize,
    steps: Vec<u16>,
}

impl Paths {
    pub(super) fn new(terrain: &Terrain) -> Self {
        let mut walls = vec![0; (SIDE + 1) * (SIDE + 1)];
        for y in 0..SIDE {
            let mut row = 0;
            for x in 0..SIDE {
                row += u16::from(!is_whole(terrain, x, y));
                walls[(y + 1) * (SIDE + 1) + x + 1] = walls[y * (SIDE + 1) + x + 1] + row;
            }
        }
        let field = Field {
            goal: SIDE * SIDE,
            steps: vec![NEVER; SIDE * SIDE],
        };
        Self {
            walls,
            fields: vec![field; FIELDS],
            oldest: 0,
            queue: Vec::with_capacity(SIDE * SIDE),
        }
    }

    /// Where to walk straight to, in order to get to a goal: to itself if nothing is between, if it lies in a wall, or
    /// if there is no way.
    pub(super) fn next(&mut self, terrain: &Terrain, from: Vec2, goal: Vec2) -> Vec2 {
        let (Some(at), Some(end)) = (cell(from), cell(goal)) else {
            return goal;
        };
        let sees = |to: Vec2| terrain.slide(from, to, Plane::Ground) == to;
        if self.is_open(at, end) || sees(goal) || !terrain.is_free(goal, Plane::Ground) {
            return goal;
        }
        let steps = &self.field(terrain, end).steps;
        let mut way = std::iter::successors(Some(at), |&at| {
            let nearer = neighbours(at).filter(|&next| steps[next] < steps[at]);
            nearer.min_by_key(|&next| steps[next])
        });
        let mut ahead = way.by_ref().skip(1).take(LOOK_AHEAD).map(centre);
        let Some(first) = ahead.next() else {
            return goal;
        };
        ahead.take_while(|&to| sees(to)).last().unwrap_or(first)
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

    /// The field of a goal: one that is kept, or a new one in place of the oldest.
    fn field(&mut self, terrain: &Terrain, goal: usize) -> &Field {
        let kept = self.fields.iter().position(|field| field.goal == goal);
        let index = kept.unwrap_or_else(|| {
            let index = self.oldest;
            self.oldest = (index + 1) % FIELDS;
            self.fields[index].fill(terrain, goal, &mut self.queue);
            index
        });
        &self.fields[index]
    }
}

impl Field {
    /// Counts steps outwards from the goal.
    fn fill(&mut self, terrain: &Terrain, goal: usize, queue: &mut Vec<usize>) {
        self.goal = goal;
        self.steps.fill(NEVER);
        self.steps[goal] = 0;
        queue.clear();
        queue.push(goal);
        let mut first = 0;
        while let Some(&at) = queue.get(first) {
            first += 1;
            for next in neighbours(at) {
                if self.steps[next] == NEVER && terrain.is_free(centre(next), Plane::Ground) {
                    self.steps[next] = self.steps[at] + 1;
                    queue.push(next);
                }
            }
        }
    }
}

/// The cell of a point on the map.
pub(in crate::smac) fn cell([x, y]: Vec2) -> Option<usize> {
    let side = 0.0..SIDE as f32;
    (side.contains(&x) && side.contains(&y)).then(|| y as usize * SIDE + x as usize)
}

pub(in crate::smac) fn centre(cell: usize) -> Vec2 {
    [cell % SIDE, cell / SIDE].map(|at| at as f32 + 0.5)
}

/// The cells that share an edge with one.
pub(in crate::smac) fn neighbours(cell: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % SIDE, cell / SIDE);
    let all = [
        (x > 0).then(|| cell - 1),
        (x + 1 < SIDE).then(|| cell + 1),
        (y > 0).then(|| cell - SIDE),
        (y + 1 < SIDE).then(|| cell + SIDE),
    ];
    all.into_iter().flatten()
}

/// Whether a cell is free up to its corners.
fn is_whole(terrain: &Terrain, x: usize, y: usize) -> bool {
    let corners = [(0.01, 0.01), (0.99, 0.01), (0.01, 0.99), (0.99, 0.99)];
    corners
        .iter()
        .all(|(dx, dy)| terrain.is_free([x as f32 + dx, y as f32 + dy], Plane::Ground))
}
