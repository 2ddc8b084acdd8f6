//! The recipes of the architecture page, carried out: its blocks of code are put into a copy of the crates, which must
//! then pass the tests of environments and train.
//!
//! A block belongs to a file if its first line is a comment with the file's name. A block of `diff` adds lines to a file
//! of the repository; any other is a new file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, cargo, files, packages};

const PAGE: &str = "docs/src/architecture.md";
const ADVICE: &str =
    "bring the recipes of docs/src/architecture.md up to date and run `cargo xtask ci` again.";

/// The environment and the method that the recipes add.
const ADDED: (&str, &str) = ("button", "rmappo");

/// The setting that the recipes add, and the task that has it.
const ADDED_SETTING: (&str, &str) = ("env.reward", "signal");

/// Where the copy has its crates: under another name than the repository, for cargo tells packages in a shared target folder
/// apart by their paths in the workspace, and would take what it compiled of one for the other.
const FOLDER: &str = "copied";

/// What a block of the page does to a file.
#[derive(Debug, PartialEq)]
struct Block<'a> {
    file: &'a str,
    is_diff: bool,
    lines: Vec<&'a str>,
}

/// Adds the page's environment, method and setting to a copy of the crates, tests the environment, trains it by the method,
/// and looks the setting up.
pub fn check(root: &Path) -> Result<(), Failure> {
    let target = cargo::target_folder(root);
    let workspace = target.join("recipes");
    let written = lay_out(root, &target.join("recipes-new"), &workspace)?;

    let mut format = Command::new("rustfmt");
    format.args(["--check", "--edition", "2024"]).args(written);
    cargo::carry_out(format, ADVICE)?;

    let mut test = cargo::command_in(root, &workspace, "test");
    test.args(["--offline", "--quiet", "--package", "commformer-env"]);
    test.args(["--test", "suite", "--target-dir"]).arg(&target);
    test.args(["--", "conformance", ADDED.0]);
    cargo::carry_out(test, ADVICE)?;

    let (setting, task) = ADDED_SETTING;
    let mut look_up = cargo::command_in(root, &workspace, "run");
    look_up.args(["--offline", "--quiet", "--package", "commformer"]);
    look_up.arg("--target-dir").arg(&target);
    look_up.args(["--", "settings", setting, "--env", task]);
    cargo::carry_out(look_up, ADVICE)?;

    let run = workspace.join("run");
    files::remove_folder(&run).map_err(failed)?;
    let mut train = cargo::command_in(root, &workspace, "run");
    train.args(["--offline", "--quiet", "--package", "commformer"]);
    train.arg("--target-dir").arg(&target);
    train.args(["--", "train", ADDED.0, "--method", ADDED.1]);
    train.args(["--steps", "2000", "--run"]).arg(&run);
    cargo::carry_out(train, ADVICE)
}

/// Makes the workspace: the crates with what the page adds. Files that are the same stay untouched, so that they are not
/// compiled again. Gives the Rust files that the page has whole.
fn lay_out(root: &Path, new: &Path, workspace: &Path) -> Result<Vec<PathBuf>, Failure> {
    files::remove_folder(new).map_err(failed)?;
    let crates = new.join(FOLDER);
    packages::update(&root.join("crates"), &crates).map_err(failed)?;
    let page = fs::read_to_string(root.join(PAGE)).map_err(failed)?;
    let mut written = Vec::new();
    for block in blocks(&page) {
        let file = copy_of(block.file);
        if !block.is_diff && block.file.ends_with(".rs") {
            written.push(workspace.join(&file));
        }
        let file = new.join(file);
        let before = fs::read_to_string(&file).ok();
        fs::write(file, block.applied(before.as_deref())?).map_err(failed)?;
    }
    packages::update(&crates, &workspace.join(FOLDER)).map_err(failed)?;
    let manifest = fs::read_to_string(root.join("Cargo.toml")).map_err(failed)?;
    let manifest = packages::manifest(&manifest, FOLDER);
    packages::replace(&workspace.join("Cargo.toml"), manifest.as_bytes()).map_err(failed)?;
    // Cargo removes from it what only tests and xtask need.
    fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock")).map_err(failed)?;
    Ok(written)
}

/// Where the copy has a file of the repository.
fn copy_of(file: &str) -> PathBuf {
    match file.strip_prefix("crates/") {
        Some(rest) => Path::new(FOLDER).join(rest),
        None => PathBuf::from(file),
    }
}

/// The blocks of a page that belong to files.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    // Those of a numbered list are indented.
    while let Some(opening) = lines.find(|line| line.trim_start().starts_with("```")) {
        let start = opening.trim_start();
        let indent = opening.len() - start.len();
        let body = lines.by_ref().take_while(|line| line.trim() != "```");
        let mut body = body.map(|line| line.get(indent..).unwrap_or_default());
        let Some(file) = body.next().and_then(named) else {
            body.for_each(drop);
            continue;
        };
        found.push(Block {
            file,
            is_diff: start == "```diff",
            lines: body.collect(),
        });
    }
    found
}

