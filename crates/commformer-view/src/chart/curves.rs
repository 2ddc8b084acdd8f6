//! Lines over an axis: a band, what lies in its middle, and thin lines of which it is made.

use super::{
    Area, ChartError, Drawn, FINE, LINE, Legend, MARGIN, WIDTH, canvas, colour, dot, drawable,
    fitting, font, is_range, number, series, span, stroke, whole, write,
};
use crate::statistics::{Interval, ends};
use crate::theme::{GRID, INK, MUTED, SERIES};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

const HEIGHT: i32 = 278;

/// A drawing of several methods.
#[derive(Clone, Debug)]
pub struct Curves<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Name and unit of the horizontal axis, and how its numbers are written.
    pub x: (&'a str, fn(f64) -> String),
    /// Name and unit of the vertical axis.
    pub y: &'a str,
    /// Ends of the vertical axis, for a metric that has some. With a value beyond them the axis holds all values.
    pub range: Option<[f64; 2]>,
    /// What is drawn, the first below.
    pub curves: Vec<Curve>,
}

/// A method's part of it.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// The method.
    pub name: String,
    /// Number of its looks.
    pub series: usize,
    /// A thin line each. A point of which a coordinate is no number, or too large to draw, is a gap.
    pub thin: Vec<Vec<(f64, f64)>>,
    /// A thick line with a band. A point of which the place, the value or an end is no number, or too large to draw, is a gap
    /// in both.
    pub thick: Vec<(f64, Interval)>,
}

impl Curves<'_> {
    /// Draws them; `None` if there is nothing to draw.
    ///
    /// # Errors
    ///
    /// [`ChartError`].
    pub fn draw(&self) -> Drawn<Option<String>> {
        let thin = || {
            let lines = self.curves.iter().flat_map(|curve| &curve.thin);
            lines.flatten().filter(|point| is_drawn(point))
        };
        let thick = || {
            let lines = self.curves.iter().flat_map(|curve| &curve.thick);
            lines.filter(|point| is_whole(point))
        };
        let drawn = thin().map(|(x, _)| *x);
        let Some(x) = extent(drawn.chain(thick().map(|(x, _)| *x))) else {
            return Ok(None);
        };
        let thick_ys = || thick().flat_map(|(_, interval)| whole(interval));
        let ys = || thin().map(|(_, y)| *y).chain(thick_ys());
        let range = self.range.filter(is_range);
        let range = range.filter(|[low, high]| ys().all(|y| (*low..=*high).contains(&y)));
        let Some(y) = range.or_else(|| span(ys())) else {
            return Ok(None);
        };
        let names = self
            .curves
            .iter()
            .map(|curve| (curve.name.as_str(), curve.series));
        let (names, legend) = (
            names.clone().map(|(name, _)| name),
            Legend::of(&names.collect::<Vec<_>>()),
        );
        let names = names.collect::<Vec<_>>().join(", ");
        let spoken = format!("{} over {}: {names}", self.y, self.x.0);
        let svg = canvas(
            [WIDTH, HEIGHT + legend.height],
            self.title,
            &spoken,
            |root| {
                let (plot, _) = root.split_vertically(HEIGHT * FINE);
                self.plot(&plot, [x, y])?;
                legend.draw(root, HEIGHT)
            },
        )?;
        Ok(Some(svg))
    }

    fn plot(&self, area: &Area<'_>, [x, y]: [[f64; 2]; 2]) -> Drawn {
        write(
            area,
            fitting(self.y, WIDTH, super::SMALL),
            [MARGIN, MARGIN + 24],
            MUTED,
        )?;
        let mut chart = ChartBuilder::on(area)
            .margin_top((MARGIN + 44) * FINE)
            .margin_right(2 * MARGIN * FINE)
            .margin_left(MARGIN * FINE)
            .x_label_area_size(2 * (LINE + 3) * FINE)
            .y_label_area_size(48 * FINE)
            .build_cartesian_2d(x[0]..x[1], y[0]..y[1])
            .map_err(ChartError::new)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(colour(GRID).stroke_width(FINE.unsigned_abs()))
            .axis_style(colour(MUTED).stroke_width(FINE.unsigned_abs()))
            .set_all_tick_mark_size(4 * FINE)
            .label_style(font(super::SMALL, MUTED))
            .axis_desc_style(font(super::SMALL, INK))
            .x_labels(5)
            .y_labels(5)
            .x_desc(self.x.0)
            .x_label_formatter(&|at| (self.x.1)(rounded(*at, x)))
            .y_label_formatter(&|at| number(rounded(*at, y)))
            .draw()
            .map_err(ChartError::new)?;
        // Bands of many would hide each other.
        let banded = self
            .curves
            .iter()
            .filter(|_| self.curves.len() <= SERIES.len());
        for curve in banded {
            let parts = pieces(&curve.thick, is_whole);
            for part in parts.filter(|part| part.len() > 1) {
                let ends = part.iter().map(|(x, at)| (*x, at.high));
                let back = part.iter().rev().map(|(x, at)| (*x, at.low));
                let band = Polygon::new(
                    ends.chain(back).collect::<Vec<_>>(),
                    series(curve.series).mix(0.18),
                );
                chart.draw_series([band]).map_err(ChartError::new)?;
            }
        }
        for curve in &self.curves {
            let index = curve.series;
            let alone = curve.thick.is_empty();
            let style = match alone {
                true => series(index).stroke_width(8),
                false => series(index).mix(0.45).stroke_width(3),
            };
            for piece in curve.thin.iter().flat_map(|line| pieces(line, is_drawn)) {
                line(&mut chart, piece.to_vec(), (index, style))?;
            }
            let style = series(index).stroke_width(9);
            for piece in pieces(&curve.thick, is_whole) {
                let middle = piece.iter().map(|(x, at)| (*x, at.value)).collect();
                line(&mut chart, middle, (index, style))?;
            }
        }
        Ok(())
    }
}

