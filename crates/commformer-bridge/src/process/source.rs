//! What is run in Python, and how it gets there.

use super::kin::Guard;
use super::{LAST_WORDS, Patience, limits};
use crate::config::PythonConfig;
use crate::options;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a check is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// The Python side, whole: what is run, in this order, in a worker; a check needs no guard.
pub const BEGIN: Part = Part("begin.py", include_str!("../../python/begin.py"));
pub const GUARD: Part = Part("guard.py", include_str!("../../python/guard.py"));
pub const BRIDGE: Part = Part("bridge.py", include_str!("../../python/bridge.py"));

/// A name, and the source.
#[derive(Clone, Copy, Debug)]
pub struct Part(&'static str, &'static str);

/// Arguments with which Python runs what it reads from its input: a list of processes then shows what runs, and no
/// source.
pub fn boot(parts: &[Part]) -> [String; 3] {
    let read = "import os, sys\nfor part in sys.argv.pop(1).split(','):\n    \
                name, size, source = *part.split(':'), b''\n    \
                while len(source) < int(size):\n        \
                part = os.read(0, int(size) - len(source))\n        \
                source += part or sys.exit('no source came')\n    \
                exec(compile(source, name, 'exec'))";
    let sizes = parts
        .iter()
        .map(|Part(name, source)| format!("{name}:{}", source.len()));
    let sizes: Vec<_> = sizes.collect();
    ["-c".into(), read.into(), sizes.join(",")]
}

/// Sends the parts.
pub fn send(parts: &[Part], mut to: impl Write) -> io::Result<()> {
    let sources: Vec<&str> = parts.iter().map(|Part(_, source)| *source).collect();
    to.write_all(sources.concat().as_bytes())
}

/// How a check ended; what was found it has printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Checked {
    /// Nothing is wrong.
    Sound,
    /// Something is.
    Wrong,
    /// It gave no answer within so many seconds, the setting of this name, and was ended.
    Hung(f64, &'static str),
}

/// Tries an environment and prints what is wrong with it, with so many resets. It is waited for as in training: a
/// step, a reset and the making have each their time.
///
/// # Errors
///
/// If a setting cannot be, or the interpreter does not start.
pub fn check(config: &PythonConfig, resets: u32) -> io::Result<Checked> {
    config.check().map_err(io::Error::other)?;
    let options = options::encode(&config.options);
    let limits = limits(config);
    let (mut ours, theirs) = UnixStream::pair()?;
    let child = Command::new(&config.python)
        .args(boot(&[BEGIN, BRIDGE]))
        .args(["check", &config.make, &options, &resets.to_string()])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    let mut guard = Guard::new(child);
    ours.set_write_timeout(Some(limits[0]))?;
    ours.set_read_timeout(Some(LOOK))?;
    let _ = send(&[BEGIN, BRIDGE], &ours);
    let (mut began, mut patience) = (Instant::now(), Patience::Start);
    loop {
        if let Some(status) = guard.status() {
            return Ok(match status.success() {
                true => Checked::Sound,
                false => Checked::Wrong,
            });
        }
        let mut begun = [0; 1024];
        match ours.read(&mut begun) {
            // It ends, or has closed what it tells this by.
            Ok(0) => sleep(LOOK),
            Ok(read) => {
                began = Instant::now();
                patience = match begun[read - 1] {
                    b's' => Patience::Start,
                    _ => Patience::Work,
                };
            }
            Err(_) => {}
        }
        let limit = limits[patience as usize];
        if began.elapsed() > limit {
            if guard.ask_where() {
                sleep(LAST_WORDS);
            }
            guard.end();
            let setting = patience.setting();
            return Ok(Checked::Hung(limit.as_secs_f64(), setting));
        }
    }
}
