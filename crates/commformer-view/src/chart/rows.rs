//! Rows below each other, each under its name: ranges, or bars of several parts.

use super::{
    Area, Drawn, FINE, LINE, Legend, MARGIN, WIDTH, canvas, colour, draw, fitting, is_range,
    number, series, span, whole, write,
};
use crate::statistics::Interval;
use crate::theme::{GRID, INK, MUTED};
use plotters::prelude::*;

/// Below the title and the axis' name.
const TOP: i32 = MARGIN + 38;
/// A name, numbers and what is drawn below them, each in a line, and some room.
const ROW: i32 = 3 * LINE + 4;
/// Room for the numbers of the axis.
const AXIS: i32 = LINE + 8;

/// Statistics with their intervals.
#[derive(Clone, Debug)]
pub struct Ranges<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Name and unit of the axis.
    pub axis: &'a str,
    /// Ends of the axis, for a metric that has some.
    pub range: Option<[f64; 2]>,
    /// A value to compare with, drawn as a line.
    pub reference: Option<f64>,
    /// From the top.
    pub rows: Vec<Row>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Number of its colour.
    pub series: usize,
    /// Where it lies.
    pub interval: Interval,
}

/// Bars of parts that add up.
#[derive(Clone, Debug)]
pub struct Bars<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Name and unit of the axis.
    pub axis: &'a str,
    /// What the parts are.
    pub parts: Vec<String>,
    /// From the top.
    pub bars: Vec<Bar>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// Its parts, none of them below 0.
    pub values: Vec<f64>,
}

impl Ranges<'_> {
    /// Draws them; `None` if there is nothing to draw.
    ///
    /// # Errors
    ///
    /// [`ChartError`](super::ChartError).
    pub fn draw(&self) -> Drawn<Option<String>> {
        let values = self.rows.iter().flat_map(|row| whole(&row.interval));
        let found = || span(values.chain(self.reference));
        let Some(axis) = self.range.filter(is_range).or_else(found) else {
            return Ok(None);
        };
        let told = self
            .rows
            .iter()
            .map(|row| format!("{} {}", row.name, told(&row.interval)));
        let spoken = told.collect::<Vec<_>>().join(", ");
        let bottom = TOP + ROW * self.rows.len() as i32;
        let svg = canvas([WIDTH, bottom + AXIS], self.title, &spoken, |root| {
            scale(root, self.axis, axis, bottom)?;
            if let Some(reference) = self.reference {
                for ends in lines(reference, axis, bottom) {
                    draw(root, &PathElement::new(ends, colour(MUTED).stroke_width(6)))?;
                }
            }
            for (top, row) in (TOP..).step_by(ROW as usize).zip(&self.rows) {
                row.draw(root, top, axis)?;
            }
            Ok(())
        })?;
        Ok(Some(svg))
    }
}

/// A single run has no interval.
fn told(Interval { value, low, high }: &Interval) -> String {
    if low == high {
        return number(*value);
    }
    format!("{} ({} to {})", number(*value), number(*low), number(*high))
}

impl Row {
    fn draw(&self, root: &Area<'_>, top: i32, axis: [f64; 2]) -> Drawn {
        head(root, top, &self.name, told(&self.interval))?;
        let y = (top + 2 * LINE + LINE / 2) * FINE;
        let [low, value, high] = whole(&self.interval).map(|value| place(value, axis));
        let style = series(self.series);
        draw(
            root,
            &Rectangle::new(
                [(low, y - 3 * FINE), (high, y + 3 * FINE)],
                style.mix(0.4).filled(),
            ),
        )?;
        draw(
            root,
            &Rectangle::new(
                [(value - 6, y - 7 * FINE), (value + 6, y + 7 * FINE)],
                style.filled(),
            ),
        )
    }
}

impl Bars<'_> {
    /// Draws them; `None` if there is nothing to draw.
    ///
    /// # Errors
    ///
    /// [`ChartError`](super::ChartError).
    pub fn draw(&self) -> Drawn<Option<String>> {
        let longest = self
            .bars
            .iter()
            .map(|bar| bar.values.iter().sum::<f64>())
            .fold(0.0, f64::max);
        if longest <= 0.0 || !super::drawable(longest) {
            return Ok(None);
        }
        let axis = [0.0, longest];
        let parts = self.parts.iter().zip(0..);
        let legend = Legend::of(
            &parts
                .map(|(part, index)| (part.as_str(), index))
                .collect::<Vec<_>>(),
        );
        let bottom = TOP + ROW * self.bars.len() as i32;
        let spoken = self.parts.join(", ");
        let size = [WIDTH, bottom + AXIS + legend.height];
        let svg = canvas(size, self.title, &spoken, |root| {
            scale(root, self.axis, axis, bottom)?;
            for (top, bar) in (TOP..).step_by(ROW as usize).zip(&self.bars) {
                bar.draw(root, top, axis)?;
            }
            legend.draw(root, bottom + AXIS)
        })?;
        Ok(Some(svg))
    }
}

