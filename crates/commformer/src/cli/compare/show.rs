//! How a comparison goes, for people: live lines in a terminal, one in total and one for each run that is trained; plain lines
//! elsewhere.

use crate::compare::{Event, Happened, Plan, Pool};
use crate::terminal;
use commformer_env::printable;
use commformer_view::numbers::{clock, grouped};
use commformer_view::record::Metrics;
use indicatif::{MultiProgress, ProgressBar};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two plain lines in total.
const PAUSE: Duration = Duration::from_secs(60);

/// Shows a comparison on stderr.
pub(super) struct Show {
    /// `None` where nobody watches live.
    live: Option<Live>,
    /// Whether nobody reads plain lines.
    silent: bool,
    /// Environment steps of each run: those at which it ends, and those behind it.
    steps: BTreeMap<String, [u64; 2]>,
    /// Environment steps that were behind all runs when they began here.
    before: Option<u64>,
    start: Instant,
    shown: Instant,
}

struct Live {
    all: MultiProgress,
    total: ProgressBar,
    active: BTreeMap<String, ProgressBar>,
    /// The last evaluation of each run.
    metrics: BTreeMap<String, String>,
}

impl Show {
    /// For a comparison; with `silent`, plain lines are left out.
    pub fn new(plan: &Plan, silent: bool) -> Self {
        let live = io::stderr().is_terminal().then(|| {
            let all = MultiProgress::new();
            let total = all.add(bar(0));
            Live {
                all,
                total,
                active: BTreeMap::new(),
                metrics: BTreeMap::new(),
            }
        });
        let steps = plan
            .runs
            .iter()
            .map(|run| (run.name(), [run.config.run.steps, 0]));
        Self {
            live,
            silent,
            steps: steps.collect(),
            before: None,
            start: Instant::now(),
            shown: Instant::now(),
        }
    }

    /// Something happened.
    pub fn event(&mut self, event: &Event) {
        let name = event.name();
        let of_run = self.steps.entry(name.clone()).or_default();
        match &event.happened {
            Happened::Finished { .. } => of_run[1] = of_run[0],
            // The rest is not to be trained.
            Happened::Failed { .. } => of_run[0] = of_run[1],
            Happened::Started { steps } | Happened::Stopped { steps } => of_run[1] = *steps,
            Happened::Evaluated { metrics, .. } => {
                if let Some(live) = &mut self.live {
                    live.metrics.insert(name.clone(), short(metrics));
                }
            }
            Happened::Planned { .. } | Happened::Waiting => {}
        }
        if let Some(line) = told(event) {
            self.say(&line);
        }
    }

    /// What the processes are at.
    pub fn look(&mut self, pool: &Pool<'_>) {
        for (run, steps) in pool.active().chain(pool.waiting()) {
            self.steps.entry(run.name()).or_default()[1] = steps;
        }
        let line = self.total(pool);
        let Some(live) = &mut self.live else {
            if self.shown.elapsed() >= PAUSE {
                self.shown = Instant::now();
                self.say(&line);
            }
            return;
        };
        let [target, done] = sums(&self.steps);
        live.total.set_length(target);
        live.total.set_position(done);
        live.total.set_message(line);
        let active: BTreeMap<String, u64> = pool
            .active()
            .map(|(run, steps)| (run.name(), steps))
            .collect();
        live.active.retain(|name, bar| {
            let goes_on = active.contains_key(name);
            if !goes_on {
                bar.finish_and_clear();
            }
            goes_on
        });
        for (name, steps) in active {
            let target = self.steps.get(&name).map_or(0, |of_run| of_run[0]);
            let line = live
                .active
                .entry(name.clone())
                .or_insert_with(|| live.all.add(bar(target)));
            line.set_position(steps.min(target));
            let metrics = live.metrics.get(&name).map_or("", String::as_str);
            line.set_message(printable(&format!("{name}  {metrics}")).into_owned());
        }
    }

    /// Takes the live lines away.
    pub fn finish(&self) {
        if let Some(live) = &self.live {
            // A line that stays is no reason to fail.
            let _ = live.all.clear();
        }
    }

    fn total(&mut self, pool: &Pool<'_>) -> String {
        let [target, done] = sums(&self.steps);
        let before = *self.before.get_or_insert(done);
        let summary = pool.summary();
        let mut line = format!("{} of {} runs finished", summary.finished, self.steps.len());
        if !summary.failed.is_empty() {
            line += &format!(", {} failed", summary.failed.len());
        }
        let speed =
            done.saturating_sub(before) as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        if speed > 0.0 {
            let left = target.saturating_sub(done) as f64 / speed;
            line += &format!("  {}/s  {} left", grouped(speed as u64), clock(left));
        }
        line
    }

    fn say(&self, line: &str) {
        let line = printable(line);
        match &self.live {
            // A terminal that is gone is no reason to end a comparison.
            Some(live) => drop(live.all.println(&line)),
            None if self.silent => {}
            None => drop(writeln!(io::stderr(), "{line}")),
        }
    }
}

fn sums(steps: &BTreeMap<String, [u64; 2]>) -> [u64; 2] {
    let sum = |index: usize| steps.values().map(|of_run| of_run[index]).sum();
    [sum(0), sum(1)]
}

fn bar(length: u64) -> ProgressBar {
    ProgressBar::new(length).with_style(terminal::live_line(true))
}

/// An event in a line; evaluations are too many.
fn told(event: &Event) -> Option<String> {
    let name = event.name();
    Some(match &event.happened {
        Happened::Started { steps: 0 } => format!("{name} begins"),
        Happened::Started { steps } => format!("{name} goes on from step {}", grouped(*steps)),
        Happened::Waiting => format!("{name} waits for another process that trains in its folder"),
        Happened::Finished {
            before: false,
            metrics,
        } => format!("{name} is finished: {}", short(metrics)),
        Happened::Failed { why, .. } => format!("{name} failed: {why}"),
        Happened::Stopped { steps } => format!("{name} stopped after {} steps", grouped(*steps)),
        Happened::Finished { before: true, .. }
        | Happened::Evaluated { .. }
        | Happened::Planned { .. } => return None,
    })
}

/// The first metrics: the return, and what the task counts.
fn short(metrics: &Metrics) -> String {
    const MOST: usize = 4;
    let told = metrics.iter().take(MOST);
    let told = told.map(|(name, metric)| format!("{name} {:.3}", metric.mean));
    told.collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_but_an_evaluation_is_a_line() {
        let line = |happened| {
            told(&Event {
                happened,
                task: "signal".into(),
                method: "mat".into(),
                seed: 3,
                run: "x".into(),
            })
        };
        let metrics = Metrics::default();
        assert_eq!(
            line(Happened::Started { steps: 0 }).unwrap(),
            "signal/mat/seed-3 begins"
        );
        assert_eq!(
            line(Happened::Started { steps: 4000 }).unwrap(),
            "signal/mat/seed-3 goes on from step 4,000"
        );
        let failed = Happened::Failed {
            before: true,
            why: "no memory".into(),
        };
        assert_eq!(line(failed).unwrap(), "signal/mat/seed-3 failed: no memory");
        assert_eq!(line(Happened::Evaluated { steps: 1, metrics }), None);
    }
}
