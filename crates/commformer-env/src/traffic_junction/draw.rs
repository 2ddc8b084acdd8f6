//! Traffic Junction as a picture: a cell is one unit wide, row 0 at the top. Cars are discs with a nose in the
//! direction of their way; where several share a cell, a mark of a crash lies under them.

use super::{Car, TrafficJunction};
use crate::frame::{Form, Frame, Role};

impl TrafficJunction {
    pub(super) fn picture(&self, frame: &mut Frame) {
        let extent = self.roads.extent;
        let side = extent as f32;
        frame.size = [side; 2];
        frame.scenery(Role::Ground, Form::Rectangle([0.0, 0.0, side, side]));
        for (cell, _) in (self.roads.id_of.iter().enumerate()).filter(|(_, id)| id.is_some()) {
            let [x, y] = self.corner(cell);
            frame.scenery(Role::Road, Form::Rectangle([x, y, 1.0, 1.0]));
        }
        for (cell, _) in (self.on_cell.iter().enumerate()).filter(|(_, cars)| **cars > 1) {
            let [x, y] = self.corner(cell);
            frame.shape(Role::Bad, Form::Rectangle([x, y, 1.0, 1.0]));
        }
        frame.agents = vec![None; self.state.places.len()];
        for (place, car) in self.state.places.iter().enumerate() {
            let Some(car) = *car else { continue };
            let [x, y] = self.middle(self.cell(car));
            let way = self.way(car);
            // Who shares a cell stands a little aside.
            let before = &self.state.places[..place];
            let shared = (before.iter().flatten()).any(|other| self.cell(*other) == self.cell(car));
            let aside = if shared { 0.08 } else { 0.0 };
            let [x, y] = [x + aside, y + aside];
            let [nose, wing] = [way.map(|part| 0.42 * part), way.map(|part| 0.27 * part)];
            let corners = vec![
                [x + nose[0], y + nose[1]],
                [x - wing[1], y + wing[0]],
                [x + wing[1], y - wing[0]],
            ];
            frame.shape(Role::Agent(place), Form::Polygon(corners));
            frame.agent(place, [x, y], 0.3, &place.to_string());
        }
    }

    /// The left upper corner of a cell.
    fn corner(&self, cell: usize) -> [f32; 2] {
        let extent = self.roads.extent;
        [(cell % extent) as f32, (cell / extent) as f32]
    }

    fn middle(&self, cell: usize) -> [f32; 2] {
        self.corner(cell).map(|at| at + 0.5)
    }

    /// The way to a car's next cell, or, on its last, from the one before.
    fn way(&self, car: Car) -> [f32; 2] {
        let route = &self.roads.routes[car.route as usize];
        let last = route.len().saturating_sub(2);
        let at = (car.driven as usize).min(last);
        match route.get(at..at + 2) {
            Some(&[from, to]) => {
                let [from, to] = [from, to].map(|cell| self.corner(usize::from(cell)));
                [to[0] - from[0], to[1] - from[1]]
            }
            _ => [0.0, 0.0],
        }
    }
}
