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
}
