//! Where everything goes on the screen, whatever its size.

use super::curves::Curve;
use super::panels::{Panel, plain};
use super::seen::Seen;
use super::view::View;
use crate::log::RunLog;
use crate::numbers::{grouped, short};
use crate::statistics::ends;
use crate::text::shell_word;
use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Clear, Dataset, GraphType, Paragraph, Wrap};

/// Columns and lines without which nothing is shown.
const SMALLEST: (u16, u16) = (60, 16);
/// Columns from which on there is a third column of panels.
const WIDE: u16 = 110;
/// Lines that a curve has at least where others are shown with it.
const CURVE: u16 = 12;
/// Curves that are shown at once.
const CURVES: u16 = 3;
/// Columns of the numbers beside a curve, about.
const AXIS: u16 = 10;

const KEYS: [&str; 9] = [
    "right, down, Tab   the next curve",
    "left, up           the one before",
    "Home               the return",
    "g                  the graph in all the room, or not",
    "?, h               this text, or not",
    "q, Esc, Ctrl-C     leave; the run goes on",
    "",
    "⣀ training, the mean of iterations nearby",
    "• an evaluation    ■ is heard    \\ itself",
];

/// Draws what is seen as the user has chosen.
pub(super) fn draw(frame: &mut Frame, seen: &Seen, view: &View) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let (width, height) = SMALLEST;
        let text = format!(
            "The window is {} x {}; this view needs {width} x {height}.",
            area.width, area.height
        );
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let rows = [
        Constraint::Length(4),
        Constraint::Min(0),
        Constraint::Length(1),
    ];
    let [head, body, foot] = Layout::vertical(rows).areas(area);
    match &seen.log {
        Some(log) => {
            let place = Place { log, view };
            place.lines(frame, head, |panel| panel.head(&seen.life, &seen.folder));
            if view.graph {
                place.lines(frame, body, Panel::graph);
            } else if area.width >= WIDE {
                place.wide(frame, body);
            } else {
                place.narrow(frame, body);
            }
        }
        None => awaits(frame, seen, view),
    }
    frame.render_widget(footer(seen, view), foot);
    if view.help {
        help(frame, view);
    }
}

/// What is drawn of a run.
#[derive(Clone, Copy)]
struct Place<'a> {
    log: &'a RunLog,
    view: &'a View,
}

impl<'a> Place<'a> {
    /// Curves; metrics; evaluations and graph, beside each other.
    fn wide(self, frame: &mut Frame, area: Rect) {
        let columns = [
            Constraint::Min(0),
            Constraint::Length(27),
            Constraint::Length(44),
        ];
        let [left, middle, right] = Layout::horizontal(columns).spacing(2).areas(area);
        self.curves(frame, left);
        self.lines(frame, middle, Panel::metrics);
        let latest = self.rows_of_latest();
        let rows = match right.height >= 12 + latest {
            true => [
                Constraint::Length(latest),
                Constraint::Length(7),
                Constraint::Min(0),
            ],
            false => [
                Constraint::Length(0),
                Constraint::Length(5),
                Constraint::Min(0),
            ],
        };
        let [latest, evaluations, graph] = Layout::vertical(rows).areas(right);
        self.apart(frame, latest, Panel::latest);
        self.apart(frame, evaluations, Panel::evaluations);
        self.lines(frame, graph, Panel::graph);
    }

    /// Curves over evaluations; metrics over the graph, beside each other.
    fn narrow(self, frame: &mut Frame, area: Rect) {
        let columns = [Constraint::Min(0), Constraint::Length(27)];
        let [left, right] = Layout::horizontal(columns).spacing(1).areas(area);
        let latest = match left.height >= 2 * CURVE + self.rows_of_latest() {
            true => self.rows_of_latest(),
            false => 0,
        };
        let evaluations = if left.height >= 2 * CURVE { 7 } else { 4 };
        let rows = [
            Constraint::Min(0),
            Constraint::Length(latest),
            Constraint::Length(evaluations),
        ];
        let [curves, latest, evaluations] = Layout::vertical(rows).areas(left);
        self.curves(frame, curves);
        self.apart(frame, latest, Panel::latest);
        self.lines(frame, evaluations, Panel::evaluations);

        let agents = self.log.evaluations.last().map_or(0, |of| of.graph.len());
        // Title and ruler; no more than half.
        let graph = (agents + 2).min(usize::from(right.height) / 2) as u16;
        let rows = [Constraint::Min(0), Constraint::Length(graph.max(3))];
        let [metrics, graph] = Layout::vertical(rows).areas(right);
        self.apart(frame, metrics, Panel::metrics);
        self.lines(frame, graph, Panel::graph);
    }

    /// Lines of the latest evaluation: a title, its metrics, and one that sets it apart.
    fn rows_of_latest(self) -> u16 {
        let metrics = self
            .log
            .evaluations
            .last()
            .map_or(0, |of| of.metrics.iter().len());
        u16::try_from(metrics + 2).unwrap_or(u16::MAX)
    }

