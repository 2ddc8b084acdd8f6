//! How a run goes, for people: one live line in a terminal, a plain line every few seconds
//! elsewhere.

use commformer_env::printable;
use commformer_train::{EvaluationReport, IterationReport};
use commformer_view::numbers::{clock, grouped};
use commformer_view::record::Metrics;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two plain lines.
const PAUSE: Duration = Duration::from_secs(5);

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
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(target), ProgressDrawTarget::stderr());
            // A template that indicatif cannot read leaves its own default.
            if let Ok(style) = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar
        });
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
        let line = describe(report, [self.done, self.target], self.start.elapsed());
        match &self.bar {
            Some(bar) => {
                bar.set_position(report.steps.min(self.target));
                bar.set_message(line);
            }
            None if self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE) => {
                self.shown = Some(Instant::now());
                self.say(&line);
            }
            None => {}
        }
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

fn describe(report: &IterationReport, [done, target]: [u64; 2], elapsed: Duration) -> String {
    let speed = report.steps.saturating_sub(done) as f64 / elapsed.as_secs_f64().max(1e-9);
    let left = target.saturating_sub(report.steps) as f64 / speed.max(1e-9);
    let mut line = format!(
        "{} of {} steps  {}/s  {} left",
        grouped(report.steps),
        grouped(target),
        grouped(speed as u64),
        clock(left)
    );
    if let Some(mean) = report.episode_return {
        line.push_str(&format!("  return {mean:.3}"));
    }
    for (name, value) in &report.metrics {
        line.push_str(&format!("  {} {value:.3}", printable(name)));
    }
    let traffic = &report.traffic;
    let bytes = traffic.bytes();
    let digits = match bytes {
        // A message of one bit is less than a byte.
        ..1.0 => 2,
        ..10.0 => 1,
        _ => 0,
    };
    line.push_str(&format!(
        "  messages {:.2} ({bytes:.digits$} bytes, {:.0} % of full)",
        traffic.messages(),
        100.0 * traffic.share()
    ));
    if report.price.is_some() {
        line.push_str(&format!("  open {:.2}", traffic.open_rate()));
    }
    match report.graph_changes {
        0 => {}
        1 => line.push_str("  graph: 1 edge changed"),
        edges => line.push_str(&format!("  graph: {edges} edges changed")),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_train::{Losses, MessageStats, Phases};

    #[test]
    fn a_line_says_how_far_how_fast_and_how_well() {
        let mut report = IterationReport {
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
            phases: Phases::default(),
        };
        assert_eq!(
            describe(&report, [1_000, 8_000], Duration::from_secs(2)),
            "4,000 of 8,000 steps  1,500/s  0:03 left  return -0.500  success 1.000  messages 0.30 (60 bytes, 10 % of full)  open 0.30  graph: 2 edges changed"
        );
        // Few bytes are told with their fractions.
        for (bytes, told) in [
            (6.2, "(0.62 bytes, "),
            (25.0, "(2.5 bytes, "),
            (0.0, "(0.00 bytes, "),
        ] {
            report.traffic.bytes = bytes;
            let line = describe(&report, [1_000, 8_000], Duration::from_secs(2));
            assert!(line.contains(told), "{line}");
        }
    }
}
