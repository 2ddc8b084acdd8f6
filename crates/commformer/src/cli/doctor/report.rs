//! The text: a key and a value in a line, all lines one code block in Markdown.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};

/// Where values begin; the lines that `cargo xtask doctor` writes before do the same.
const WIDTH: usize = 16;

/// How a check went, if not badly.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Well, and what was found.
    Ok(String),
    /// It cannot be made here, and why.
    Skipped(&'static str),
}

/// Writes the lines and keeps count of what failed.
pub(super) struct Report<'a> {
    out: &'a mut dyn Write,
    failed: Vec<&'static str>,
}

impl<'a> Report<'a> {
    pub fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut report = Self {
            out,
            failed: Vec::new(),
        };
        // A code block begins after an empty line.
        report.space()?;
        Ok(report)
    }

    pub fn space(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A line; further lines of the value begin where the first does.
    pub fn line(&mut self, key: &str, value: &str) -> io::Result<()> {
        let keys = std::iter::once(key).chain(std::iter::repeat(""));
        for (key, value) in keys.zip(value.lines()) {
            // Four spaces: Markdown leaves it alone.
            writeln!(self.out, "    {key:WIDTH$}{value}")?;
        }
        Ok(())
    }

    /// Makes a check and writes what came out. One that panics has failed like one that gives an error.
    pub fn check(
        &mut self,
        key: &'static str,
        check: impl FnOnce() -> anyhow::Result<Outcome>,
    ) -> io::Result<()> {
        let value = match panic::catch_unwind(AssertUnwindSafe(check)) {
            Ok(Ok(Outcome::Ok(found))) => format!("ok: {found}"),
            Ok(Ok(Outcome::Skipped(reason))) => format!("skipped: {reason}"),
            Ok(Err(error)) => self.failed(key, &format!("{error:#}")),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                self.failed(key, text.unwrap_or("it panicked"))
            }
        };
        self.line(key, &value)
    }

    fn failed(&mut self, key: &'static str, reason: &str) -> String {
        self.failed.push(key);
        format!("FAILED: {reason}")
    }

    /// An error if a check failed.
    pub fn end(self) -> anyhow::Result<()> {
        let failed = self.failed.join(", ");
        anyhow::ensure!(
            failed.is_empty(),
            "failed here: {failed}; if the reason does not say what to do, put the lines above into a bug report"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a report writes between its first line and its end, and how it ends.
    fn written(
        tell: impl FnOnce(&mut Report<'_>) -> io::Result<()>,
    ) -> (String, anyhow::Result<()>) {
        let mut out = Vec::new();
        let mut report = Report::begin(&mut out).unwrap();
        tell(&mut report).unwrap();
        let end = report.end();
        (String::from_utf8(out).unwrap(), end)
    }

    #[test]
    fn values_stand_in_a_column_of_a_code_block() {
        let (text, end) = written(|report| {
            report.line("memory", "5 MB")?;
            report.line("environment", "A=1\nB=2")
        });
        let expected = "
    memory          5 MB
    environment     A=1
                    B=2
";
        assert_eq!(text, expected);
        assert!(end.is_ok());
    }

    #[test]
    fn what_fails_is_told_and_does_not_keep_the_next_from_being_made() {
        let (text, end) = written(|report| {
            report.check("one", || anyhow::bail!("no room"))?;
            report.check("two", || panic!("{} is odd", 3))?;
            report.check("three", || Ok(Outcome::Skipped("nothing there")))?;
            report.check("four", || Ok(Outcome::Ok("fine".to_owned())))
        });
        let expected = "
    one             FAILED: no room
    two             FAILED: 3 is odd
    three           skipped: nothing there
    four            ok: fine
";
        assert_eq!(text, expected);
        let message = end.unwrap_err().to_string();
        assert!(message.starts_with("failed here: one, two;"), "{message}");
    }
}
