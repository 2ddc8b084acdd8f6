//! What a run leaves behind and what it shows while it lasts.

pub mod metrics;
pub mod past;
mod progress;
pub mod tensorboard;

use crate::interrupt::Interrupt;
use crate::lock::Lock;
use crate::run_dir::RunDir;
use commformer_train::{EvaluationReport, IterationReport, Listener, sync_folder};
use commformer_view::record::Metrics;
use metrics::MetricsFile;
use past::Past;
use progress::Progress;
use std::io;
use std::time::Instant;
use tensorboard::EventWriter;

/// Writes every report of a run to its folder and shows it.
#[derive(Debug)]
pub struct Recorder {
    metrics: MetricsFile,
    events: EventWriter,
    progress: Progress,
    interrupt: Interrupt,
    seed: u64,
    start: Instant,
    /// Until now, since the run began.
    past: Past,
    lock: Option<Lock>,
}

impl Recorder {
    /// For a run of `target` environment steps, of which `done` are behind it. The seed is that of the
    /// intervals.
    ///
    /// # Errors
    ///
    /// If a file cannot be written, or the configuration not be read.
    pub fn open(
        folder: &RunDir,
        [done, target]: [u64; 2],
        seed: u64,
        interrupt: Interrupt,
    ) -> io::Result<Self> {
        let config = std::fs::read_to_string(folder.config())?;
        let (metrics, past) = MetricsFile::open(&folder.metrics(), done)?;
        let events = EventWriter::open(&folder.tensorboard(), done, &config)?;
        // Their names, too: what they hold is synced before each checkpoint.
        for holds_names in [folder.tensorboard().as_path(), folder.path()] {
            sync_folder(holds_names).map_err(io::Error::other)?;
        }
        Ok(Self {
            metrics,
            events,
            progress: Progress::new(done, target),
            interrupt,
            seed,
            start: Instant::now(),
            past,
            lock: folder.lock().cloned(),
        })
    }

    /// Iterations that `metrics.jsonl` has a line for.
    pub fn iterations(&self) -> u64 {
        self.past.iterations
    }

    /// Ends the live line. Returns what the run has behind it, and the events, which are still to be told how it ended.
    pub fn finish(self) -> (Past, EventWriter) {
        self.progress.finish();
        let elapsed = self.elapsed();
        (
            Past {
                elapsed,
                ..self.past
            },
            self.events,
        )
    }

    fn elapsed(&self) -> f64 {
        self.past.elapsed + self.start.elapsed().as_secs_f64()
    }
}

impl Listener for Recorder {
    fn iteration(&mut self, report: &IterationReport) -> io::Result<()> {
        (self.past).add(report.steps, report.phases, report.losses.kl);
        let elapsed = self.elapsed();
        self.metrics.iteration(report, elapsed)?;
        self.events.scalars(report.steps, &scalars(report))?;
        self.progress.iteration(report);
        Ok(())
    }

    fn evaluated(&mut self, report: &EvaluationReport) -> io::Result<()> {
        let metrics = crate::metrics::of(report, self.seed);
        let elapsed = self.elapsed();
        self.metrics.evaluated(report, &metrics, elapsed)?;
        self.events
            .scalars(report.steps, &means("eval", &metrics))?;
        if !report.graph.is_empty() {
            self.events.graph(report.steps, &report.graph)?;
        }
        self.progress.evaluated(report, &metrics);
        Ok(())
    }

    fn saving(&mut self) -> io::Result<()> {
        self.lock.as_ref().map_or(Ok(()), Lock::check)?;
        self.metrics.sync()?;
        self.events.sync()
    }

    fn stop(&self) -> bool {
        self.interrupt.exit_code().is_some()
    }
}

/// An evaluation for TensorBoard.
pub(crate) fn means(group: &str, metrics: &Metrics) -> Vec<(String, f64)> {
    (metrics.iter())
        .map(|(name, estimate)| (format!("{group}/{name}"), estimate.mean))
        .collect()
}

/// An iteration for TensorBoard.
fn scalars(report: &IterationReport) -> Vec<(String, f64)> {
    let (losses, gate) = (&report.losses, report.losses.gate);
    let price = report.price.map(|price| price.receiving);
    let named = [
        ("loss/policy", Some(losses.policy)),
        ("loss/value", Some(losses.value)),
        ("loss/entropy", Some(losses.entropy)),
        ("loss/clipped", Some(losses.clipped)),
        ("loss/kl", Some(losses.kl)),
        ("loss/grad_norm", Some(losses.grad_norm)),
        ("receiving/open_rate", Some(report.traffic.open_rate())),
        ("receiving/messages", Some(report.traffic.messages())),
        ("receiving/bytes", Some(report.traffic.bytes())),
        ("receiving/traffic", Some(report.traffic.share())),
        ("graph/changes", Some(report.graph_changes as f64)),
        ("seconds/environment", Some(report.phases.environment)),
        ("seconds/act", Some(report.phases.act)),
        ("seconds/update", Some(report.phases.update)),
        ("graph/agreement", report.graph_agreement),
        ("receiving/price", price),
        ("gate/policy", gate.map(|gate| gate.policy)),
        ("gate/value", gate.map(|gate| gate.value)),
        ("gate/entropy", gate.map(|gate| gate.entropy)),
        ("gate/clipped", gate.map(|gate| gate.clipped)),
        ("gate/kl", gate.map(|gate| gate.kl)),
        ("rollout/return", report.episode_return),
        ("rollout/steps", report.episode_steps),
    ];
    let named = named.into_iter();
    let named = named.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let metrics = report.metrics.iter();
    let metrics = metrics.map(|(name, value)| (format!("rollout/{name}"), *value));
    named.chain(metrics).collect()
}
