//! Where a run's configuration comes from: the options, or the run that goes on.

use super::Train;
use crate::cli::options::ConfigOptions;
use crate::config::{Config, ConfigError, Difference, Overrides};
use crate::run_dir::RunDir;
use commformer_view::text::shell_word;
use std::path::{Path, PathBuf};

/// What is to be trained.
pub(super) struct Origin {
    pub config: Config,
    /// The folder of the run that goes on.
    pub run: Option<PathBuf>,
}

impl Train {
    /// The run in the folder, if there is one; else what the options say. Options that contradict the
    /// run's configuration are refused, so that a run is always the one that its configuration makes.
    pub(super) fn origin(&self) -> anyhow::Result<Origin> {
        let Some(path) = self.run.as_deref().filter(|path| RunDir::holds_run(path)) else {
            let config = self.resolve(&self.config)?;
            let is_said = self.config.is_unnamed() && super::follower().is_none();
            if let (Some(path), true) = (&self.run, is_said) {
                let (path, task) = (path.display(), config.env.kind());
                crate::cli::note(&format!(
                    "{path} holds no run, so one of {task} begins there"
                ));
            }
            return Ok(Origin { config, run: None });
        };
        let file = RunDir::open(path)?.config();
        let own = ConfigOptions::default().over(&file).resolve()?;
        let config = match self.resolve(&self.config.over(&file)) {
            // What the run has that another method does not is no mistake: the method is.
            Err(ConfigError::OtherMethod { method, .. }) if method != own.method.kind() => {
                let kinds = [own.method.kind(), method];
                let difference = Difference {
                    path: "method.kind".to_owned(),
                    values: kinds.map(|kind| Some(format!("{kind:?}"))),
                };
                anyhow::bail!(contradiction(path, &[&difference]));
            }
            config => config?,
        };
        let differences = own.differences(&config)?;
        let refused: Vec<&Difference> = (differences.iter())
            .filter(|difference| difference.matters())
            .collect();
        anyhow::ensure!(refused.is_empty(), contradiction(path, &refused));
        self.trust.check(path, &own)?;
        let run = Some(path.to_owned());
        Ok(Origin { config, run })
    }

    fn resolve(&self, options: &ConfigOptions) -> Result<Config, ConfigError> {
        options.resolve_with(Overrides {
            steps: self.steps,
            weights: self.weights.clone(),
            ..Overrides::default()
        })
    }
}

fn contradiction(path: &Path, differences: &[&Difference]) -> String {
    let told: Vec<String> = differences
        .iter()
        .map(|difference| difference.told())
        .collect();
    let (program, run) = (crate::cli::program(), shell_word(path));
    let length = match differences {
        [only] if only.path == "run.steps" => format!(
            ". A run cannot be made longer, since its rates fall by the share of it that is over: `{program} train --config \
             {} --weights {run} --steps ...` begins another one with its weights",
            shell_word(&path.join("config.toml"))
        ),
        _ => String::new(),
    };
    format!(
        "{} holds a run with other settings: {}. Let it go on with `{program} train --run {run}` alone, or name another \
         folder{length}",
        path.display(),
        told.join(", ")
    )
}
