//! What the policy takes, before there is one: bytes of its parameters, and the multiply-adds of its passes' matrix
//! products.
//!
//! The network itself is asked, on sizes alone: [`Count`] says what is counted, and what is left out.
//!
//! ```
//! use commformer_model::{ActionSpace, PolicyConfig};
//!
//! let config = PolicyConfig::new(3, 261, ActionSpace::Discrete(5));
//! assert_eq!(config.parameter_bytes(), 4.0 * 128_803.0);
//! let [forward, training] = [config.forward_multiply_adds(1.0), config.training_multiply_adds(1.0)];
//! assert_eq!(forward, 274_368.0);
//! // A gradient for each weight and each input, but for the observations.
//! assert_eq!(training, 3.0 * forward - 3.0 * 261.0 * 64.0);
//! ```

use commformer_nn::count::Count;
use commformer_nn::layout::{Leaf, Packing};
use commformer_nn::recurrent::Hidden;

use crate::config::{ActionSpace, Closed, Decoding, PolicyConfig, Recurrence};
use crate::network::{EDGE_LOGITS, Given, Network, StaleInputs};

/// Sizes above this are more than any machine holds, and are not told apart: a layer's would overflow.
const MOST: usize = usize::MAX >> 8;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

impl PolicyConfig {
    /// Bytes of all parameters, edge logits included.
    pub fn parameter_bytes(&self) -> f64 {
        let agents = self.agents as f64;
        let numbers = |leaf: &Leaf| match leaf.packing {
            _ if leaf.name == EDGE_LOGITS => agents * agents,
            // Of one agent's head.
            Packing::Stack => agents * product(&leaf.shape),
            Packing::Rows => product(&leaf.shape),
        };
        NUMBER * self.over_blocks(|network| network.layout.leaves().iter().map(numbers).sum())
    }

    /// Multiply-adds of one forward pass for one sample: N agents, each of which hears `senders`
    /// others (k; a mean need not be whole) and itself. With embeddings of E numbers, observations of O, A
    /// actions and L blocks, an agent costs
    ///
    /// | part | multiply-adds |
    /// |---|---|
    /// | its observation's embedding | O E |
    /// | a block of the encoder | 6 E² (query, key, value, output, and 2 of the feed-forward) + 2 E (1 + k) |
    /// | a block of the encoder that attends to old messages | 2 E² more |
    /// | its recurrent state | 6 E² |
    /// | its value | E² + E |
    /// | the previous agent's action | (A + 1) E if continuous; a look-up if discrete |
    /// | a block of the decoder | 10 E² (two attentions, and 2 of the feed-forward) + 4 E (1 + k / 2) |
    /// | its head | E² + A E; 2 E² + A E if shared |
    /// | each attention to messages of M numbers | 3 E M in the place of 2 E² |
    ///
    /// Where agents decide at once, there is no previous action and no decoder.
    ///
    /// A sender that is heard costs E for its score and E for its share of the sum. The decoder hears
    /// agents that decided before, which is half of the senders if these are spread evenly.
    pub fn forward_multiply_adds(&self, senders: f64) -> f64 {
        self.counted(senders, Count::forward)
    }

    /// Multiply-adds of a forward and a backward pass for one sample. Backwards each product is met
    /// by two: one gives the gradient of its weight (or first factor), one that of its input. The
    /// observations and continuous actions need no gradient.
    pub fn training_multiply_adds(&self, senders: f64) -> f64 {
        self.counted(senders, Count::training)
    }

    /// What `read` finds after a pass of training over a sample, in which each agent hears so many others.
    fn counted(&self, senders: f64, read: impl Fn(&Count) -> f64) -> f64 {
        self.over_blocks(|network| {
            let mut ops = Count::new(1.0, self.agents as f64, senders);
            network.count(&mut ops);
            read(&ops)
        })
    }

    /// What `of` finds in the network. It is made of one block, of two, and for one agent, and each further block adds
    /// as much as the second: a configuration may ask for more blocks and agents than there can be.
    fn over_blocks(&self, of: impl Fn(&Network) -> f64) -> f64 {
        let actions = match self.actions {
            ActionSpace::Discrete(width) => ActionSpace::Discrete(width.min(MOST)),
            ActionSpace::Continuous(width) => ActionSpace::Continuous(width.min(MOST)),
        };
        let [one, two] = [1, 2].map(|blocks| {
            of(&Network::new(&Self {
                agents: 1,
                actions,
                embed_dim: self.embed_dim.min(MOST),
                heads: self.heads.max(1),
                blocks,
                ..self.clone()
            }))
        });
        one + (self.blocks as f64 - 1.0) * (two - one)
    }
}

