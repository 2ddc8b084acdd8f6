//! What workers share.

use std::sync::{Mutex, MutexGuard};

/// A worker that panics takes the whole iteration with it (the scope passes the panic on), so the data
/// behind a poisoned lock is never used.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
