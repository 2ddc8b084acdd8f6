//! What there is to see, as lines of text.

use super::curves::{Curve, Group};
use super::life::Life;
use super::pace::Pace;
use super::view::View;
use crate::log::RunLog;
use crate::numbers::{clock, grouped, short};
use crate::statistics::Estimate;
use crate::text::{cut, padded, shell_word, width};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::path::Path;

/// Room for a part of what there is to see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel<'a> {
    pub log: &'a RunLog,
    pub view: &'a View,
    /// In columns.
    pub width: u16,
    /// In lines.
    pub height: usize,
}

impl Panel<'_> {
    /// Which run it is, whether it goes on, how far and how fast, and where the time goes: three lines.
    pub fn head(&self, life: &Life, folder: &Path) -> Vec<Line<'static>> {
        let pace = Pace::of(self.log);
        let shares = pace.phases(self.log).map(|phases| {
            let share = |(phase, share): (&str, f64)| format!("  {phase} {:.0} %", 100.0 * share);
            format!("time{}", phases.map(share).concat())
        });
        vec![
            self.life(life, folder),
            self.progress(&pace, life),
            Line::raw(shares.unwrap_or_default()),
        ]
    }

    /// Which run, and what goes on.
    fn life(&self, life: &Life, folder: &Path) -> Line<'static> {
        let theme = &self.view.theme;
        let (word, program) = (plain(&shell_word(folder)), &self.view.program);
        let again = format!("`{program} train --run {word}` goes on");
        let folder = plain(&folder.display().to_string());
        let (state, style, advice) = match life {
            Life::Training(process) => {
                ("trains", theme.green, format!("process {}", plain(process)))
            }
            Life::Ended => (
                "has ended",
                theme.green,
                "final.json has its metrics".into(),
            ),
            Life::Failed => ("has failed", theme.orange, "failure.json says why".into()),
            Life::Stopped => ("is not running", theme.orange, again),
            Life::Unknown => (
                "",
                Style::new(),
                "this disk does not tell whether it runs".into(),
            ),
        };
        let mut line = Line::from(vec![
            Span::styled(folder, theme.strong),
            Span::styled(format!(" {state}"), style),
        ]);
        let advice = format!("; {advice}");
        if line.width() + width(&advice) <= usize::from(self.width) {
            line.push_span(Span::raw(advice));
        }
        line
    }

    /// A bar, and how far in numbers.
    fn progress(&self, pace: &Pace, life: &Life) -> Line<'static> {
        let mut far = grouped(pace.steps);
        if let Some(target) = pace.target {
            far.push_str(&format!(" of {}", grouped(target)));
        }
        far.push_str(" steps");
        if let (Some(speed), false) = (pace.speed, *life == Life::Ended) {
            far.push_str(&format!("  {}/s", grouped(speed as u64)));
        }
        match (pace.left(), pace.elapsed) {
            (Some(left), _) if matches!(life, Life::Training(_) | Life::Unknown) => {
                far.push_str(&format!("  {} left", clock(left)));
            }
            (_, Some(elapsed)) => far.push_str(&format!("  in {}", clock(elapsed))),
            _ => {}
        }
        let room = usize::from(self.width)
            .saturating_sub(far.len() + 2)
            .min(40);
        let full = (pace.share() * room as f64).round() as usize;
        Line::from(vec![
            Span::styled("━".repeat(full), self.view.theme.blue),
            Span::raw("─".repeat(room - full)),
            Span::raw(format!("  {far}")),
        ])
    }

    /// The newest metrics of training, under titles; the chosen one is marked, and in sight.
    pub fn metrics(&self) -> Vec<Line<'static>> {
        let (curves, last) = (Curve::all(self.log), self.log.iterations.last());
        let chosen = self.view.chosen(&curves);
        let mut lines = Vec::new();
        let (mut title, mut sight) = ("", 0);
        for (index, curve) in curves.iter().enumerate() {
            if curve.group.title() != title {
                title = curve.group.title();
                lines.push(self.title(title));
            }
            let metric = last.and_then(|last| curve.metric(last)).unwrap_or(f64::NAN);
            let (mark, style) = match index == chosen {
                true => (">", self.view.theme.strong),
                false => (" ", Style::new()),
            };
            // Aligned, and no farther apart than the eye can follow.
            let room = usize::from(self.width.min(27)).saturating_sub(11);
            let name = padded(&cut(&curve.name(), room), room);
            let text = format!("{mark}{name} {:>9}", short(metric));
            lines.push(Line::styled(text, style));
            if index == chosen {
                sight = lines.len();
            }
        }
        if curves.is_empty() {
            lines.push(Line::raw("no iteration has ended yet"));
        }
        // Scrolled no farther than it takes to see the chosen one, and the one after it.
        let first = (sight + 1).min(lines.len()).saturating_sub(self.height);
        lines.into_iter().skip(first).take(self.height).collect()
    }

    /// The newest evaluations, by the chosen metric, or by their return where they do not have it.
    pub fn evaluations(&self) -> Vec<Line<'static>> {
        let curves = Curve::all(self.log);
        let has = |name: &&str| {
            let last = self.log.evaluations.last();
            last.is_some_and(|last| last.metrics.get(name).is_some())
        };
        let chosen = curves.get(self.view.chosen(&curves));
        let name = chosen
            .and_then(Curve::evaluated)
            .filter(has)
            .unwrap_or("return");
        let rows: Vec<[String; 3]> = (self.log.evaluations.iter().rev())
            .take(self.height.saturating_sub(1))
            .filter_map(|of| Some((of.steps, of.metrics.get(name)?)))
            .map(|(steps, metric)| [grouped(steps), short(metric.mean), interval(metric)])
            .collect();
        let name = cut(&plain(name), usize::from(self.width).saturating_sub(21));
        let mut lines = vec![self.title(&format!("evaluations: {name} (95 %)"))];
        if rows.is_empty() {
            lines.push(Line::raw(self.first_evaluation()));
        }
        lines.extend(self.table(&rows, true));
        lines
    }

    fn first_evaluation(&self) -> String {
        let every = self.log.setting("eval", "every");
        match every.and_then(|every| u64::try_from(every.as_integer()?).ok()) {
            Some(every) => format!("none yet; one every {} steps", grouped(every)),
            None => "none yet".into(),
        }
    }

    /// All metrics of the newest evaluation.
    pub fn latest(&self) -> Vec<Line<'static>> {
        let Some(last) = self.log.evaluations.last() else {
            return Vec::new();
        };
        let rows: Vec<[String; 3]> = (last.metrics.iter())
            .take(self.height.saturating_sub(1))
            .map(|(name, metric)| [plain(name), short(metric.mean), interval(metric)])
            .collect();
        let title = format!("latest evaluation, {} episodes", last.episodes);
        let mut lines = vec![self.title(&title)];
        lines.extend(self.table(&rows, false));
        lines
    }

    /// Columns as wide as what stands in them; the first one to the right if it has numbers.
    fn table(&self, rows: &[[String; 3]], numbers: bool) -> Vec<Line<'static>> {
        let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max();
        let [first, second] = [0, 1].map(|column| widest(column).unwrap_or(0));
        let first = first.min(24);
        let line = |[name, mean, interval]: &[String; 3]| {
            let name = match numbers {
                true => format!("{name:>first$}"),
                false => padded(&cut(name, first), first),
            };
            Line::raw(format!("{name}  {mean:>second$}  {interval}"))
        };
        rows.iter().map(line).collect()
    }

    pub fn title(&self, title: &str) -> Line<'static> {
        Line::styled(title.to_owned(), self.view.theme.strong)
    }
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Self::Return | Self::Episodes => "episodes",
            Self::Receiving => "per agent and step",
            Self::Graph => "graph",
            Self::Losses => "losses",
            Self::Others => "others",
        }
    }
}

