//! A battle as a picture: a cell of the map is one unit wide, north is up, and of the map only the part that is
//! not all wall is shown. Units are discs of their bodies' radius with their number and, below, their kind;
//! hit points and shields are bars above them.

use super::battle::{Battle, Shot, UnitState};
use super::scenario::Side;
use super::terrain::{Cell, Terrain};
use crate::frame::{Form, Frame, Role};
use std::ops::Range;

/// Rows or columns of wall that are shown around the free ones.
const MARGIN: usize = 1;

/// The part of the map that is shown.
struct View {
    columns: Range<usize>,
    rows: Range<usize>,
}

impl View {
    fn new(terrain: &Terrain) -> Self {
        let open: Vec<_> = (terrain.cells())
            .filter(|(_, cell)| *cell != Cell::Blocked)
            .map(|(at, _)| at)
            .collect();
        let range = |axis: usize| {
            let along = || open.iter().map(move |at| at[axis]);
            let first = along().min().unwrap_or(0).saturating_sub(MARGIN);
            let last = along().max().unwrap_or(Terrain::SIDE - 1);
            first..(last + 1 + MARGIN).min(Terrain::SIDE)
        };
        Self {
            columns: range(0),
            rows: range(1),
        }
    }

    /// A point of the map in the picture.
    fn place(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [x - self.columns.start as f32, self.rows.end as f32 - y]
    }
}

impl Battle {
    /// Draws the battle.
    pub(super) fn draw(&self, frame: &mut Frame) {
        let view = View::new(&self.scenario().terrain);
        frame.size = [view.columns.len() as f32, view.rows.len() as f32];
        self.draw_map(&view, frame);
        frame.agents = vec![None; self.scenario().allies.len()];
        // The dead lie below the living.
        let (living, dead) =
            (self.units().iter().enumerate()).partition::<Vec<_>, _>(|(_, unit)| unit.is_alive());
        for (number, unit) in dead.into_iter().chain(living) {
            self.draw_unit(number, unit, view.place(unit.position), frame);
        }
        let mut drawn: Vec<Shot> = Vec::new();
        for &shot in self.shots() {
            if drawn.contains(&shot) {
                continue;
            }
            drawn.push(shot);
            let [from, at] = [shot.from, shot.at].map(|unit| &self.units()[unit]);
            let role = match from.side == at.side {
                true => Role::Heal,
                false => Role::Shot,
            };
            let [[x, y], [to_x, to_y]] = [from, at].map(|unit| view.place(unit.position));
            frame.shape(role, Form::Line([x, y, to_x, to_y]));
        }
    }

    fn draw_map(&self, view: &View, frame: &mut Frame) {
        let [width, height] = frame.size;
        frame.scenery(Role::Wall, Form::Rectangle([0.0, 0.0, width, height]));
        // Neighbours are drawn as one: there are no seams, and the picture is small.
        let mut areas: Vec<(Role, [f32; 4])> = Vec::new();
        let mut strip: Option<(Role, [f32; 4])> = None;
        for ([x, y], cell) in self.scenario().terrain.cells() {
            if !view.columns.contains(&x) || !view.rows.contains(&y) {
                continue;
            }
            let [left, top] = view.place([x as f32, y as f32 + 1.0]);
            let role = match cell {
                Cell::Free => Some(Role::Ground),
                Cell::Cliff => Some(Role::Cliff),
                Cell::Blocked | Cell::Half { .. } => None,
            };
            match &mut strip {
                Some((of, [from, row, width, _]))
                    if role == Some(*of) && *row == top && *from + *width == left =>
                {
                    *width += 1.0;
                }
                _ => {
                    let next = role.map(|role| (role, [left, top, 1.0, 1.0]));
                    join(&mut areas, std::mem::replace(&mut strip, next));
                }
            }
            if let Cell::Half { east, north } = cell {
                let [right, bottom] = [left + 1.0, top + 1.0];
                let (near, far) = if east { (right, left) } else { (left, right) };
                let (level, other) = if north { (top, bottom) } else { (bottom, top) };
                let corners = vec![[near, level], [far, level], [near, other]];
                frame.scenery(Role::Ground, Form::Polygon(corners));
            }
        }
        join(&mut areas, strip);
        for (role, form) in areas {
            frame.scenery(role, Form::Rectangle(form));
        }
    }

