//! Level-based foraging as a picture: a cell is one unit wide, row 0 at the top.

use super::{Foraging, Item};
use crate::frame::{Form, Frame, Role, in_crowd, window};

impl Foraging {
    pub(super) fn picture(&self, frame: &mut Frame) {
        let [rows, cols] = [self.config.rows, self.config.cols];
        frame.cells(rows, cols);
        for (agent, at) in self.state.agents.iter().enumerate() {
            let seen = window([at.col, at.row], self.config.sight(), [cols, rows]);
            frame.shape(Role::Sight(agent), seen);
        }
        for food in self.state.food.iter().filter(|food| food.level > 0) {
            let ([x, y], tip) = (middle(*food), 0.45);
            let diamond = vec![[x, y - tip], [x + tip, y], [x, y + tip], [x - tip, y]];
            frame.shape(Role::Target, Form::Polygon(diamond));
            frame.shape(Role::Note, Form::Text([x, y, 0.4], food.level.to_string()));
        }
        for (agent, at) in self.state.agents.iter().enumerate() {
            let here = |other: &&Item| other.distance(*at) == 0;
            let crowd = self.state.agents.iter().filter(here).count();
            let place = self.state.agents[..agent].iter().filter(here).count();
            let ([right, down], radius) = match crowd {
                1 => ([0.0, 0.0], 0.34),
                _ => in_crowd(place, crowd),
            };
            let [x, y] = middle(*at);
            frame.agent(agent, [x + right, y + down], radius, &agent.to_string());
            let level = [x + right, y + down + radius * 0.8, radius * 0.6];
            frame.shape(Role::Note, Form::Text(level, at.level.to_string()));
        }
    }
}

fn middle(item: Item) -> [f32; 2] {
    [item.col as f32 + 0.5, item.row as f32 + 0.5]
}
