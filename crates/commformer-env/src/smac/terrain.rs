//! Where units can be.

use super::data::Plane;

/// The map: 32 x 32 cells, some free to walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Terrain {
    /// Row by row from y = 0, whether each cell is free.
    free: Vec<bool>,
}

impl Terrain {
    /// Cells along a side.
    pub const SIDE: usize = 32;

    /// From free cells, row by row from y = 0.
    pub(crate) fn new(free: Vec<bool>) -> Self {
        Self { free }
    }

    /// Whether a unit of this plane can be at a point: anywhere on the map in the air; on the ground in free
    /// cells.
    pub fn is_free(&self, [x, y]: [f32; 2], plane: Plane) -> bool {
        let side = 0.0..Self::SIDE as f32;
        if !side.contains(&x) || !side.contains(&y) {
            return false;
        }
        plane == Plane::Air || self.free[y as usize * Self::SIDE + x as usize]
    }

    /// Where a unit of this plane gets to on a short way: along a wall if it meets one. Never in a blocked cell,
    /// if it does not stand in one.
    pub fn slide(&self, from: [f32; 2], to: [f32; 2], plane: Plane) -> [f32; 2] {
        if self.is_free(to, plane) {
            return to;
        }
        let along = [[to[0], from[1]], [from[0], to[1]]];
        let free = along.into_iter().find(|&point| self.is_free(point, plane));
        free.unwrap_or(from)
    }
}
