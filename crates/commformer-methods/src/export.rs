//! A trained team in one file, for agents that run in programs of others.

use crate::{MethodConfig, MethodError, Portable, Team};
use commformer_model::decentralised::FORMAT;
use commformer_torch::weights;
use serde::Serialize;
use tch::{Device, Tensor};

/// The file that [`commformer_model::decentralised::Exported`] reads, of a team of CommFormer or MAT, and
/// [`alone::Exported`](crate::alone::Exported) of any other: the weights that agents need, their sizes, and whom they hear.
///
/// `graph`, (N, N), is that of [`Trainer::execution_graph`](commformer_train::Trainer::execution_graph); without one, (0, 0),
/// nobody hears anybody. `gated` says whether CommFormer's gates are part of the team: those that were never in force in
/// training ([`Trainer::is_gated`](commformer_train::Trainer::is_gated)) have learned nothing. `obs_version` is the task's
/// ([`Spec::obs_version`](commformer_env::Spec::obs_version)).
///
/// # Errors
///
/// [`MethodError::Portable`] for a team whose agents cannot run without libtorch, [`MethodError::Edges`] for a graph of another
/// team.
pub fn export(
    team: &dyn Team,
    method: &MethodConfig,
    graph: &Tensor,
    gated: bool,
    obs_version: u32,
) -> Result<Vec<u8>, MethodError> {
    let mut tensors = team.state();
    let (mut metadata, agents) = match team.portable().map_err(MethodError::Portable)? {
        Portable::Transformer { policy, gate } => {
            let mut metadata = vec![("policy".to_owned(), json(&policy))];
            let gate = gate.filter(|_| gated);
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
            let method = ("method".to_owned(), json(method));
            (
                vec![method, ("team".to_owned(), json(&sizes))],
                sizes.agents,
            )
        }
    };
    metadata.push(("format".to_owned(), FORMAT.to_string()));
    metadata.push(("obs_version".to_owned(), obs_version.to_string()));
    let square = [agents as i64; 2];
    let edges = match graph.numel() {
        0 => Tensor::zeros(square, (tch::Kind::Float, Device::Cpu)),
        _ if graph.size() == square => graph.f_to_device(Device::Cpu)?,
        found => return Err(MethodError::Edges { found, agents }),
    };
    tensors.push(("graph.edges".to_owned(), edges.contiguous()));
    Ok(weights::encode(&tensors, &metadata)?)
}

/// Numbers, names and switches always have a text.
fn json(x: &impl Serialize) -> String {
    serde_json::to_string(x).unwrap_or_default()
}
