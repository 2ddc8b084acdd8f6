//! A worker process: started, spoken with, ended.

mod answers;
mod fault;
mod kin;
mod printed;
mod source;
#[cfg(test)]
mod tests;
mod warnings;

use crate::config::PythonConfig;
use crate::options;
use crate::picture::Picture;
use crate::spec::TaskSpec;
use answers::{Answers, LONGEST, Lost};
use kin::Guard;
use printed::Printed;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub use fault::Fault;
pub use source::{Checked, check};

/// How much of an answer that means nothing is shown, bytes.
const SHOWN: usize = 200;
/// How long a hung worker may take to say where it hangs, and one that ends to end.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A worker, and the line to it. Dropped, it ends, with whatever it has started.
#[derive(Debug)]
pub struct Process {
    name: String,
    make: String,
    /// The worker's guard, which is its parent and ends as it does.
    guard: Guard,
    answers: Answers,
    printed: Printed,
    /// How long a start and a step may take.
    limits: [Duration; 2],
    /// The number of the last request.
    asked: u64,
    /// Requests that are not answered yet, in order.
    pending: VecDeque<Pending>,
    /// When it last answered: not before has it begun with the next request.
    answered: Instant,
    /// What it said of its task.
    pub task: TaskSpec,
}

/// A request that is to be answered.
#[derive(Debug)]
struct Pending {
    number: u64,
    sent: Instant,
    patience: Patience,
}

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Importing and making environments.
    Start,
    /// Stepping.
    Work,
}

impl Patience {
    /// What the user sets it by.
    fn setting(self) -> &'static str {
        match self {
            Self::Start => "env.start_timeout",
            Self::Work => "env.timeout",
        }
    }
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

/// Reads a line as every kind of answer that there is; whether it is one. For tests, which give it any bytes.
#[doc(hidden)]
pub fn read_answer(line: &[u8]) -> bool {
    fn answer<T: DeserializeOwned>(text: &str) -> Option<T> {
        let Answer::Ok(answer) = serde_json::from_str(text).ok()?;
        Some(answer)
    }
    let Some((_, text)) = answers::parse(line) else {
        return false;
    };
    let task = answer::<TaskSpec>(text).map(|task| drop((task.problem(), task.spec())));
    let picture = answer::<Option<Picture>>(text).map(|picture| drop(picture.map(Picture::frame)));
    let refusal = serde_json::from_str::<Refusal>(text).ok().map(drop);
    warnings::read(text).is_some() || task.or(picture).or(refusal).or(answer(text)).is_some()
}

impl Process {
    /// Starts a worker; [`listen`](Starting::listen) waits for what it says of its task.
    pub fn spawn(config: &PythonConfig, number: usize) -> Result<Starting, Fault> {
        let start = || -> io::Result<Process> {
            let (ours, theirs) = UnixStream::pair()?;
            let (printed, writer) = io::pipe()?;
            let options = options::encode(&config.options);
            let mut command = interpreter(config);
            (command.args(source::boot(&source::WORKER))).args(["work", &config.make, &options]);
            command.args(states(config));
            let printed = Printed::keep(printed)?;
            let limits = limits(config);
            ours.set_write_timeout(Some(limits[0]))?;
            let child = (command.stdin(Stdio::from(OwnedFd::from(theirs))))
                .stdout(writer.try_clone()?)
                .stderr(writer)
                // Ctrl-C is for this process, which ends its iteration before it lets go.
                .process_group(0)
                .spawn()?;
            // What cannot be sent is not missed: whoever does not read has ended, and will be asked why.
            let _ = source::send(&source::WORKER, &ours);
            Ok(Process {
                name: format!("worker {number} (process {})", child.id()),
                make: config.make.clone(),
                guard: Guard::new(child),
                answers: Answers::new(ours),
                printed,
                limits,
                asked: 0,
                // Its task, which it tells unasked.
                pending: VecDeque::from([Pending {
                    number: 0,
                    sent: Instant::now(),
                    patience: Patience::Start,
                }]),
                answered: Instant::now(),
                task: TaskSpec::default(),
            })
        };
        start().map(Starting).map_err(|error| {
            let advice = match config.make.starts_with("gfootball:") {
                true => "`cargo xtask football setup` makes one with the engine, to be named from where you stand",
                false => "`env.python` must be a Python of 3.10 or later",
            };
            let what = format!("did not start with `{}` ({error}): {advice}", config.python);
            Fault::of_absent(format!("worker {number}"), config, what)
        })
    }

    /// Sends a request, a verb and its arguments, with a file for the other side if there is one. Its answer is to be
    /// waited for after those of the requests before.
    pub fn ask(
        &mut self,
        patience: Patience,
        verb: &str,
        arguments: fmt::Arguments<'_>,
        file: Option<BorrowedFd<'_>>,
    ) -> Result<(), Fault> {
        self.asked += 1;
        self.pending.push_back(Pending {
            number: self.asked,
            sent: Instant::now(),
            patience,
        });
        let line = format!("{verb} {} {arguments}\n", self.asked);
        let sent = answers::send(self.answers.stream(), line.as_bytes(), file);
        sent.map_err(|_| self.why_not_sent())
    }

    /// A worker that is gone has said why: that is still to be read.
    fn why_not_sent(&mut self) -> Fault {
        let doing = "was spoken to";
        while !self.pending.is_empty() {
            let fault = match self.reply(doing) {
                Ok(text) => serde_json::from_str(&text).ok().map(|why| self.failed(why)),
                Err(fault) => Some(fault),
            };
            if let Some(fault) = fault {
                return fault;
            }
        }
        self.ended(doing)
    }

