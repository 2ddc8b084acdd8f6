//! The program `commformer`: reads the command line and calls the rest.

mod bench;
mod compare;
mod doctor;
mod episodes;
mod eval;
mod export;
mod misfit;
mod opened;
mod options;
mod plain;
mod presets;
mod python_env;
mod replay;
mod report;
mod settings;
mod target;
mod train;
mod trust;
mod watch;

use crate::terminal;
use anyhow::Context;
use clap::{Parser, Subcommand};
use plain::Plain;
use std::io::{self, Write};
use std::process::ExitCode;

/// Trains teams of agents that learn whom to talk to.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a team; leaves a folder with its weights, its metrics and its graph
    Train(train::Train),
    /// Train methods on tasks with seeds, all from one file, and report them side by side
    Compare(compare::Compare),
    /// Evaluate a trained team: one episode in each environment of its task
    Eval(eval::Eval),
    /// Look at a run while it trains, in another terminal
    Watch(watch::Watch),
    /// Play episodes of a trained team again, in a page for a browser: who said what to whom, and why
    Replay(replay::Replay),
    /// Write a trained team to one file, for agents that run in a program of your own
    Export(export::Export),
    /// Show runs on one page, and compare them: curves, statistics over seeds, the graph
    Report(report::Report),
    /// List the configurations that come with the program
    Presets,
    /// List the settings of a configuration: defaults, ranges and meanings
    Settings(settings::Settings),
    /// Work on an environment in Python
    PythonEnv(python_env::PythonEnv),
    /// Measure the speed on this machine: of training, of acting alone, of environments alone
    Bench(Box<bench::Bench>),
    /// Tell what this program is and runs on, and test it: a text for a bug report
    Doctor(doctor::Doctor),
}

/// Runs the program and says how it ended: 0 well, 1 with an error, 2 with a wrong command line, 128 and the number of
/// the signal after a run was stopped by one: 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, 138 by SIGUSR1.
pub fn run() -> ExitCode {
    let out = &mut Plain(io::stdout());
    let result = match Cli::parse().command {
        Command::Train(train) => to_its_end(out, |out| train.run(out)),
        Command::Compare(compare) => to_its_end(out, |out| compare.run(out)),
        Command::Eval(eval) => eval.run(out).map(|()| ExitCode::SUCCESS),
        Command::Watch(watch) => watch.run(out).map(|()| ExitCode::SUCCESS),
        Command::Replay(replay) => replay.run(out).map(|()| ExitCode::SUCCESS),
        Command::Export(export) => export.run(out).map(|()| ExitCode::SUCCESS),
        Command::Report(report) => report.run(out).map(|()| ExitCode::SUCCESS),
        Command::Presets => {
            let columns = terminal::columns(io::stdout());
            presets::list(out, columns).map(|()| ExitCode::SUCCESS)
        }
        Command::Settings(settings) => settings.run(out).map(|()| ExitCode::SUCCESS),
        Command::PythonEnv(env) => env.run(),
        Command::Bench(bench) => bench.run(out).map(|()| ExitCode::SUCCESS),
        Command::Doctor(doctor) => doctor.run(out).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", told(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error and the causes behind it, in one line. Some errors end with the words of their cause, which are said once.
fn told(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        match line.as_str() {
            "" => line = cause,
            said if said.ends_with(&cause) => {}
            _ => line += &format!(": {cause}"),
        }
    }
    // Messages from deeper down do not know how this program was called.
    line.replace("`commformer ", &format!("`{} ", program()))
}

/// Lets a command come to its end although what it says cannot be written, which is then an error, unless nobody reads it
/// any more: what the command is for does not end with it.
fn to_its_end(
    out: &mut dyn Write,
    command: impl FnOnce(&mut dyn Write) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let mut out = Unread { out, lost: None };
    let code = command(&mut out)?;
    match out.lost {
        Some(error) if !is_unread(&error) => {
            Err(error).context("what this command says could not all be written")
        }
        _ => Ok(code),
    }
}

/// An output that takes everything, and nothing is written after the first error.
struct Unread<W> {
    out: W,
    lost: Option<io::Error>,
}

impl<W: Write> Unread<W> {
    fn kept<T>(&mut self, write: impl FnOnce(&mut W) -> io::Result<T>) -> Option<T> {
        if self.lost.is_some() {
            return None;
        }
        match write(&mut self.out) {
            Ok(done) => Some(done),
            Err(error) => {
                self.lost = Some(error);
                None
            }
        }
    }
}

impl<W: Write> Write for Unread<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.kept(|out| out.write(bytes)).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        // An error is kept.
        let _ = self.kept(|out| out.flush());
        Ok(())
    }
}

