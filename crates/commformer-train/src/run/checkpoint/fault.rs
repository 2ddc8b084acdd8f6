//! Where tests stop the writing of checkpoints: with the feature `faults`, `COMMFORMER_FAULT=kill:17`
//! ends the process at its 17th file operation as a power cut would, and `full:17` lets that operation
//! and all after it find the disk full. Without the feature nothing of it is compiled.

use std::fs::File;
use std::io;

/// Called before every file operation.
pub(super) fn before() -> io::Result<()> {
    #[cfg(feature = "faults")]
    armed::strike(|| ())?;
    Ok(())
}

/// Called before bytes are written: half of them get there.
pub(super) fn before_writing(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(feature = "faults")]
    armed::strike(|| {
        let _ = io::Write::write_all(file, &bytes[..bytes.len() / 2]);
    })?;
    let _ = (file, bytes);
    Ok(())
}

#[cfg(feature = "faults")]
mod armed {
    use std::io;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// ENOSPC of every Unix.
    const NO_SPACE: i32 = 28;

    static DONE: AtomicU64 = AtomicU64::new(0);
    static FAULT: LazyLock<Option<(bool, u64)>> = LazyLock::new(|| {
        let text = std::env::var("COMMFORMER_FAULT").ok()?;
        let (kind, at) = text.split_once(':')?;
        Some((kind == "kill", at.parse().ok()?))
    });

    /// Fails if this is the operation to fail at, after `half` of it was done.
    pub fn strike(half: impl FnOnce()) -> io::Result<()> {
        let number = DONE.fetch_add(1, Ordering::Relaxed) + 1;
        match *FAULT {
            Some((true, at)) if number == at => {
                half();
                std::process::abort();
            }
            Some((false, at)) if number >= at => {
                half();
                Err(io::Error::from_raw_os_error(NO_SPACE))
            }
            _ => Ok(()),
        }
    }
}
