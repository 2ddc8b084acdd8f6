//! A warehouse as a picture: a cell is one unit wide, row 0 at the top. Shelves are squares, those that are requested
//! in another colour; goals are rings; robots are discs with a nose where they face.

use super::{Facing, Warehouse};
use crate::frame::{Form, Frame, Role, window};

impl Warehouse {
    pub(super) fn picture(&self, frame: &mut Frame) {
        let (width, height) = (self.floor.width, self.floor.height);
        frame.size = [width as f32, height as f32];
        let ground = [0.0, 0.0, width as f32, height as f32];
        frame.scenery(Role::Ground, Form::Rectangle(ground));
        for (cell, _) in (self.floor.corridor.iter().enumerate()).filter(|(_, corridor)| **corridor)
        {
            frame.scenery(Role::Road, self.square(cell, 1.0));
        }
        for &goal in &self.floor.goals {
            let [x, y] = self.middle(goal);
            frame.scenery(Role::Good, Form::Circle([x, y, 0.42]));
        }
        for (index, robot) in self.state.robots.iter().enumerate() {
            let cell = robot.cell as usize;
            let at = [cell % width, cell / width];
            let seen = window(at, self.config.sensor_range, [width, height]);
            frame.shape(Role::Sight(index), seen);
        }
        for (&cell, &requested) in self.state.shelves.iter().zip(&self.state.requested) {
            let role = if requested { Role::Target } else { Role::Cliff };
            frame.shape(role, self.square(cell as usize, 0.84));
        }
        for (index, robot) in self.state.robots.iter().enumerate() {
            let [x, y] = self.middle(robot.cell as usize);
            let [ahead, aside] = match robot.facing {
                Facing::Up => [[0.0, -1.0], [1.0, 0.0]],
                Facing::Down => [[0.0, 1.0], [1.0, 0.0]],
                Facing::Left => [[-1.0, 0.0], [0.0, 1.0]],
                Facing::Right => [[1.0, 0.0], [0.0, 1.0]],
            };
            let corner = |far: f32, wide: f32| {
                let part = |axis: usize| far * ahead[axis] + wide * aside[axis];
                [x + part(0), y + part(1)]
            };
            let nose = vec![corner(0.46, 0.0), corner(0.2, 0.25), corner(0.2, -0.25)];
            frame.shape(Role::Agent(index), Form::Polygon(nose));
            frame.agent(index, [x, y], 0.3, &index.to_string());
        }
    }

    fn middle(&self, cell: usize) -> [f32; 2] {
        let width = self.floor.width;
        [cell % width, cell / width].map(|at| at as f32 + 0.5)
    }

    /// A square of this side in the middle of a cell.
    fn square(&self, cell: usize, side: f32) -> Form {
        let [x, y] = self.middle(cell).map(|at| at - side / 2.0);
        Form::Rectangle([x, y, side, side])
    }
}
