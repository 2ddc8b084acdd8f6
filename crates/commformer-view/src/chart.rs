//! Drawings as SVG. Texts stay texts, colours are those of the [theme], and the same data gives
//! the same bytes.

mod circle;
mod curves;
mod format;
mod matrices;
pub(crate) mod pair;
mod picture;
mod rows;

pub use circle::circle;
pub use curves::{Curve, Curves};
pub use format::{number, steps};
pub use matrices::{Matrices, MatrixRow};
pub use picture::Picture;
pub use rows::{Bar, Bars, Ranges, Row};

use crate::statistics::{Interval, ends};
use crate::theme::{self, Colour, INK, Shape};
use plotters::coord::Shift;
use plotters::element::{DashedPathElement, Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::FontDesc;
use std::error::Error;

/// Why a drawing was not made. Drawing into memory gives no reason to.
#[derive(Debug, thiserror::Error)]
#[error("a plot could not be drawn: {0}")]
pub struct ChartError(String);

type Drawn<T = ()> = Result<T, ChartError>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl ChartError {
    fn new(source: impl Error) -> Self {
        Self(source.to_string())
    }
}

/// plotters knows whole coordinates only: four of them make a pixel.
const FINE: i32 = 4;
/// Of all drawings but the matrices, in pixels: a phone shows one beside its margins in full size.
const WIDTH: i32 = 400;
/// Height of small text.
const SMALL: i32 = 13;
/// Of a title.
const TITLE: i32 = 15;
/// A line of text, as in a legend.
const LINE: i32 = 18;
/// What lies before a title and after the last thing to the right.
const MARGIN: i32 = 8;

/// Where values can be drawn: what is beyond is a value that has run away, and floating-point steps
/// along an axis would no longer be exact.
fn drawable(value: f64) -> bool {
    value.abs() < 1e15
}

/// Whether an axis can have these ends.
fn is_range(ends: &[f64; 2]) -> bool {
    ends.iter().all(|end| drawable(*end)) && ends[0] < ends[1]
}

fn colour(colour: Colour) -> RGBColor {
    let [red, green, blue] = colour.light;
    RGBColor(red, green, blue)
}

/// The colour of the method of this number.
fn series(index: usize) -> RGBColor {
    colour(theme::look(index).0)
}

type Drawing<'b, C> = DynElement<'static, SVGBackend<'b>, C>;

/// A line in the looks of its number.
fn stroke<'b, C: Clone + 'static>(
    points: Vec<C>,
    index: usize,
    style: ShapeStyle,
) -> Drawing<'b, C> {
    let dashed = |dash, gap| DashedPathElement::new(points.clone(), dash * FINE, gap * FINE, style);
    match theme::look(index).1 {
        Shape::Full => PathElement::new(points, style).into_dyn(),
        Shape::Ring => dashed(7, 5).into_dyn(),
        Shape::Triangle => dashed(2, 3).into_dyn(),
    }
}

/// A point in the looks of its number.
fn dot<'b, C: Clone + 'static>(at: C, index: usize, style: ShapeStyle) -> Drawing<'b, C> {
    match theme::look(index).1 {
        Shape::Full => Circle::new(at, 3 * FINE, style.filled()).into_dyn(),
        Shape::Ring => Circle::new(at, 3 * FINE, style.stroke_width(6)).into_dyn(),
        Shape::Triangle => TriangleMarker::new(at, 4 * FINE, style.filled()).into_dyn(),
    }
}

/// A style of `size` pixels; the backend divides by 1.24.
fn font(size: i32, of: Colour) -> TextStyle<'static> {
    let size = f64::from(size * FINE) * 1.24;
    FontDesc::new(FontFamily::SansSerif, size, FontStyle::Normal).color(&colour(of))
}

