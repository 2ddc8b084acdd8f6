//! What a pair of agents is in a graph, for all that draw one.

/// A receiver (row) and a sender (column) of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// The receiver does not hear the sender.
    Apart,
    /// The receiver hears the sender.
    Hears,
    /// Both are one agent, whatever the graph says: it knows of itself in any case.
    Itself,
}

impl Pair {
    /// By the graph's entry: 1 where the receiver hears the sender. Without an entry it does not.
    pub fn of(edge: Option<&f32>, receiver: usize, sender: usize) -> Self {
        match edge {
            _ if receiver == sender => Self::Itself,
            Some(edge) if *edge > 0.5 => Self::Hears,
            _ => Self::Apart,
        }
    }
}
