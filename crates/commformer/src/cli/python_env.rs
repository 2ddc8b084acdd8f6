//! `commformer python-env`.

use crate::config::parse_value;
use anyhow::Context;
use clap::{Args, Subcommand};
use commformer_bridge::{Checked, PythonConfig};
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
    /// As `env.make` takes it: MODULE:FUNCTION, FILE:FUNCTION, pettingzoo:MODULE, gfootball:SCENARIO or smac:MAP
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
    /// Look at its global state, too, as training with `env.global_state` does
    #[arg(long)]
    global_state: bool,
}

fn options(text: &str) -> Result<toml::Table, String> {
    match parse_value(text.trim()) {
        Some(toml::Value::Table(options)) => Ok(options),
        _ => Err("expected a TOML table, such as { N = 5 }".into()),
    }
}

impl PythonEnv {
    /// The check speaks for itself; it ends with 0 if nothing is wrong, with 1 if something is.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let Action::Check(check) = &self.command;
        let config = PythonConfig {
            make: check.make.clone(),
            options: check.options.clone(),
            python: check.python.clone(),
            global_state: check.global_state,
            ..PythonConfig::default()
        };
        config.check()?;
        let checked = commformer_bridge::check(&config, check.resets).with_context(|| {
            let python = &check.python;
            format!("`{python}` did not start; --python names a Python of 3.10 or later with numpy")
        })?;
        match checked {
            Checked::Sound => Ok(ExitCode::SUCCESS),
            Checked::Wrong => Ok(ExitCode::FAILURE),
            Checked::Hung(seconds, setting) => anyhow::bail!(
                "{} gave no answer within {seconds} s, which is how long training waits ({setting}); above Python \
                 says where it hangs",
                commformer_env::printable(&check.make)
            ),
            Checked::Ended(how) => {
                anyhow::bail!("{}: {how}", commformer_env::printable(&check.make))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_table() {
        let table = options("{ N = 5, name = 'x' }").unwrap();
        assert_eq!(table["N"].as_integer(), Some(5));
        assert_eq!(
            options("{ x = False }").unwrap()["x"].as_bool(),
            Some(false)
        );
        assert!(options("5").unwrap_err().contains("{ N = 5 }"));
        assert!(options("{").is_err());
    }
}