    fn draw_unit(&self, number: usize, unit: &UnitState, [x, y]: [f32; 2], frame: &mut Frame) {
        let (name, kind) = &self.scenario().units[unit.unit];
        let allies = self.scenario().allies.len();
        if !unit.is_alive() {
            let cross = 0.6 * kind.radius;
            for [dx, dy] in [[cross, cross], [cross, -cross]] {
                frame.shape(Role::Dead, Form::Line([x - dx, y - dy, x + dx, y + dy]));
            }
            return;
        }
        match unit.side {
            Side::Allies => {
                frame.agent(number, [x, y], kind.radius, &number.to_string());
            }
            Side::Enemies => {
                let height = 0.9 * kind.radius;
                frame.shape(Role::Enemy, Form::Circle([x, y, kind.radius]));
                let text = (number - allies).to_string();
                frame.shape(Role::Enemy, Form::Text([x, y, height], text));
            }
        }
        let (width, top) = (2.0 * kind.radius, y - kind.radius);
        frame.bar(Role::Health, [x, top - 0.15], width, unit.hp / kind.hp);
        if kind.shield > 0.0 {
            let share = unit.shield / kind.shield;
            frame.bar(Role::Shield, [x, top - 0.15 - width / 7.0], width, share);
        }
        if !self.has_its_like_below(number, unit) {
            let text = Form::Text([x, y + kind.radius + 0.25, 0.32], name.clone());
            frame.shape(Role::Note, text);
        }
    }

    /// Whether a living unit of the same kind stands where the kind's name would be: in a crowd, names would
    /// cover each other.
    fn has_its_like_below(&self, number: usize, unit: &UnitState) -> bool {
        let [x, y] = unit.position;
        self.units().iter().enumerate().any(|(other, like)| {
            let [like_x, like_y] = like.position;
            let below = y - like_y;
            other != number
                && like.is_alive()
                && (like.side, like.unit) == (unit.side, unit.unit)
                && (like_x - x).abs() < 1.3
                && ((0.0..1.1).contains(&below) && (below > 0.0 || other > number))
        })
    }
}

/// Adds a strip of a row to the area below it, if that is as wide, or else as one of its own.
fn join(areas: &mut Vec<(Role, [f32; 4])>, strip: Option<(Role, [f32; 4])>) {
    let Some((role, [left, top, width, height])) = strip else {
        return;
    };
    let below = (areas.iter_mut())
        .find(|(of, area)| *of == role && [area[0], area[1], area[2]] == [left, top + 1.0, width]);
    match below {
        Some((_, [_, from, _, rows])) => {
            *from = top;
            *rows += height;
        }
        None => areas.push((role, [left, top, width, height])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smac::{Smac, SmacConfig, names};
    use crate::{Environment, Observation, Rng};

    fn begun(map: &str) -> Smac {
        let config = SmacConfig {
            map: map.into(),
            ..SmacConfig::default()
        };
        let mut task = Smac::new(config).unwrap();
        let spec = task.spec().clone();
        let out = Observation {
            obs: &mut vec![0.0; spec.agents * spec.obs_dim],
            available: &mut vec![false; spec.available_len()],
            active: &mut vec![false; spec.agents],
        };
        task.reset(&mut Rng::new(1, 0), out);
        task
    }

    #[test]
    fn every_unit_of_every_map_is_in_the_picture() {
        for map in names() {
            let task = begun(map);
            let mut frame = Frame::default();
            task.draw(&mut frame);
            let [width, height] = frame.size;
            let discs: Vec<_> = (frame.shapes.iter())
                .filter_map(|shape| match shape.form {
                    Form::Circle([x, y, _]) => Some([x, y]),
                    _ => None,
                })
                .collect();
            assert_eq!(discs.len(), task.battle().units().len(), "{map}");
            for [x, y] in discs {
                assert!(
                    (0.0..width).contains(&x) && (0.0..height).contains(&y),
                    "{map}"
                );
            }
            assert!(frame.agents.iter().all(Option::is_some), "{map}");
        }
    }

    #[test]
    fn the_free_ground_of_the_picture_is_that_of_the_map() {
        let task = begun("2c_vs_64zg");
        let mut frame = Frame::default();
        task.draw(&mut frame);
        let area = |role: Role| -> f32 {
            let of = frame.scenery.iter().filter(|shape| shape.role == role);
            of.map(|shape| match &shape.form {
                Form::Rectangle([_, _, width, height]) => width * height,
                _ => 0.5,
            })
            .sum()
        };
        let count = |cell: fn(&Cell) -> f32| -> f32 {
            let terrain = &task.battle().scenario().terrain;
            terrain.cells().map(|(_, of)| cell(&of)).sum()
        };
        let ground = count(|cell| match cell {
            Cell::Free => 1.0,
            Cell::Half { .. } => 0.5,
            _ => 0.0,
        });
        assert_eq!(area(Role::Ground), ground);
        let cliffs = count(|cell| f32::from(u8::from(*cell == Cell::Cliff)));
        assert_eq!(area(Role::Cliff), cliffs);
    }
}