    /// Waits for the end of a step; `doing` says what it is to do.
    pub fn done(&mut self, doing: &str) -> Result<(), Fault> {
        let text = self.reply(doing)?;
        let warnings = warnings::read(&text).ok_or_else(|| self.refused(&text, doing))?;
        warnings::tell(&self.make, &warnings);
        Ok(())
    }

    /// Waits for an answer.
    pub fn answer<T: DeserializeOwned>(&mut self, doing: &str) -> Result<T, Fault> {
        let text = self.reply(doing)?;
        match serde_json::from_str(&text) {
            Ok(Answer::Ok(answer)) => Ok(answer),
            Err(_) => Err(self.refused(&text, doing)),
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

    /// From now on, how long things may take.
    pub fn set_limits(&mut self, config: &PythonConfig) {
        self.limits = limits(config);
        let [_, work] = self.limits;
        let _ = self.answers.stream().set_write_timeout(Some(work));
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.guard.status().is_none()
    }

    fn refused(&self, text: &str, doing: &str) -> Fault {
        match serde_json::from_str(text) {
            Ok(refusal) => self.failed(refusal),
            Err(_) => self.misunderstood(text.as_bytes(), doing),
        }
    }

    fn failed(&self, refusal: Refusal) -> Fault {
        self.fault(format!("failed in {}", refusal.place), refusal.error)
    }

    fn misunderstood(&self, line: &[u8], doing: &str) -> Fault {
        let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
        let what = format!("answered what nobody understands when it {doing}");
        self.fault(what, shown.escape_debug().to_string())
    }

    /// The text of the next answer, which must be that to the oldest request.
    fn reply(&mut self, doing: &str) -> Result<String, Fault> {
        let Some(pending) = self.pending.pop_front() else {
            return Err(self.fault(format!("was not asked when it {doing}"), ""));
        };
        let limit = self.limits[pending.patience as usize];
        // One worker's time does not begin when another's is over.
        let deadline = pending.sent.max(self.answered) + limit;
        let line = match self.answers.line(deadline) {
            Ok(line) => line,
            Err(Lost::Ended) => return Err(self.ended(doing)),
            Err(Lost::Late) => return Err(self.hangs(&pending, deadline, doing)),
            Err(Lost::TooLong) => {
                let what = format!(
                    "answered more than {} MiB in one line when it {doing}",
                    LONGEST >> 20
                );
                return Err(self.fault(what, ""));
            }
        };
        self.answered = Instant::now();
        match answers::parse(&line) {
            Some((number, text)) if number == pending.number => Ok(text.to_owned()),
            Some((number, text)) => match serde_json::from_str(text) {
                Ok(refusal) => Err(self.failed(refusal)),
                Err(_) => {
                    let what = format!(
                        "answered request {number} when it was to answer request {} and {doing}: the environment has \
                         probably forked, and two processes answer; a child process must end by itself and never \
                         return to its caller",
                        pending.number
                    );
                    Err(self.fault(what, ""))
                }
            },
            None => Err(self.misunderstood(&line, doing)),
        }
    }

    fn hangs(&mut self, pending: &Pending, deadline: Instant, doing: &str) -> Fault {
        let setting = pending.patience.setting();
        let before = self.printed.count();
        // Python's faulthandler prints where every thread is. Of many that hang together the first has had most of
        // this time for all.
        if self.guard.ask_where() {
            self.printed.wait_for_more(before, deadline + LAST_WORDS);
        }
        let seconds = self.limits[pending.patience as usize].as_secs_f64();
        let what = format!("gave no answer within {seconds} s ({setting}) when it {doing}");
        self.fault(what, self.printed.text())
    }

    /// It closed the line: what it ended with.
    fn ended(&mut self, doing: &str) -> Fault {
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until && (self.is_alive() || !self.printed.is_over()) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let what = match self.guard.status() {
            Some(status) => format!("ended ({status}) when it {doing}"),
            None => format!("hung up when it {doing}"),
        };
        self.fault(what, self.printed.text())
    }
}

/// A worker that has not yet said what its task is.
#[derive(Debug)]
pub struct Starting(Process);

impl Starting {
    /// Waits until it has.
    pub fn listen(self) -> Result<Process, Fault> {
        let Self(mut process) = self;
        let task: TaskSpec = process.answer("was started")?;
        if let Some(problem) = task.problem() {
            return Err(process.fault(format!("has an unusable task: {problem}"), ""));
        }
        process.task = task;
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.answers.stream().shutdown(Shutdown::Both);
        self.guard.end();
    }
}

/// The interpreter, in which words have the same hashes in every process unless the user wants others: the order of a set
/// of names, which can be that of the agents, is one for all workers.
fn interpreter(config: &PythonConfig) -> Command {
    const HASHES: &str = "PYTHONHASHSEED";
    let mut command = Command::new(&config.python);
    if std::env::var_os(HASHES).is_none() {
        command.env(HASHES, "0");
    }
    command
}

/// What a worker is told beside its task: whether global states are wanted.
fn states(config: &PythonConfig) -> Option<&'static str> {
    config.global_state.then_some("states")
}

/// How long things may take, by [`Patience`].
fn limits(config: &PythonConfig) -> [Duration; 2] {
    [config.start_timeout, config.timeout].map(Duration::from_secs_f64)
}
