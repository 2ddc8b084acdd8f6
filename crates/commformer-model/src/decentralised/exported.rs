//! A trained team in one file, which `commformer export` writes.

use commformer_nn::layout::{Saved, not_finite};
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::sync::Arc;

use super::{OpenEdges, Weights};
use crate::ModelError;
use crate::config::PolicyConfig;

/// A trained team: all that its agents are given before they part.
///
/// The file is in the safetensors format. It has the weights under their names, the graph (N, N) as `graph.edges`, and
/// in its metadata, as JSON, the configuration of the network (`policy`) and that of a gate, if there is one (`gate`); the
/// version of the file ([`FORMAT`]), and that of the observations (`obs_version`).
#[derive(Debug)]
pub struct Exported {
    /// The network, for all agents.
    pub weights: Arc<Weights>,
    /// The graph by which the team acts.
    pub edges: OpenEdges,
    /// Its gates; `None`: every edge is open in every step.
    pub gate: Option<ExportedGate>,
    /// The version of the observations that it learned from; see [`Contents::obs_version`].
    pub obs_version: Option<u32>,
}

/// What `commformer_gate::alone::Gate::exported` makes a gate of.
#[derive(Debug)]
pub struct ExportedGate {
    /// Its `TemporalGateConfig`, in JSON.
    pub config: String,
    /// How it decides: `error-diffusion` or `threshold`.
    pub execution: String,
    /// Its weights.
    pub parts: Vec<(String, Saved)>,
}

impl Exported {
    /// Reads what `commformer export` wrote.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files, [`ModelError::Config`] for a configuration that makes no network.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::of(Contents::read(bytes)?)
    }

    /// The same, of what was read already.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn of(mut contents: Contents) -> Result<Self, ModelError> {
        let obs_version = contents.obs_version()?;
        let metadata = &contents.metadata;
        let policy = metadata.get("policy").ok_or_else(|| match metadata.get("method") {
            Some(method) => ModelError::of_file(format!(
                "found a team of the method {method}, which `commformer_methods::alone::Exported` reads"
            )),
            None => ModelError::of_file(
                "found no configuration of a network in the file's metadata, expected what `commformer export` writes",
            ),
        })?;
        let config: PolicyConfig = serde_json::from_str(policy).map_err(ModelError::of_file)?;
        let edges = contents.graph(config.agents)?;
        let Contents { metadata, parts } = contents;
        let (of_gate, parts): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|(name, _)| name.starts_with("gate."));
        let gate = match (metadata.get("gate"), of_gate.is_empty()) {
            (None, true) => None,
            (None, false) => {
                return Err(ModelError::of_file(
                    "found weights of a gate without `gate` in the metadata: export the team again",
                ));
            }
            (Some(config), _) => Some(ExportedGate {
                config: config.clone(),
                execution: metadata.get("gate.execution").cloned().unwrap_or_default(),
                parts: of_gate,
            }),
        };
        Ok(Self {
            weights: Arc::new(Weights::of_parts(&config, parts)?),
            edges,
            gate,
            obs_version,
        })
    }
}

/// The version of the files that `commformer export` writes. A file of a later one is refused, since it may mean something
/// that this program does not know.
pub const FORMAT: u32 = 1;

/// The name of the graph among the tensors.
const GRAPH: &str = "graph.edges";

/// What a file in the safetensors format holds.
#[derive(Debug)]
pub struct Contents {
    /// Its metadata.
    pub metadata: HashMap<String, String>,
    /// Each tensor under its name.
    pub parts: HashMap<String, Saved>,
}

impl Contents {
    /// Reads a file whose tensors are of `f32`.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let unreadable = |error| {
            ModelError::of_file(format!(
                "not what `commformer export` writes, or cut short ({error})"
            ))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let mut parts = HashMap::new();
        for (name, tensor) in file.tensors() {
            if tensor.dtype() != Dtype::F32 {
                let found = tensor.dtype();
                return Err(ModelError::of_file(format!(
                    "`{name}` has {found:?}, expected F32"
                )));
            }
            let (numbers, _) = tensor.data().as_chunks();
            let numbers: Vec<f32> = numbers.iter().map(|x| f32::from_le_bytes(*x)).collect();
            if let Some(problem) = not_finite(&numbers) {
                return Err(ModelError::of_file(format!("`{name}`: {problem}")));
            }
            let shape = Some(tensor.shape().to_vec());
            parts.insert(name, Saved { shape, numbers });
        }
        let metadata = header.metadata().clone().unwrap_or_default();
        let contents = Self { metadata, parts };
        match contents.number("format")? {
            Some(format) if format > FORMAT => Err(ModelError::of_file(format!(
                "found version {format} of the format, expected at most {FORMAT}: a later version of commformer wrote it, \
                 use that or a later one"
            ))),
            _ => Ok(contents),
        }
    }

    /// Takes the graph of a team of so many agents (N), (N, N), out of the tensors.
    ///
    /// # Errors
    /// [`ModelError::Input`] when there is none, or one of another team.
    pub fn graph(&mut self, agents: usize) -> Result<OpenEdges, ModelError> {
        let graph = (self.parts.remove(GRAPH))
            .ok_or_else(|| ModelError::of_file(format!("found no `{GRAPH}`")))?
            .of_shape(GRAPH, &[agents; 2]);
        OpenEdges::new(&graph.map_err(ModelError::of_file)?)
    }

    /// The version of the observations that the team learned from (`commformer_env::Spec::obs_version`): an environment that
    /// shows another one shows other things under the same numbers. `None` in files from before it was written.
    ///
    /// # Errors
    /// [`ModelError::Input`] when it is no number.
    pub fn obs_version(&self) -> Result<Option<u32>, ModelError> {
        self.number("obs_version")
    }

    fn number(&self, name: &str) -> Result<Option<u32>, ModelError> {
        let number = |text: &String| {
            text.parse().map_err(|_| {
                ModelError::of_file(format!("found `{name}` as `{text}`, expected a number"))
            })
        };
        self.metadata.get(name).map(number).transpose()
    }
}
