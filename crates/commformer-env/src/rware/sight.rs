//! What robots perceive.

use super::floor::Floor;
use super::{Facing, Robot, WarehouseConfig};
use crate::Observation;

/// Numbers about the robot itself, before the window.
const OWN: usize = 8;
/// Numbers of a cell of the window.
const CELL: usize = 7;
/// Looks of a shelf: not there, not requested, requested.
const SHELVES: usize = 3;

/// What is on every cell, with a border of empty cells as wide as robots see.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    range: usize,
    width: usize,
    /// Index of the look of each cell, border included.
    looks: Vec<u8>,
    /// Where the window of each of the floor's cells begins.
    window: Vec<u32>,
    /// Column and row of each cell, as robots are told.
    place: Vec<[f32; 2]>,
}

/// The numbers of each look: whether a robot is there, its direction, whether a shelf is there, and requested.
static LOOKS: [[f32; CELL]; 5 * SHELVES] = {
    let mut looks = [[0.0; CELL]; 5 * SHELVES];
    let mut look = 0;
    while look < looks.len() {
        let (robot, shelf) = (look / SHELVES, look % SHELVES);
        if robot == 0 {
            looks[look][1] = 1.0;
        } else {
            looks[look][0] = 1.0;
            looks[look][robot] = 1.0;
        }
        looks[look][5] = if shelf > 0 { 1.0 } else { 0.0 };
        looks[look][6] = if shelf > 1 { 1.0 } else { 0.0 };
        look += 1;
    }
    looks
};

impl Sight {
    pub fn new(floor: &Floor, config: &WarehouseConfig) -> Self {
        let range = config.sensor_range;
        let (width, height) = (floor.width + 2 * range, floor.height + 2 * range);
        // A floor of one row has one place to be.
        let share = |at: usize, extent: usize| match config.normalised_coordinates {
            true => (at as f64 / (extent - 1).max(1) as f64) as f32,
            false => at as f32,
        };
        let cells = || (0..floor.cells()).map(|cell| (cell / floor.width, cell % floor.width));
        Self {
            range,
            width,
            looks: vec![0; width * height],
            window: cells()
                .map(|(row, col)| (row * width + col) as u32)
                .collect(),
            place: cells()
                .map(|(row, col)| [share(col, floor.width), share(row, floor.height)])
                .collect(),
        }
    }

    fn side(&self) -> usize {
        2 * self.range + 1
    }

    pub fn obs_dim(&self) -> usize {
        OWN + self.side() * self.side() * CELL
    }

    /// Notes what is on a cell: a robot, and a shelf that is requested or not.
    pub fn see(&mut self, cell: usize, robot: Option<Facing>, shelf: Option<bool>) {
        let robot = robot.map_or(0, |facing| facing as usize + 1);
        let shelf = shelf.map_or(0, |requested| usize::from(requested) + 1);
        let middle = self.window[cell] as usize + self.range * self.width + self.range;
        self.looks[middle] = (robot * SHELVES + shelf) as u8;
    }

    /// Writes what every robot perceives.
    pub fn observe(&self, robots: &[Robot], floor: &Floor, out: Observation<'_>) {
        out.active.fill(true);
        let side = self.side();
        let seen = out.obs.chunks_exact_mut(self.obs_dim());
        for (robot, seen) in robots.iter().zip(seen) {
            let cell = robot.cell as usize;
            let (own, window) = seen.split_at_mut(OWN);
            own.fill(0.0);
            own[..2].copy_from_slice(&self.place[cell]);
            own[2] = f32::from(u8::from(robot.load.is_some()));
            own[3 + robot.facing as usize] = 1.0;
            own[7] = f32::from(u8::from(floor.corridor[cell]));
            let mut window = window.as_chunks_mut::<CELL>().0.iter_mut();
            let rows = self.looks[self.window[cell] as usize..].chunks(self.width);
            for row in rows.take(side) {
                for (look, numbers) in row[..side].iter().zip(&mut window) {
                    *numbers = LOOKS[usize::from(*look)];
                }
            }
        }
    }
}
