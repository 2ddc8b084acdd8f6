//! What `cargo xtask ci` skips for want of a program. Tests say so in a file (see `tests/src/skip.rs`).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, files};

/// What was skipped so far.
pub struct Skips {
    /// A line for each.
    file: PathBuf,
    /// Whether nothing may be.
    require: bool,
}

impl Skips {
    /// Nothing yet.
    pub fn begin(root: &Path, require: bool) -> Result<Self, Failure> {
        let file = root.join("target/skips.txt");
        let skips = Self { file, require };
        let emptied = fs::create_dir_all(root.join("target"));
        emptied
            .and_then(|()| fs::write(&skips.file, ""))
            .map_err(|error| skips.failed(&error))?;
        Ok(skips)
    }

    /// Skips a step, or fails if nothing may be skipped.
    pub fn skip(&self, step: &str, why: &str) -> Result<(), Failure> {
        if self.require {
            return Err(Failure::new(format!(
                "ci --require stopped at {step}: {why}"
            )));
        }
        println!("\n== {step}: skipped; {why}");
        let opened = OpenOptions::new().append(true).open(&self.file);
        opened
            .and_then(|mut file| writeln!(file, "{step}: {why}"))
            .map_err(|error| self.failed(&error))
    }

    /// Tells tests where to say what they skip, and whether they may.
    pub fn tell(&self, tests: &mut Command) {
        tests.env("COMMFORMER_SKIPS", &self.file);
        if self.require {
            tests.env("COMMFORMER_REQUIRE", "1");
        }
    }

    /// How many there were, and which.
    pub fn summary(&self) -> String {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().collect();
        // Tests run in any order.
        lines.sort_unstable();
        let list: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        format!("\nSkipped: {}\n{list}", lines.len())
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        files::not_written(&self.file, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_is_skipped_is_counted_or_refused() {
        let root = Scratch::new("skips");
        let skips = Skips::begin(&root, false).expect("a file");
        assert_eq!(skips.summary(), "\nSkipped: 0\n");
        skips.skip("scripts", "no tsc.").expect("skipped");
        // As a test does.
        let mut test = Command::new("sh");
        test.args([
            "-c",
            r#"echo "a test: no Python" >> "$COMMFORMER_SKIPS"; exit ${COMMFORMER_REQUIRE:-0}"#,
        ]);
        skips.tell(&mut test);
        assert!(test.status().expect("a shell").success());
        assert_eq!(
            skips.summary(),
            "\nSkipped: 2\n  a test: no Python\n  scripts: no tsc.\n"
        );

        let strict = Skips::begin(&root, true).expect("a file");
        assert_eq!(strict.summary(), "\nSkipped: 0\n");
        let said = strict
            .skip("scripts", "no tsc.")
            .expect_err("refused")
            .to_string();
        assert!(said.contains("stopped at scripts: no tsc."), "{said}");
        strict.tell(&mut test);
        assert_eq!(test.status().expect("a shell").code(), Some(1));
    }
}
