//! The environments that one worker holds: what is asked of it, what it has not answered yet, and its memory.

use crate::config::PythonConfig;
use crate::env::PythonEnv;
use crate::layout::Memory;
use crate::picture::Picture;
use crate::pool;
use crate::process::{Fault, Patience, Process};
use crate::spec::TaskSpec;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A worker with its environments.
#[derive(Debug)]
pub struct Group {
    pub config: PythonConfig,
    pub task: TaskSpec,
    envs: usize,
    /// The number of its first environment among all.
    first: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
pub struct State {
    /// `None` once it has failed for good.
    process: Option<Process>,
    pub memory: Memory,
    /// Counted up whenever the worker is started anew: what began before is lost.
    pub generation: u32,
    restarts: u32,
    /// Environments that are to begin with the next `send`.
    waiting: Vec<Range<usize>>,
    /// What the worker was told to do and has not done yet, in order.
    pending: VecDeque<Range<usize>>,
    /// Why nothing more can be asked of this worker.
    fault: Option<Fault>,
}

/// Environments of a task in Python, dealt out evenly to workers.
///
/// # Errors
///
/// [`Fault`] if a setting cannot be, or a worker cannot start, import the environment or make its environments.
pub fn envs(config: &PythonConfig, envs: usize) -> Result<Vec<PythonEnv>, Fault> {
    let workers = config.workers_for(envs);
    let processes = pool::take(config, workers)?;
    // All make their environments at the same time.
    let share = |number: usize| share(envs, workers, number);
    let opening: Result<Vec<_>, _> = (processes.into_iter().enumerate())
        .map(|(number, process)| Opening::begin(config, process, share(number)))
        .collect();
    let mut first = 0;
    let mut all = Vec::with_capacity(envs);
    for (number, opening) in opening?.into_iter().enumerate() {
        let group = Arc::new(Group::open(config, opening, first)?);
        all.extend((0..share(number)).map(|env| PythonEnv::new(Arc::clone(&group), env)));
        first += share(number);
    }
    Ok(all)
}

/// How many of the environments a worker of this number has.
fn share(envs: usize, workers: usize, number: usize) -> usize {
    // In a type that no product of two sizes overflows.
    let before = |number: usize| (envs as u128 * number as u128 / workers as u128) as usize;
    before(number + 1) - before(number)
}

/// A single environment.
///
/// # Errors
///
/// As for [`envs`].
pub fn one(config: &PythonConfig) -> Result<PythonEnv, Fault> {
    Ok(envs(config, 1)?.swap_remove(0))
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
    fn open(config: &PythonConfig, opening: Opening, first: usize) -> Result<Self, Fault> {
        let envs = opening.envs;
        let (process, memory) = opening.finish()?;
        Ok(Self {
            config: config.clone(),
            task: process.task.clone(),
            envs,
            first,
            state: Mutex::new(State {
                process: Some(process),
                memory,
                generation: 0,
                restarts: 0,
                waiting: Vec::new(),
                pending: VecDeque::new(),
                fault: None,
            }),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a new worker in the place of one that failed, if the user wants that; or says the fault.
    pub fn restart(&self, state: &mut State, fault: Fault) -> Result<(), Fault> {
        // What it was to do is lost with it.
        state.process = None;
        state.waiting.clear();
        state.pending.clear();
        if state.restarts >= self.config.restarts {
            state.fault = Some(fault.clone());
            return Err(fault);
        }
        state.restarts += 1;
        let (restarts, allowed) = (state.restarts, self.config.restarts);
        // If nobody reads stderr there is nobody to tell.
        let _ = writeln!(
            io::stderr(),
            "warning: {}\nIt is started anew ({restarts} of {allowed}); its episodes are truncated, and count in no \
             statistics.",
            commformer_env::printable(&fault.to_string())
        );
        let begin = || {
            let process = pool::take_one(&self.config)?;
            Opening::begin(&self.config, process, self.envs)?.finish()
        };
        match begin() {
            Ok((process, memory)) => {
                state.process = Some(process);
                state.memory = memory;
                state.generation += 1;
                state.fault = None;
                Ok(())
            }
            Err(fault) => self.restart(state, fault),
        }
    }

    /// A fault of this side's finding.
    pub fn fault(&self, state: &State, what: String) -> Fault {
        match &state.process {
            Some(process) => process.fault(what, ""),
            None => Fault::of_absent("a worker", &self.config, what),
        }
    }

    /// What a worker's environments are called among all.
    fn named(&self, envs: &Range<usize>) -> String {
        let (first, last) = (self.first + envs.start, self.first + envs.end - 1);
        match first == last {
            true => format!("was to step environment {first}"),
            false => format!("was to step environments {first} to {last}"),
        }
    }

    /// Has an environment's present picture drawn. A fault stands: the next step meets it.
    pub fn draw(&self, env: usize) -> Result<Option<Picture>, Fault> {
        let state = &mut *self.lock();
        let drawn = self.ask_to_draw(state, env);
        if let Err(fault) = &drawn {
            state.fault = Some(fault.clone());
        }
        drawn
    }

    fn ask_to_draw(&self, state: &mut State, env: usize) -> Result<Option<Picture>, Fault> {
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        self.wait_for_all(state)?;
        let Some(process) = &mut state.process else {
            return Ok(None);
        };
        process.ask(Patience::Work, "draw", format_args!("{env}"), None)?;
        process.answer("was to draw")
    }

    /// Waits for the answers to all pending requests.
    fn wait_for_all(&self, state: &mut State) -> Result<(), Fault> {
        while !state.pending.is_empty() {
            self.collect(state)?;
        }
        Ok(())
    }

    fn collect(&self, state: &mut State) -> Result<(), Fault> {
        let (Some(process), Some(range)) = (&mut state.process, state.pending.front()) else {
            return Ok(());
        };
        process.done(&self.named(range))?;
        state.pending.pop_front();
        Ok(())
    }

    /// Waits until an environment has done what it was told.
    pub fn wait(&self, state: &mut State, env: usize) -> Result<(), Fault> {
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        while state.pending.iter().any(|range| range.contains(&env)) {
            self.collect(state)?;
        }
        Ok(())
    }

    /// Tells the worker to begin what its environments wait for, unless it has a fault already.
    pub fn send(&self, state: &mut State) -> Result<(), Fault> {
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        for range in std::mem::take(&mut state.waiting) {
            let Some(process) = &mut state.process else {
                break;
            };
            let envs = format_args!("{} {}", range.start, range.end);
            if let Err(fault) = process.ask(Patience::Work, "go", envs, None) {
                // Not all who wait for these environments have sent them: each hears of it.
                state.fault = Some(fault.clone());
                return Err(fault);
            }
            state.pending.push_back(range);
        }
        Ok(())
    }
}

impl State {
    /// Lets an environment begin with the next [`Group::send`].
    pub fn wait_to_begin(&mut self, env: usize) {
        match self.waiting.last_mut() {
            Some(range) if range.end == env => range.end += 1,
            _ => self.waiting.push(env..env + 1),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Some(process), true) = (
            state.process.take(),
            state.pending.is_empty() && state.fault.is_none(),
        ) {
            pool::keep(&self.config, process);
        }
    }
}

/// A worker that makes its environments.
struct Opening {
    process: Process,
    memory: Memory,
    envs: usize,
}

impl Opening {
    /// Tells a worker to make environments, and shares their memory with it.
    fn begin(config: &PythonConfig, mut process: Process, envs: usize) -> Result<Self, Fault> {
        let (memory, file) = Memory::create(&process.task, envs).map_err(|error| {
            let what = format!(
                "cannot share memory with this program: {error}; fewer environments (`rollout.num_envs`) take less"
            );
            process.fault(what, "")
        })?;
        let arguments = format_args!("{envs} {}", config.episode_limit);
        process.ask(Patience::Start, "open", arguments, Some(file.as_fd()))?;
        Ok(Self {
            process,
            memory,
            envs,
        })
    }

    /// Waits until it has.
    fn finish(mut self) -> Result<(Process, Memory), Fault> {
        self.process.answer::<()>("was to make its environments")?;
        Ok((self.process, self.memory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_dealt_out_evenly_however_many_there_are() {
        let dealt = |envs, workers| (0..workers).map(move |number| share(envs, workers, number));
        assert_eq!(dealt(7, 3).collect::<Vec<_>>(), [2, 2, 3]);
        for envs in [1024, usize::MAX] {
            assert_eq!(dealt(envs, 1024).sum::<usize>(), envs);
        }
    }
}
