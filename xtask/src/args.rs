//! What the user asked for.

use std::ffi::OsString;

use crate::Failure;

/// What `cargo xtask help` prints.
pub const HELP: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

  setup            Get libtorch into .libtorch/ (Linux x86-64; about 540 MB to download, once)
  football setup   Build Google Research Football's engine into .football/
  train [PRESET]   Train a team
  compare FILE     Train methods on tasks with seeds, all from one file, and report them side by side
  eval             Evaluate a trained team
  watch            Look at a run while it trains, in another terminal
  replay           Play a trained team's episodes again, in a page for a browser
  export           Write a trained team to one file, for agents that run in a program of yours
  report           Show runs on one page for a browser, and compare them
  python-env       Check an environment in Python
  presets          List the built-in configurations
  settings [NAME]  List the settings of a configuration: defaults, ranges and meanings
  bench [WHAT]     Measure the speed on this machine: of train, act or env
  doctor           Tell versions, machine and libtorch, and test all of it: for a bug report
  test             Run every test of the workspace, those in Python last
  ci [--require]   Check everything: formatting, links, lints, dependencies, documentation, tests; with --require
                   nothing is skipped for want of a program
  help             Print this text

train, compare, eval, watch, replay, export, report, python-env, presets, settings, bench and doctor build the program with
optimisation and pass their arguments on: `cargo xtask train --help` lists those of train. test passes its arguments
to `cargo test`. Each command but help, football and doctor does what setup does first, where it is still to do.
";

/// The commands that the `commformer` program carries out.
const PROGRAM: [&str; 12] = [
    "train",
    "compare",
    "eval",
    "watch",
    "replay",
    "export",
    "report",
    "python-env",
    "presets",
    "settings",
    "bench",
    DOCTOR,
];

/// The one among them before which xtask tells what it sees itself.
const DOCTOR: &str = "doctor";

/// The commands that xtask carries out.
const OWN: [&str; 5] = ["setup", "football", "test", "ci", "help"];

/// One command line, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Print [`HELP`].
    Help,
    /// Get libtorch.
    Setup,
    /// Build the football engine.
    FootballSetup,
    /// Run the program; its subcommand is the first argument.
    Program {
        /// The program's whole command line.
        arguments: Vec<OsString>,
    },
    /// Tell what can be seen before anything is built, then run the program.
    Doctor {
        /// The program's whole command line.
        arguments: Vec<OsString>,
    },
    /// Run the tests.
    Test {
        /// Passed to `cargo test`.
        arguments: Vec<OsString>,
    },
    /// Check everything.
    Ci {
        /// Fail where something is missing, instead of skipping what needs it.
        require: bool,
    },
}

/// Reads the arguments that follow `cargo xtask`.
pub fn parse(arguments: &[OsString]) -> Result<Request, Failure> {
    let Some((verb, rest)) = arguments.split_first() else {
        return Ok(Request::Help);
    };
    let verb = verb.to_string_lossy();
    match verb.as_ref() {
        "help" | "-h" | "--help" => Ok(Request::Help),
        "setup" => alone("setup", rest, Request::Setup),
        "ci" => match rest {
            [require] if require == "--require" => Ok(Request::Ci { require: true }),
            rest => alone("ci", rest, Request::Ci { require: false }),
        },
        "football" => match rest {
            [setup] if setup == "setup" => Ok(Request::FootballSetup),
            _ => Err(Failure::usage(
                "`football` has one command: `cargo xtask football setup`.",
            )),
        },
        "test" => Ok(Request::Test {
            arguments: rest.to_vec(),
        }),
        DOCTOR => Ok(Request::Doctor {
            arguments: arguments.to_vec(),
        }),
        verb if PROGRAM.contains(&verb) => Ok(Request::Program {
            arguments: arguments.to_vec(),
        }),
        verb => Err(Failure::usage(match nearest(verb) {
            Some(name) => format!("there is no command `{verb}`; did you mean `{name}`?"),
            None => format!("there is no command `{verb}`; `cargo xtask help` lists them."),
        })),
    }
}

