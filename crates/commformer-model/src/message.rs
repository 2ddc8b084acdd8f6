//! What one agent needs of another in a step, and how many bytes that takes.
//!
//! A *message* from sender j to receiver i, over an open edge, is all that i's attentions read of j in the step: M numbers
//! for each. They are the inputs of its layers (M = E; a receiver has the weights, and projects them itself) unless
//! messages are narrow ([`PolicyConfig::message`]). Where a number has b bits ([`PolicyConfig::message_bits`]), M b / 8
//! bytes, rounded up, take the place of 4 M:
//!
//! | part | bytes | when |
//! |---|---|---|
//! | what j says before each encoder block | 4 M L | always |
//! | the token j was given (the action before it), for the first block of the decoder | [`token`] | j < i |
//! | what j says before each later decoder block | 4 M (L - 1) | j < i |
//! | what j says between the two attentions of each decoder block | 4 M L | j < i |
//! | j's action | [`action`] | j = i - 1 and [`PreviousAction::Heard`] |
//!
//! An agent later in the order of decoding is heard by the encoder alone, since the decoder is causal. So is everybody
//! where agents decide at once ([`Decoding::Parallel`]).
//! Under [`PreviousAction::Always`] agent i needs the action of agent i - 1 in every step, along no
//! edge. The team's graph and weights were handed out before. A receiver asks its senders to send,
//! one bit for each edge, which is not counted.

use crate::config::{ActionSpace, Decoding, PolicyConfig, PreviousAction};

/// Bytes of one number.
const NUMBER: usize = size_of::<f32>();

impl PolicyConfig {
    /// Bytes of a message from `sender` to `receiver`, two different agents.
    pub fn message_bytes(&self, receiver: usize, sender: usize) -> usize {
        let vector = self.message_vector_bytes();
        let encoder = vector * self.blocks;
        if sender > receiver || self.decoder == Decoding::Parallel {
            return encoder;
        }
        let decoder = token(self.actions) + vector * (2 * self.blocks).saturating_sub(1);
        let heard = self.previous_action == PreviousAction::Heard && sender + 1 == receiver;
        encoder + decoder + if heard { action(self.actions) } else { 0 }
    }

    /// Bytes that `receiver` needs of `sender` in every step, whether there is an edge or not.
    pub fn constant_bytes(&self, receiver: usize, sender: usize) -> usize {
        let chained = self.decoder == Decoding::Autoregressive && sender + 1 == receiver;
        if chained && self.previous_action == PreviousAction::Always {
            action(self.actions)
        } else {
            0
        }
    }

    /// Rounds of messages in a step, in each of which every agent waits for those whom it hears: one for each block of the
    /// encoder, and then, where agents decide one after the other, one for each agent but the last.
    pub fn message_rounds(&self) -> usize {
        match self.decoder {
            Decoding::Autoregressive => self.blocks + self.agents.saturating_sub(1),
            Decoding::Parallel => self.blocks,
        }
    }

    /// Of these, the rounds that are left to a team in which nobody hears another: each agent still waits for the action of
    /// the one before it, if it gets that in any case.
    pub fn constant_rounds(&self) -> usize {
        let chained = self.decoder == Decoding::Autoregressive;
        match chained && self.previous_action == PreviousAction::Always {
            true => self.agents.saturating_sub(1),
            false => 0,
        }
    }
}

/// Bytes of an action: an index, or A numbers.
fn action(actions: ActionSpace) -> usize {
    match actions {
        ActionSpace::Discrete(count) => index_bytes(count),
        ActionSpace::Continuous(width) => NUMBER * width,
    }
}

/// Bytes of an action or of the start token.
fn token(actions: ActionSpace) -> usize {
    match actions {
        ActionSpace::Discrete(count) => index_bytes(count + 1),
        ActionSpace::Continuous(width) => 1 + NUMBER * width,
    }
}

/// Whole bytes of an index below `count`.
pub(crate) fn index_bytes(count: usize) -> usize {
    let bits = usize::BITS - count.saturating_sub(1).leading_zeros();
    (bits as usize).div_ceil(8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_table() {
        let mut config = PolicyConfig::new(4, 9, ActionSpace::Discrete(5));
        // E = 64: 256 bytes a vector. Two later than one: the encoder's vector alone.
        assert_eq!(config.message_bytes(1, 2), 256);
        assert_eq!(config.message_bytes(3, 1), 256 + 1 + 256);
        assert_eq!(
            (config.message_bytes(3, 2), config.constant_bytes(3, 2)),
            (513, 1)
        );
        assert_eq!(config.constant_rounds(), 3);
        config.previous_action = PreviousAction::Heard;
        assert_eq!(
            (config.message_bytes(3, 2), config.constant_bytes(3, 2)),
            (514, 0)
        );
        assert_eq!(config.constant_rounds(), 0);
        config.blocks = 2;
        assert_eq!(config.message_bytes(3, 1), 512 + 1 + 3 * 256);
        assert_eq!(config.message_rounds(), 2 + 3);
        let at_once = PolicyConfig {
            decoder: Decoding::Parallel,
            previous_action: PreviousAction::Always,
            ..config.clone()
        };
        for [receiver, sender] in [[3, 2], [1, 2]] {
            assert_eq!(at_once.message_bytes(receiver, sender), 512);
            assert_eq!(at_once.constant_bytes(receiver, sender), 0);
        }
        assert_eq!(
            (at_once.message_rounds(), at_once.constant_rounds()),
            (2, 0)
        );
        let narrow = PolicyConfig {
            message: Some(8),
            ..config.clone()
        };
        assert_eq!(narrow.message_bytes(1, 2), 2 * 32);
        assert_eq!(narrow.message_bytes(3, 1), 2 * 32 + 1 + 3 * 32);
        let rounded = PolicyConfig {
            message_bits: Some(3),
            ..narrow.clone()
        };
        assert_eq!(rounded.message_bytes(3, 1), 2 * 3 + 1 + 3 * 3);
        config.actions = ActionSpace::Continuous(2);
        assert_eq!(config.message_bytes(3, 2), 512 + 9 + 3 * 256 + 8);
        // No network, but nobody has validated it: the action and the token are left.
        config.blocks = 0;
        assert_eq!(config.message_bytes(3, 2), 9 + 8);
    }

    #[test]
    fn an_index_has_as_many_bytes_as_it_needs() {
        for (count, bytes) in [(1, 1), (2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 3)] {
            assert_eq!(index_bytes(count), bytes, "{count}");
        }
    }
}
