//! The numbers that observations are made of, and how they are written.

use crate::smac::actions;
use crate::smac::battle::UnitState;
use crate::smac::terrain::Terrain;
use crate::smac::vector::{Vec2, sub};

/// From one unit to another, divided by the sight range.
pub struct Way {
    distance: f32,
    difference: Vec2,
}

impl Way {
    pub fn between(from: &UnitState, to: &UnitState, sight: f32) -> Self {
        Self {
            distance: actions::distance(from, to) / sight,
            difference: sub(to.position, from.position).map(|length| length / sight),
        }
    }

    pub fn numbers(&self) -> [f32; 3] {
        let [x, y] = self.difference;
        [self.distance, x, y]
    }
}

/// Where a unit is on the map, from its centre.
pub fn place(unit: &UnitState) -> [f32; 2] {
    let side = Terrain::SIDE as f32;
    unit.position.map(|at| (at - side / 2.0) / side)
}

pub fn flag(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

/// A part of a whole that may be nothing.
pub fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// What is still to be written of a row.
pub struct Row<'a>(pub &'a mut [f32]);

impl Row<'_> {
    pub fn put(&mut self, numbers: &[f32]) {
        self.next(numbers.len()).copy_from_slice(numbers);
    }

    pub fn skip(&mut self, zeros: usize) {
        self.next(zeros).fill(0.0);
    }

    pub fn one_hot(&mut self, hot: Option<usize>, width: usize) {
        let row = self.next(width);
        row.fill(0.0);
        if let Some(number) = hot.and_then(|hot| row.get_mut(hot)) {
            *number = 1.0;
        }
    }

    fn next(&mut self, width: usize) -> &mut [f32] {
        let (next, rest) = std::mem::take(&mut self.0).split_at_mut(width);
        self.0 = rest;
        next
    }
}
