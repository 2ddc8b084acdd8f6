//! A trained team in one file, for agents that run in programs of others.

use super::{EvaluationError, Loaded, Request};
use crate::config::Config;
use commformer_methods::Portable;
use commformer_model::decentralised::FORMAT;
use commformer_torch::weights;
use commformer_train::{CheckpointStore, TrainError, Which};
use serde::Serialize;
use tch::{Device, Tensor};

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

/// Puts a checkpoint's weights together with its graph, and with the configuration that they belong to.
///
/// # Errors
///
/// [`EvaluationError`]; [`EvaluationError::Portable`] for a team whose agents cannot run without the program.
pub fn export(
    config: &Config,
    store: &CheckpointStore,
    which: Which,
    device: Device,
) -> Result<Export, EvaluationError> {
    let request = Request {
        which,
        episodes: 1,
        seed: config.run.seed,
        sampled: false,
    };
    let (team, loaded) = Loaded::load(config, store, &request, device)?;
    let mut tensors = team.state();
    let (mut metadata, agents) = match team.portable().map_err(EvaluationError::Portable)? {
        Portable::Transformer { policy, gate } => {
            let mut metadata = vec![("policy".to_owned(), json(&policy))];
            // Weights from before the gates were in force act without them.
            let gate = gate.filter(|_| loaded.options.gates.is_some());
            tensors.retain(|(name, _)| gate.is_some() || !name.starts_with("gate."));
            if let Some((gate, execution)) = gate {
                metadata.push(("gate".to_owned(), json(&gate)));
                let execution = json(&execution).trim_matches('"').to_owned();
                metadata.push(("gate.execution".to_owned(), execution));
            }
            (metadata, policy.agents)
        }
        Portable::Actors { sizes, weights } => {
            tensors.retain(|(name, _)| weights.contains(name));
            let method = ("method".to_owned(), json(&config.method));
            (
                vec![method, ("team".to_owned(), json(&sizes))],
                sizes.agents,
            )
        }
    };
    metadata.push(("format".to_owned(), FORMAT.to_string()));
    metadata.push(("obs_version".to_owned(), loaded.obs_version.to_string()));
    // Nobody hears anybody where there is no graph.
    let edges = match loaded.edges {
        none if none.is_empty() => vec![0.0; agents * agents],
        edges => edges,
    };
    let edges = Tensor::from_slice(&edges).view([agents as i64, -1]);
    tensors.push(("graph.edges".to_owned(), edges));
    Ok(Export {
        bytes: weights::encode(&tensors, &metadata).map_err(TrainError::from)?,
        agents,
        trained_steps: loaded.trained_steps,
        damaged: loaded.damaged,
    })
}

/// Numbers, names and switches always have a text.
fn json(x: &impl Serialize) -> String {
    serde_json::to_string(x).unwrap_or_default()
}
