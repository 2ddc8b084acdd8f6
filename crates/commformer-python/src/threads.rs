//! The threads that step environments, in a process that may have been forked from the one that made them.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::process;

/// Threads that are there when they are needed.
///
/// A fork takes over the memory of a pool, but none of its threads: whoever handed work to it would wait for ever. A
/// pool therefore belongs to the process that made it.
pub struct Threads {
    count: usize,
    pool: Option<(u32, rayon::ThreadPool)>,
}

impl Threads {
    /// So many; 0: one for each core.
    pub fn new(count: usize) -> Self {
        Self { count, pool: None }
    }

    /// Whether the caller does everything itself.
    pub fn are_only_the_caller(&self) -> bool {
        self.count == 1
    }

    /// Runs on them, without Python's lock.
    pub fn run<T: Send>(&mut self, py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
        if self.are_only_the_caller() {
            return Ok(py.detach(work));
        }
        let id = process::id();
        let pool = match self.pool.take() {
            Some((owner, pool)) if owner == id => pool,
            others => {
                // To drop it would be to wait for locks that the other process's threads may have held.
                std::mem::forget(others);
                rayon::ThreadPoolBuilder::new()
                    .num_threads(self.count)
                    .build()
                    .map_err(|error| {
                        let count = self.count;
                        PyRuntimeError::new_err(format!("{count} threads do not start: {error}"))
                    })?
            }
        };
        let (_, pool) = self.pool.insert((id, pool));
        Ok(py.detach(|| pool.install(work)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if self
            .pool
            .as_ref()
            .is_some_and(|(owner, _)| *owner != process::id())
        {
            std::mem::forget(self.pool.take());
        }
    }
}
