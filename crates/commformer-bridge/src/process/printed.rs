//! The end of what a worker prints.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How much is kept, bytes.
const KEPT: usize = 8 << 10;
/// Whoever has printed nothing for so long has said all.
const PAUSE: Duration = Duration::from_millis(40);

/// What is printed into a pipe.
#[derive(Clone, Debug, Default)]
pub struct Printed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    kept: VecDeque<u8>,
    /// Bytes in all.
    count: u64,
    /// Nobody is left who could print.
    over: bool,
}

impl Printed {
    /// Reads all that is printed, so that nobody waits for a reader, and keeps the end of it.
    pub fn keep(mut pipe: io::PipeReader) -> io::Result<Self> {
        let printed = Self::default();
        let keep = printed.clone();
        let read = move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut part) {
                let mut state = keep.lock();
                state.count += read as u64;
                state.kept.extend(&part[..read]);
                let excess = state.kept.len().saturating_sub(KEPT);
                state.kept.drain(..excess);
            }
            keep.lock().over = true;
        };
        std::thread::Builder::new()
            .name("python's output".into())
            .spawn(read)?;
        Ok(printed)
    }

    /// Bytes so far.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Whether nobody is left who could print.
    pub fn is_over(&self) -> bool {
        self.lock().over
    }

    /// What was kept.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.lock().kept.make_contiguous())
            .trim()
            .to_owned()
    }

    /// Waits until something is printed after so many bytes, and then no more; a short while even if it is late.
    pub fn wait_for_more(&self, before: u64, until: Instant) {
        let (mut last, mut since) = (before, Instant::now());
        let until = until.max(since + PAUSE);
        while Instant::now() < until && (last == before || since.elapsed() < PAUSE) {
            sleep(Duration::from_millis(5));
            let count = self.count();
            if count != last {
                (last, since) = (count, Instant::now());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::thread::spawn;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_end_of_much_is_kept_and_all_is_counted() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let printed = Printed::keep(pipe).unwrap();
        writer.write_all(&[b'a'; 3 * KEPT]).unwrap();
        writer.write_all("the end ü\n".as_bytes()).unwrap();
        sleep(50 * MS);
        assert!(!printed.is_over());
        drop(writer);
        let start = Instant::now();
        while !printed.is_over() {
            assert!(start.elapsed() < Duration::from_secs(10));
            sleep(MS);
        }
        assert_eq!(printed.count(), 3 * KEPT as u64 + 11);
        let text = printed.text();
        assert!(text.ends_with("aathe end ü"));
        assert_eq!(text.len(), KEPT - 1, "its last line has an end");
    }

    #[test]
    fn whoever_is_still_printing_is_waited_for_up_to_a_limit() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let printed = Printed::keep(pipe).unwrap();
        let start = Instant::now();
        // Nothing comes: a short while even if it is late.
        printed.wait_for_more(0, start);
        assert!((PAUSE..25 * PAUSE).contains(&start.elapsed()));

        let start = Instant::now();
        let writer = spawn(move || {
            sleep(2 * PAUSE);
            writer.write_all(b"late").unwrap();
            writer
        });
        printed.wait_for_more(0, start + Duration::from_secs(20));
        assert_eq!(printed.text(), "late");
        // And for a while in case there is more.
        assert!((3 * PAUSE..200 * PAUSE).contains(&start.elapsed()));

        let mut writer = writer.join().unwrap();
        let before = printed.count();
        let writer = spawn(move || {
            for _ in 0..150 {
                sleep(10 * MS);
                let _ = writer.write_all(b".");
            }
        });
        let start = Instant::now();
        printed.wait_for_more(before, start + 5 * PAUSE);
        assert!(start.elapsed() < 25 * PAUSE);
        writer.join().unwrap();
    }
}
