//! Shapes and arrows as pixels, in the colours of the page by day.

use commformer_env::{Form, Role, Shape};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::{
    Color, FillRule, FilterQuality, LineCap, Paint, Path, PathBuilder, Pixmap, PixmapPaint,
    PremultipliedColorU8, Rect, Stroke, StrokeDash, Transform,
};

/// Agents' colours and those of what is written on them, one after the other: `.hue0` and on in `style.css`.
pub(super) const HUES: [(u32, u32); 5] = [
    (0x0072b2, 0xffffff),
    (0xe69f00, 0x111111),
    (0x009e73, 0x111111),
    (0xcc79a7, 0x111111),
    (0x56b4e9, 0x111111),
];

pub(super) const PAPER: u32 = 0xffffff;
pub(super) const INK: u32 = 0x17202c;
const MUTED: u32 = 0x586577;
const GROUND: u32 = 0xfcfdfe;
const GOOD: u32 = 0x009e73;
const BAD: u32 = 0xd55e00;

/// Width of a glyph of the font for one of its height.
const GLYPH: f32 = get_raster_width(FontWeight::Bold, RasterHeight::Size32) as f32 / 32.0;

/// A world on a sheet of pixels.
pub(super) struct Painter<'a> {
    pub sheet: &'a mut Pixmap,
    /// Pixels of a unit of the world.
    pub scale: f32,
    /// Where the world's left upper corner is, pixels.
    pub origin: [f32; 2],
}

/// How a line is drawn.
#[derive(Clone, Copy)]
struct Pen {
    colour: Color,
    /// In units of the world.
    width: f32,
    dash: Option<[f32; 2]>,
}

