//! The processes of a comparison.
//!
//! Every run is this program, in a process of its own, so that what ends one run ends no other. A process has a pipe from
//! this one as its standard input. When the pipe ends, it stops at the end of its iteration with everything saved. The pipe
//! ends when this process closes it, and when this process is killed.

use super::event::{Event, Happened};
use super::plan::{Plan, Planned};
use super::state::{State, last_words};
use crate::interrupt::Interrupt;
use crate::links;
use crate::{interrupt, process};
use anyhow::Context;
use commformer_train::{create_folders, write_beside};
use commformer_view::RunLog;
use commformer_view::record::Outcome;
use commformer_view::watch::{Life, Seen};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

/// Between two looks at the processes.
const PAUSE: Duration = Duration::from_millis(200);

/// What `torchrun` sets for a process that trains with others: a run of a comparison trains alone.
const OF_RANKS: [&str; 5] = [
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
];

/// What the runs of a comparison are at, for those who show it.
#[derive(Debug)]
pub struct Pool<'a> {
    active: Vec<Active<'a>>,
    /// With the steps behind each.
    waiting: VecDeque<(&'a Planned, u64)>,
    /// Those of which it was told that another process trains there.
    told: Vec<&'a Planned>,
    threads: usize,
    summary: Summary,
}

/// How the runs ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Runs at their end.
    pub finished: usize,
    /// Each run that failed, with what it said.
    pub failed: Vec<(String, String)>,
    /// Runs that were stopped before their end, or did not begin.
    pub left: usize,
    /// Whether a run failed because the disk is full: no other was begun after it.
    pub full: bool,
}

/// A process.
#[derive(Debug)]
struct Active<'a> {
    run: &'a Planned,
    process: Child,
    /// Its log's bytes of before.
    said: u64,
    seen: Seen,
    /// Environment steps of the last evaluation that was told.
    told: Option<u64>,
}

