//! Why a scenario file is refused, and where in it.

use std::ops::Range;

/// A scenario file that describes no battle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ScenarioError {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong there, and what would do.
    pub reason: String,
}

/// The text of a file, to find lines in.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a>(pub &'a str);

impl Lines<'_> {
    /// An error about the text from this byte on.
    pub fn error(self, at: &Range<usize>, reason: impl Into<String>) -> ScenarioError {
        let before = self.0.as_bytes().iter().take(at.start);
        ScenarioError {
            line: 1 + before.filter(|&&byte| byte == b'\n').count(),
            reason: reason.into(),
        }
    }

    /// An error that the TOML reader found; where it does not say, about `otherwise`.
    pub fn toml(self, error: &toml::de::Error, otherwise: &Range<usize>) -> ScenarioError {
        let at = error.span();
        self.error(at.as_ref().unwrap_or(otherwise), error.message())
    }

    /// An error unless a number lies within bounds; not-a-number lies in none.
    pub fn within<T: PartialOrd + std::fmt::Display>(
        self,
        at: &Range<usize>,
        name: &str,
        found: T,
        [least, most]: [T; 2],
    ) -> Result<(), ScenarioError> {
        if (&least..=&most).contains(&&found) {
            return Ok(());
        }
        let reason = format!("`{name}` is {found}, but must be from {least} to {most}");
        Err(self.error(at, reason))
    }
}
