//! What `cargo xtask ci` asks of the dependencies: licences, versions, sources and known flaws, as
//! `.ci/deny.toml` says. cargo-deny does it where it is installed, without the network.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::skips::Skips;
use crate::{Failure, cargo};

/// Why nothing is checked where [`command`] gives none.
pub const MISSING: &str =
    "cargo-deny is not installed, and `cargo install --locked cargo-deny` gets it.";

/// Why known flaws are not looked for.
const NO_ADVISORIES: &str =
    "RustSec's list is not here, and `cargo deny --config .ci/deny.toml fetch db` gets it.";

/// The command that checks, or `None` where cargo-deny is missing.
pub fn command(root: &Path, skips: &Skips) -> Result<Option<Command>, Failure> {
    if !is_installed(root) {
        return Ok(None);
    }
    check_with(root, cargo_home().as_deref(), skips).map(Some)
}

/// The command that checks, without known flaws where their list is missing.
fn check_with(root: &Path, cargo_home: Option<&Path>, skips: &Skips) -> Result<Command, Failure> {
    let advisories = cargo_home.is_some_and(has_advisories);
    if !advisories {
        skips.skip("advisories", NO_ADVISORIES)?;
    }
    Ok(check(root, advisories))
}

fn check(root: &Path, advisories: bool) -> Command {
    let mut command = cargo::command(root, "deny");
    command.args(["--locked", "--offline", "--config"]);
    command.arg(root.join(".ci/deny.toml"));
    command.args(["check", "licenses", "bans", "sources"]);
    if advisories {
        command.arg("advisories");
    }
    command
}

fn is_installed(root: &Path) -> bool {
    let mut command = cargo::command(root, "deny");
    command.arg("--version");
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether cargo-deny keeps a database below cargo's folder.
fn has_advisories(cargo_home: &Path) -> bool {
    let databases = fs::read_dir(cargo_home.join("advisory-dbs"));
    databases.is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.path().join("crates").is_dir())
    })
}

fn cargo_home() -> Option<PathBuf> {
    let own = env::var_os("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn advisories_are_asked_for_where_they_are() {
        let line = |advisories| {
            let command = check(Path::new("/repo"), advisories);
            let words: Vec<_> = command
                .get_args()
                .map(|word| word.to_string_lossy())
                .collect();
            words.join(" ")
        };
        let start = "deny --manifest-path /repo/Cargo.toml --locked --offline \
                     --config /repo/.ci/deny.toml check licenses bans sources";
        assert_eq!(line(false), start);
        assert_eq!(line(true), format!("{start} advisories"));
    }

    #[test]
    fn advisories_that_are_missing_are_counted_or_refused() {
        let root = Scratch::new("no-advisories");
        let skips = Skips::begin(&root, false).expect("a file");
        assert!(check_with(&root, Some(&root), &skips).is_ok());
        let summary = skips.summary();
        assert!(summary.contains("Skipped: 1\n  advisories: "), "{summary}");
        let strict = Skips::begin(&root, true).expect("a file");
        assert!(check_with(&root, Some(&root), &strict).is_err());
        fs::create_dir_all(root.join("advisory-dbs/db/crates")).expect("a folder");
        assert!(check_with(&root, Some(&root), &strict).is_ok());
    }

    #[test]
    fn only_a_folder_of_advisories_is_a_database() {
        let home = Scratch::new("advisories");
        let database = home.join("advisory-dbs/advisory-db-1");
        assert!(!has_advisories(&home), "no folder");
        fs::create_dir_all(&database).expect("a folder");
        assert!(!has_advisories(&home), "an empty one");
        fs::create_dir(database.join("crates")).expect("a folder");
        assert!(has_advisories(&home));
    }
}
