//! A trained team in one file, for agents that run in programs of others.

use super::{EvaluationError, Loaded, Request};
use crate::compose::ComposeError;
use crate::config::Config;
use commformer_methods::MethodError;
use commformer_train::{CheckpointStore, Which};
use tch::Device;

/// What `commformer_model::decentralised::Exported` and `commformer_methods::alone::Exported` read.
#[derive(Debug)]
pub struct Export {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many agents it is of.
    pub agents: usize,
    /// Environment steps of training behind it.
    pub trained_steps: u64,
    /// What is wrong with each checkpoint that is newer than the newest whole one.
    pub damaged: Vec<String>,
}

/// Puts a checkpoint's weights together with its graph, and with the configuration that they belong to. `target_rate` is that
/// of [`Request`].
///
/// # Errors
///
/// [`EvaluationError`]; [`EvaluationError::Portable`] for a team whose agents cannot run without the program.
pub fn export(
    config: &Config,
    store: &CheckpointStore,
    which: Which,
    target_rate: Option<f64>,
    device: Device,
) -> Result<Export, EvaluationError> {
    let request = Request {
        which,
        episodes: 1,
        seed: config.run.seed,
        sampled: false,
        target_rate,
    };
    let (team, loaded) = Loaded::load(config, store, &request, device)?;
    // Weights from before the gates were in force act without them.
    let gated = loaded.options.gates.is_some();
    let bytes = commformer_methods::export(
        &*team,
        &config.method,
        &loaded.graph,
        gated,
        loaded.obs_version,
    )
    .map_err(|error| match error {
        MethodError::Portable(why) => EvaluationError::Portable(why),
        error => ComposeError::from(error).into(),
    })?;
    Ok(Export {
        bytes,
        agents: config.env.agents(),
        trained_steps: loaded.trained_steps,
        damaged: loaded.damaged,
    })
}
