//! The store at which the processes of a run meet: who is there, and who has said what.

use super::GroupError;
use super::rendezvous::Rendezvous;
use crate::TorchError;
use crate::ffi;
use std::ffi::{CString, c_char, c_void};
use std::net::{IpAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a process that waits looks around.
const LOOK: Duration = Duration::from_millis(20);

/// The key under which the process that failed first says so.
const FAILURE: &str = "failure";

/// Asked again and again while others are awaited; what it says ends the waiting.
pub type Watch<'a> = &'a mut dyn FnMut() -> Option<String>;

/// The shim's group: the store, and the connections to the others once they are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handle(pub(super) *mut c_void);

// SAFETY: the store may be used from any thread, it has a lock of its own; the connections are used by one call at a time, since
// calls take `&mut Group`.
unsafe impl Send for Handle {}

/// Why somebody did not wait for the end of a call.
pub(super) enum GaveUp {
    /// It took too long.
    Late,
    /// Something else has happened meanwhile.
    Told(String),
}

/// Makes a call that may hang on a thread of its own, and waits for it for so long. The call is told when nobody waits any more,
/// and has then a moment to end; whether it has is the second half of the error.
pub(super) fn apart<T: Send + 'static>(
    wait: Duration,
    watch: Watch<'_>,
    call: impl FnOnce(&AtomicBool) -> T + Send + 'static,
) -> Result<T, (GaveUp, bool)> {
    let (give, take) = mpsc::channel();
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    thread::spawn(move || {
        // Where nobody waits any more, nobody wants to know.
        let _ = give.send(call(&told));
    });
    let begun = Instant::now();
    let why = loop {
        match take.recv_timeout(LOOK) {
            Ok(found) => return Ok(found),
            Err(RecvTimeoutError::Disconnected) => break GaveUp::Late,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(said) = watch() {
            break GaveUp::Told(said);
        }
        if begun.elapsed() > wait {
            break GaveUp::Late;
        }
    };
    over.store(true, Ordering::Relaxed);
    let ended = take.recv_timeout(Duration::from_secs(1)).is_ok();
    Err((why, ended))
}

/// Where this process holds the store for processes of this machine alone, a socket that no other machine reaches: the engine's
/// own listens on all interfaces.
fn own_socket(at: &Rendezvous) -> Result<Option<TcpListener>, TorchError> {
    let host: Option<IpAddr> = at.host.parse().ok();
    let Some(host) = host.filter(|host| at.serves() && host.is_loopback()) else {
        return Ok(None);
    };
    let socket = TcpListener::bind((host, at.port)).map_err(TorchError::Listen)?;
    Ok(Some(socket))
}

impl Handle {
    /// Reaches the store, or makes it.
    pub(super) fn open(at: &Rendezvous, wait: Duration) -> Result<Self, TorchError> {
        let (host, prefix) = (text(&at.host), text(&at.prefix));
        let socket = own_socket(at)?.map_or(-1, IntoRawFd::into_raw_fd);
        let mut handle = ptr::null_mut();
        // SAFETY: the texts live until the call returns, `handle` is written if it succeeds, and the socket is the store's from
        // now on.
        unsafe {
            let message = ffi::commformer_group_open(
                host.as_ptr(),
                at.port,
                at.serves(),
                socket,
                at.size as i32,
                milliseconds(wait),
                prefix.as_ptr(),
                &mut handle,
            );
            ffi::check("reach the store", message)?;
        }
        Ok(Self(handle))
    }

    /// Connects to everybody.
    pub(super) fn join(
        self,
        at: &Rendezvous,
        meeting: Duration,
        answer: Duration,
    ) -> Result<(), TorchError> {
        let interface = at.interface.as_deref().map(text);
        let interface = interface.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        // SAFETY: the text lives until the call returns.
        unsafe {
            let message = ffi::commformer_group_join(
                self.0,
                at.rank as i32,
                at.size as i32,
                milliseconds(meeting),
                milliseconds(answer),
                interface,
            );
            ffi::check("connect to the other processes", message)
        }
    }

    /// Is there, under this name, and waits until everybody is: those who are missing at the end of the wait.
    pub(super) fn roll_call(
        self,
        name: &str,
        at: &Rendezvous,
        wait: Duration,
        over: &AtomicBool,
    ) -> Result<Vec<usize>, GroupError> {
        let failed = |source| at.not_met(source);
        let keys: Vec<CString> = (0..at.size)
            .map(|rank| text(&format!("{name}/{rank}")))
            .collect();
        if self.count(&keys[at.rank]).map_err(failed)? > 1 {
            return Err(GroupError::Twice {
                rank: at.rank,
                host: at.host.clone(),
                port: at.port,
            });
        }
        let begun = Instant::now();
        while !self.there(&keys).map_err(failed)? {
            if let Some(said) = self.failure().map_err(failed)? {
                return Err(GroupError::Ended(said));
            }
            if begun.elapsed() > wait || over.load(Ordering::Relaxed) {
                let missing = keys.iter().enumerate().map(|(rank, key)| {
                    let there = self.there(std::slice::from_ref(key))?;
                    Ok((!there).then_some(rank))
                });
                let missing = missing.collect::<Result<Vec<_>, _>>().map_err(failed)?;
                return Ok(missing.into_iter().flatten().collect());
            }
            thread::sleep(LOOK);
        }
        Ok(Vec::new())
    }

    fn count(self, key: &CString) -> Result<i64, TorchError> {
        let mut count = 0;
        // SAFETY: the key lives until the call returns.
        unsafe {
            let message = ffi::commformer_group_count(self.0, key.as_ptr(), &mut count);
            ffi::check("be at the store", message)?;
        }
        Ok(count)
    }

    fn there(self, keys: &[CString]) -> Result<bool, TorchError> {
        let keys: Vec<*const c_char> = keys.iter().map(|key| key.as_ptr()).collect();
        let mut there = false;
        // SAFETY: the keys live until the call returns.
        unsafe {
            let message =
                ffi::commformer_group_there(self.0, keys.as_ptr(), keys.len(), &mut there);
            ffi::check("look who is there", message)?;
        }
        Ok(there)
    }

    /// Lets the others know of a failure; the first to say so is the one that they name.
    pub(super) fn fail(self, why: &str) -> Result<(), TorchError> {
        let (key, why) = (text(FAILURE), text(why));
        // SAFETY: both texts live until the call returns.
        unsafe {
            let message = ffi::commformer_group_say(self.0, key.as_ptr(), why.as_ptr());
            ffi::check("leave a word", message)
        }
    }

    /// What the process that failed first has said.
    pub(super) fn failure(self) -> Result<Option<String>, TorchError> {
        let key = text(FAILURE);
        let mut said = ptr::null_mut();
        // SAFETY: the key lives until the call returns; `said` is null or a text of the shim's.
        unsafe {
            let message = ffi::commformer_group_heard(self.0, key.as_ptr(), &mut said);
            ffi::check("look for a word", message)?;
            Ok(ffi::take_text(said))
        }
    }

    /// Closes the connections to the others.
    pub(super) fn part(self) -> Result<(), TorchError> {
        // SAFETY: no call uses the connections: whoever parts has the group to itself.
        unsafe {
            let message = ffi::commformer_group_part(self.0);
            ffi::check("close the connections", message)
        }
    }
}

pub(super) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A text for the shim, up to its first zero byte.
fn text(text: &str) -> CString {
    let whole = text.split('\0').next().unwrap_or_default();
    CString::new(whole).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn of_several_that_fail_at_once_one_is_heard_by_all() {
        const MANY: usize = 6;
        const PATIENCE: Duration = Duration::from_secs(20);
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let port = free.unwrap().port();
        let at = |rank, round: u32| Rendezvous {
            host: "127.0.0.1".into(),
            port,
            rank,
            size: MANY,
            local_rank: rank,
            store_is_there: rank > 0,
            prefix: round.to_string(),
            interface: None,
        };
        let close = |handle: Handle| {
            // SAFETY: it is this test's own, and not used after this.
            unsafe { ffi::commformer_group_close(handle.0) };
        };
        let store = Handle::open(&at(0, 0), PATIENCE).unwrap();
        for round in 1..=10 {
            let together = Barrier::new(MANY);
            let process = |rank| {
                let handle = Handle::open(&at(rank, round), PATIENCE).unwrap();
                together.wait();
                handle.fail(&format!("process {rank} failed")).unwrap();
                let heard = [(); 3].map(|()| handle.failure().unwrap());
                close(handle);
                heard
            };
            let heard = thread::scope(|scope| {
                let process = &process;
                let all: Vec<_> = (1..=MANY)
                    .map(|rank| scope.spawn(move || process(rank)))
                    .collect();
                all.into_iter()
                    .flat_map(|one| one.join().unwrap())
                    .collect::<Vec<_>>()
            });
            let first = heard[0].as_ref().unwrap();
            assert!(
                heard.iter().all(|other| other.as_ref() == Some(first)),
                "{heard:?}"
            );
        }
        close(store);
    }
}
