//! `commformer python-env`.

use anyhow::Context;
use clap::{Args, Subcommand};
use commformer_bridge::PythonConfig;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct PythonEnv {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Try an environment, and tell what is wrong with it: shapes, numbers, repeatability, leaks
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// As `env.make` takes it: MODULE:FUNCTION, pettingzoo:MODULE, gfootball:SCENARIO or smac:MAP
    make: String,
    /// What it is made with, as `env.options` takes it, such as { N = 5 }
    #[arg(long, default_value = "{}", value_parser = options)]
    options: toml::Table,
    /// The interpreter that has numpy and the environment
    #[arg(long, default_value = "python3")]
    python: String,
    /// Resets over which memory, files, threads and processes are watched
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    resets: u32,
}

fn options(text: &str) -> Result<toml::Table, String> {
    let table: toml::Table = format!("options = {text}")
        .parse()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let found = table.get("options").and_then(|options| options.as_table());
    let expected = "expected a TOML table, such as { N = 5 }";
    found.cloned().ok_or_else(|| expected.to_owned())
}

impl PythonEnv {
    /// The check speaks for itself; it ends with 0 if nothing is wrong, with 1 if something is.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let Action::Check(check) = &self.command;
        let config = PythonConfig {
            make: check.make.clone(),
            options: check.options.clone(),
            python: check.python.clone(),
            ..PythonConfig::default()
        };
        let sound = commformer_bridge::check(&config, check.resets).with_context(|| {
            let python = &check.python;
            format!("`{python}` did not start; --python names a Python of 3.10 or later with numpy")
        })?;
        Ok(match sound {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_table() {
        let table = options("{ N = 5, name = 'x' }").unwrap();
        assert_eq!(table["N"].as_integer(), Some(5));
        assert!(options("5").unwrap_err().contains("{ N = 5 }"));
        assert!(options("{").is_err());
    }
}