impl Painter<'_> {
    pub fn shape(&mut self, shape: &Shape) {
        match &shape.form {
            &Form::Rectangle([x, y, width, height]) => {
                if let Some(rect) = Rect::from_xywh(x, y, width, height) {
                    self.area(&PathBuilder::from_rect(rect), shape.role);
                }
            }
            &Form::Circle([x, y, radius]) => {
                if let Some(circle) = PathBuilder::from_circle(x, y, radius) {
                    self.area(&circle, shape.role);
                }
            }
            &Form::Line([x, y, to_x, to_y]) => {
                if let (Some(line), Some(pen)) = (open(&[[x, y], [to_x, to_y]]), line(shape.role)) {
                    self.stroke(&line, pen);
                }
            }
            Form::Polygon(corners) => {
                if let Some(area) = closed(corners) {
                    self.area(&area, shape.role);
                }
            }
            Form::Text([x, y, height], text) => {
                let ink = match shape.role {
                    Role::Agent(agent) => HUES[agent % HUES.len()].1,
                    Role::Enemy => 0x111111,
                    Role::Target => INK,
                    _ => MUTED,
                };
                self.text([*x, *y], *height, text, ink);
            }
        }
    }

    fn area(&mut self, path: &Path, role: Role) {
        let filled = match role {
            Role::Ground => Some((GROUND, 1.0)),
            Role::Wall => Some((0xc6ced9, 1.0)),
            Role::Cliff => Some((0xdcd3c4, 1.0)),
            Role::Road => Some((0xdde3ea, 1.0)),
            Role::Sight(agent) => Some((HUES[agent % HUES.len()].0, 0.13)),
            Role::Agent(agent) => Some((HUES[agent % HUES.len()].0, 1.0)),
            Role::Target | Role::Enemy => Some((BAD, 1.0)),
            Role::Health => Some((GOOD, 1.0)),
            Role::Shield => Some((0x56b4e9, 1.0)),
            Role::Empty => Some((MUTED, 0.35)),
            Role::Bad => Some((BAD, 0.55)),
            Role::Good => None,
            Role::Grid | Role::Dead | Role::Shot | Role::Heal | Role::Note => {
                line(role).map(|_| (MUTED, 0.6))
            }
        };
        match filled {
            Some((colour, opacity)) => self.fill(path, faint(colour, opacity)),
            None => self.stroke(path, pen(GOOD, 1.0, 0.04)),
        }
    }

    /// A message, whose line is as wide as `weight`, 0 to 1, says; or, without one, that it was not heard.
    /// It runs between discs, a centre and a radius each.
    pub fn message(
        &mut self,
        (from, radius): ([f32; 2], f32),
        (to, room): ([f32; 2], f32),
        sender: usize,
        weight: Option<f32>,
    ) {
        // Around its gate's ring.
        let room = 1.2 * room;
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let length = dx.hypot(dy).max(1e-3);
        let width = weight.map_or(0.025, |weight| {
            (0.02 + 0.11 * weight.clamp(0.0, 1.0)).min(0.1 * length)
        });
        let bend = (0.16 * length).min(0.6 * room + 0.06 * length);
        let middle = [
            (from[0] + to[0]) / 2.0 - dy / length * bend,
            (from[1] + to[1]) / 2.0 + dx / length * bend,
        ];
        let towards = |end: [f32; 2], away: f32| {
            let [x, y] = [middle[0] - end[0], middle[1] - end[1]];
            let share = away / x.hypot(y).max(1e-3);
            [end[0] + x * share, end[1] + y * share]
        };
        // Between discs that touch, it lies over them.
        let near = (1.06 * room).min(0.2 * length);
        let size = (2.2 * width + 0.12 * room).min(0.5 * length);
        let start = towards(from, radius.min(0.2 * length));
        let end = towards(to, near + size);
        let mut path = PathBuilder::new();
        path.move_to(start[0], start[1]);
        path.quad_to(middle[0], middle[1], end[0], end[1]);
        let Some(path) = path.finish() else { return };
        if weight.is_none() {
            let shut = Pen {
                dash: Some([0.03, 0.06]),
                ..pen(MUTED, 0.75, width)
            };
            self.stroke(&path, shut);
            return;
        }
        let hue = HUES[sender % HUES.len()].0;
        self.stroke(&path, pen(GROUND, 0.75, width + 0.05));
        self.stroke(&path, pen(hue, 1.0, width));
        let point = towards(to, near);
        let [ux, uy] = [point[0] - end[0], point[1] - end[1]];
        let side = ux.hypot(uy).max(1e-3);
        let [wx, wy] = [-uy / side * size * 0.6, ux / side * size * 0.6];
        let tip = [
            point,
            [end[0] + wx, end[1] + wy],
            [end[0] - wx, end[1] - wy],
        ];
        if let Some(tip) = closed(&tip) {
            self.fill(&tip, faint(hue, 1.0));
        }
    }

    /// Whether an agent receives.
    pub fn gate(&mut self, ([x, y], radius): ([f32; 2], f32), open: bool) {
        let ring = match open {
            true => pen(GOOD, 1.0, 0.03),
            false => Pen {
                dash: Some([0.05; 2]),
                ..pen(MUTED, 1.0, 0.03)
            },
        };
        if let Some(circle) = PathBuilder::from_circle(x, y, 1.24 * radius) {
            self.stroke(&circle, ring);
        }
    }

    /// A text around a point, with letters of this height; letters that the font lacks are left out.
    pub fn text(&mut self, [x, y]: [f32; 2], height: f32, text: &str, ink: u32) {
        let width = GLYPH * height;
        let mut left = x - width * text.chars().count() as f32 / 2.0;
        for letter in text.chars() {
            if let Some(glyph) = glyph(letter, ink) {
                let scale = height / 32.0;
                let place = Transform::from_scale(scale, scale)
                    .post_translate(left, y - height / 2.0)
                    .post_concat(self.transform());
                let paint = PixmapPaint {
                    quality: FilterQuality::Bilinear,
                    ..PixmapPaint::default()
                };
                self.sheet
                    .draw_pixmap(0, 0, glyph.as_ref(), &paint, place, None);
            }
            left += width;
        }
    }

    fn fill(&mut self, path: &Path, colour: Color) {
        let place = self.transform();
        let rule = FillRule::Winding;
        self.sheet
            .fill_path(path, &coloured(colour), rule, place, None);
    }

    fn stroke(&mut self, path: &Path, pen: Pen) {
        let place = self.transform();
        let stroke = Stroke {
            width: pen.width,
            line_cap: LineCap::Round,
            dash: pen.dash.and_then(|dash| StrokeDash::new(dash.into(), 0.0)),
            ..Stroke::default()
        };
        self.sheet
            .stroke_path(path, &coloured(pen.colour), &stroke, place, None);
    }

    fn transform(&self) -> Transform {
        let [x, y] = self.origin;
        Transform::from_scale(self.scale, self.scale).post_translate(x, y)
    }
}

