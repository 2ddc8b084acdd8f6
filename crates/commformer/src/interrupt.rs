//! Ctrl-C, and what a batch system sends before it kills.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether the user wants the run to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// The signal that said so; 0: none.
    signal: Arc<AtomicU8>,
}

impl Interrupt {
    /// From now on the first signal asks the run to stop; the second ends the process at once, which
    /// costs nothing that is saved.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    #[cfg(unix)]
    pub fn watch() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use std::io::Write;
        use std::time::{Duration, Instant};

        /// One wish can come twice: `timeout` sends it to the process, and to its group.
        const TWICE: Duration = Duration::from_millis(100);

        let interrupt = Self::default();
        let seen = Arc::clone(&interrupt.signal);
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let watch = move || {
            let mut first: Option<Instant> = None;
            for signal in signals.forever() {
                match first {
                    Some(at) if at.elapsed() < TWICE => {}
                    Some(_) => signal_hook::low_level::exit(128 + signal),
                    None => {
                        first = Some(Instant::now());
                        // Both have small numbers.
                        seen.store(signal as u8, Ordering::Relaxed);
                        // If nobody reads stderr there is nobody to tell.
                        let _ = writeln!(
                            io::stderr(),
                            "\nStopping when this iteration is done and saved; Ctrl-C again stops at once."
                        );
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(watch)?;
        Ok(interrupt)
    }

    /// Nothing is watched for here.
    ///
    /// # Errors
    ///
    /// None.
    #[cfg(not(unix))]
    pub fn watch() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// The exit code that says which signal there was; `None` as long as there was none.
    pub fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal),
        }
    }
}
