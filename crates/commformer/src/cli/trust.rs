//! Whose code runs here. A run's configuration can name Python code, and a run may be somebody else's: its task is
//! started only if this machine began the run, or the user trusts it. What is trusted is remembered outside the run's
//! folder, so that no folder can say it of itself. See `docs/src/security.md`.

use super::plain::Plain;
use super::warn;
use crate::config::{Config, TaskConfig};
use crate::links;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Whether a run's task may be started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub(super) struct Trust {
    /// Let a run that was not begun on this machine start the Python code that its configuration names; it is
    /// remembered for this folder
    #[arg(long)]
    trust: bool,
}

impl Trust {
    /// Lets a run's configuration pass if it starts no program, or if the run is trusted. Nothing of it has been
    /// executed before.
    ///
    /// # Errors
    ///
    /// If it is not trusted.
    pub fn check(self, run: &Path, config: &Config) -> anyhow::Result<()> {
        let Some(program) = started_by(config) else {
            return Ok(());
        };
        let memory = Memory::of_this_user();
        if memory
            .as_ref()
            .is_some_and(|memory| memory.knows(run, config))
        {
            return Ok(());
        }
        let run_shown = run.display();
        if !self.trust && !agreed(&format!("{run_shown} {program}"))? {
            anyhow::bail!(
                "{run_shown} {program}, and this machine did not begin that run: nothing of it was executed. If you \
                 trust whoever made it, repeat the command with --trust"
            );
        }
        remember(memory, run, config);
        Ok(())
    }
}

/// Trusts a run that begins here.
pub(super) fn began(run: &Path, config: &Config) {
    if started_by(config).is_some() {
        remember(Memory::of_this_user(), run, config);
    }
}

/// What a configuration lets run, in words; `None` if nothing.
fn started_by(config: &Config) -> Option<String> {
    match &config.env.task {
        TaskConfig::Python(task) => Some(format!(
            "runs Python code: env.make = {:?}, env.python = {:?}",
            task.make, task.python
        )),
        TaskConfig::BuiltIn(_) => None,
    }
}

/// Asks at a terminal; where there is none, nobody agrees.
fn agreed(what: &str) -> io::Result<bool> {
    let input = io::stdin();
    if !input.is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let mut out = Plain(io::stderr());
    write!(
        out,
        "{what}, and this machine did not begin that run. Trust it? [y/N] "
    )?;
    out.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn remember(memory: Option<Memory>, run: &Path, config: &Config) {
    let Err(why) = memory.map_or_else(
        || Err("neither XDG_STATE_HOME nor HOME is an absolute path".to_owned()),
        |memory| {
            let path = memory.file.display().to_string();
            let added = memory.add(run, config);
            added.map_err(|error| format!("cannot write {path} ({error})"))
        },
    ) else {
        return;
    };
    warn(&format!(
        "that {} is trusted is not remembered: {why}; the next command on it will need --trust",
        run.display()
    ));
}

/// The file of what is trusted: a line for each run, the hash of its [env] and its folder.
struct Memory {
    file: PathBuf,
}

impl Memory {
    fn of_this_user() -> Option<Self> {
        let absolute =
            |name| Some(PathBuf::from(std::env::var_os(name)?)).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME");
        let state = state.or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(Self {
            file: state.join("commformer/trusted"),
        })
    }

    fn knows(&self, run: &Path, config: &Config) -> bool {
        let Ok(line) = line(run, config) else {
            return false;
        };
        let known = fs::read_to_string(&self.file).unwrap_or_default();
        known.lines().any(|known| known == line)
    }

    fn add(&self, run: &Path, config: &Config) -> io::Result<()> {
        if self.knows(run, config) {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let line = line(run, config)? + "\n";
        // In one call, so that two programs do not mix their lines.
        links::append(&self.file)?.write_all(line.as_bytes())
    }
}

/// A run's line. Another folder, or another [env] in it, has another.
fn line(run: &Path, config: &Config) -> io::Result<String> {
    let env = toml::Table::try_from(&config.env).map_err(io::Error::other)?;
    let hash: String = Sha256::digest(env.to_string())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder: OsString = fs::canonicalize(run)?.into();
    // Escaped, so that no name makes a line of its own; and one that is no text keeps its bytes.
    Ok(format!("{hash} {folder:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn config(make: &str) -> Config {
        let text = format!("[env]\nkind = \"python\"\nmake = \"{make}\"\n");
        Config::parse(&text, Source::Default).unwrap()
    }

    #[test]
    fn only_this_folder_with_this_task_is_known() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = scratch.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let memory = Memory {
            file: scratch.path().join("state/commformer/trusted"),
        };
        let [a, b] = [folder("a"), folder("b\nc")];
        assert!(!memory.knows(&a, &config("m:f")));
        for _ in 0..2 {
            memory.add(&a, &config("m:f")).unwrap();
        }
        memory.add(&b, &config("m:f")).unwrap();
        assert_eq!(fs::read_to_string(&memory.file).unwrap().lines().count(), 2);
        assert!(memory.knows(&a, &config("m:f")) && memory.knows(&b, &config("m:f")));
        assert!(memory.knows(&scratch.path().join("a/../a"), &config("m:f")));
        assert!(!memory.knows(&a, &config("m:g")));
        assert!(!memory.knows(&folder("c"), &config("m:f")));
    }

    #[test]
    fn a_built_in_task_starts_nothing() {
        assert_eq!(started_by(&Config::default()), None);
        let said = started_by(&config("m:f\\u001b[2J")).unwrap();
        assert!(said.contains("env.make = \"m:f\\u{1b}[2J\""), "{said}");
    }
}