/// How a line of this role is drawn, if there are such.
fn line(role: Role) -> Option<Pen> {
    let dashed = |pen: Pen| Pen {
        dash: Some([0.1, 0.08]),
        ..pen
    };
    match role {
        Role::Grid => Some(pen(0xe2e8ef, 1.0, 0.02)),
        Role::Target => Some(dashed(pen(BAD, 0.75, 0.04))),
        Role::Dead => Some(pen(MUTED, 0.6, 0.05)),
        Role::Shot => Some(pen(BAD, 0.8, 0.04)),
        Role::Heal => Some(dashed(pen(GOOD, 1.0, 0.05))),
        _ => None,
    }
}

fn pen(colour: u32, opacity: f32, width: f32) -> Pen {
    Pen {
        colour: faint(colour, opacity),
        width,
        dash: None,
    }
}

fn open(points: &[[f32; 2]]) -> Option<Path> {
    joined(points).finish()
}

fn closed(corners: &[[f32; 2]]) -> Option<Path> {
    let mut path = joined(corners);
    path.close();
    path.finish()
}

fn joined(points: &[[f32; 2]]) -> PathBuilder {
    let mut path = PathBuilder::new();
    for (index, &[x, y]) in points.iter().enumerate() {
        match index {
            0 => path.move_to(x, y),
            _ => path.line_to(x, y),
        }
    }
    path
}

/// A colour from its number, such as 0xff0000 for red.
pub(super) fn faint(colour: u32, opacity: f32) -> Color {
    let [_, red, green, blue] = colour.to_be_bytes();
    Color::from_rgba8(red, green, blue, (opacity * 255.0).round() as u8)
}

fn coloured(colour: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(colour);
    paint
}

/// A letter, 32 pixels high.
fn glyph(letter: char, ink: u32) -> Option<Pixmap> {
    let raster = get_raster(letter, FontWeight::Bold, RasterHeight::Size32)?;
    let mut glyph = Pixmap::new(raster.width() as u32, raster.height() as u32)?;
    let [_, red, green, blue] = ink.to_be_bytes();
    for (pixel, &share) in glyph.pixels_mut().iter_mut().zip(raster.pixels()) {
        let part = |colour: u8| (u16::from(colour) * u16::from(share) / 255) as u8;
        let [red, green, blue] = [red, green, blue].map(part);
        if let Some(lit) = PremultipliedColorU8::from_rgba(red, green, blue, share) {
            *pixel = lit;
        }
    }
    Some(glyph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_have_the_colours_of_the_page() {
        let style = include_str!("page/style.css");
        for (index, (hue, _)) in HUES.iter().enumerate() {
            let rule = format!(".hue{index} {{ --hue: #{hue:06x}");
            assert!(style.contains(&rule), "{rule}");
        }
        assert!(!style.contains(".hue5"));
    }

    #[test]
    fn a_text_leaves_ink_where_it_stands() {
        let mut sheet = Pixmap::new(60, 40).unwrap();
        sheet.fill(faint(PAPER, 1.0));
        let mut painter = Painter {
            sheet: &mut sheet,
            scale: 10.0,
            origin: [0.0; 2],
        };
        painter.text([3.0, 2.0], 2.0, "I\u{1f600}I", INK);
        let dark =
            |x: u32| (0..40).any(|y| sheet.pixel(x, y).is_some_and(|pixel| pixel.red() < 90));
        let columns: Vec<u32> = (0..60).filter(|&x| dark(x)).collect();
        let (first, last) = (columns.first(), columns.last());
        assert!(first > Some(&8) && first < Some(&26), "{columns:?}");
        assert!(last > Some(&34) && last < Some(&50), "{columns:?}");
        // The letter that there is not leaves its place empty.
        assert!(!columns.contains(&30), "{columns:?}");
    }
}
