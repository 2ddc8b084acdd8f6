//! What the user asked for.

use std::ffi::OsString;

use crate::Failure;

/// What `cargo xtask help` prints: it needs neither libtorch nor the program. A test of the program holds the list of
/// its commands to what the program itself lists.
pub const HELP: &str = include_str!("help.txt");

/// The program's command before which xtask tells what it sees itself.
const DOCTOR: &str = "doctor";

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
        _ => Ok(Request::Program {
            arguments: arguments.to_vec(),
        }),
    }
}

/// Whether [`HELP`] lists a command.
pub fn is_listed(command: &str) -> bool {
    let mut lines = HELP.lines().filter_map(|line| line.strip_prefix("  "));
    lines.any(|line| !command.is_empty() && line.split(' ').next() == Some(command))
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
            // Whether it has such a command is the program's to say.
            "trian pp",
            "--version",
        ] {
            let arguments = words(line);
            assert_eq!(parse(&arguments), Ok(Request::Program { arguments }));
        }
        let arguments = words("doctor --seconds 2");
        assert_eq!(parse(&arguments), Ok(Request::Doctor { arguments }));
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
    fn help_lists_commands() {
        for name in ["setup", "football", "test", "ci", "help", "train", DOCTOR] {
            assert!(is_listed(name), "{name}");
        }
        for name in ["trian", "", "tes", "setup "] {
            assert!(!is_listed(name), "{name}");
        }
    }
}
