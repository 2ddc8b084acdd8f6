//! A trained run, opened to play it: with settings of its task in the place of the run's, where the user names some.

use super::trust::Trust;
use super::{misfit, note};
use crate::config::{Config, Overrides, split_assignment};
use crate::evaluation::EvaluationError;
use crate::run_dir::RunDir;
use clap::Args;
use commformer_train::TrainError;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct TaskOptions {
    /// A setting of the task in the place of the run's, such as env.episode_limit=50; can be repeated
    #[arg(long, value_name = "env.KEY=VALUE")]
    pub set: Vec<String>,
}

/// A run's folder and its settings.
#[derive(Debug)]
pub(super) struct Opened {
    pub folder: RunDir,
    /// As the run has them.
    pub there: Config,
    /// With those that the user named.
    pub config: Config,
}

impl TaskOptions {
    /// Opens a run that may start what it names.
    ///
    /// # Errors
    ///
    /// If there is no run, its configuration or a setting is refused, or it is not trusted.
    pub fn open(
        &self,
        trust: Trust,
        run: &Path,
        device: Option<&String>,
    ) -> anyhow::Result<Opened> {
        let folder = RunDir::open(run)?;
        let settings = |set: &[String]| {
            let own = Overrides {
                file: Some(folder.config()),
                set: set.to_owned(),
                device: device.cloned(),
                ..Overrides::default()
            };
            Config::resolve_with_notes(None, &own)
        };
        // What the run names must be trusted; what the user sets in its place is the user's.
        let (there, of_run) = settings(&[])?;
        let keys = there.env.size_keys();
        for set in &self.set {
            anyhow::ensure!(
                set.starts_with("env."),
                "--set {set}: of a trained team the task alone can be changed, by keys such as env.{}",
                keys.first().unwrap_or(&"kind")
            );
        }
        trust.check(folder.path(), &there)?;
        let (mut config, notes) = settings(&self.set)?;
        for told in notes.iter().filter(|told| !of_run.contains(told)) {
            note(told);
        }
        let limits = |set: &String| {
            split_assignment(set).is_some_and(|(keys, _)| keys == ["env", "episode_limit"])
        };
        if let Some(limit) = self.set.iter().rfind(|set| limits(set)) {
            // What the user says now counts more than what the run says of its evaluations.
            config.eval.episode_limit = 0;
            anyhow::ensure!(
                !config.env.is_endless(),
                "--set {limit}: evaluated episodes might never end; name a limit, such as env.episode_limit=50, or leave \
                 that of the run"
            );
        }
        Ok(Opened {
            folder,
            there,
            config,
        })
    }
}

impl Opened {
    /// Why its weights do not play the task, where settings that the user named may be why.
    pub fn explained(&self, error: EvaluationError) -> anyhow::Error {
        let why = match error {
            EvaluationError::Weights(_) | EvaluationError::Evaluate(TrainError::Mismatch(_)) => {
                misfit::why(&self.there, &self.config)
            }
            _ => None,
        };
        match why {
            Some(why) => anyhow::anyhow!("{error} ({why})"),
            None => error.into(),
        }
    }
}
