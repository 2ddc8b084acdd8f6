//! A trained team in one file, which `commformer export` writes.

use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;

use super::{OpenEdges, Weights};
use crate::ModelError;
use crate::config::PolicyConfig;

/// A trained team: all that its agents are given before they part.
///
/// The file is in the safetensors format. It has the weights under their names, the graph (N, N) as `graph.edges`, and
/// in its metadata, as JSON, the configuration of the network (`policy`) and that of a gate, if there is one (`gate`).
#[derive(Debug)]
pub struct Exported {
    /// The network.
    pub weights: Weights,
    /// The graph by which the team acts.
    pub edges: OpenEdges,
    /// Its gates; `None`: every edge is open in every step.
    pub gate: Option<ExportedGate>,
}

/// What `commformer_gate::alone::Gate` is made of.
#[derive(Debug)]
pub struct ExportedGate {
    /// Its `TemporalGateConfig`, in JSON.
    pub config: String,
    /// How it decides: `error-diffusion` or `threshold`.
    pub execution: String,
    /// Its weights.
    pub parts: Vec<(String, Vec<f32>)>,
}

impl Exported {
    /// Reads what `commformer export` wrote.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files, [`ModelError::Config`] for a configuration that makes no network.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let Contents {
            metadata,
            mut parts,
        } = Contents::read(bytes)?;
        let policy = metadata.get("policy").ok_or_else(|| match metadata.get("method") {
            Some(method) => refused(format!(
                "found a team of the method {method}, which `commformer_methods::alone::Exported` reads"
            )),
            None => refused(
                "found no configuration of a network in the file's metadata, expected what `commformer export` writes",
            ),
        })?;
        let config: PolicyConfig = serde_json::from_str(policy).map_err(refused)?;
        let edges = parts
            .remove("graph.edges")
            .ok_or_else(|| refused("found no `graph.edges`"))?;
        let (of_gate, parts): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|(name, _)| name.starts_with("gate."));
        let gate = match (metadata.get("gate"), of_gate.is_empty()) {
            (None, true) => None,
            (None, false) => {
                return Err(refused(
                    "found weights of a gate without `gate` in the metadata: export the team again",
                ));
            }
            (Some(config), _) => {
                let execution = metadata.get("gate.execution").cloned().unwrap_or_default();
                if !["error-diffusion", "threshold"].contains(&execution.as_str()) {
                    return Err(refused(format!(
                        "found `gate.execution` as `{execution}`, expected error-diffusion or threshold"
                    )));
                }
                Some(ExportedGate {
                    config: config.clone(),
                    execution,
                    parts: of_gate,
                })
            }
        };
        Ok(Self {
            weights: Weights::of_parts(&config, parts)?,
            edges: OpenEdges::new(&edges)?,
            gate,
        })
    }
}

/// What a file in the safetensors format holds.
#[derive(Debug)]
pub struct Contents {
    /// Its metadata.
    pub metadata: HashMap<String, String>,
    /// The numbers of each tensor under its name.
    pub parts: HashMap<String, Vec<f32>>,
}

impl Contents {
    /// Reads a file whose tensors are of `f32`.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let unreadable = |error| {
            refused(format!(
                "not what `commformer export` writes, or cut short ({error})"
            ))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let mut parts = HashMap::new();
        for (name, tensor) in file.tensors() {
            if tensor.dtype() != Dtype::F32 {
                let found = tensor.dtype();
                return Err(refused(format!("`{name}` has {found:?}, expected F32")));
            }
            let (numbers, _) = tensor.data().as_chunks();
            let numbers: Vec<f32> = numbers.iter().map(|x| f32::from_le_bytes(*x)).collect();
            if !numbers.iter().all(|number| number.is_finite()) {
                return Err(refused(format!("`{name}` has a number that is not finite")));
            }
            parts.insert(name, numbers);
        }
        let metadata = header.metadata().clone().unwrap_or_default();
        Ok(Self { metadata, parts })
    }
}

fn refused(problem: impl ToString) -> ModelError {
    ModelError::Input {
        input: "file",
        problem: problem.to_string(),
    }
}
