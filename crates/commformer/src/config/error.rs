//! What can be wrong with a configuration. Every message names the key, what was found and what
//! would do, and where the value came from.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A preset of this name.
    Preset(String),
    /// A configuration file.
    File(PathBuf),
    /// A table of a file that has several, such as `[methods.mappo] of comparison.toml`.
    Table(String),
    /// An argument of the command line, as it was typed.
    Argument(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "the default"),
            Self::Preset(name) => write!(f, "from preset `{name}`"),
            Self::File(path) => write!(f, "from {}", path.display()),
            Self::Table(table) => write!(f, "from {table}"),
            Self::Argument(text) => write!(f, "from `{text}`"),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No key has this name.
    #[error("there is no `{path}` ({source_of}); {hint}")]
    UnknownKey {
        /// The key, such as `ppo.learning_rate`.
        path: String,
        /// Where it was set.
        source_of: Source,
        /// The nearest key, or those there are.
        hint: String,
    },
    /// The value cannot be.
    #[error(
        "`{path}` is {found}, but must be {expected} ({source_of}){}",
        meaning(path, about)
    )]
    Value {
        /// The key.
        path: String,
        /// Its value.
        found: String,
        /// What would do.
        expected: String,
        /// Where it was set.
        source_of: Source,
        /// What the setting is; empty if there is no more to say.
        about: Box<str>,
    },
    /// Settings that are fine one by one do not go together.
    #[error("{problem} ({sources})")]
    Conflict {
        /// What does not go together, and what to do.
        problem: String,
        /// Where each of them was set.
        sources: String,
    },
    /// A setting that the method has no use for.
    #[error(
        "`{path}` is nothing that the method `{method}` has ({source_of}); {}",
        elsewhere(source_of)
    )]
    OtherMethod {
        /// The setting.
        path: String,
        /// The method.
        method: &'static str,
        /// Where it was set.
        source_of: Source,
    },
    /// No preset has this name.
    #[error("there is no preset `{name}`; {hint}")]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// The nearest one, or all there are.
        hint: String,
    },
    /// A file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("not valid TOML ({source_of}):\n{message}")]
    Syntax {
        /// Where it stands.
        source_of: Source,
        /// What the parser says.
        message: String,
    },
    /// An assignment of the command line has the wrong form.
    #[error("`--set {text}` is not KEY=VALUE, such as `--set ppo.lr=3e-4`")]
    Assignment {
        /// What was typed.
        text: String,
    },
    /// A value does not fit its type, for a reason that only the reader of that type knows.
    #[error("the configuration cannot be read: {0}")]
    Rejected(String),
    /// It cannot be written as TOML.
    #[error("the configuration cannot be written: {0}")]
    Write(#[from] toml::ser::Error),
}

/// A line that says what a setting is.
fn meaning(path: &str, about: &str) -> String {
    match about {
        "" => String::new(),
        about => format!("\n`{path}`: {about}"),
    }
}

/// What to do with a setting of other methods.
fn elsewhere(source: &Source) -> &'static str {
    match source {
        // What a comparison says of more than one method.
        Source::Table(table) if !table.starts_with("[methods.") => {
            "move it into the tables of the methods that have it"
        }
        _ => "leave it out, or set `method.kind`",
    }
}
