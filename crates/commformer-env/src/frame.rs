//! What a task looks like to people: shapes in the lengths of its world, without colours.

use serde::{Deserialize, Serialize};
use std::f32::consts::TAU;

/// A picture of a task. Lengths are the task's own, about one for an agent; x grows to the right, y downwards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// Width and height of the world; zeros, as at first, for a task that draws nothing.
    pub size: [f32; 2],
    /// What stands still from an episode's beginning to its end, from back to front. Whoever records an
    /// episode takes it from the first frame.
    pub scenery: Vec<Shape>,
    /// What changes, from back to front, over the scenery.
    pub shapes: Vec<Shape>,
    /// Where each agent is, (N): where its messages come from and go to. `None`: nowhere, just now.
    pub agents: Vec<Option<[f32; 2]>>,
}

/// Something to draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shape {
    /// What it stands for.
    pub role: Role,
    /// Where and how large it is.
    pub form: Form,
}

/// The outline of a [`Shape`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Left upper corner, width and height.
    Rectangle([f32; 4]),
    /// Centre and radius.
    Circle([f32; 3]),
    /// From and to.
    Line([f32; 4]),
    /// The corners of a closed outline.
    Polygon(Vec<[f32; 2]>),
    /// A text's centre, the height of its letters, and what it says.
    Text([f32; 3], String),
}

/// What a [`Shape`] stands for; whoever draws it knows its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Where one can be.
    Ground,
    /// A line between cells.
    Grid,
    /// What stops everybody.
    Wall,
    /// What only some cross.
    Cliff,
    /// Where one drives.
    Road,
    /// What an agent perceives: hidden on demand.
    Sight(usize),
    /// An agent, or what is written on it.
    Agent(usize),
    /// An agent, or anything else, that is out of the game.
    Dead,
    /// What agents look for.
    Target,
    /// What agents fight.
    Enemy,
    /// A shot or a blow.
    Shot,
    /// Help for one's own.
    Heal,
    /// Hit points left.
    Health,
    /// Shields left.
    Shield,
    /// What is behind a bar that is not full.
    Empty,
    /// Something went well.
    Good,
    /// Something went wrong.
    Bad,
    /// A mark or a text beside.
    Note,
}

impl Frame {
    /// Adds what stands still.
    pub fn scenery(&mut self, role: Role, form: Form) {
        self.scenery.push(Shape { role, form });
    }

    /// Adds what may change.
    pub fn shape(&mut self, role: Role, form: Form) {
        self.shapes.push(Shape { role, form });
    }

    /// Adds an agent: a disc with a text on it.
    pub fn agent(&mut self, agent: usize, [x, y]: [f32; 2], radius: f32, label: &str) {
        self.shape(Role::Agent(agent), Form::Circle([x, y, radius]));
        // Long labels become smaller.
        let letters = label.chars().count().max(2) as f32;
        let height = 2.0 * radius / letters;
        let text = Form::Text([x, y, height], label.to_owned());
        self.shape(Role::Agent(agent), text);
        if self.agents.len() <= agent {
            self.agents.resize(agent + 1, None);
        }
        self.agents[agent] = Some([x, y]);
    }

    /// Adds a bar of this width around a centre, filled to a share of it, 0 to 1.
    pub fn bar(&mut self, role: Role, [x, y]: [f32; 2], width: f32, share: f32) {
        let [left, height] = [x - width / 2.0, width / 8.0];
        let bar = |width| Form::Rectangle([left, y - height / 2.0, width, height]);
        self.shape(Role::Empty, bar(width));
        self.shape(role, bar(width * share.clamp(0.0, 1.0)));
    }

