//! What is run in Python, and how it gets there.

use super::kin::Guard;
use super::{LAST_WORDS, Patience, interpreter, limits, states};
use crate::config::PythonConfig;
use crate::options;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a check is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// Parts by their names, with their sources.
macro_rules! parts {
    ($($name:literal),* $(,)?) => {
        &[$(Part($name, include_str!(concat!("../../python/", $name)))),*]
    };
}

/// The Python side, whole: what is sent to a worker, in this order.
pub const WORKER: [&[Part]; 3] = [BEGIN, GUARD, PACKAGE];
/// A check needs no guard.
const CHECK: [&[Part]; 2] = [BEGIN, PACKAGE];

const BEGIN: &[Part] = parts!["begin.py"];
const GUARD: &[Part] = parts!["guard.py"];
/// The package, each module after those that it imports, and what loads and runs it.
const PACKAGE: &[Part] = parts![
    "commformer_bridge/__init__.py",
    "commformer_bridge/refusal.py",
    "commformer_bridge/values.py",
    "commformer_bridge/answers.py",
    "commformer_bridge/spaces.py",
    "commformer_bridge/masks.py",
    "commformer_bridge/loading.py",
    "commformer_bridge/warned.py",
    "commformer_bridge/particles.py",
    "commformer_bridge/beside.py",
    "commformer_bridge/bounds.py",
    "commformer_bridge/pettingzoo.py",
    "commformer_bridge/smac.py",
    "commformer_bridge/football.py",
    "commformer_bridge/making.py",
    "commformer_bridge/metrics.py",
    "commformer_bridge/drawn.py",
    "commformer_bridge/spec.py",
    "commformer_bridge/report.py",
    "commformer_bridge/progress.py",
    "commformer_bridge/play.py",
    "commformer_bridge/check.py",
    "commformer_bridge/memory.py",
    "commformer_bridge/worker.py",
    "commformer_bridge/main.py",
    "loader.py",
];

/// A name, and the source.
#[derive(Clone, Copy, Debug)]
pub struct Part(&'static str, &'static str);

/// Arguments with which Python runs what it reads from its input: a list of processes then shows what runs, and no
/// source. What lies in a folder is a module, which is kept for `loader.py` until it is imported. An old Python can read
/// this, too, and gets as far as `begin.py`.
pub fn boot(parts: &[&[Part]]) -> [String; 3] {
    let read = "import os, sys\nsources = {}\nfor part in sys.argv.pop(1).split(','):\n    \
                name, size = part.split(':')\n    \
                source = b''\n    \
                while len(source) < int(size):\n        \
                part = os.read(0, int(size) - len(source))\n        \
                source += part or sys.exit('no source came')\n    \
                if '/' in name:\n        \
                sources[name] = source\n    \
                else:\n        \
                exec(compile(source, name, 'exec'))";
    let size = |Part(name, source): &Part| format!("{name}:{}", source.len());
    let sizes: Vec<_> = parts.iter().copied().flatten().map(size).collect();
    ["-c".into(), read.into(), sizes.join(",")]
}

/// Sends the parts.
pub fn send(parts: &[&[Part]], mut to: impl Write) -> io::Result<()> {
    let parts = parts.iter().copied().flatten();
    let sources: Vec<&str> = parts.map(|Part(_, source)| *source).collect();
    to.write_all(sources.concat().as_bytes())
}

/// How a check ended; what was found it has printed.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    /// Nothing is wrong.
    Sound,
    /// Something is.
    Wrong,
    /// It gave no answer within so many seconds, the setting of this name, and was ended.
    Hung(f64, &'static str),
    /// Its process ended without a verdict: how, and in what.
    Ended(String),
}

/// What a check has begun, as `begins` in `progress.py` tells it, a byte each.
#[derive(Debug, Default)]
struct Progress {
    /// The last byte; `None` before the check itself has begun: Python could not run it, and has said why.
    last: Option<u8>,
    /// Steps since the last reset.
    steps: u32,
}