/// Whether a pipe was closed, or a terminal.
fn is_unread(error: &io::Error) -> bool {
    /// EIO, with which a terminal that is gone answers.
    const GONE: i32 = 5;
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(GONE)
}

/// Tells of something that is wrong but stops nothing.
fn warn(what: &str) {
    say(&format!("warning: {what}"));
}

/// Tells of something that is good to know.
fn note(what: &str) {
    say(&format!("note: {what}"));
}

/// Says a line on stderr.
fn say(line: &str) {
    // If nobody reads stderr there is nobody to tell.
    let _ = writeln!(Plain(io::stderr()), "{line}");
}

/// `1 agent`, `3 agents`.
fn agents(number: usize) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} agent{plural}")
}

/// How the user called this program, for what to type next: `cargo xtask` says so when it starts us.
fn program() -> String {
    std::env::var("COMMFORMER_COMMAND").unwrap_or_else(|_| "commformer".into())
}

/// Whether whoever read our output has enough, as `head` has.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn an_output_that_nobody_reads_fails_nothing_and_a_full_disk_ends_in_an_error() {
        /// What has room for so many bytes, and then this error.
        struct Full(Vec<u8>, usize, i32);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                match self.1.min(bytes.len()) {
                    0 => Err(io::Error::from_raw_os_error(self.2)),
                    some => {
                        self.1 -= some;
                        self.0.extend(&bytes[..some]);
                        Ok(some)
                    }
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        // A pipe that was closed, a terminal, and no space left.
        for (code, is_error) in [(32, false), (5, false), (28, true)] {
            let mut out = Full(Vec::new(), 4, code);
            let mut came_to_its_end = false;
            let ended = to_its_end(&mut out, |out| {
                writeln!(out, "a line")?;
                out.flush()?;
                writeln!(out, "b")?;
                came_to_its_end = true;
                Ok(ExitCode::SUCCESS)
            });
            assert!(came_to_its_end);
            assert_eq!(ended.is_err(), is_error, "{code}");
            assert_eq!(out.0, b"a li");
        }
    }

    #[test]
    fn an_error_says_nothing_twice() {
        // It has the words of its cause, as errors of policies have.
        let cause: Box<dyn std::error::Error + Send + Sync> = "it lacks `a`".into();
        let error = anyhow::Error::new(commformer_train::TrainError::Policy(cause));
        let error = error.context("the weights do not fit").context("no run");
        let said = told(&error);
        assert_eq!(said.matches("it lacks `a`").count(), 1, "{said}");
        assert!(
            said.starts_with("no run: the weights do not fit: ") && said.ends_with("lacks `a`"),
            "{said}"
        );
    }

    #[test]
    fn the_command_line_makes_sense_to_clap() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_are_read() {
        let cli = Cli::try_parse_from([
            "commformer",
            "train",
            "signal",
            "--set",
            "ppo.lr=1",
            "--set",
            "run.seed=2",
            "--seed",
            "3",
            "--run",
            "x",
        ]);
        let Command::Train(train) = cli.unwrap().command else {
            panic!("not train")
        };
        let config = train.config.resolve().unwrap();
        let read = (config.env.kind(), config.ppo.lr, config.run.seed);
        assert_eq!(read, ("signal", 1.0, 3));
    }
}
