//! What the user has chosen to see.

use super::curves::Curve;
use super::theme::Theme;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::ops::ControlFlow;

/// The user's choices.
#[derive(Debug)]
pub(super) struct View {
    /// How the user calls the program.
    pub program: String,
    pub theme: Theme,
    /// The curve that is shown; the first until another is chosen.
    pub curve: Option<Curve>,
    /// Whether the keys are explained.
    pub help: bool,
    /// Whether the graph has all the room.
    pub graph: bool,
}

impl View {
    pub fn new(program: &str, theme: Theme) -> Self {
        Self {
            program: program.to_owned(),
            theme,
            curve: None,
            help: false,
            graph: false,
        }
    }

    /// A key was pressed while there were these curves. Breaks where the user has enough.
    pub fn press(&mut self, key: KeyEvent, curves: &[Curve]) -> ControlFlow<()> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return ControlFlow::Break(()),
            // Whoever does not know what is shown wants to leave that, not the program.
            KeyCode::Char('q') | KeyCode::Esc if self.help => self.help = false,
            KeyCode::Char('q') | KeyCode::Esc => return ControlFlow::Break(()),
            KeyCode::Char('?' | 'h') => self.help = !self.help,
            KeyCode::Char('g') => self.graph = !self.graph,
            KeyCode::Right | KeyCode::Down | KeyCode::Tab => self.choose(curves, 1),
            KeyCode::Left | KeyCode::Up | KeyCode::BackTab => {
                self.choose(curves, curves.len().saturating_sub(1));
            }
            KeyCode::Home => self.curve = None,
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Where the curve that is shown stands among these.
    pub fn chosen(&self, curves: &[Curve]) -> usize {
        let place = |curve| curves.iter().position(|other| other == curve);
        self.curve.as_ref().and_then(place).unwrap_or(0)
    }

    fn choose(&mut self, curves: &[Curve], further: usize) {
        let next = (self.chosen(curves) + further) % curves.len().max(1);
        self.curve = curves.get(next).cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::super::theme;
    use super::*;

    fn curves() -> Vec<Curve> {
        ["return", "metrics.success", "losses.policy"]
            .map(Curve::new)
            .into()
    }

    fn press(view: &mut View, code: KeyCode) -> ControlFlow<()> {
        view.press(code.into(), &curves())
    }

    #[test]
    fn arrows_and_tab_go_round_the_curves() {
        let mut view = View::new("commformer", theme::PLAIN);
        let mut shown = |code| {
            assert!(press(&mut view, code).is_continue());
            view.chosen(&curves())
        };
        assert_eq!(
            [KeyCode::Right, KeyCode::Tab, KeyCode::Down].map(&mut shown),
            [1, 2, 0]
        );
        assert_eq!(
            [KeyCode::Left, KeyCode::Up, KeyCode::BackTab].map(&mut shown),
            [2, 1, 0]
        );
        assert_eq!(
            [KeyCode::Left, KeyCode::Home, KeyCode::F(1)].map(shown),
            [2, 0, 0]
        );
    }

    #[test]
    fn keys_do_no_harm_where_there_is_no_curve() {
        let mut view = View::new("commformer", theme::PLAIN);
        for code in [KeyCode::Left, KeyCode::Tab, KeyCode::Char('g')] {
            assert!(view.press(code.into(), &[]).is_continue());
        }
        assert_eq!(view.chosen(&[]), 0);
    }

    #[test]
    fn q_leaves_the_help_first_and_ctrl_c_leaves_at_once() {
        let mut view = View::new("commformer", theme::PLAIN);
        assert!(press(&mut view, KeyCode::Char('?')).is_continue() && view.help);
        assert!(press(&mut view, KeyCode::Char('q')).is_continue() && !view.help);
        assert!(press(&mut view, KeyCode::Char('q')).is_break());
        assert!(press(&mut view, KeyCode::Char('c')).is_continue());
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        view.help = true;
        assert!(view.press(key, &curves()).is_break());
    }
}
