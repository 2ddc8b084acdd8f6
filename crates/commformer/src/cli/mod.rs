//! The program `commformer`: reads the command line and calls the rest.

mod bench;
mod compare;
mod doctor;
mod eval;
mod export;
mod misfit;
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
        Command::Train(train) => train.run(&mut Unread(out)),
        Command::Compare(compare) => compare.run(&mut Unread(out)),
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
            // If nobody reads stderr there is nobody to tell.
            let _ = writeln!(Plain(io::stderr()), "error: {}", told(&error));
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
    line
}

/// An output that goes on quietly when nobody reads it any more, be it a pipe that was closed or a terminal: what a command
/// is for does not end with it.
struct Unread<W>(W);

impl<W: Write> Write for Unread<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        // As above.
        let _ = self.0.flush();
        Ok(())
    }
}

/// Tells of something that is wrong but stops nothing.
fn warn(what: &str) {
    say(&format!("warning: {what}"));
}

/// Says a line on stderr.
fn say(line: &str) {
    // If nobody reads stderr there is nobody to tell.
    let _ = writeln!(Plain(io::stderr()), "{line}");
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
    fn an_output_that_nobody_reads_fails_nothing() {
        struct Gone(io::ErrorKind);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(self.0.into())
            }
        }
        // A closed terminal has another error than a closed pipe.
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::Other] {
            let mut out = Unread(Gone(kind));
            writeln!(out, "a line").unwrap();
            out.flush().unwrap();
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