/// Trains what is left, at most `processes` runs at a time, until all are at their end or `interrupt` asks to stop.
/// `tell` is told what happens, and `look` is called now and then. A process that fails fails alone, unless the disk is
/// full: then no other is started, since all would fail.
///
/// # Errors
///
/// If `tell` fails; the processes are stopped first.
pub fn run<'a>(
    plan: &'a Plan,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&Event) -> anyhow::Result<()>,
    look: &mut dyn FnMut(&Pool<'a>),
) -> anyhow::Result<Summary> {
    let mut pool = Pool::new(plan, tell)?;
    let [processes, threads] = plan.processes(pool.waiting.len());
    pool.threads = threads;
    let mut result = Ok(());
    loop {
        let stops = interrupt.exit_code().is_some() || result.is_err();
        if stops {
            pool.stop();
        } else {
            result = pool.fill(processes, tell);
        }
        let looked = pool.look(tell);
        result = result.and(looked);
        look(&pool);
        if pool.active.is_empty() && (stops || pool.summary.full || pool.waiting.is_empty()) {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    pool.summary.left += pool.waiting.len();
    result.map(|()| pool.summary.clone())
}

impl<'a> Pool<'a> {
    /// What there is to do; tells of what is done already.
    fn new(
        plan: &'a Plan,
        tell: &mut dyn FnMut(&Event) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut pool = Self {
            active: Vec::new(),
            waiting: VecDeque::new(),
            told: Vec::new(),
            threads: 1,
            summary: Summary::default(),
        };
        for (run, state) in plan.states() {
            let before = true;
            let happened = match state {
                State::Finished(outcome) => {
                    pool.summary.finished += 1;
                    let metrics = outcome.metrics;
                    Happened::Finished { before, metrics }
                }
                State::Failed(why) => {
                    pool.summary.failed.push((run.name(), why.clone()));
                    Happened::Failed { before, why }
                }
                State::New => {
                    pool.waiting.push_back((run, 0));
                    continue;
                }
                State::Begun(steps) => {
                    pool.waiting.push_back((run, steps));
                    continue;
                }
            };
            tell(&Event::new(run, happened))?;
        }
        Ok(pool)
    }

    /// Each run that is trained now, with the steps behind it.
    pub fn active(&self) -> impl Iterator<Item = (&'a Planned, u64)> {
        let steps = |active: &Active<'a>| (active.run, active.steps());
        self.active.iter().map(steps)
    }

    /// Each run that waits for a process, with the steps behind it.
    pub fn waiting(&self) -> impl Iterator<Item = (&'a Planned, u64)> {
        self.waiting.iter().copied()
    }

    /// How those ended that have.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Starts processes while there is room for them.
    fn fill(
        &mut self,
        processes: usize,
        tell: &mut dyn FnMut(&Event) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for _ in 0..self.waiting.len() {
            if self.active.len() >= processes || self.summary.full {
                break;
            }
            let Some((run, steps)) = self.waiting.pop_front() else {
                break;
            };
            // One of a comparison that was killed may still be saving.
            if matches!(Life::of(&run.folder), Life::Training(_)) {
                if !self.told.contains(&run) {
                    self.told.push(run);
                    tell(&Event::new(run, Happened::Waiting))?;
                }
                self.waiting.push_back((run, steps));
                continue;
            }
            // It may have ended meanwhile, where it was trained.
            if let State::Finished(outcome) = State::of(run) {
                self.summary.finished += 1;
                let (before, metrics) = (true, outcome.metrics);
                tell(&Event::new(run, Happened::Finished { before, metrics }))?;
                continue;
            }
            let happened = match self.start(run) {
                Ok(active) => {
                    let steps = active.steps();
                    self.active.push(active);
                    Happened::Started { steps }
                }
                Err(error) => self.failed(run, format!("{error:#}")),
            };
            tell(&Event::new(run, happened))?;
        }
        Ok(())
    }

    fn start(&self, run: &'a Planned) -> anyhow::Result<Active<'a>> {
        let [settings, log] = ["toml", "log"].map(|ending| run.beside(ending));
        let begin = || -> anyhow::Result<(Child, u64)> {
            create_folders(&run.folder)?;
            match fs::remove_file(run.beside("failed")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            let config = run.with_threads(self.threads);
            write_beside(&settings, config.to_toml()?.as_bytes())?;
            let log = links::append(&log)?;
            let said = log.metadata()?.len();
            let mut command = process::again()?;
            // The settings are those of the user's own file, whatever the folder says: they were compared.
            command.args(["train", "--while-input", "--trust"]);
            for (option, path) in [("--config=", &settings), ("--run=", &run.folder)] {
                let mut word = std::ffi::OsString::from(option);
                word.push(path);
                command.arg(word);
            }
            for name in OF_RANKS {
                command.env_remove(name);
            }
            command.stdin(Stdio::piped());
            command.stdout(log.try_clone()?).stderr(log);
            Ok((command.spawn()?, said))
        };
        let (process, said) = begin().context("cannot start the run")?;
        let mut seen = Seen::new(&run.folder);
        seen.look();
        Ok(Active {
            run,
            process,
            said,
            seen,
            told: None,
        })
    }

    /// Tells what the processes have done since, and takes away those that have ended.
    fn look(&mut self, tell: &mut dyn FnMut(&Event) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut at = 0;
        while let Some(active) = self.active.get_mut(at) {
            // Before its files are looked at: what it has written at its end is seen then.
            let ended = active.process.try_wait();
            for event in active.look() {
                tell(&event)?;
            }
            let Some(status) =
                ended.with_context(|| format!("cannot wait for {}", active.run.name()))?
            else {
                at += 1;
                continue;
            };
            let active = self.active.remove(at);
            let happened = match active.end(status) {
                Happened::Failed { why, .. } => self.failed(active.run, why),
                happened => happened,
            };
            match happened {
                Happened::Finished { .. } => self.summary.finished += 1,
                Happened::Stopped { .. } => self.summary.left += 1,
                _ => {}
            }
            tell(&Event::new(active.run, happened))?;
        }
        Ok(())
    }

    /// Counts a run that failed just now. What it said is kept beside it, for reports of later.
    fn failed(&mut self, run: &Planned, why: String) -> Happened {
        // Where it cannot be written, this time's report has it from the summary. On a full disk the run itself may not
        // have had the room to say what is wrong.
        let kept = write_beside(&run.beside("failed"), why.as_bytes());
        self.summary.full |=
            says_full(&why) || kept.is_err_and(|error| says_full(&error.to_string()));
        self.summary.failed.push((run.name(), why.clone()));
        let before = false;
        Happened::Failed { before, why }
    }

    /// Asks all processes to stop.
    fn stop(&mut self) {
        for active in &mut self.active {
            drop(active.process.stdin.take());
        }
    }
}

/// Whether an error is that of a disk on which no room is left.
fn says_full(why: &str) -> bool {
    let words = ["No space left on device", "Disk quota exceeded"];
    words.iter().any(|words| why.contains(words))
}

/// Only if something went wrong here is a process left: its pipe ends, and it has its time to save.
impl Drop for Pool<'_> {
    fn drop(&mut self) {
        self.stop();
        for active in &mut self.active {
            // It is of no use to know.
            let _ = active.process.wait();
        }
    }
}

impl Active<'_> {
    fn steps(&self) -> u64 {
        self.seen.log.as_ref().map_or(0, RunLog::steps)
    }

    /// Evaluations that were not told yet.
    fn look(&mut self) -> Vec<Event> {
        self.seen.look();
        let evaluations = self.seen.log.iter().flat_map(|log| &log.evaluations);
        let new =
            evaluations.filter(|evaluation| self.told.is_none_or(|told| evaluation.steps > told));
        let events: Vec<Event> = new
            .map(|evaluation| {
                let (steps, metrics) = (evaluation.steps, evaluation.metrics.clone());
                Event::new(self.run, Happened::Evaluated { steps, metrics })
            })
            .collect();
        if let Some(Happened::Evaluated { steps, .. }) = events.last().map(|event| &event.happened)
        {
            self.told = Some(*steps);
        }
        events
    }

    /// What its end was.
    fn end(&self, status: ExitStatus) -> Happened {
        let before = false;
        match (status.success(), Outcome::read(&self.run.folder)) {
            (true, Ok(Some(outcome))) => Happened::Finished {
                before,
                metrics: outcome.metrics,
            },
            _ if interrupt::ended(status) => Happened::Stopped {
                steps: self.steps(),
            },
            _ => {
                let said = last_words(&self.run.beside("log"), self.said);
                let why = said.unwrap_or_else(|| format!("its process ended with {status}"));
                Happened::Failed { before, why }
            }
        }
    }
}