impl Progress {
    fn note(&mut self, begun: &[u8]) {
        for byte in begun {
            match byte {
                b'w' => self.steps += 1,
                _ => self.steps = 0,
            }
            self.last = Some(*byte);
        }
    }

    fn patience(&self) -> Patience {
        match self.last {
            None | Some(b's') => Patience::Start,
            Some(_) => Patience::Work,
        }
    }

    /// What a check that ended so has found.
    fn verdict(&self, status: ExitStatus) -> Checked {
        let place = match (self.last, status.success()) {
            (None, false) | (Some(b'x'), _) => return Checked::Wrong,
            (Some(b'o'), true) => return Checked::Sound,
            (None, true) => {
                return Checked::Ended(format!("the interpreter ended ({status}) without a check"));
            }
            (Some(b'o'), false) => "after the check".to_owned(),
            (Some(b's'), _) => "while it was made".to_owned(),
            (Some(b'r'), _) => "in a reset".to_owned(),
            (Some(b'c'), _) => "in close()".to_owned(),
            (Some(_), _) => format!("in step {} of an episode", self.steps),
        };
        Checked::Ended(format!(
            "the environment ended the process {place} ({status}): expected it to return, or to raise an exception"
        ))
    }
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
    let child = interpreter(config)
        .args(boot(&CHECK))
        .args(["check", &config.make, &options, &resets.to_string()])
        .args(states(config))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    let mut guard = Guard::new(child);
    ours.set_write_timeout(Some(limits[0]))?;
    ours.set_read_timeout(Some(LOOK))?;
    let _ = send(&CHECK, &ours);
    let (mut began, mut progress) = (Instant::now(), Progress::default());
    loop {
        let ended = guard.status();
        let mut begun = [0; 1024];
        match ours.read(&mut begun) {
            Ok(read @ 1..) => {
                began = Instant::now();
                progress.note(&begun[..read]);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // All is read that it has told.
            _ if ended.is_some() => {}
            // It ends, or has closed what it tells this by.
            Ok(_) => sleep(LOOK),
            Err(_) => {}
        }
        if let Some(status) = ended {
            return Ok(progress.verdict(status));
        }
        let patience = progress.patience();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn every_module_of_the_package_is_sent_once() {
        let package = concat!(env!("CARGO_MANIFEST_DIR"), "/python/commformer_bridge");
        let files = fs::read_dir(package).unwrap().flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        let mut there: Vec<String> = names.filter(|name| name.ends_with(".py")).collect();
        let names = PACKAGE.iter().map(|Part(name, _)| *name);
        let mut sent: Vec<&str> = names
            .filter_map(|name| name.split_once('/'))
            .map(|(_, file)| file)
            .collect();
        there.sort();
        sent.sort();
        assert_eq!(sent, there);
    }

    #[test]
    fn an_end_without_a_verdict_is_none() {
        for (told, code, expected) in [
            ("ssrwwwo", 0, Ok(Checked::Sound)),
            ("ssrwwwx", 1, Ok(Checked::Wrong)),
            ("", 1, Ok(Checked::Wrong)),
            ("", 0, Err("without a check")),
            ("s", 0, Err("while it was made (exit status: 0)")),
            (
                "ssrwwrww",
                3,
                Err("in step 2 of an episode (exit status: 3)"),
            ),
            ("ssrwwr", 0, Err("in a reset")),
            ("ssrwc", 0, Err("in close()")),
            ("ssrwco", 3, Err("after the check")),
        ] {
            let mut progress = Progress::default();
            progress.note(told.as_bytes());
            let found = progress.verdict(ExitStatus::from_raw(code << 8));
            match (&found, &expected) {
                (Checked::Ended(what), Err(part)) => assert!(what.contains(part), "{what}"),
                (found, expected) => {
                    assert_eq!(Ok::<_, &str>((*found).clone()), *expected, "{told}")
                }
            }
        }
    }
}
