//! Workers that have nothing to do just now: an evaluation takes up those of the one before.

use crate::config::PythonConfig;
use crate::process::{Fault, Process, Starting};
use crate::spec::TaskSpec;
use std::sync::{Mutex, PoisonError};

/// More are ended rather than kept.
const MOST: usize = 64;

static IDLE: Mutex<Vec<(String, Process)>> = Mutex::new(Vec::new());
static KNOWN: Mutex<Vec<(String, TaskSpec)>> = Mutex::new(Vec::new());

/// What two workers must have in common to take each other's place.
fn key(config: &PythonConfig) -> String {
    let PythonConfig {
        make,
        options,
        python,
        global_state,
        ..
    } = config;
    format!("{python}\n{global_state}\n{make}\n{options}")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many workers of a task: idle ones, and new ones that start at the same time.
pub fn take(config: &PythonConfig, count: usize) -> Result<Vec<Process>, Fault> {
    // Some settings no worker can have, such as times that are none.
    config.check().map_err(|error| {
        Fault::of_absent("a worker", config, format!("was not started: {error}"))
    })?;
    let mut found = Vec::new();
    while let (true, Some(process)) = (found.len() < count, take_idle(config)) {
        found.push(process);
    }
    let starting: Result<Vec<_>, _> = (found.len()..count)
        .map(|number| Process::spawn(config, number))
        .collect();
    for starting in starting? {
        found.push(begun(config, starting)?);
    }
    Ok(found)
}

/// One worker of a task.
pub fn take_one(config: &PythonConfig) -> Result<Process, Fault> {
    Ok(take(config, 1)?.swap_remove(0))
}

fn take_idle(config: &PythonConfig) -> Option<Process> {
    let key = key(config);
    loop {
        let mut idle = lock(&IDLE);
        let at = idle.iter().position(|(of, _)| *of == key)?;
        let (_, mut process) = idle.swap_remove(at);
        drop(idle);
        // One that was killed meanwhile is of no use.
        if process.is_alive() {
            process.set_limits(config);
            return Some(process);
        }
    }
}

/// A worker once it has told what its task is. The first one's is remembered, and another is refused: all environments of a
/// run are of one task.
fn begun(config: &PythonConfig, starting: Starting) -> Result<Process, Fault> {
    let process = starting.listen()?;
    let (key, mut known) = (key(config), lock(&KNOWN));
    match known.iter().find(|(of, _)| *of == key) {
        None => known.push((key, process.task.clone())),
        Some((_, first)) if *first != process.task => {
            let what = format!(
                "has another task than a worker before it: expected {first:?}, found {:?}; the environment must be the \
                 same in every process, the order of its agents too",
                process.task
            );
            return Err(process.fault(what, ""));
        }
        Some(_) => {}
    }
    Ok(process)
}

/// Keeps a worker that is well for whoever needs one next.
pub fn keep(config: &PythonConfig, process: Process) {
    let mut idle = lock(&IDLE);
    if idle.len() < MOST {
        idle.push((key(config), process));
    }
}

/// Ends all workers that have nothing to do, and forgets what their tasks were: for a program that goes on while the code of
/// its environments changes. Environments that are still there keep their workers, with the code from before.
///
/// Workers outlive the environments that they served, up to 64 of them, so that the next ones need not be started. They have the
/// code that Python loaded then, from the folder in which the program was, and all workers of a task have to be of the same
/// task.
pub fn forget() {
    let idle = std::mem::take(&mut *lock(&IDLE));
    lock(&KNOWN).clear();
    // Outside the lock: an end may take a moment.
    drop(idle);
}

/// What a task is, from the first worker that said it.
pub fn known(config: &PythonConfig) -> Option<TaskSpec> {
    let key = key(config);
    let known = lock(&KNOWN);
    let found = known.iter().find(|(of, _)| *of == key);
    found.map(|(_, task)| task.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_worker_can_have_are_refused_before_one_is_started() {
        for timeout in [-1.0, f64::NAN, f64::INFINITY] {
            let config = PythonConfig {
                make: "a:b".into(),
                python: "no-such-python".into(),
                timeout,
                ..PythonConfig::default()
            };
            let faults = [take(&config, 2).map(drop), take_one(&config).map(drop)];
            for fault in faults {
                let said = fault.unwrap_err().to_string();
                assert!(said.contains("was not started: `timeout` is"), "{said}");
            }
        }
    }
}
