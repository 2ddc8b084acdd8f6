//! Ctrl-C, a terminal that is closed, and what a batch system sends before it kills.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// The signals that ask a run to stop.
const ASK: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];

/// What an exit code adds to the number of the signal that it tells of.
const OF_SIGNAL: u8 = 128;

/// The exit code of a process that was told to end by SIGTERM, or as it does.
pub const TERMINATED: u8 = OF_SIGNAL + 15;

/// Whether a process ended because a signal asked it to stop, perhaps before it watched for any.
pub fn ended(status: ExitStatus) -> bool {
    let told = status.code().map(|code| code - i32::from(OF_SIGNAL));
    let signal = status.signal().or(told);
    signal.is_some_and(|signal| ASK.contains(&signal))
}

/// Whether the user wants the run to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// The signal that said so; 0: none.
    signal: Arc<AtomicU8>,
}

impl Interrupt {
    /// From now on the first signal asks the run to stop; a second one of Ctrl-C or SIGTERM ends the process at once,
    /// which costs nothing that is saved. The others only ever ask: a scheduler warns, and terminates later. A signal that is
    /// ignored, as `nohup` ignores that of a closed terminal, stays so. A process that `speaks` says that it will stop.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn watch(speaks: bool) -> io::Result<Self> {
        /// One wish can come twice: `timeout` sends it to the process, and to its group.
        const TWICE: Duration = Duration::from_millis(100);

        let interrupt = Self::default();
        let seen = Arc::clone(&interrupt.signal);
        let ignored = ignored();
        let heard = ASK
            .into_iter()
            .filter(|signal| ignored & 1 << (signal - 1) == 0);
        let mut signals = signal_hook::iterator::Signals::new(heard)?;
        let watch = move || {
            let mut first: Option<Instant> = None;
            for signal in signals.forever() {
                let warns = matches!(signal, SIGHUP | SIGUSR1);
                match first {
                    Some(at) if warns || at.elapsed() < TWICE => {}
                    Some(_) => signal_hook::low_level::exit(i32::from(OF_SIGNAL) + signal),
                    None if warns && seen.load(Ordering::Relaxed) != 0 => {}
                    None => {
                        // After a warning there is still a first wish to come.
                        first = (!warns).then(Instant::now);
                        // Both have small numbers.
                        seen.store(signal as u8, Ordering::Relaxed);
                        if speaks {
                            // If nobody reads stderr there is nobody to tell.
                            let _ = writeln!(
                                io::stderr(),
                                "\nStopping when this iteration is done and saved; Ctrl-C again stops at once."
                            );
                        }
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(watch)?;
        Ok(interrupt)
    }

    /// Asks the run to stop, as SIGTERM does, when `life` ends: a pipe from the process that has started this one, which ends
    /// with that process, however it ends.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn watch_end_of(&self, mut life: impl io::Read + Send + 'static) -> io::Result<()> {
        let seen = Arc::clone(&self.signal);
        let watch = move || {
            // An error is an end, too.
            let _ = io::copy(&mut life, &mut io::sink());
            // Whatever asked first gives the exit code.
            let _ = seen.compare_exchange(
                0,
                TERMINATED - OF_SIGNAL,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        };
        let thread = std::thread::Builder::new().name("life".into());
        thread.spawn(watch).map(drop)
    }

    /// The exit code that says which signal there was; `None` as long as there was none.
    pub fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(OF_SIGNAL + signal),
        }
    }
}

/// The signals that this process was started to ignore, a bit each from signal 1 on; none where the system does not tell
/// as Linux does.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signal_that_asks_to_stop_has_ended_a_process_so() {
        let of = ExitStatus::from_raw;
        // Exit codes, and signals that nobody watched for.
        for status in [129 << 8, 130 << 8, 138 << 8, 143 << 8, 1, 2, 10, 15] {
            assert!(ended(of(status)), "{status}");
        }
        for status in [0, 1 << 8, 2 << 8, 137 << 8, 9, 11] {
            assert!(!ended(of(status)), "{status}");
        }
    }

    #[test]
    fn the_end_of_a_pipe_asks_to_stop_and_what_goes_through_it_does_not() {
        let interrupt = Interrupt::default();
        let (life, mut other) = io::pipe().unwrap();
        interrupt.watch_end_of(life).unwrap();
        other.write_all(b"still here").unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(interrupt.exit_code(), None);
        drop(other);
        let start = Instant::now();
        while interrupt.exit_code().is_none() && start.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(interrupt.exit_code(), Some(143));
    }
}
