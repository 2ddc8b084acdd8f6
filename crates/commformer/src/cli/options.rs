//! Options that several commands share: those that make a configuration.

use crate::config::{Config, ConfigError, Overrides, presets};
use clap::Args;
use std::ffi::OsStr;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ConfigOptions {
    /// A configuration that comes with the program (see `commformer presets`); without it, and
    /// without --config, predator-prey
    preset: Option<String>,
    /// A TOML file over the preset, such as the config.toml of a run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting over both, such as ppo.lr=3e-4; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Everything random follows from it (run.seed)
    #[arg(long)]
    seed: Option<u64>,
    /// Environment steps, over all copies (run.steps)
    #[arg(long)]
    steps: Option<u64>,
    /// Threads; 0 means one for each core (run.threads)
    #[arg(long)]
    threads: Option<usize>,
    /// Where tensors live: auto, cpu, cuda or cuda:N (run.device)
    #[arg(long)]
    device: Option<String>,
}

impl ConfigOptions {
    /// The preset to begin with; a file alone begins with the defaults.
    pub fn preset(&self) -> Option<&str> {
        match (&self.preset, &self.config) {
            (Some(preset), _) => Some(preset),
            (None, None) => Some(presets::DEFAULT),
            (None, Some(_)) => None,
        }
    }

    /// What a run with these options is called: after its preset, or its file, or the run whose
    /// config.toml that file is.
    pub fn name(&self) -> String {
        let preset = self.preset.as_deref();
        let file = self
            .config
            .as_deref()
            .and_then(|file| match file.file_stem()?.to_str()? {
                "config" => file
                    .parent()?
                    .file_name()
                    .map_or(Some("config"), OsStr::to_str),
                stem => Some(stem),
            });
        preset.or(file).unwrap_or(presets::DEFAULT).to_owned()
    }

    pub fn overrides(&self) -> Overrides {
        Overrides {
            file: self.config.clone(),
            set: self.set.clone(),
            seed: self.seed,
            steps: self.steps,
            threads: self.threads,
            device: self.device.clone(),
        }
    }

    pub fn resolve(&self) -> Result<Config, ConfigError> {
        Config::resolve(self.preset(), &self.overrides())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: ConfigOptions,
    }

    #[test]
    fn a_run_is_called_after_where_its_configuration_came_from() {
        let check = |arguments: &[&str], name: &str, preset: Option<&str>| {
            let line = Line::parse_from(["x"].iter().chain(arguments));
            assert_eq!(
                (line.options.name().as_str(), line.options.preset()),
                (name, preset)
            );
        };
        check(&[], "predator-prey", Some("predator-prey"));
        check(&["signal", "--config", "a.toml"], "signal", Some("signal"));
        check(&["--config", "tests/mine.toml"], "mine", None);
        check(&["--config", "runs/signal-1/config.toml"], "signal-1", None);
        check(&["--config", "config.toml"], "config", None);
    }
}
