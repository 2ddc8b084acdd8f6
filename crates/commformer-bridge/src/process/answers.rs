//! What a worker is asked and answers: lines over a socket, each with the number of its request. None is longer than a bound, and
//! none is waited for past a deadline, whatever the other side does.

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::str;
use std::time::{Duration, Instant};

/// Bytes of the longest line: a picture of thirty thousand shapes. Read, it can take a hundred times as much.
/// `LONGEST` in `python/commformer_bridge/answers.py` is the same.
pub const LONGEST: usize = 4 << 20;
/// How much is read at once.
const PART: usize = 8 << 10;
/// What has come by the deadline is still taken; a socket has no shorter time to wait.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// None came in time.
    Late,
    /// The other side has hung up.
    Ended,
    /// It is longer than [`LONGEST`].
    TooLong,
}

/// The lines that come from a worker.
#[derive(Debug)]
pub struct Answers {
    stream: UnixStream,
    /// What was read and not given yet.
    read: Vec<u8>,
    /// How much of that has no end of a line.
    searched: usize,
}

impl Answers {
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            read: Vec::new(),
            searched: 0,
        }
    }

    /// The socket, to write to.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// How much memory they take.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.read.capacity()
    }

    /// The next line, without its end.
    pub fn line(&mut self, deadline: Instant) -> Result<Vec<u8>, Lost> {
        let mut tried = false;
        loop {
            let found = self.read[self.searched..].iter().position(|b| *b == b'\n');
            if let Some(at) = found {
                let rest = self.read.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                self.searched = 0;
                return Ok(line);
            }
            self.searched = self.read.len();
            if self.searched > LONGEST {
                return Err(Lost::TooLong);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // Whoever sends a byte now and then is late, too.
            if tried && left.is_zero() {
                return Err(Lost::Late);
            }
            tried = true;
            self.read_more(left.max(AT_ONCE))?;
        }
    }

    fn read_more(&mut self, within: Duration) -> Result<(), Lost> {
        let mut part = [0; PART];
        let read =
            (self.stream.set_read_timeout(Some(within))).and_then(|()| self.stream.read(&mut part));
        match read.map_err(|error| error.kind()) {
            Ok(0) => Err(Lost::Ended),
            Ok(read) => {
                self.read.extend_from_slice(&part[..read]);
                Ok(())
            }
            Err(io::ErrorKind::Interrupted) => Ok(()),
            Err(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Err(Lost::Late),
            Err(_) => Err(Lost::Ended),
        }
    }
}

/// The number and the text of an answer; `None` for a line that is none.
pub fn parse(line: &[u8]) -> Option<(u64, &str)> {
    let (number, text) = str::from_utf8(line).ok()?.split_once(' ')?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| digits)?, text))
}

/// Rust's own writes to a socket that nobody reads raise no signal either.
#[cfg(target_os = "linux")]
const QUIETLY: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const QUIETLY: SendFlags = SendFlags::empty();

/// Writes a line, and a file with its first byte.
pub fn send(mut stream: &UnixStream, line: &[u8], file: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let Some(file) = file else {
        return stream.write_all(line);
    };
    let files = [file];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut with = SendAncillaryBuffer::new(&mut space);
    if !with.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for a file"));
    }
    let sent = loop {
        match sendmsg(stream, &[IoSlice::new(line)], &mut with, QUIETLY) {
            Err(Errno::INTR) => {}
            sent => break sent?,
        }
    };
    stream.write_all(&line[sent..])
}
