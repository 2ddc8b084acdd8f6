//! `cargo xtask doctor`: what can be seen before anything is built; the program then tells the rest.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::libtorch::Found;
use crate::{Failure, libtorch, program, tools};

/// Where values begin; the program's own lines do the same.
const WIDTH: usize = 16;

/// Tells what xtask sees and becomes the program. Downloads nothing: where libtorch is missing, that
/// is what is found.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    let libtorch = Found::look(root);
    if !arguments
        .iter()
        .any(|word| word == "-h" || word == "--help")
    {
        print!("{}", report(&facts(root, &libtorch)));
    }
    buildable(&libtorch)?;
    program::run(root, arguments)
}

/// Whether there is a libtorch to build with.
fn buildable(libtorch: &Found) -> Result<(), Failure> {
    match libtorch {
        Found::Users(_) | Found::Ours => Ok(()),
        Found::Missing => Err(Failure::new(
            "libtorch is missing, and without it nothing can be built or tested; get it with \
             `cargo xtask setup` (about 540 MB to download) and repeat the command.",
        )),
    }
}

/// Lines that begin with four spaces: Markdown shows them as they are, also if the rest never comes.
fn report(facts: &[(&str, String)]) -> String {
    let lines = facts
        .iter()
        .map(|(key, value)| format!("    {key:WIDTH$}{value}\n"));
    format!("\n{}", lines.collect::<String>())
}

fn facts(root: &Path, libtorch: &Found) -> Vec<(&'static str, String)> {
    let version = |variable: &str, program: &str| {
        let program = env::var_os(variable).unwrap_or_else(|| program.into());
        let line = tools::first_line(&[program.as_os_str(), OsStr::new("--version")]);
        line.unwrap_or_else(|| format!("`{} --version` did not run", program.to_string_lossy()))
    };
    let mut facts = vec![
        ("commit", commit(root)),
        ("host", format!("{} {}", env::consts::OS, env::consts::ARCH)),
        ("rustc", version("RUSTC", "rustc")),
        ("cargo", version("CARGO", "cargo")),
    ];
    facts.extend(tools::versions());
    facts.push(("set-up", set_up(root, libtorch)));
    facts
}

/// The commit that is checked out; `-dirty` where tracked files differ from it.
fn commit(root: &Path) -> String {
    let mut command = vec![OsStr::new("git"), OsStr::new("-C"), root.as_os_str()];
    command.extend(
        [
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ]
        .map(OsStr::new),
    );
    tools::first_line(&command).unwrap_or_else(|| "not known: git sees no repository".to_owned())
}

fn set_up(root: &Path, libtorch: &Found) -> String {
    let pinned = libtorch::VERSION;
    match libtorch {
        Found::Users(choice) => {
            format!(
                "{choice}, set by the user; it must be {}",
                libtorch::release()
            )
        }
        Found::Ours => format!("libtorch {pinned} in .libtorch, complete"),
        Found::Missing if libtorch::folder(root).exists() => {
            format!("libtorch {pinned} is missing: .libtorch is of other pins, or not complete")
        }
        Found::Missing => format!("libtorch {pinned} is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder in which there is nothing.
    fn nowhere() -> std::path::PathBuf {
        env::temp_dir().join("commformer-xtask-no-such-folder")
    }

    #[test]
    fn every_fact_is_a_line_of_a_code_block() {
        let facts = facts(&nowhere(), &Found::Missing);
        let text = report(&facts);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(""));
        for ((key, value), line) in facts.iter().zip(lines) {
            assert!(key.len() < WIDTH && !value.is_empty(), "{key}");
            assert_eq!(line.find(value.as_str()), Some(4 + WIDTH), "{line}");
            assert_eq!(line.trim_start().find(key), Some(0), "{line}");
        }
        assert_eq!(text.lines().count(), 1 + facts.len());
        let keys: Vec<_> = facts.iter().map(|(key, _)| *key).collect();
        assert_eq!(
            keys,
            [
                "commit",
                "host",
                "rustc",
                "cargo",
                "python3",
                "pip",
                "C++ compiler",
                "set-up"
            ]
        );
    }

    #[test]
    fn a_folder_without_a_repository_or_a_libtorch_is_told_so() {
        let root = nowhere();
        assert!(commit(&root).starts_with("not known"), "{}", commit(&root));
        let missing = set_up(&root, &Found::Missing);
        assert!(missing.ends_with("2.11.0+cpu is missing"), "{missing}");
        let users = set_up(&root, &Found::Users("LIBTORCH=/opt".to_owned()));
        let told = "LIBTORCH=/opt, set by the user; it must be 2.11.0";
        assert_eq!(users, told);
    }

    #[test]
    fn without_libtorch_the_command_that_gets_it_is_named() {
        assert_eq!(buildable(&Found::Ours), Ok(()));
        let failure = buildable(&Found::Missing).expect_err("no libtorch");
        assert_eq!(failure.code, 1);
        assert!(failure.message.contains("`cargo xtask setup`"), "{failure}");
    }
}