    /// Shows the lines of a panel.
    fn lines(
        self,
        frame: &mut Frame,
        area: Rect,
        lines: impl Fn(&Panel<'a>) -> Vec<Line<'static>>,
    ) {
        let panel = Panel {
            log: self.log,
            view: self.view,
            width: area.width,
            height: area.height.into(),
        };
        frame.render_widget(Paragraph::new(lines(&panel)), area);
    }

    /// The same, with an empty line below where there is room for one.
    fn apart(
        self,
        frame: &mut Frame,
        area: Rect,
        lines: impl Fn(&Panel<'a>) -> Vec<Line<'static>>,
    ) {
        let height = area.height - u16::from(area.height > 6);
        self.lines(frame, Rect { height, ..area }, lines);
    }

    /// The chosen curve, and those after it where there is room.
    fn curves(self, frame: &mut Frame, area: Rect) {
        let curves = Curve::all(self.log);
        let chosen = self.view.chosen(&curves);
        let most = (area.height / CURVE).clamp(1, CURVES);
        let count = usize::from(most).min(curves.len());
        let places = Layout::vertical(vec![Constraint::Fill(1); count]).split(area);
        let shown = curves.iter().cycle().skip(chosen);
        for (curve, place) in shown.zip(places.iter()) {
            self.curve(frame, *place, curve);
        }
    }

    fn curve(self, frame: &mut Frame, area: Rect, curve: &Curve) {
        let theme = &self.view.theme;
        let [title, plot] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        // Two dots in a column.
        let training = curve.training(self.log, 2 * usize::from(area.width.saturating_sub(AXIS)));
        let evaluations = curve.evaluations(self.log);
        let mut line = Line::from(Span::styled(curve.name(), theme.strong));
        line.push_span(Span::styled("  ⣀ training", theme.blue));
        if !evaluations.is_empty() {
            line.push_span(Span::styled("  • evaluation", theme.orange));
        }
        frame.render_widget(line, title);
        let points = || training.iter().chain(&evaluations);
        let Some([low, high]) = span(points().map(|point| point.1)) else {
            frame.render_widget("no number yet", plot);
            return;
        };
        let steps = points().fold(1.0, |most, point| point.0.max(most));
        let datasets = vec![
            Dataset::default()
                .data(&training)
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(theme.blue),
            Dataset::default()
                .data(&evaluations)
                .marker(Marker::Dot)
                .graph_type(GraphType::Scatter)
                .style(theme.orange),
        ];
        let chart = Chart::new(datasets)
            .legend_position(None)
            .x_axis(
                Axis::default()
                    .bounds([0.0, steps])
                    .labels(["0".to_owned(), grouped(steps as u64)]),
            )
            .y_axis(
                Axis::default()
                    .bounds([low, high])
                    .labels([low, high].map(short)),
            );
        frame.render_widget(chart, plot);
    }
}

/// The lowest and the highest of them, apart; `None` of none.
fn span(metrics: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let [low, high] = ends(metrics);
    let apart = if high > low {
        0.0
    } else {
        (low.abs() * 0.1).max(0.5)
    };
    (low <= high).then_some([low - apart, high + apart])
}

/// No run yet, or none that can be read.
fn awaits(frame: &mut Frame, seen: &Seen, view: &View) {
    let (folder, program) = (seen.folder.display().to_string(), &view.program);
    let text = match &seen.trouble {
        Some(trouble) if !seen.is_awaited() => trouble.to_string(),
        _ => format!(
            "Waiting for a run in {folder}, such as `{program} train --run {}` makes.",
            shell_word(&seen.folder)
        ),
    };
    let text = Paragraph::new(plain(&text)).wrap(Wrap { trim: true });
    frame.render_widget(text, frame.area());
}

/// The keys that matter, and what is wrong with the files.
fn footer(seen: &Seen, view: &View) -> Line<'static> {
    let mut line = Line::raw("q leave  ←→ curve  g graph  ? help");
    let unreadable = seen.log.as_ref().map_or(0, |log| log.unreadable.len());
    let wrong = match (&seen.trouble, unreadable) {
        (Some(_), _) if seen.log.is_some() => "  cannot read the run now".to_owned(),
        (_, 0) => return line,
        (_, 1) => "  a spoiled line".to_owned(),
        (_, lines) => format!("  {lines} spoiled lines"),
    };
    line.push_span(Span::styled(wrong, view.theme.orange));
    line
}

fn help(frame: &mut Frame, view: &View) {
    let block = Block::bordered()
        .title("Keys")
        .title_style(view.theme.strong);
    let (width, height) = (54, KEYS.len() as u16 + 2);
    let [row] = Layout::vertical([Constraint::Length(height)])
        .flex(Flex::Center)
        .areas(frame.area());
    let [area] = Layout::horizontal([Constraint::Length(width)])
        .flex(Flex::Center)
        .areas(row);
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(KEYS.map(Line::raw).to_vec()).block(block),
        area,
    );
}
