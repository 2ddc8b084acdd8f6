//! The map's cells, and how far they are from each other around walls.

use super::data::Plane;
use super::terrain::Terrain;
use super::vector::{Vec2, add, distance, scale, sub};

const SIDE: usize = Terrain::SIDE;

/// Cells of the map.
pub(super) const CELLS: usize = SIDE * SIDE;

/// Between the points at which a straight line is checked.
const STRIDE: f32 = 0.5;

/// Whether no wall is between two points.
pub(super) fn is_straight(terrain: &Terrain, plane: Plane, from: Vec2, to: Vec2) -> bool {
    let way = sub(to, from);
    let strides = (distance(from, to) / STRIDE).ceil();
    (0..=strides as u32).all(|stride| {
        let part = stride as f32 / strides.max(1.0);
        terrain.is_free(add(from, scale(way, part)), plane)
    })
}

/// For every cell, how many cells away from a goal it is on the shortest way on free ground.
#[derive(Clone, Debug)]
pub(super) struct Distances(pub [u16; CELLS]);

impl Distances {
    const UNREACHED: u16 = u16::MAX;

    /// From where no cell leads to the goal.
    pub const NONE: Self = Self([Self::UNREACHED; CELLS]);

    /// Counts cells outwards from a goal.
    pub fn to(goal: usize, is_free: impl Fn(usize) -> bool) -> Self {
        let mut distances = Self::NONE;
        distances.0[goal] = 0;
        let mut queue = [0; CELLS];
        queue[0] = goal;
        let (mut next, mut queued) = (0, 1);
        while next < queued {
            let from = queue[next];
            next += 1;
            for to in neighbours(from) {
                if distances.0[to] == Self::UNREACHED && is_free(to) {
                    distances.0[to] = distances.0[from] + 1;
                    queue[queued] = to;
                    queued += 1;
                }
            }
        }
        distances
    }

    /// To the cell of a point on the map, for a unit of this plane.
    pub fn to_point(terrain: &Terrain, plane: Plane, goal: Vec2) -> Self {
        Terrain::index(goal).map_or(Self::NONE, |goal| {
            Self::to(goal, |cell| terrain.is_free(centre(cell), plane))
        })
    }

    /// Of a point; `None` if there is no way.
    pub fn of(&self, point: Vec2) -> Option<f32> {
        let distance = self.0[Terrain::index(point)?];
        (distance != Self::UNREACHED).then(|| distance.into())
    }
}

pub(super) fn centre(cell: usize) -> Vec2 {
    [cell % SIDE, cell / SIDE].map(|at| at as f32 + 0.5)
}

/// The cells that share an edge with one.
pub(super) fn neighbours(cell: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % SIDE, cell / SIDE);
    let all = [
        (x > 0).then(|| cell - 1),
        (x + 1 < SIDE).then(|| cell + 1),
        (y > 0).then(|| cell - SIDE),
        (y + 1 < SIDE).then(|| cell + SIDE),
    ];
    all.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All free but a wall from the south that leaves the three northernmost rows open.
    fn walled() -> Terrain {
        let free = |cell| cell % Terrain::SIDE != 16 || cell / Terrain::SIDE >= 29;
        Terrain::new((0..CELLS).map(free).collect())
    }

    #[test]
    fn the_shortest_way_goes_around_a_wall() {
        let distances = Distances::to_point(&walled(), Plane::Ground, [18.5, 2.5]);
        assert_eq!(distances.of([18.9, 2.1]), Some(0.0));
        assert_eq!(distances.of([20.5, 4.5]), Some(4.0));
        // From row 2 to row 29 and back, and 4 columns.
        assert_eq!(distances.of([14.5, 2.5]), Some(27.0 + 4.0 + 27.0));
        assert_eq!(distances.of([16.5, 2.5]), None, "nobody is in the wall");
        assert_eq!(distances.of([-1.0, 2.5]), None);
        let flown = Distances::to_point(&walled(), Plane::Air, [18.5, 2.5]);
        assert_eq!(flown.of([14.5, 2.5]), Some(4.0));
    }

    #[test]
    fn a_line_through_a_wall_is_not_straight() {
        let straight = |plane, from, to| is_straight(&walled(), plane, from, to);
        assert!(!straight(Plane::Ground, [10.5, 10.5], [20.5, 12.5]));
        assert!(straight(Plane::Ground, [10.5, 10.5], [15.5, 28.5]));
        assert!(straight(Plane::Ground, [10.5, 30.5], [20.5, 30.5]));
        assert!(straight(Plane::Air, [10.5, 10.5], [20.5, 12.5]));
        assert!(straight(Plane::Ground, [10.5, 10.5], [10.5, 10.5]));
    }
}
