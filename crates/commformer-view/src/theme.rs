//! Colours and type of everything that a browser shows, in light and dark.
//!
//! Drawings name colours as they are in light; [`svg_style`] exchanges them for the custom properties
//! of [`CSS`], so that a drawing follows the page, and stays as it is where no style sheet is understood.

/// A colour of drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Custom property of [`CSS`] that holds it, without the dashes.
    pub name: &'static str,
    /// Red, green and blue in light.
    pub light: [u8; 3],
}

const fn colour(name: &'static str, light: [u8; 3]) -> Colour {
    Colour { name, light }
}

/// Text and axes.
pub const INK: Colour = colour("ink", [0x1b, 0x1f, 0x24]);
/// Text that matters less.
pub const MUTED: Colour = colour("muted", [0x5a, 0x63, 0x6e]);
/// Lines of a grid.
pub const GRID: Colour = colour("grid", [0xdf, 0xe3, 0xe8]);
/// What all lies on.
pub const PAPER: Colour = colour("paper", [0xff, 0xff, 0xff]);

/// Colours of things side by side, which colour-blind people can tell apart: Okabe and Ito, "Color
/// universal design", 2008; those that are faint on white come last, and their yellow is left out.
pub const SERIES: [Colour; 7] = [
    colour("blue", [0x00, 0x72, 0xb2]),
    colour("vermillion", [0xd5, 0x5e, 0x00]),
    colour("green", [0x00, 0x9e, 0x73]),
    colour("purple", [0xcc, 0x79, 0xa7]),
    colour("orange", [0xe6, 0x9f, 0x00]),
    colour("sky", [0x56, 0xb4, 0xe9]),
    colour("black", [0x00, 0x00, 0x00]),
];

/// How many things can be told apart side by side: each colour with each [`Shape`].
pub const MOST: usize = SERIES.len() * Shape::ALL.len();

/// How what is drawn in one colour is told from what else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A whole line, a full circle.
    Full,
    /// A dashed line, a ring.
    Ring,
    /// A dotted line, a triangle.
    Triangle,
}

impl Shape {
    const ALL: [Self; 3] = [Self::Full, Self::Ring, Self::Triangle];
}

/// The looks of the thing of this number; after [`MOST`] they come again.
pub fn look(index: usize) -> (Colour, Shape) {
    let (colours, shapes) = (SERIES.len(), Shape::ALL.len());
    (
        SERIES[index % colours],
        Shape::ALL[index / colours % shapes],
    )
}

/// Custom properties for all colours in light and dark, and the ground of a page.
pub const CSS: &str = include_str!("../assets/theme.css");

impl Colour {
    /// As `#0072B2`.
    pub fn hex(self) -> String {
        let [red, green, blue] = self.light;
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

/// Rules that let a drawing within `scope`, a selector, follow light and dark.
pub fn svg_style(scope: &str) -> String {
    let all = [INK, MUTED, GRID, PAPER].into_iter().chain(SERIES);
    let rule = |colour: Colour| {
        let (hex, name) = (colour.hex(), colour.name);
        format!(
            "{scope} [fill=\"{hex}\"]{{fill:var(--{name})}}\n\
             {scope} [stroke=\"{hex}\"]{{stroke:var(--{name})}}\n"
        )
    };
    all.map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_has_every_colour_in_light_and_dark() {
        for colour in [INK, MUTED, GRID, PAPER].into_iter().chain(SERIES) {
            let light = format!("--{}: {};", colour.name, colour.hex().to_lowercase());
            assert!(CSS.contains(&light), "{light}");
            let uses = CSS.matches(&format!("--{}: ", colour.name)).count();
            assert_eq!(uses, 2, "{}", colour.name);
        }
    }

    #[test]
    fn no_two_colours_are_the_same() {
        let all: Vec<_> = [INK, MUTED, GRID, PAPER]
            .into_iter()
            .chain(SERIES)
            .collect();
        for (index, colour) in all.iter().enumerate() {
            let others = &all[index + 1..];
            assert!(
                others.iter().all(|other| other.light != colour.light),
                "{colour:?}"
            );
        }
    }

    #[test]
    fn a_drawing_is_recoloured_by_its_own_colours() {
        let style = svg_style(".plot");
        assert!(
            style.contains(".plot [stroke=\"#0072B2\"]{stroke:var(--blue)}"),
            "{style}"
        );
    }
}
