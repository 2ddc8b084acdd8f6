//! How a run goes, for people: one live line in a terminal, a plain line every few seconds
//! elsewhere.

use crate::terminal;
use commformer_env::printable;
use commformer_train::{EvaluationReport, IterationReport};
use commformer_view::numbers::{clock, grouped};
use commformer_view::record::Metrics;
use commformer_view::text::width;
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Between two plain lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Columns of the bar, with the space after it, and of the terminals that have one.
const BAR: usize = 25;
const WITH_BAR: usize = 110;

/// Shows progress on stderr.
#[derive(Debug)]
pub struct Progress {
    /// Steps that were behind the run when it began here.
    done: u64,
    target: u64,
    start: Instant,
    shown: Option<Instant>,
    /// `None` where nobody watches live.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For a run of `target` environment steps, of which `done` are behind it.
    pub fn new(done: u64, target: u64) -> Self {
        Self::on(ProgressDrawTarget::stderr(), done, target)
    }

    fn on(terminal: ProgressDrawTarget, done: u64, target: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(target), terminal);
        // Where it would not be drawn, such as in a terminal that cannot move its cursor (TERM=dumb), nor would lines be
        // that are printed beside it.
        let bar = Some(bar).filter(|bar| !bar.is_hidden());
        Self {
            done,
            target,
            start: Instant::now(),
            shown: None,
            bar,
        }
    }

    /// An iteration is over.
    pub fn iteration(&mut self, report: &IterationReport) {
        if self.bar.is_some() {
            // A terminal that does not say how wide it is gets all; what does not fit is cut.
            let columns = terminal::columns(io::stderr());
            self.live(report, columns.unwrap_or(usize::MAX));
        } else if self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE) {
            self.shown = Some(Instant::now());
            self.say(&self.describe(report).concat());
        }
    }

    /// Shows the live line anew, in a terminal of so many columns.
    fn live(&self, report: &IterationReport, columns: usize) {
        if let Some(bar) = &self.bar {
            let has_bar = columns >= WITH_BAR;
            bar.set_style(terminal::live_line(has_bar));
            bar.set_position(report.steps.min(self.target));
            let bar_columns = if has_bar { BAR } else { 0 };
            bar.set_message(fitting(&self.describe(report), columns - bar_columns));
        }
    }

    fn describe(&self, report: &IterationReport) -> Vec<String> {
        let steps = [self.done, self.target];
        describe(report, steps, self.start.elapsed())
    }

    /// An evaluation is over.
    pub fn evaluated(&self, report: &EvaluationReport, metrics: &Metrics) {
        self.say(&format!(
            "evaluation after {} steps: {}",
            grouped(report.steps),
            printable(&metrics.line())
        ));
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            // Nobody reads: no reason to end a run.
            None => drop(writeln!(io::stderr(), "{line}")),
        }
    }
}

/// As many parts of a line as there are columns for, none cut: half a number is another number.
fn fitting(parts: &[String], columns: usize) -> String {
    let mut line = String::new();
    let mut room = columns;
    for part in parts {
        let needed = width(part);
        if needed <= room {
            line.push_str(part);
            room -= needed;
        }
    }
    line
}

