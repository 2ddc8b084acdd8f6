//! Counts what is allocated. Every program that links this library has its allocator, which counts
//! each thread's requests by themselves, so that tests can run side by side.
//!
//! libtorch asks the system on its own: what it takes is not seen here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has allocated and not freed since [`peak`] began.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// The most that they have been.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The most bytes that `call` held at once, beyond those that were there before it.
pub fn peak(call: impl FnOnce()) -> usize {
    LIVE.set(0);
    PEAK.set(0);
    call();
    PEAK.get().unsigned_abs()
}

struct Counting;

impl Counting {
    // Sizes fit `isize`: no layout is larger. A request that fails counts as well, so that the sum of
    // several might not fit.
    fn taken(size: usize) {
        LIVE.set(LIVE.get().saturating_add(size as isize));
        PEAK.set(PEAK.get().max(LIVE.get()));
    }

    fn given_back(size: usize) {
        LIVE.set(LIVE.get().saturating_sub(size as isize));
    }
}

// SAFETY: every request goes to the system's allocator as it came, and what that returns is
// returned. Counting neither allocates nor unwinds: the thread-locals are constants without
// destructors, and their sums stop at the ends of their type.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::taken(layout.size());
        // SAFETY: the caller's promises about `layout` are those that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::taken(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while the bytes are copied.
        Self::taken(size);
        Self::given_back(layout.size());
        // SAFETY: `old` came from `System`, as all memory does here; for the rest as in `alloc`.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        Self::given_back(layout.size());
        // SAFETY: `old` came from `System`, with this layout.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_at_once_is_counted_whatever_is_freed_later() {
        let taken = peak(|| {
            drop(Vec::<u8>::with_capacity(1000));
            let mut bytes = Vec::<u8>::with_capacity(3000);
            // The old bytes are there until the new ones are.
            bytes.reserve_exact(5000);
        });
        assert_eq!(taken, 8000);
        let kept = vec![0_u8; 500];
        assert_eq!(peak(|| drop(kept)), 0);
    }

    #[test]
    fn a_request_that_fails_counts_too() {
        let taken = peak(|| {
            let mut bytes = Vec::<u8>::new();
            assert!(bytes.try_reserve_exact(isize::MAX as usize).is_err());
        });
        assert_eq!(taken, isize::MAX as usize);
    }
}