    /// Makes a field of so many rows and columns, a cell one unit wide, with lines between the cells.
    pub fn cells(&mut self, rows: usize, cols: usize) {
        let [width, height] = [cols as f32, rows as f32];
        self.size = [width, height];
        self.scenery(Role::Ground, Form::Rectangle([0.0, 0.0, width, height]));
        for line in 1..rows.max(cols) {
            let at = line as f32;
            if line < cols {
                self.scenery(Role::Grid, Form::Line([at, 0.0, at, height]));
            }
            if line < rows {
                self.scenery(Role::Grid, Form::Line([0.0, at, width, at]));
            }
        }
    }

    /// The points of a circle for so many agents, the first at the top, the others clockwise, in a world of a
    /// size that gives each of them room: for tasks without a space of their own.
    pub fn ring(&mut self, agents: usize) -> Vec<[f32; 2]> {
        const ROOM: f32 = 2.5;
        let radius = (ROOM * agents as f32 / TAU).max(ROOM);
        let middle = radius + ROOM / 2.0;
        self.size = [2.0 * middle; 2];
        let angle = |agent| TAU * agent as f32 / agents.max(1) as f32;
        (0..agents)
            .map(angle)
            .map(|angle| [middle + radius * angle.sin(), middle - radius * angle.cos()])
            .collect()
    }
}

/// The cells of a field that are within `sight` of one, along both axes. Places and sizes are columns, then rows.
pub(crate) fn window(at: [usize; 2], sight: usize, field: [usize; 2]) -> Form {
    let [(x, width), (y, height)] = [0, 1].map(|axis| {
        let first = at[axis].saturating_sub(sight);
        let end = at[axis].saturating_add(sight).saturating_add(1);
        (first as f32, (end.min(field[axis]) - first) as f32)
    });
    Form::Rectangle([x, y, width, height])
}

/// How far from a cell's middle one of so many agents stands who share it, and the radius that leaves room for all.
pub(crate) fn in_crowd(place: usize, crowd: usize) -> ([f32; 2], f32) {
    let angle = TAU * place as f32 / crowd as f32;
    let away = 0.27;
    let radius = away * (TAU / 2.0 / crowd.max(4) as f32).sin();
    ([away * angle.sin(), -(away * angle.cos())], radius)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_on_a_ring_are_inside_and_apart() {
        for agents in [1, 2, 3, 10, 50] {
            let mut frame = Frame::default();
            let points = frame.ring(agents);
            assert_eq!(points.len(), agents);
            let [width, height] = frame.size;
            for (index, [x, y]) in points.iter().enumerate() {
                assert!((1.0..width - 1.0).contains(x) && (1.0..height - 1.0).contains(y));
                let apart = |[a, b]: &[f32; 2]| (a - x).hypot(b - y) > 2.0;
                assert!(points[..index].iter().all(apart), "{agents}");
            }
        }
    }

    #[test]
    fn a_window_ends_at_the_border() {
        let rectangle = |at, sight| window(at, sight, [5, 6]);
        assert_eq!(rectangle([4, 0], 1), Form::Rectangle([3.0, 0.0, 2.0, 2.0]));
        assert_eq!(rectangle([1, 2], 1), Form::Rectangle([0.0, 1.0, 3.0, 3.0]));
        assert_eq!(
            rectangle([1, 2], usize::MAX),
            Form::Rectangle([0.0, 0.0, 5.0, 6.0])
        );
    }

    #[test]
    fn an_agent_is_where_its_disc_is() {
        let mut frame = Frame::default();
        frame.agent(1, [2.0, 3.0], 0.5, "1");
        assert_eq!(frame.agents, [None, Some([2.0, 3.0])]);
        assert_eq!(frame.shapes.len(), 2);
    }

    #[test]
    fn a_bar_is_as_full_as_its_share() {
        let mut frame = Frame::default();
        frame.bar(Role::Health, [4.0, 1.0], 2.0, 0.25);
        let forms: Vec<_> = frame.shapes.iter().map(|shape| &shape.form).collect();
        assert_eq!(forms[0], &Form::Rectangle([3.0, 0.875, 2.0, 0.25]));
        assert_eq!(forms[1], &Form::Rectangle([3.0, 0.875, 0.5, 0.25]));
    }
}
