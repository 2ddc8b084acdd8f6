//! What the program asks of a team, beside learning.

use crate::Insight;
use crate::alone::TeamSizes;
use commformer_gate::{Execution, TemporalGateConfig};
use commformer_model::PolicyConfig;
use commformer_train::{Act, Gates, ObsBatch, Policy, PolicyResult};
use serde::Serialize;
use std::fmt::Debug;
use std::time::Duration;
use tch::Tensor;

/// A trained team of any method.
pub trait Team: Policy + Debug {
    /// Looks into what the team just did in these observations: `act` is what [`act`](commformer_train::Actor::act)
    /// gave under the same gates. `None`, as here, where there is nothing to see.
    ///
    /// # Errors
    ///
    /// If the observations are not those.
    fn explain(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        act: &Act,
    ) -> PolicyResult<Option<Insight>> {
        let _ = (batch, gates, act);
        Ok(None)
    }

    /// The attentions that [`explain`](Self::explain) shows; none, as here, of a network without any.
    fn attentions(&self) -> Attentions {
        Attentions::default()
    }

    /// What its agents need where they run without libtorch, beside their weights and the graph.
    ///
    /// # Errors
    ///
    /// A sentence that says why they cannot, as here.
    fn portable(&self) -> Result<Portable, String> {
        Err("agents of this method run within the program alone".to_owned())
    }

    /// The same as [`act`](commformer_train::Actor::act) with every agent alone, given only its own observation and
    /// what is delivered along open edges. Nobody has the global state.
    ///
    /// # Errors
    ///
    /// If the observations do not fit.
    fn act_apart(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Apart>;
}

// A method that is new stands here, too: its default would hide the boxed team's own.
#[deny(clippy::missing_trait_methods)]
impl<T: Team + ?Sized> Team for Box<T> {
    fn explain(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        act: &Act,
    ) -> PolicyResult<Option<Insight>> {
        (**self).explain(batch, gates, act)
    }

    fn attentions(&self) -> Attentions {
        (**self).attentions()
    }

    fn portable(&self) -> Result<Portable, String> {
        (**self).portable()
    }

    fn act_apart(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Apart> {
        (**self).act_apart(batch, gates, noise)
    }
}

/// A network's attentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attentions {
    /// Such as `encoder.blocks.0.attention`, in the order in which they are computed.
    pub names: Vec<String>,
    /// Heads of each.
    pub heads: usize,
}

/// What agents are made of where they run without libtorch.
#[derive(Clone, Debug)]
pub enum Portable {
    /// Agents of CommFormer and MAT: `commformer_model::decentralised`.
    Transformer {
        /// The network.
        policy: PolicyConfig,
        /// The gate and how it decides, if there is one.
        gate: Option<(TemporalGateConfig, Execution)>,
    },
    /// Actors: [`alone`](crate::alone).
    Actors {
        /// The sizes of the team.
        sizes: TeamSizes,
        /// Names of the weights that they need.
        weights: Vec<String>,
    },
}

/// What agents did, each by itself.
#[derive(Debug)]
pub struct Apart {
    /// As if they had acted together.
    pub act: Act,
    /// What was delivered in each team.
    pub delivered: Vec<Delivered>,
    /// Time that all agents of all teams took, with their networks and with gates that they carry themselves. Gates that
    /// decide in libtorch, and bringing weights to the agents, are left out.
    pub took: Duration,
}

/// What mailboxes delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Messages along edges.
    pub messages: u64,
    /// All bytes.
    pub bytes: u64,
}
