//! What agents decide before they exchange messages.

/// What an agent decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decides {
    /// Whether it sends, to all who could hear it.
    Send,
    /// Which so many others it hears.
    Hear(usize),
}

impl Decides {
    /// Logits of each agent's decision.
    pub(crate) fn width(self, agents: usize) -> usize {
        match self {
            Self::Send => 1,
            Self::Hear(_) => agents,
        }
    }
}