fn interval(metric: Estimate) -> String {
    format!("{} to {}", short(metric.low), short(metric.high))
}

/// Text without what would move a terminal's cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evaluation, iteration, log, view};
    use super::*;

    /// Letters that take two columns each.
    const WIDE: &str = "包囲成功率包囲成功率包囲成功率";

    #[test]
    fn wide_names_leave_their_numbers_whole() {
        let lines =
            [iteration(1, 0.5), evaluation(1, 0.5)].map(|line| line.replace("success", WIDE));
        let (log, view) = (log(&[&lines[0], &lines[1]]), view());
        for width in [20, 27, 60] {
            let panel = Panel {
                log: &log,
                view: &view,
                width,
                height: 40,
            };
            let (metrics, latest) = (panel.metrics(), panel.latest());
            for line in &metrics {
                assert!(line.width() <= usize::from(width), "{line}");
            }
            let has = |line: &&Line<'_>| line.to_string().ends_with("    0.750");
            assert!(metrics.iter().any(|line| has(&line)), "{metrics:?}");
            let rows: Vec<String> = latest[1..].iter().map(Line::to_string).collect();
            let columns = rows.iter().map(|row| row.split("  0.500").next());
            let columns: Vec<usize> = columns
                .map(|name| crate::text::width(name.unwrap_or("")))
                .collect();
            assert_eq!(columns, [24, 24], "{rows:?}");
        }
    }
}