/// An empty drawing of so many pixels with a title, made into text by what `paint` draws on it. A screen
/// reader says `title` and `spoken`.
fn canvas(
    [width, height]: [i32; 2],
    title: &str,
    spoken: &str,
    paint: impl FnOnce(&Area<'_>) -> Drawn,
) -> Drawn<String> {
    let mut svg = String::new();
    let size = [width, height].map(|side| (side.max(1) * FINE).unsigned_abs());
    {
        let root = SVGBackend::with_string(&mut svg, size.into()).into_drawing_area();
        let bold = TextStyle {
            font: font(TITLE, INK).font.style(FontStyle::Bold),
            ..font(TITLE, INK)
        };
        let at = (MARGIN * FINE, MARGIN * FINE);
        draw(&root, &Text::new(fitting(title, width, TITLE), at, bold))?;
        paint(&root)?;
        root.present().map_err(ChartError::new)?;
    }
    // The backend names one size for both: that of its coordinates.
    let head = svg.find('>').map_or(0, |end| end + 1);
    let spoken = escape(&format!("{title}. {spoken}"));
    Ok(format!(
        "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{spoken}\">{}",
        size[0],
        size[1],
        &svg[head..]
    ))
}

/// The same drawing as a file of its own, which follows light and dark by itself.
pub fn standalone(svg: &str) -> String {
    let head = svg.find('>').map_or(0, |end| end + 1);
    let (style, ground) = (theme::svg_style(".plot"), ".plot{background:var(--paper)}");
    format!(
        "{}\n<style>\n{}{ground}\n{style}</style>{}",
        &svg[..head],
        theme::CSS,
        &svg[head..]
    )
}

fn draw<'e, E>(area: &Area<'_>, element: &'e E) -> Drawn
where
    &'e E: PointCollection<'e, (i32, i32)>,
    E: for<'a> Drawable<SVGBackend<'a>>,
{
    area.draw(element).map_err(ChartError::new)
}

/// Writes `text` with its left middle at a point, in pixels.
fn write(area: &Area<'_>, text: String, [x, y]: [i32; 2], of: Colour) -> Drawn {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let style = font(SMALL, of).pos(Pos::new(HPos::Left, VPos::Center));
    draw(area, &Text::new(text, (x * FINE, y * FINE), style))
}

/// Names beside their colours, as many in a line as there is room for.
struct Legend {
    /// Name, number, and how far from the left and the top, in pixels.
    entries: Vec<(String, usize, [i32; 2])>,
    /// Of the whole.
    height: i32,
}

impl Legend {
    /// Of names and their numbers. One name alone needs no legend.
    fn of(names: &[(&str, usize)]) -> Self {
        let (mut entries, mut at) = (Vec::new(), [MARGIN, LINE / 2 + 6]);
        if names.len() < 2 {
            return Self { entries, height: 0 };
        }
        for (name, index) in names {
            let name = fitting(name, WIDTH - 30, SMALL);
            let width = 30 + text_width(&name, SMALL);
            if at[0] > MARGIN && at[0] + width > WIDTH {
                at = [MARGIN, at[1] + LINE];
            }
            entries.push((name, *index, at));
            at[0] += width + 12;
        }
        Self {
            entries,
            height: at[1] + LINE / 2 + 4,
        }
    }

    fn draw(self, area: &Area<'_>, top: i32) -> Drawn {
        for (name, index, [x, y]) in self.entries {
            let y = top + y;
            match theme::look(index).1 {
                Shape::Full => {
                    let corners = [(x, y - 4), (x + 16, y + 4)].map(|(x, y)| (x * FINE, y * FINE));
                    draw(area, &Rectangle::new(corners, series(index).filled()))?;
                }
                _ => {
                    let line = [x + 9, x + 18].map(|x| (x * FINE, y * FINE)).to_vec();
                    let style = series(index).stroke_width(9);
                    area.draw(&stroke(line, index, style))
                        .map_err(ChartError::new)?;
                    let middle = ((x + 4) * FINE, y * FINE);
                    area.draw(&dot(middle, index, style))
                        .map_err(ChartError::new)?;
                }
            }
            write(area, name, [x + 22, y], INK)?;
        }
        Ok(())
    }
}

/// About how wide a text is.
fn text_width(text: &str, size: i32) -> i32 {
    (text.chars().count() as f64 * f64::from(size) * 0.56) as i32
}

/// As much of a text as there is room for, in pixels.
fn fitting(text: &str, width: i32, size: i32) -> String {
    let text = readable(text);
    let room = (f64::from(width - MARGIN) / (f64::from(size) * 0.56)) as usize;
    match text.chars().count() > room {
        true => {
            let kept = text.chars().take(room.saturating_sub(1));
            kept.chain(['…']).collect()
        }
        false => text,
    }
}

/// A mark in the place of what no XML may hold.
fn readable(text: &str) -> String {
    let readable = |c: char| match c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(readable).collect()
}

/// For a text or an attribute.
fn escape(text: &str) -> String {
    let escaped = readable(text).replace('&', "&amp;").replace('<', "&lt;");
    escaped.replace('>', "&gt;").replace('"', "&quot;")
}

/// An axis that holds all values with a little room around; `None` if none of them can be drawn.
fn span(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let drawn = values.filter(|value| drawable(*value));
    let [low, high] = ends(drawn);
    (low <= high).then(|| {
        // Differences that are rounding alone would fill the axis with noise.
        let least = (low.abs().max(high.abs()) * 1e-6).max(1e-9);
        let room = match high - low < least {
            true => (low.abs() * 0.1).max(1e-3),
            false => (high - low) * 0.06,
        };
        [low - room, high + room]
    })
}

/// The ends and the middle.
fn whole(interval: &Interval) -> [f64; 3] {
    [interval.low, interval.value, interval.high]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_what_can_be_drawn() {
        assert_eq!(
            span([0.0, 100.0, f64::NAN, 1e300].into_iter()),
            Some([-6.0, 106.0])
        );
        assert_eq!(span([f64::NAN, f64::INFINITY].into_iter()), None);
        let [low, high] = span([5.0].into_iter()).unwrap();
        assert!(low < 5.0 && 5.0 < high);
    }

    #[test]
    fn a_legend_breaks_its_line_before_the_edge() {
        let long = "a name of thirty letters or so";
        let legend = Legend::of(&[("short", 0), (long, 1), (long, 9)]);
        let lines: Vec<i32> = legend.entries.iter().map(|entry| entry.2[1]).collect();
        assert_eq!(lines, [15, 15, 33]);
        assert_eq!(Legend::of(&[(long, 0)]).height, 0);
    }

    #[test]
    fn a_text_that_is_too_long_or_unprintable_is_made_to_fit() {
        assert_eq!(fitting("a\u{0}b", 100, 12), "a\u{fffd}b");
        let cut = fitting(&"x".repeat(500), 100, 12);
        assert!(cut.ends_with('…') && cut.chars().count() < 20, "{cut}");
        assert_eq!(escape("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}