/// `request`, for a command that takes no arguments.
fn alone(verb: &str, rest: &[OsString], request: Request) -> Result<Request, Failure> {
    match rest.first() {
        None => Ok(request),
        Some(first) if first == "-h" || first == "--help" => Ok(Request::Help),
        Some(first) => Err(Failure::usage(format!(
            "`{verb}` takes no arguments, but got `{}`; run `cargo xtask {verb}`.",
            first.to_string_lossy()
        ))),
    }
}

/// The command that a mistyped word most likely stands for, if one is near.
fn nearest(word: &str) -> Option<&'static str> {
    PROGRAM
        .into_iter()
        .chain(OWN)
        .map(|name| (distance(word, name), name))
        .filter(|&(edits, name)| edits <= 2 && edits < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance: the fewest insertions, deletions and substitutions between two words.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn refused(line: &str) -> Failure {
        parse(&words(line)).expect_err(line)
    }

    #[test]
    fn commands_are_understood() {
        for line in ["", "help", "-h", "--help", "setup --help", "ci -h"] {
            assert_eq!(parse(&words(line)), Ok(Request::Help), "{line:?}");
        }
        assert_eq!(parse(&words("setup")), Ok(Request::Setup));
        assert_eq!(parse(&words("football setup")), Ok(Request::FootballSetup));
        assert_eq!(parse(&words("ci")), Ok(Request::Ci { require: false }));
        let required = Ok(Request::Ci { require: true });
        assert_eq!(parse(&words("ci --require")), required);
        let arguments = words("-p commformer-env -- --nocapture");
        assert_eq!(
            parse(&words("test -p commformer-env -- --nocapture")),
            Ok(Request::Test { arguments })
        );
    }

    #[test]
    fn the_programs_commands_pass_through_whole() {
        for line in [
            "train pp --steps 3",
            "train --help",
            "compare a.toml --dry-run",
            "eval",
            "watch --run x",
            "presets",
            "settings env.reward --env signal",
            "bench -h",
        ] {
            let arguments = words(line);
            assert_eq!(
                parse(&arguments.clone()),
                Ok(Request::Program { arguments })
            );
        }
        let arguments = words("doctor --seconds 2");
        assert_eq!(parse(&arguments.clone()), Ok(Request::Doctor { arguments }));
    }

    #[test]
    fn a_mistyped_command_gets_its_nearest_name_and_exit_code_2() {
        for (typed, meant) in [
            ("trian", "train"),
            ("evla", "eval"),
            ("tests", "test"),
            ("preset", "presets"),
            ("cii", "ci"),
            ("docter", "doctor"),
            ("set-up", "setup"),
        ] {
            let failure = refused(typed);
            assert_eq!(failure.code, 2);
            let end = format!("did you mean `{meant}`?");
            assert!(failure.message.ends_with(&end), "{}", failure.message);
        }
    }

    #[test]
    fn a_word_far_from_every_command_is_pointed_to_help() {
        for typed in ["upload", "up", "x", ""] {
            let failure = parse(&[OsString::from(typed)]).expect_err(typed);
            assert_eq!(failure.code, 2);
            assert!(
                failure.message.contains("cargo xtask help"),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn arguments_that_would_be_ignored_are_refused() {
        for line in ["setup --force", "ci fast"] {
            let failure = refused(line);
            assert_eq!(failure.code, 2);
            assert!(
                failure.message.contains("takes no arguments"),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn football_has_one_command() {
        for line in ["football", "football build", "football setup now"] {
            assert!(refused(line).message.contains("football setup"), "{line}");
        }
    }

    #[test]
    fn distances_by_hand() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ci"), 2);
        assert_eq!(distance("eval", ""), 4);
        assert_eq!(distance("bench", "bench"), 0);
    }

    #[test]
    fn help_names_every_command() {
        for name in PROGRAM.into_iter().chain(OWN) {
            let line = format!("\n  {name} ");
            assert!(HELP.contains(&line), "{name}");
        }
    }
}
