//! A worker process: started, spoken with, ended.

use crate::config::PythonConfig;
use crate::options;
use crate::spec::TaskSpec;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much of what a worker prints is kept, bytes.
const KEPT: usize = 8 << 10;
/// How long a hung worker may take to say where it hangs.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The Python side, whole: what is run, in this order.
const PARTS: [Part; 2] = [
    Part("begin.py", include_str!("../python/begin.py")),
    Part("bridge.py", include_str!("../python/bridge.py")),
];

/// A name, and the source.
struct Part(&'static str, &'static str);

/// Arguments with which Python runs what it reads from its input: a list of processes then shows what runs, and no
/// source.
fn boot() -> [String; 3] {
    let read = "import os, sys\nfor part in sys.argv.pop(1).split(','):\n    \
                name, size = part.split(':')\n    source = b''\n    \
                while len(source) < int(size):\n        \
                part = os.read(0, int(size) - len(source))\n        \
                source += part or sys.exit('no source came')\n    \
                exec(compile(source, name, 'exec'))";
    let sizes = PARTS.map(|Part(name, source)| format!("{name}:{}", source.len()));
    ["-c".into(), read.into(), sizes.join(",")]
}

/// Sends the parts. What cannot be sent is not missed: whoever does not read has ended, and says why.
fn send_source(mut to: impl Write) {
    let _ = to.write_all(PARTS.map(|Part(_, source)| source).concat().as_bytes());
}

/// Tries an environment and prints what is wrong with it, with so many resets; whether anything was.
///
/// # Errors
///
/// If the interpreter does not start.
pub fn check(config: &PythonConfig, resets: u32) -> io::Result<bool> {
    let options = options::encode(&config.options);
    let mut child = Command::new(&config.python)
        .args(boot())
        .args(["check", &config.make, &options, &resets.to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(input) = child.stdin.take() {
        send_source(input);
    }
    Ok(child.wait()?.success())
}

/// What happened to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The worker: its number and process.
    pub worker: String,
    /// What makes the environment, as `env.make` says.
    pub make: String,
    /// What went wrong, and where: the step, the copy.
    pub what: String,
    /// Python's traceback, or the last that the worker printed; can be empty.
    pub said: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worker,
            make,
            what,
            said,
        } = self;
        write!(f, "{worker} of `{make}` {what}")?;
        match said.is_empty() {
            true => Ok(()),
            false => write!(f, "; it said:\n{said}"),
        }
    }
}

impl std::error::Error for Fault {}

/// A worker, and the line to it. Dropped, it ends, with whatever it has started.
#[derive(Debug)]
pub struct Process {
    name: String,
    make: String,
    child: Child,
    lines: BufReader<UnixStream>,
    printed: Arc<Mutex<VecDeque<u8>>>,
    timeout: Duration,
    /// What it said of its task.
    pub task: TaskSpec,
}

/// Whether to wait for what a process at its start, or at work, answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Importing and making copies.
    Start,
    /// Stepping.
    Work,
}

#[derive(Deserialize)]
enum Answer<T> {
    #[serde(rename = "ok")]
    Ok(T),
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(rename = "where")]
    place: String,
}

impl Process {
    /// Starts a worker; [`listen`](Self::listen) waits for what it says of its task.
    pub fn spawn(config: &PythonConfig, number: usize) -> Result<Starting, Fault> {
        let fault = |what: String| Fault {
            worker: format!("worker {number}"),
            make: config.make.clone(),
            what,
            said: String::new(),
        };
        let start = || -> io::Result<Starting> {
            let (ours, theirs) = UnixStream::pair()?;
            let (printed, writer) = io::pipe()?;
            let options = options::encode(&config.options);
            let mut command = Command::new(&config.python);
            let child = (command.args(boot()).args(["work", &config.make, &options]))
                .stdin(Stdio::from(OwnedFd::from(theirs)))
                .stdout(writer.try_clone()?)
                .stderr(writer)
                // Ctrl-C is for this process, which ends its iteration before it lets go.
                .process_group(0)
                .spawn()?;
            send_source(&ours);
            Ok(Starting {
                config: config.clone(),
                name: format!("worker {number} (process {})", child.id()),
                child,
                lines: BufReader::new(ours),
                printed: keep_last(printed)?,
            })
        };
        start().map_err(|error| {
            let advice = match config.make.starts_with("gfootball:") {
                true => "`cargo xtask football setup` makes one with the engine, to be named from where you stand",
                false => "`env.python` must be a Python of 3.10 or later",
            };
            fault(format!(
                "did not start with `{}` ({error}): {advice}",
                config.python
            ))
        })
    }

