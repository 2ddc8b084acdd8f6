//! Ways around walls, for scripts.

use super::actions::apart;
use super::battle::paths::{cell, centre, neighbours};
use super::data::Plane;
use super::terrain::Terrain;

const CELLS: usize = Terrain::SIDE * Terrain::SIDE;
/// Between the points at which a straight line is checked.
const STRIDE: f32 = 0.5;

/// Whether no wall is between two points.
pub(super) fn is_straight(terrain: &Terrain, plane: Plane, from: [f32; 2], to: [f32; 2]) -> bool {
    let [x, y] = [to[0] - from[0], to[1] - from[1]];
    let strides = (apart(from, to) / STRIDE).ceil();
    (0..=strides as u32).all(|stride| {
        let part = stride as f32 / strides.max(1.0);
        terrain.is_free([from[0] + part * x, from[1] + part * y], plane)
    })
}

/// For every cell, how many cells away from a goal it is on the shortest way on free ground.
pub(super) struct Distances([u16; CELLS]);

impl Distances {
    const UNREACHED: u16 = u16::MAX;

    pub fn to(terrain: &Terrain, plane: Plane, goal: [f32; 2]) -> Self {
        let mut distances = Self([Self::UNREACHED; CELLS]);
        let mut queue = [0; CELLS];
        let mut queued = 0;
        if let Some(cell) = cell(goal) {
            distances.0[cell] = 0;
            queue[0] = cell;
            queued = 1;
        }
        let mut next = 0;
        while next < queued {
            let from = queue[next];
            next += 1;
            for to in neighbours(from) {
                if distances.0[to] == Self::UNREACHED && terrain.is_free(centre(to), plane) {
                    distances.0[to] = distances.0[from] + 1;
                    queue[queued] = to;
                    queued += 1;
                }
            }
        }
        distances
    }

    /// Of a point; `None` if there is no way.
    pub fn of(&self, point: [f32; 2]) -> Option<f32> {
        let distance = self.0[cell(point)?];
        (distance != Self::UNREACHED).then(|| distance.into())
    }
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
        let distances = Distances::to(&walled(), Plane::Ground, [18.5, 2.5]);
        assert_eq!(distances.of([18.9, 2.1]), Some(0.0));
        assert_eq!(distances.of([20.5, 4.5]), Some(4.0));
        // From row 2 to row 29 and back, and 4 columns.
        assert_eq!(distances.of([14.5, 2.5]), Some(27.0 + 4.0 + 27.0));
        assert_eq!(distances.of([16.5, 2.5]), None, "nobody is in the wall");
        assert_eq!(distances.of([-1.0, 2.5]), None);
        let flown = Distances::to(&walled(), Plane::Air, [18.5, 2.5]);
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