/// The file that a block's first line names.
fn named(line: &str) -> Option<&str> {
    let file = line.strip_prefix("// ").or(line.strip_prefix("# "))?;
    (file.starts_with("crates/") && !file.contains(' ')).then_some(file)
}

impl Block<'_> {
    /// The file as the block makes it.
    fn applied(&self, before: Option<&str>) -> Result<String, Failure> {
        let wrong = |what: String| Failure::new(format!("{PAGE}, {}: {what}; {ADVICE}", self.file));
        let whole = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect();
        let before = match (self.is_diff, before) {
            (false, None) => return Ok(whole(&self.lines)),
            (false, Some(_)) => return Err(wrong("it should be a new file, but is there".into())),
            (true, None) => return Err(wrong("lines are added to it, but it is not there".into())),
            (true, Some(before)) => before,
        };
        let mut made: Vec<&str> = before.lines().collect();
        // Lines before the first that is there, and where those after it go.
        let (mut first, mut next) = (Vec::new(), None);
        for line in &self.lines {
            if let Some(added) = line.strip_prefix('+') {
                match next {
                    None => first.push(added),
                    Some(index) => {
                        made.insert(index, added);
                        next = Some(index + 1);
                    }
                }
                continue;
            }
            let Some(there) = line.strip_prefix(' ') else {
                return Err(wrong(format!(
                    "`{line}` begins neither with a blank nor with +"
                )));
            };
            let found: Vec<_> = (0..made.len())
                .filter(|&index| made[index] == there)
                .collect();
            let [index] = found[..] else {
                let times = found.len();
                return Err(wrong(format!(
                    "`{there}` should be in it once, not {times} times"
                )));
            };
            next = Some(index + first.len() + 1);
            made.splice(index..index, first.drain(..));
        }
        match next {
            None => Err(wrong("no line says where to add".into())),
            Some(_) => Ok(whole(&made)),
        }
    }
}

fn failed(error: io::Error) -> Failure {
    files::no_room("the recipes could not be laid out below target/", &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_compiled_apart_from_the_repository() {
        assert_eq!(copy_of("crates/a/src/b.rs"), Path::new("copied/a/src/b.rs"));
        assert_eq!(copy_of("Cargo.toml"), Path::new("Cargo.toml"));
        // Cargo tells them apart by this part of their paths.
        assert!(!crate::root().join(FOLDER).exists());
    }

    #[test]
    fn the_pages_blocks_fit_the_repository() {
        let root = crate::root();
        let page = fs::read_to_string(root.join(PAGE)).expect("the page");
        let blocks = blocks(&page);
        for block in &blocks {
            let before = fs::read_to_string(root.join(block.file)).ok();
            let made = block.applied(before.as_deref()).expect("it fits");
            assert_ne!(Some(made), before, "{}", block.file);
        }
        for added in [ADDED.0, ADDED.1] {
            let source = format!("src/{added}.rs");
            assert!(
                blocks.iter().any(|block| block.file.ends_with(&source)),
                "{added}"
            );
        }
    }

    #[test]
    fn blocks_are_found_by_the_file_in_their_first_line() {
        let page = "Text.\n\n1. One:\n   ```rust,ignore\n   // crates/a/src/b.rs\n   fn b() {\n       c();\n\n   }\n   ```\n\
                    ```console\ncargo run\n```\n```diff\n# crates/a/c.toml\n x = 1\n+y = 2\n```\n";
        let expected = [
            Block {
                file: "crates/a/src/b.rs",
                is_diff: false,
                lines: vec!["fn b() {", "    c();", "", "}"],
            },
            Block {
                file: "crates/a/c.toml",
                is_diff: true,
                lines: vec![" x = 1", "+y = 2"],
            },
        ];
        assert_eq!(blocks(page), expected);
    }

    #[test]
    fn lines_are_added_after_those_that_are_there_once() {
        let block = |is_diff, lines: &[&'static str]| Block {
            file: "crates/a",
            is_diff,
            lines: lines.to_vec(),
        };
        let file = Some("a\nb\nb\nc\n");
        let made = block(true, &[" a", "+1", "+2", " c", "+3"]).applied(file);
        assert_eq!(made, Ok("a\n1\n2\nb\nb\nc\n3\n".into()));
        let made = block(true, &["+1", "+2", " c", "+3"]).applied(file);
        assert_eq!(made, Ok("a\nb\nb\n1\n2\nc\n3\n".into()));
        let refused = |block: Block<'_>, file, expected: &str| {
            let error = block.applied(file).expect_err("an error").to_string();
            assert!(error.contains(expected), "{error}");
        };
        refused(block(true, &[" b", "+1"]), file, "once, not 2 times");
        refused(block(true, &[" d", "+1"]), file, "once, not 0 times");
        refused(block(true, &["+1"]), file, "where to add");
        refused(block(true, &["a"]), file, "neither with a blank");
        refused(block(true, &[" a"]), None, "is not there");
        refused(block(false, &["a"]), file, "a new file");
        assert_eq!(block(false, &["a"]).applied(None), Ok("a\n".into()));
    }
}