impl Bar {
    fn draw(&self, root: &Area<'_>, top: i32, axis: [f64; 2]) -> Drawn {
        head(root, top, &self.name, number(self.values.iter().sum()))?;
        let [upper, lower] = [2 * LINE + 2, 3 * LINE - 2].map(|y| (top + y) * FINE);
        let mut start = 0.0;
        for (index, value) in self.values.iter().enumerate() {
            let ends = [start, start + value].map(|value| place(value, axis));
            let corners = [(ends[0], upper), (ends[1], lower)];
            draw(root, &Rectangle::new(corners, series(index).filled()))?;
            start += value;
        }
        Ok(())
    }
}

/// What a row is, and its numbers below.
fn head(root: &Area<'_>, top: i32, name: &str, numbers: String) -> Drawn {
    let name = fitting(name, WIDTH, super::SMALL);
    write(root, name, [MARGIN, top + LINE / 2], INK)?;
    write(root, numbers, [MARGIN, top + LINE + LINE / 2 - 2], MUTED)
}

/// Lines of the axis behind what a row draws, so that its texts stay free.
fn lines(at: f64, axis: [f64; 2], bottom: i32) -> impl Iterator<Item = Vec<(i32, i32)>> {
    let x = place(at, axis);
    let tops = (TOP..bottom).step_by(ROW as usize);
    tops.map(move |top| {
        vec![
            (x, (top + 2 * LINE - 2) * FINE),
            (x, (top + 3 * LINE + 2) * FINE),
        ]
    })
}

/// Where a value lies between the left and the right.
fn place(value: f64, [low, high]: [f64; 2]) -> i32 {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    let width = f64::from((WIDTH - 3 * MARGIN) * FINE);
    MARGIN * FINE + (share * width).round() as i32
}

/// The axis' name above and its numbers below, with lines between.
fn scale(root: &Area<'_>, name: &str, axis: [f64; 2], bottom: i32) -> Drawn {
    let name = fitting(name, WIDTH, super::SMALL);
    write(root, name, [MARGIN, MARGIN + 24], MUTED)?;
    for value in ticks(axis) {
        let x = place(value, axis);
        for ends in lines(value, axis, bottom) {
            let thin = colour(GRID).stroke_width(FINE.unsigned_abs());
            draw(root, &PathElement::new(ends, thin))?;
        }
        let text = number(value);
        let left = x / FINE - super::text_width(&text, super::SMALL) / 2;
        write(root, text, [left.max(2), bottom + LINE / 2], MUTED)?;
    }
    Ok(())
}

/// Up to six round numbers on an axis.
fn ticks([low, high]: [f64; 2]) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * power);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil();
    let all = (0..=6).map(|index| (first + f64::from(index)) * step);
    all.take_while(|value| *value <= high + step * 1e-9)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let told = |axis| {
            ticks(axis)
                .into_iter()
                .map(number)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(told([0.0, 1.0]), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(told([-0.7, 0.12]), "-0.6 -0.4 -0.2 0");
        assert_eq!(told([0.0, 4321.0]), "0 1000 2000 3000 4000");
    }

    #[test]
    fn a_range_lies_where_its_numbers_say() {
        let interval = Interval {
            value: 0.5,
            low: 0.25,
            high: 1.0,
        };
        let row = Row {
            name: "a".into(),
            series: 0,
            interval,
        };
        let svg = Ranges {
            title: "t",
            axis: "share",
            range: Some([0.0, 1.0]),
            reference: None,
            rows: vec![row],
        };
        // What is no range is as if there were none.
        for range in [[f64::NAN, 1.0], [1.0, 1.0], [0.0, f64::INFINITY]] {
            let svg = Ranges {
                range: Some(range),
                rows: svg.rows.clone(),
                ..svg
            };
            assert!(svg.draw().unwrap().is_some());
        }
        let svg = svg.draw().unwrap().unwrap();
        // From 8 to 384 pixels: a quarter is at 102, three quarters are 282 wide.
        assert!(
            svg.contains("<rect x=\"408\"") && svg.contains("width=\"1128\""),
            "{svg}"
        );
        assert!(svg.contains("0.5 (0.25 to 1)"), "{svg}");
    }

    #[test]
    fn parts_of_a_bar_lie_one_after_the_other() {
        let bar = |values: &[f64]| Bar {
            name: "run".into(),
            values: values.to_vec(),
        };
        let bars = |bars| Bars {
            title: "t",
            axis: "seconds",
            parts: vec!["x".into(), "y".into()],
            bars,
        };
        let svg = bars(vec![bar(&[1.0, 3.0]), bar(&[0.0, 2.0])])
            .draw()
            .unwrap()
            .unwrap();
        assert!(
            svg.contains("<rect x=\"32\"") && svg.contains("<rect x=\"408\""),
            "{svg}"
        );
        assert_eq!(bars(vec![bar(&[0.0])]).draw().unwrap(), None);
    }
}
