//! Options that several commands share: those that make a configuration.

use super::train::follower;
use crate::config::{Config, ConfigError, Overrides, presets};
use clap::Args;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What a configuration is put together from.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(super) struct BaseOptions {
    /// A configuration that comes with the program (see `commformer presets`); without it, and without --config,
    /// predator-prey
    preset: Option<String>,
    /// A TOML file over the preset, such as the config.toml of a run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting over both, such as ppo.lr=3e-4; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The same, and the settings that have an option of their own.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(super) struct ConfigOptions {
    #[command(flatten)]
    pub base: BaseOptions,
    /// How the team acts and learns, such as commformer, mat, mappo or commnet (method.kind)
    #[arg(long)]
    method: Option<String>,
    /// Everything random follows from it (run.seed)
    #[arg(long, value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Threads; 0 means one for each core (run.threads)
    #[arg(long, value_parser = whole::<usize>, allow_negative_numbers = true)]
    threads: Option<usize>,
    /// Where tensors live: auto, cpu, cuda or cuda:N (run.device)
    #[arg(long)]
    device: Option<String>,
}

/// Reads a whole number as `--set` does, also one such as 6e5 or 600_000.
pub(super) fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let plain = text.replace('_', "");
    let of_float = || {
        let number: f64 = plain.parse().ok()?;
        let is_exact = number.fract() == 0.0 && (0.0..9.0e15).contains(&number);
        is_exact.then_some(number as u64)
    };
    let number = plain.parse().ok().or_else(of_float);
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| "expected a whole number, such as 600000 or 6e5".to_owned())
}

/// Reads a number of things, 1 to `MOST`, as [`whole`] does.
pub(super) fn count<const MOST: u32>(text: &str) -> Result<u32, String> {
    whole(text)
        .ok()
        .filter(|number| (1..=MOST).contains(number))
        .ok_or_else(|| format!("expected a whole number from 1 to {MOST}, such as 20 or 1e3"))
}

impl BaseOptions {
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

    /// The configuration, whose options in the place of `--seed` and so on are `others`.
    pub fn resolve(&self, others: Overrides) -> Result<Config, ConfigError> {
        let overrides = Overrides {
            file: self.config.clone(),
            set: self.set.clone(),
            ..others
        };
        let (config, notes) = Config::resolve_with_notes(self.preset(), &overrides)?;
        // Of several processes the first speaks for the run.
        let notes = notes.into_iter().filter(|_| follower().is_none());
        for note in notes {
            super::note(&note);
        }
        Ok(config)
    }
}

impl ConfigOptions {
    /// The same over this file, unless they name a preset or a file of their own.
    pub fn over(&self, file: &Path) -> Self {
        let mut options = self.clone();
        if options.base.preset.is_none() && options.base.config.is_none() {
            options.base.config = Some(file.to_owned());
        }
        options
    }

    /// Whether neither a preset nor a file is named.
    pub fn is_unnamed(&self) -> bool {
        self.base.preset.is_none() && self.base.config.is_none()
    }

    /// What a run of this configuration, which these options make, is called: after its task where they name no preset
    /// and no file, or a preset of another task; else as [`BaseOptions::name`] says.
    pub fn name_of(&self, config: &Config) -> String {
        let preset = self.base.preset.as_deref();
        let preset = preset.and_then(|name| presets::find(name).ok()?.config().ok());
        let is_other = preset.is_some_and(|preset| preset.env.kind() != config.env.kind());
        match self.is_unnamed() || is_other {
            true => config.env.name(),
            false => self.base.name(),
        }
    }

    /// See [`BaseOptions::name`].
    pub fn name(&self) -> String {
        self.base.name()
    }

    pub fn resolve(&self) -> Result<Config, ConfigError> {
        self.resolve_with(Overrides::default())
    }

    /// The configuration, with the options of a command's own in `others`.
    pub fn resolve_with(&self, others: Overrides) -> Result<Config, ConfigError> {
        self.base.resolve(Overrides {
            method: self.method.clone(),
            seed: self.seed,
            threads: self.threads,
            device: self.device.clone(),
            ..others
        })
    }

    /// The same with one setting more, over all others.
    pub fn with(&self, key: &str, value: &str) -> Self {
        let mut options = self.clone();
        options.base.set.push(format!("{key}={value}"));
        // An option lies over the assignments: it would hide this one.
        match key {
            "method.kind" => options.method = None,
            "run.seed" => options.seed = None,
            "run.threads" => options.threads = None,
            "run.device" => options.device = None,
            _ => {}
        }
        options
    }

    /// The command line that means these options.
    pub fn arguments(&self) -> Vec<OsString> {
        let text = |value: &Option<String>| value.as_ref().map(OsString::from);
        let options = [
            ("config", self.base.config.as_ref().map(OsString::from)),
            ("seed", self.seed.map(|seed| seed.to_string().into())),
            (
                "threads",
                self.threads.map(|threads| threads.to_string().into()),
            ),
            ("method", text(&self.method)),
            ("device", text(&self.device)),
        ];
        let set = self.base.set.iter().map(|set| ("set", Some(set.into())));
        let options = options.into_iter().chain(set).filter_map(|(name, value)| {
            // In one word, so that no value is taken for an option.
            let mut word = OsString::from(format!("--{name}="));
            word.push(value?);
            Some(word)
        });
        let preset = self.base.preset.iter().map(OsString::from);
        preset.chain(options).collect()
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
            assert_eq!(line.options.name(), name);
            assert_eq!(line.options.base.preset(), preset);
        };
        check(&[], "predator-prey", Some("predator-prey"));
        check(&["signal", "--config", "a.toml"], "signal", Some("signal"));
        check(&["--config", "tests/mine.toml"], "mine", None);
        check(&["--config", "runs/signal-1/config.toml"], "signal-1", None);
        check(&["--config", "config.toml"], "config", None);
    }

    #[test]
    fn options_become_the_arguments_that_they_came_from() {
        let check = |line: &str| {
            let read = |words: Vec<OsString>| {
                let program = OsString::from("x");
                Line::parse_from([program].into_iter().chain(words)).options
            };
            let options = read(line.split_whitespace().map(OsString::from).collect());
            assert_eq!(read(options.arguments()), options, "{line}");
        };
        check("");
        check("signal --set ppo.lr=1 --set=run.device=cpu");
        check("--config a.toml --seed 3 --threads 5 --device cuda:1 --method mat");
    }

    #[test]
    fn whole_numbers_are_read_as_people_write_them() {
        let read = whole::<u64>;
        assert_eq!(read("6e5"), Ok(600_000));
        assert_eq!(read("600_000"), Ok(600_000));
        assert_eq!(read("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(whole::<u32>("4e9"), Ok(4_000_000_000));
        for wrong in [
            "-1",
            "0.5",
            "1e16",
            "inf",
            "nan",
            "600k",
            "",
            "18446744073709551616",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(whole::<u32>("5e9").is_err());
        assert_eq!(count::<200>("2e2"), Ok(200));
        for wrong in ["0", "201", "-1", "few"] {
            assert!(count::<200>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_setting_goes_over_the_option_of_its_name() {
        let line = Line::parse_from(["x", "--set", "run.threads=3", "--threads", "4"]);
        let threads = |options: &ConfigOptions| options.resolve().unwrap().run.threads;
        assert_eq!(threads(&line.options), 4);
        assert_eq!(threads(&line.options.with("run.threads", "5")), 5);
        assert_eq!(threads(&line.options.with("run.seed", "5")), 4);
    }
}