/// The parts of a line, the most important first.
fn describe(report: &IterationReport, [done, target]: [u64; 2], elapsed: Duration) -> Vec<String> {
    let speed = report.steps.saturating_sub(done) as f64 / elapsed.as_secs_f64().max(1e-9);
    let left = target.saturating_sub(report.steps) as f64 / speed.max(1e-9);
    let mut parts = vec![
        format!("{} of {} steps", grouped(report.steps), grouped(target)),
        format!("  {}/s", grouped(speed as u64)),
        format!("  {} left", clock(left)),
    ];
    if let Some(mean) = report.episode_return {
        parts.push(format!("  return {mean:.3}"));
    }
    for (name, value) in &report.metrics {
        parts.push(format!("  {} {value:.3}", printable(name)));
    }
    let traffic = &report.traffic;
    let bytes = traffic.bytes();
    let digits = match bytes {
        // A message of one bit is less than a byte.
        ..1.0 => 2,
        ..10.0 => 1,
        _ => 0,
    };
    parts.push(format!("  messages {:.2}", traffic.messages()));
    parts.push(format!(
        " ({bytes:.digits$} bytes, {:.0} % of full)",
        100.0 * traffic.share()
    ));
    if report.price.is_some() {
        parts.push(format!("  open {:.2}", traffic.open_rate()));
    }
    match report.graph_changes {
        0 => {}
        1 => parts.push("  graph: 1 edge changed".to_owned()),
        edges => parts.push(format!("  graph: {edges} edges changed")),
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_train::{Losses, MessageStats, Phases};
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex};

    fn report() -> IterationReport {
        IterationReport {
            iteration: 1,
            steps: 4_000,
            episodes: 2,
            episode_return: Some(-0.5),
            episode_steps: Some(7.0),
            metrics: vec![("success".into(), 1.0)],
            losses: Losses::default(),
            traffic: MessageStats {
                agent_steps: 10.0,
                active_steps: 10.0,
                open: 3.0,
                messages: 3.0,
                bytes: 600.0,
                full_bytes: 6000.0,
            },
            price: Some(commformer_train::Price::default()),
            graph_changes: 2,
            graph_agreement: None,
            phases: Phases::default(),
        }
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_well() {
        let mut report = report();
        let seconds = Duration::from_secs(2);
        assert_eq!(
            describe(&report, [1_000, 8_000], seconds).concat(),
            "4,000 of 8,000 steps  1,500/s  0:03 left  return -0.500  success 1.000  messages 0.30 (60 bytes, 10 % of full)  open 0.30  graph: 2 edges changed"
        );
        // Few bytes are told with their fractions.
        for (bytes, told) in [
            (6.2, "(0.62 bytes, "),
            (25.0, "(2.5 bytes, "),
            (0.0, "(0.00 bytes, "),
        ] {
            report.traffic.bytes = bytes;
            let line = describe(&report, [1_000, 8_000], seconds).concat();
            assert!(line.contains(told), "{line}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let parts = describe(&report(), [1_000, 8_000], Duration::from_secs(2));
        for (columns, end) in [
            (20, "4,000 of 8,000 steps"),
            (40, "  1,500/s  0:03 left"),
            (80, "  success 1.000"),
            (85, "  success 1.000  messages 0.30"),
            (100, "  messages 0.30  open 0.30"),
            (115, "  messages 0.30 (60 bytes, 10 % of full)"),
        ] {
            let line = fitting(&parts, columns);
            assert!(
                line.len() <= columns && line.ends_with(end),
                "{columns}: {line}"
            );
        }
        assert_eq!(fitting(&parts, usize::MAX), parts.concat());
        // Letters of two columns each.
        let parts = ["8 steps", "  勝率 0.750", "  a 1"].map(str::to_owned);
        for (columns, expected) in [
            (18, "8 steps  a 1"),
            (19, "8 steps  勝率 0.750"),
            (24, "8 steps  勝率 0.750  a 1"),
        ] {
            assert_eq!(fitting(&parts, columns), expected, "{columns}");
        }
    }

    /// A terminal of so many columns, and all that was written to it.
    #[derive(Clone, Debug)]
    struct Screen(u16, Arc<Mutex<Vec<String>>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.0
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.1.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_live_line_is_one_line_at_any_width() {
        for columns in [20, 80, 109, 110, 139, 140, 200] {
            let screen = Screen(columns, Arc::default());
            let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
            let progress = Progress::on(target, 1_000, 8_000);
            let mut report = report();
            // Letters of two columns each.
            report.metrics[0].0 = "包囲成功率".into();
            progress.live(&report, columns.into());
            let written = screen.1.lock().unwrap();
            // A line, and the spaces that fill the terminal's width after it.
            let lines = written.windows(2).filter(|pair| pair[1].trim().is_empty());
            let widest = lines.map(|pair| width(&pair.concat())).max();
            assert!(
                widest.is_some_and(|widest| widest <= columns.into()),
                "{columns}: {written:?}"
            );
            let text = written.concat();
            assert!(text.contains("4,000 of 8,000 steps"), "{columns}: {text}");
            assert_eq!(text.contains('━'), columns >= 110, "{columns}: {text}");
        }
    }
}