fn is_drawn((x, y): &(f64, f64)) -> bool {
    drawable(*x) && drawable(*y)
}

fn is_whole((x, at): &(f64, Interval)) -> bool {
    drawable(*x) && whole(at).into_iter().all(drawable)
}

/// What is 0 but for rounding, on an axis with these ends, is 0.
fn rounded(value: f64, [low, high]: [f64; 2]) -> f64 {
    match value.abs() < (high - low) * 1e-9 {
        true => 0.0,
        false => value,
    }
}

type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws a line, or a dot where a single point would be invisible.
fn line(
    chart: &mut Plot<'_, '_>,
    points: Vec<(f64, f64)>,
    (index, style): (usize, ShapeStyle),
) -> Drawn {
    let drawn = match points[..] {
        [] => return Ok(()),
        [point] => chart.draw_series([dot(point, index, style)]),
        _ => chart.draw_series([stroke(points, index, style)]),
    };
    drawn.map(drop).map_err(ChartError::new)
}

/// The line between its gaps.
fn pieces<T>(line: &[T], is_drawn: fn(&T) -> bool) -> impl Iterator<Item = &[T]> {
    let parts = line.split(move |point| !is_drawn(point));
    parts.filter(|part| !part.is_empty())
}

fn extent(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let [low, high] = ends(values);
    match low < high {
        true => Some([low, high]),
        // A single point lies in the middle.
        false => (low == high).then(|| {
            [
                low - low.abs().max(1.0) * 0.5,
                high + high.abs().max(1.0) * 0.5,
            ]
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps;
    use super::*;

    fn drawing(curves: Vec<Curve>) -> Option<String> {
        let x = ("environment steps", steps as fn(f64) -> String);
        Curves {
            title: "Return",
            x,
            y: "reward",
            range: None,
            curves,
        }
        .draw()
        .unwrap()
    }

    fn thin(points: &[(f64, f64)]) -> Curve {
        Curve {
            name: "a".into(),
            series: 0,
            thin: vec![points.to_vec()],
            thick: Vec::new(),
        }
    }

    #[test]
    fn a_gap_divides_a_line_and_a_single_point_is_a_dot() {
        let svg = drawing(vec![thin(&[
            (0.0, 1.0),
            (1000.0, 2.0),
            (2000.0, f64::NAN),
            (3000.0, 1.5),
        ])])
        .unwrap();
        let blue = |tag: &str| {
            svg.lines()
                .filter(|line| line.starts_with(tag) && line.contains("#0072B2"))
                .count()
        };
        assert_eq!((blue("<polyline"), blue("<circle")), (1, 1), "{svg}");
        assert!(svg.contains("\n3k\n") || svg.contains(">\n3k"), "{svg}");
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn a_gap_divides_a_thick_line_and_its_band() {
        let at = |value: f64, half: f64| Interval {
            value,
            low: value - half,
            high: value + half,
        };
        let missing = [at(f64::NAN, 1.0), at(1e16, 1.0), at(2.0, 1e16)];
        for gap in missing {
            let middle = [at(1.0, 0.5), at(2.0, 0.5), gap, at(1.5, 0.5), at(1.0, 0.5)];
            let places = (0..5).map(f64::from);
            let svg = drawing(vec![Curve {
                thick: places.zip(middle).collect(),
                ..Curve::default()
            }]);
            let svg = svg.unwrap();
            let count = |tag: &str| {
                let lines = svg.lines().filter(|line| line.starts_with(tag));
                lines.filter(|line| line.contains("#0072B2")).count()
            };
            assert_eq!(["<polyline", "<polygon"].map(count), [2, 2], "{svg}");
            // The axis is that of what is drawn.
            assert!(svg.contains("\n2\n") && !svg.contains("e15"), "{svg}");
        }
    }

    #[test]
    fn an_axis_with_ends_holds_values_beyond_them() {
        let labels = |highest: f64| {
            let svg = Curves {
                title: "Enemies killed",
                x: ("steps", steps),
                y: "share",
                range: Some([-0.02, 1.02]),
                curves: vec![thin(&[(10.0, 0.5), (20.0, highest)])],
            };
            let svg = svg.draw().unwrap().unwrap();
            ["0", "1", "8"].map(|label| svg.contains(&format!("\n{label}\n")))
        };
        assert_eq!(labels(0.75), [true, true, false]);
        assert_eq!(labels(8.0), [false, false, true]);
    }

    #[test]
    fn methods_of_one_colour_differ_in_shape() {
        let of = |series, points: &[(f64, f64)]| {
            let svg = drawing(vec![Curve {
                series,
                ..thin(points)
            }])
            .unwrap();
            let count = |tag| {
                let lines = svg.lines().filter(|line| line.starts_with(tag));
                lines.filter(|line| line.contains("#0072B2")).count()
            };
            ["<polyline", "<circle", "<polygon"].map(count)
        };
        let (line, point) = ([(0.0, 1.0), (1.0, 2.0)], [(0.0, 1.0)]);
        assert_eq!((of(0, &line), of(0, &point)), ([1, 0, 0], [0, 1, 0]));
        let [dashed, dotted] = [7, 14].map(|series| of(series, &line)[0]);
        assert!(1 < dashed && dashed < dotted, "{dashed}, {dotted}");
        assert_eq!((of(7, &point), of(14, &point)), ([0, 1, 0], [0, 0, 1]));
    }

    #[test]
    fn nothing_to_draw_is_no_drawing() {
        assert_eq!(drawing(vec![]), None);
        assert_eq!(drawing(vec![thin(&[(0.0, f64::NAN)])]), None);
        // A value that has run away is a gap as well, and so is a place beyond any run's steps.
        assert_eq!(drawing(vec![thin(&[(0.0, 1e300)])]), None);
        let beyond = [(1e19, 1.0), (1e19 + 4096.0, 2.0)];
        assert_eq!(drawing(vec![thin(&beyond)]), None);
        let interval = Interval {
            value: 1.0,
            low: 0.0,
            high: 2.0,
        };
        let thick = beyond.map(|(x, _)| (x, interval)).to_vec();
        assert_eq!(
            drawing(vec![Curve {
                thick,
                ..Curve::default()
            }]),
            None
        );
    }

    #[test]
    fn values_that_hardly_differ_are_drawn() {
        for value in [0.0f64, 1.0, 1e14, -3e-12] {
            let points = [(0.0, value), (1.0, value + value.abs() * 1e-15)];
            assert!(drawing(vec![thin(&points)]).is_some(), "{value}");
        }
    }

    #[test]
    fn names_are_escaped() {
        let curves = ["<script>", "b&c"].map(|name| Curve {
            name: name.into(),
            ..thin(&[(0.0, 1.0), (1.0, 2.0)])
        });
        let svg = drawing(curves.into()).unwrap();
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script>"));
    }
}
