//! How passes by libtorch are carried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The numbers in which a pass multiplies matrices. Parameters, their gradients, norms, softmax, attention
/// scores and all that a loss reads are float32 in any case, and so are the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    Float32,
    /// 8 significant bits and the range of float32: the factors of linear layers are rounded to
    /// it, and their products summed up in float32 and rounded again. For devices with units for it.
    Bfloat16,
}

/// Over whom an attention computes scores. The numbers are the same up to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionOver {
    /// Whichever of the others is faster for the graph at hand.
    #[default]
    Auto,
    /// Over all agents, under a mask: time and memory grow as N * N.
    All,
    /// Over each receiver's own senders, gathered: they grow as N * k.
    Listed,
}

/// Lists pay where the agents are at least this many times the places of a list.
///
/// A gathered key or value is E numbers for each place, and the backward pass adds their gradients
/// up again; a score of the dense attention is one number and part of a large product. So lists are
/// slower until there are far fewer places than agents. Time over all agents divided by time over lists
/// (one core of a Zen 5, E = 64, one head, 1,200 to 1,700 agents in the batch, evaluating with the
/// backward pass; `cargo run --release -p commformer-model --example crossover`):
///
/// | senders k | N = 27 | 50 | 100 | 300 | 1,000 |
/// |---|---|---|---|---|---|
/// | 2 | 0.9 | 1.0 | 1.1 | 1.8 | 5 |
/// | 4 | 0.8 | 0.8 | 1.0 | 1.6 | 4 |
/// | 10 | 0.4 | 0.4 | 0.6 | 1.1 | 2.7 |
///
/// The border is where N is about 24 times k + 1. Acting by libtorch was within a fifth either way up to
/// 300 agents and 1.1 to 1.2 times as fast at 1,000, so it follows the same rule.
pub(crate) const AGENTS_PER_PLACE: i64 = 24;

/// Whether lists of so many places are faster than a mask over all agents.
pub fn pays(places: i64, agents: i64) -> bool {
    places.saturating_mul(AGENTS_PER_PLACE) <= agents
}
