//! Where the processes of a test meet. The tests of several packages include this file.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// A free port that no other test has. It is below those that a system hands out by itself, so that no other connection
/// takes it before the processes meet.
pub fn port() -> u16 {
    const RANGE: Range<u16> = 10_000..30_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        let next = std::process::id().wrapping_add(tried) % RANGE.len() as u32;
        let port = RANGE.start + next as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
