//! Graphs as matrices, small and side by side.

use super::pair::Pair;
use super::{Drawn, FINE, LINE, MARGIN, canvas, colour, draw, fitting, series, text_width, write};
use crate::theme::{GRID, INK, MUTED};
use plotters::prelude::*;

/// A side of a matrix, in pixels.
const SIDE: i32 = 64;
const GAP: i32 = 12;
const TOP: i32 = MARGIN + 26;

/// Rows of matrices.
#[derive(Clone, Debug)]
pub struct Matrices<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Number of their colour.
    pub series: usize,
    /// From the top.
    pub rows: Vec<MatrixRow<'a>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct MatrixRow<'a> {
    /// What it is.
    pub name: String,
    /// The name of each and its rows: where the receiver hears the sender, it is filled.
    pub matrices: Vec<(String, &'a [Vec<f32>])>,
}

impl Matrices<'_> {
    /// Matrices that a row has room for.
    pub const ACROSS: usize = 5;

    /// Draws them; `None` if there is nothing to draw.
    ///
    /// # Errors
    ///
    /// [`ChartError`](super::ChartError).
    pub fn draw(&self) -> Drawn<Option<String>> {
        if self.rows.iter().all(|row| row.matrices.is_empty()) {
            return Ok(None);
        }
        let row_height = 2 * LINE + SIDE + GAP;
        let width = MARGIN + Self::ACROSS as i32 * (SIDE + GAP) + MARGIN;
        let height = TOP + row_height * self.rows.len() as i32;
        let names: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
        let svg = canvas([width, height], self.title, &names.join(", "), |root| {
            for (top, row) in (TOP..).step_by(row_height as usize).zip(&self.rows) {
                let name = fitting(&row.name, width, super::SMALL);
                write(root, name, [MARGIN, top + LINE / 2], INK)?;
                for (column, (name, matrix)) in row.matrices.iter().enumerate() {
                    let corner = [MARGIN + column as i32 * (SIDE + GAP), top + LINE];
                    self.matrix(root, corner, matrix)?;
                    let left = corner[0] + (SIDE - text_width(name, super::SMALL)) / 2;
                    write(
                        root,
                        name.clone(),
                        [left, corner[1] + SIDE + LINE / 2 + 2],
                        MUTED,
                    )?;
                }
            }
            Ok(())
        })?;
        Ok(Some(svg))
    }

    fn matrix(&self, root: &super::Area<'_>, [x, y]: [i32; 2], matrix: &[Vec<f32>]) -> Drawn {
        let [x, y, side] = [x, y, SIDE].map(|at| at * FINE);
        let agents = matrix.len().max(1) as i32;
        let edge = |index: usize| side * index as i32 / agents;
        for (receiver, row) in matrix.iter().enumerate() {
            let upper = y + edge(receiver);
            let lower = y + edge(receiver + 1);
            let pairs = row.iter().enumerate();
            let pairs: Vec<Pair> = pairs
                .map(|(sender, heard)| Pair::of(Some(heard), receiver, sender))
                .collect();
            let mut sender = 0;
            // Neighbours are drawn as one: large graphs would have too many squares.
            for run in pairs.chunk_by(|a, b| a == b) {
                let next = sender + run.len();
                let fill = match run[0] {
                    Pair::Apart => None,
                    Pair::Hears => Some(series(self.series)),
                    Pair::Itself => Some(colour(GRID)),
                };
                if let Some(fill) = fill {
                    let corners = [(x + edge(sender), upper), (x + edge(next), lower)];
                    draw(root, &Rectangle::new(corners, fill.filled()))?;
                }
                sender = next;
            }
        }
        // Lines between agents, as long as they leave something between them.
        let lines = match agents <= 16 {
            true => 0..=agents as usize,
            false => 0..=0,
        };
        for index in lines {
            let at = edge(index);
            for ends in [
                [(x + at, y), (x + at, y + side)],
                [(x, y + at), (x + side, y + at)],
            ] {
                draw(
                    root,
                    &PathElement::new(ends.to_vec(), colour(GRID).stroke_width(4)),
                )?;
            }
        }
        draw(
            root,
            &Rectangle::new(
                [(x, y), (x + side, y + side)],
                colour(MUTED).stroke_width(4),
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_edges_are_filled_and_neighbours_are_one() {
        let graph = [
            vec![0.0, 1.0, 1.0],
            vec![1.0, 0.0, 0.0],
            vec![0.0, 0.0, 0.0],
        ];
        let row = MatrixRow {
            name: "seed 1".into(),
            matrices: vec![("100k".into(), &graph)],
        };
        let svg = Matrices {
            title: "Graph",
            series: 0,
            rows: vec![row],
        }
        .draw()
        .unwrap()
        .unwrap();
        let filled: Vec<&str> = svg
            .lines()
            .filter(|line| line.contains("fill=\"#0072B2\""))
            .collect();
        assert_eq!(filled.len(), 2, "{svg}");
        // Each agent with itself.
        assert_eq!(svg.matches("fill=\"#DFE3E8\"").count(), 3, "{svg}");
        // The first row from its second third to its end.
        assert!(
            filled[0].contains("x=\"117\" y=\"208\" width=\"171\" height=\"85\""),
            "{filled:?}"
        );
    }

    #[test]
    fn no_graph_is_no_drawing() {
        let row = MatrixRow {
            name: "a".into(),
            matrices: vec![],
        };
        assert_eq!(
            Matrices {
                title: "Graph",
                series: 0,
                rows: vec![row]
            }
            .draw()
            .unwrap(),
            None
        );
    }
}