    /// Sends a line.
    pub fn send(&mut self, line: fmt::Arguments<'_>) -> Result<(), Fault> {
        let line = format!("{line}\n");
        let sent = self.lines.get_mut().write_all(line.as_bytes());
        // A worker that is gone has said why: its answer is still to be read.
        sent.or_else(|_| self.answer::<()>(Patience::Work, "was spoken to"))
    }

    /// Waits for the end of a step; `doing` says what it is to do.
    pub fn done(&mut self, doing: &str) -> Result<(), Fault> {
        let line = self.line(Patience::Work, doing)?;
        match line.as_str() {
            "done" => Ok(()),
            other => Err(self.refused(other, doing)),
        }
    }

    /// Waits for an answer.
    pub fn answer<T: DeserializeOwned>(
        &mut self,
        patience: Patience,
        doing: &str,
    ) -> Result<T, Fault> {
        let line = self.line(patience, doing)?;
        match serde_json::from_str(&line) {
            Ok(Answer::Ok(answer)) => Ok(answer),
            Err(_) => Err(self.refused(&line, doing)),
        }
    }

    /// An error of this worker's.
    pub fn fault(&self, what: impl Into<String>, said: impl Into<String>) -> Fault {
        Fault {
            worker: self.name.clone(),
            make: self.make.clone(),
            what: what.into(),
            said: said.into(),
        }
    }

    /// From now on, how long a step may take.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    fn refused(&self, line: &str, doing: &str) -> Fault {
        match serde_json::from_str(line) {
            Ok(Refusal { error, place }) => self.fault(format!("failed in {place}"), error),
            Err(_) => self.fault(format!("answered something else when it {doing}"), line),
        }
    }

    fn line(&mut self, patience: Patience, doing: &str) -> Result<String, Fault> {
        let (timeout, setting) = match patience {
            Patience::Start => (self.timeout, "env.start_timeout"),
            Patience::Work => (self.timeout, "env.timeout"),
        };
        let mut line = String::new();
        let read = (self.lines.get_ref().set_read_timeout(Some(timeout)))
            .and_then(|()| self.lines.read_line(&mut line));
        match read {
            Ok(0) => Err(self.ended(doing)),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Python's faulthandler prints where every thread is.
                let _ = kill_process(pid(&self.child), Signal::USR1);
                std::thread::sleep(LAST_WORDS);
                let seconds = timeout.as_secs_f64();
                let what = format!("gave no answer within {seconds} s ({setting}) when it {doing}");
                Err(self.fault(what, self.last_words()))
            }
            Err(_) => Err(self.ended(doing)),
        }
    }

    /// It closed the line: what it ended with.
    fn ended(&mut self, doing: &str) -> Fault {
        std::thread::sleep(LAST_WORDS);
        let what = match self.child.try_wait() {
            Ok(Some(status)) => format!("ended ({status}) when it {doing}"),
            _ => format!("hung up when it {doing}"),
        };
        self.fault(what, self.last_words())
    }

    fn last_words(&self) -> String {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(printed.make_contiguous())
            .trim()
            .to_owned()
    }
}

/// A worker that has not yet said what its task is.
#[derive(Debug)]
pub struct Starting {
    config: PythonConfig,
    name: String,
    child: Child,
    lines: BufReader<UnixStream>,
    printed: Arc<Mutex<VecDeque<u8>>>,
}

impl Starting {
    /// Waits until it has.
    pub fn listen(self) -> Result<Process, Fault> {
        let seconds = Duration::from_secs_f64;
        let mut process = Process {
            name: self.name,
            make: self.config.make.clone(),
            child: self.child,
            lines: self.lines,
            printed: self.printed,
            timeout: seconds(self.config.start_timeout),
            task: TaskSpec::default(),
        };
        let task: TaskSpec = process.answer(Patience::Start, "was started")?;
        if let Some(problem) = task.problem() {
            return Err(process.fault(format!("has an unusable task: {problem}"), ""));
        }
        process.task = task;
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.lines.get_ref().shutdown(Shutdown::Both);
        // With all that it has started; it leads a group of its own.
        let _ = kill_process_group(pid(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Reads all that is printed, so that nobody waits for a reader, and keeps the end of it.
fn keep_last(mut printed: io::PipeReader) -> io::Result<Arc<Mutex<VecDeque<u8>>>> {
    let kept = Arc::new(Mutex::new(VecDeque::new()));
    let keep = Arc::clone(&kept);
    let read = move || {
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = printed.read(&mut part) {
            let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(&part[..read]);
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
        }
    };
    std::thread::Builder::new()
        .name("python's output".into())
        .spawn(read)?;
    Ok(kept)
}
