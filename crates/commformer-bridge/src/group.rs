//! The copies that one worker holds: what is asked of it, what it still owes, and its memory.

use crate::config::PythonConfig;
use crate::env::PythonEnv;
use crate::layout::Memory;
use crate::picture::Picture;
use crate::pool;
use crate::process::{Fault, Patience, Process};
use crate::spec::TaskSpec;
use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A worker with its copies.
#[derive(Debug)]
pub struct Group {
    pub config: PythonConfig,
    pub task: TaskSpec,
    copies: usize,
    /// The number of its first copy among all.
    first: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
pub struct State {
    /// `None` once it has failed for good.
    process: Option<Process>,
    pub memory: Arc<Memory>,
    /// Counted up whenever the worker is started anew: what began before is lost.
    pub generation: u32,
    restarts: u32,
    /// Copies that are to begin with the next `send`.
    waiting: Vec<Range<usize>>,
    /// What the worker was told to do and has not done yet, in order.
    owed: VecDeque<Range<usize>>,
    fault: Option<Fault>,
}

/// Copies of a task in Python, dealt out evenly to workers.
///
/// # Errors
///
/// [`Fault`] if a worker cannot start, import the environment or make its copies.
pub fn copies(config: &PythonConfig, copies: usize) -> Result<Vec<PythonEnv>, Fault> {
    let workers = config.workers_for(copies);
    let processes = pool::take(config, workers)?;
    let mut first = 0;
    let mut all = Vec::with_capacity(copies);
    for (number, process) in processes.into_iter().enumerate() {
        let share = copies * (number + 1) / workers - copies * number / workers;
        let group = Arc::new(Group::open(config, process, share, first)?);
        all.extend((0..share).map(|copy| PythonEnv::new(Arc::clone(&group), copy)));
        first += share;
    }
    Ok(all)
}

/// A single copy.
///
/// # Errors
///
/// As for [`copies`].
pub fn one(config: &PythonConfig) -> Result<PythonEnv, Fault> {
    let process = pool::take_one(config)?;
    Ok(PythonEnv::new(
        Arc::new(Group::open(config, process, 1, 0)?),
        0,
    ))
}

/// What a task looks like: as its first worker said, which is started for it where there was none.
///
/// # Errors
///
/// [`Fault`] if a worker cannot start or import the environment.
pub fn spec(config: &PythonConfig) -> Result<TaskSpec, Fault> {
    if let Some(task) = pool::known(config) {
        return Ok(task);
    }
    let process = pool::take_one(config)?;
    let task = process.task.clone();
    pool::keep(config, process);
    Ok(task)
}

impl Group {
    fn open(
        config: &PythonConfig,
        mut process: Process,
        copies: usize,
        first: usize,
    ) -> Result<Self, Fault> {
        let memory = Arc::new(open(config, &mut process, copies)?);
        Ok(Self {
            config: config.clone(),
            task: process.task.clone(),
            copies,
            first,
            state: Mutex::new(State {
                process: Some(process),
                memory,
                generation: 0,
                restarts: 0,
                waiting: Vec::new(),
                owed: VecDeque::new(),
                fault: None,
            }),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a new worker in the place of one that failed, if the user wants that; or says the fault.
    pub fn restart(&self, state: &mut State, fault: Fault) -> Result<(), Fault> {
        // Whoever waited for the old one has its memory still; nobody writes there any more.
        state.process = None;
        state.waiting.clear();
        state.owed.clear();
        if state.restarts >= self.config.restarts {
            state.fault = Some(fault.clone());
            return Err(fault);
        }
        state.restarts += 1;
        let (restarts, allowed) = (state.restarts, self.config.restarts);
        eprintln!(
            "warning: {}\nIt is started anew ({restarts} of {allowed}); its episodes are cut.",
            commformer_env::printable(&fault.to_string())
        );
        let begin = || {
            let mut process = pool::take_one(&self.config)?;
            let memory = open(&self.config, &mut process, self.copies)?;
            Ok::<_, Fault>((process, memory))
        };
        match begin() {
            Ok((process, memory)) => {
                state.process = Some(process);
                state.memory = Arc::new(memory);
                state.generation += 1;
                Ok(())
            }
            Err(fault) => self.restart(state, fault),
        }
    }

    /// A fault of this side's finding.
    pub fn fault(&self, state: &State, what: String) -> Fault {
        match &state.process {
            Some(process) => process.fault(what, ""),
            None => Fault {
                worker: "a worker".into(),
                make: self.config.make.clone(),
                what,
                said: String::new(),
            },
        }
    }

    /// What a worker's copies are called among all.
    fn named(&self, copies: &Range<usize>) -> String {
        let (first, last) = (self.first + copies.start, self.first + copies.end - 1);
        match first == last {
            true => format!("was to step copy {first}"),
            false => format!("was to step copies {first} to {last}"),
        }
    }

    /// Has a copy's present picture drawn.
    pub fn draw(&self, copy: usize) -> Result<Option<Picture>, Fault> {
        let mut state = self.lock();
        self.settle(&mut state)?;
        let Some(process) = &mut state.process else {
            return Ok(None);
        };
        process.send(format_args!("draw {copy}"))?;
        process.answer(Patience::Work, "was to draw")
    }

    /// Waits for everything that is owed.
    fn settle(&self, state: &mut State) -> Result<(), Fault> {
        while !state.owed.is_empty() {
            self.collect(state)?;
        }
        Ok(())
    }

    fn collect(&self, state: &mut State) -> Result<(), Fault> {
        let (Some(process), Some(range)) = (&mut state.process, state.owed.front()) else {
            return Ok(());
        };
        process.done(&self.named(range))?;
        state.owed.pop_front();
        Ok(())
    }

    /// Waits until a copy has done what it was told.
    pub fn wait(&self, state: &mut State, copy: usize) -> Result<(), Fault> {
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        while state.owed.iter().any(|range| range.contains(&copy)) {
            self.collect(state)?;
        }
        Ok(())
    }

    /// Tells the worker to begin what its copies wait for.
    pub fn send(&self, state: &mut State) -> Result<(), Fault> {
        for range in std::mem::take(&mut state.waiting) {
            let Some(process) = &mut state.process else {
                break;
            };
            process.send(format_args!("go {} {}", range.start, range.end))?;
            state.owed.push_back(range);
        }
        Ok(())
    }
}

impl State {
    /// Lets a copy begin with the next [`Group::send`].
    pub fn wait_to_begin(&mut self, copy: usize) {
        match self.waiting.last_mut() {
            Some(range) if range.end == copy => range.end += 1,
            _ => self.waiting.push(copy..copy + 1),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Some(process), true) = (
            state.process.take(),
            state.owed.is_empty() && state.fault.is_none(),
        ) {
            pool::keep(&self.config, process);
        }
    }
}

/// Lets a worker make its copies and share their memory.
fn open(config: &PythonConfig, process: &mut Process, copies: usize) -> Result<Memory, Fault> {
    let shared = Path::new("/dev/shm");
    let folder = match shared.is_dir() {
        true => shared.to_owned(),
        false => std::env::temp_dir(),
    };
    let share = || {
        let file = tempfile::Builder::new()
            .prefix("commformer-")
            .tempfile_in(&folder)?;
        Ok::<_, std::io::Error>((Memory::create(file.as_file(), &process.task, copies)?, file))
    };
    let (memory, file) = share().map_err(|error| {
        process.fault(
            format!("cannot share memory in {} ({error})", folder.display()),
            "",
        )
    })?;
    process.set_timeout(Duration::from_secs_f64(config.start_timeout));
    let (limit, path) = (config.episode_limit, file.path().display());
    process.send(format_args!("open {copies} {limit} {path}"))?;
    process.answer::<()>(Patience::Start, "was to make its copies")?;
    process.set_timeout(Duration::from_secs_f64(config.timeout));
    // Both sides have it mapped: its name can go, with `file`.
    Ok(memory)
}
