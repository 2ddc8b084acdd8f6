//! Colours. Text has the terminal's own; what stands out has one that is legible on light and on dark and
//! tells apart for the colour-blind: the nearest to Okabe's and Ito's that terminals of 256 colours have.
//! No colour says anything that a word or a shape does not say too.

use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    /// Training, and edges of a graph.
    pub blue: Style,
    /// Evaluations, and what is wrong.
    pub orange: Style,
    /// What goes well.
    pub green: Style,
    /// Titles, and what is chosen.
    pub strong: Style,
}

const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// Without any colour.
pub(super) const PLAIN: Theme = Theme {
    blue: Style::new(),
    orange: Style::new(),
    green: Style::new(),
    strong: STRONG,
};

/// With colours.
pub(super) const COLOURED: Theme = Theme {
    blue: Style::new().fg(Color::Indexed(32)),
    orange: Style::new().fg(Color::Indexed(166)),
    green: Style::new().fg(Color::Indexed(29)),
    strong: STRONG,
};

impl Theme {
    /// What the environment asks for: <https://no-color.org>.
    pub fn of_environment() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(set) if !set.is_empty() => PLAIN,
            _ => COLOURED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The luminance, as WCAG 2 defines it, of a colour of the cube of 6 x 6 x 6 from number 16 on.
    fn luminance(style: Style) -> f64 {
        let Some(Color::Indexed(number)) = style.fg else {
            panic!("{style:?}")
        };
        let cube = usize::from(number) - 16;
        let weights = [0.2126, 0.7152, 0.0722];
        let linear = |level: usize| {
            let level = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0][level] / 255.0;
            ((level + 0.055_f64) / 1.055).powf(2.4)
        };
        let levels = [cube / 36, cube / 6 % 6, cube % 6];
        weights
            .iter()
            .zip(levels)
            .map(|(weight, level)| weight * linear(level))
            .sum()
    }

    #[test]
    fn colours_stand_out_from_black_and_from_white() {
        for style in [COLOURED.blue, COLOURED.orange, COLOURED.green] {
            let luminance = luminance(style);
            // What WCAG 2 asks of large text and of drawings.
            assert!((luminance + 0.05) / 0.05 > 3.0 && 1.05 / (luminance + 0.05) > 3.0);
        }
    }
}