fn product(shape: &[usize]) -> f64 {
    shape.iter().map(|size| *size as f64).product()
}

impl Network {
    /// A pass on sizes alone, over all agents at once.
    fn count(&self, ops: &mut Count) {
        let config = &self.config;
        let obs = ops.input(config.obs_dim, false);
        let hidden = (config.recurrence == Recurrence::Gru).then(|| Hidden {
            state: ops.input(config.embed_dim, true),
            goes_on: vec![None],
        });
        let (embedding, _) = self.embed(ops, &obs, hidden);
        let links = ops.links();
        // What agents kept counts like what they compute.
        let stale = (config.closed == Closed::Stale).then(|| StaleInputs {
            digests: vec![ops.input(config.embed_dim, true); config.blocks],
            log_age: ops.input(1, true),
            used: ops.input(1, false),
        });
        let ready = self.ready(ops, true);
        let (representation, _) = self.encode(ops, &ready, &embedding, &links, stale.as_ref());
        self.values(ops, &representation);
        let given = match (config.decoder, config.actions) {
            (Decoding::Parallel, _) => Given::Nothing,
            (_, ActionSpace::Discrete(_)) => Given::Tokens(ops.rows()),
            (_, ActionSpace::Continuous(actions)) => Given::Vectors(ops.input(actions + 1, false)),
        };
        let (given, links) = ((&given, None), (&links, true));
        self.decode(ops, &ready, given, &representation, links, &mut |_, x| *x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two agents, O = 3, E = 2, A = 5, one block.
    fn small() -> PolicyConfig {
        PolicyConfig {
            embed_dim: 2,
            ..PolicyConfig::new(2, 3, ActionSpace::Discrete(5))
        }
    }

    #[track_caller]
    fn check(config: &PolicyConfig, senders: f64, forward: f64, training: f64) {
        assert_eq!(config.forward_multiply_adds(senders), forward);
        assert_eq!(config.training_multiply_adds(senders), training);
    }

    #[test]
    fn hand_counted() {
        // An agent: embedding 3 x 2 = 6; encoder 6 x 4 + 4 x 2 = 32; value 4 + 2 = 6;
        // decoder 10 x 4 + 8 x 1.5 = 52; head 4 + 10 = 14. Together 110.
        check(&small(), 1.0, 220.0, 3.0 * 220.0 - 12.0);
        // Alone: one pair less in the encoder (4), two halves less in the decoder (4).
        check(&small(), 0.0, 204.0, 3.0 * 204.0 - 12.0);
        // It observes one number: an embedding of 2.
        let config = PolicyConfig {
            obs_dim: 1,
            ..small()
        };
        check(&config, 1.0, 212.0, 3.0 * 212.0 - 4.0);
    }

    #[test]
    fn each_switch_costs_what_it_says() {
        let check = |change: fn(&mut PolicyConfig), more: f64, more_inputs: f64| {
            let mut config = small();
            change(&mut config);
            let forward = 220.0 + more;
            check(&config, 1.0, forward, 3.0 * forward - 12.0 - more_inputs);
        };
        check(|c| c.shared_head = true, 2.0 * 4.0, 0.0);
        check(|c| c.closed = Closed::Stale, 2.0 * 2.0 * 4.0, 0.0);
        check(|c| c.blocks = 2, 2.0 * (32.0 + 52.0), 0.0);
        // Three attentions of each agent, each with 3 x 2 x 3 in the place of 2 x 4.
        check(|c| c.message = Some(3), 2.0 * 3.0 * 10.0, 0.0);
        check(|c| c.recurrence = Recurrence::Gru, 2.0 * 6.0 * 4.0, 0.0);
        check(|c| c.decoder = Decoding::Parallel, -2.0 * 52.0, 0.0);
        // Heads and relation terms change nothing per sample.
        check(|c| c.heads = 2, 0.0, 0.0);
        check(|c| c.relation = false, 0.0, 0.0);
        let continuous = |c: &mut PolicyConfig| c.actions = ActionSpace::Continuous(5);
        check(continuous, 2.0 * 6.0 * 2.0, 2.0 * 6.0 * 2.0);
    }
}
