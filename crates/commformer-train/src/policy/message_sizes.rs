//! How many bytes a team's messages have.

use serde::{Deserialize, Serialize};

/// Bytes that the agents of a team send each other in a step, and how often they wait for each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageSizes {
    /// Of a message along the edge from sender j (column) to receiver i (row): N x N, row by row.
    pub edge: Vec<u32>,
    /// Of what receiver i (row) needs of agent j (column) whether there is an edge or not: N x N, row by row.
    pub always: Vec<u32>,
    /// Rounds of messages: in each, every agent waits for those whom it hears.
    pub rounds: u32,
    /// Of these, the rounds that are left while nothing goes along an edge, for what is needed without one.
    pub always_rounds: u32,
    /// Whether closed gates are those of senders: a receiver learns that nothing comes by waiting for it alone.
    pub senders_decide: bool,
}

impl MessageSizes {
    /// Whether the agents send each other nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.edge.is_empty() && self.always.is_empty()
    }
}
