//! What a pass of the policy costs: the multiply-adds of its matrix products.
//!
//! The arithmetic of the algorithm is counted, not that of an implementation: an attention has a
//! product for each sender that is heard, whether or not the program computes masked ones too, and
//! every agent's input is projected, whether or not equal inputs are looked up. Left out is what is
//! no matrix product (norms, activations, softmax) and what a pass does once for all samples
//! (folding norms and relation terms into weights).
//!
//! ```
//! use commformer_model::{ActionSpace, PolicyConfig};
//!
//! let config = PolicyConfig::new(3, 261, ActionSpace::Discrete(5));
//! let [forward, training] = [config.forward_multiply_adds(1.0), config.training_multiply_adds(1.0)];
//! assert_eq!(forward, 274_368.0);
//! // A gradient for each weight and each input, but for the observations.
//! assert_eq!(training, 3.0 * forward - 3.0 * 261.0 * 64.0);
//! ```

use crate::config::{ActionSpace, Closed, PolicyConfig};

impl PolicyConfig {
    /// Multiply-adds of one forward pass for one sample: N agents, each of which hears `senders`
    /// others (k; a mean need not be whole) and itself. With embeddings of E numbers, observations of O, A
    /// actions and L blocks, an agent costs
    ///
    /// | part | multiply-adds |
    /// |---|---|
    /// | its observation's embedding | O E |
    /// | a block of the encoder | 6 E² (query, key, value, output, and 2 of the feed-forward) + 2 E (1 + k) |
    /// | a block of the encoder that recalls old messages | 2 E² more |
    /// | its value | E² + E |
    /// | the previous agent's action | (A + 1) E if continuous; a look-up if discrete |
    /// | a block of the decoder | 10 E² (two attentions, and 2 of the feed-forward) + 4 E (1 + k / 2) |
    /// | its head | E² + A E; 2 E² + A E if shared |
    ///
    /// A sender that is heard costs E for its score and E for its share of the sum. The decoder hears
    /// agents that decided before, which is half of the senders if these are spread evenly.
    pub fn forward_multiply_adds(&self, senders: f64) -> f64 {
        let [width, blocks] = [self.embed_dim, self.blocks].map(|size| size as f64);
        let actions = self.actions.width() as f64;
        let square = width * width;
        let recall = match self.closed {
            Closed::Silence => 0.0,
            Closed::Stale => 2.0 * square,
        };
        let encoder = 6.0 * square + 2.0 * width * (1.0 + senders) + recall;
        let decoder = 10.0 * square + 4.0 * width * (1.0 + senders / 2.0);
        let hidden = if self.shared_head { 2.0 } else { 1.0 };
        let value = square + width;
        let head = hidden * square + actions * width;
        self.agents as f64 * (blocks * (encoder + decoder) + value + head) + self.of_inputs()
    }

    /// Multiply-adds of a forward and a backward pass for one sample. Backwards each product is met
    /// by two: one gives the gradient of its weight (or first factor), one that of its input. The
    /// observations and continuous actions need no gradient.
    pub fn training_multiply_adds(&self, senders: f64) -> f64 {
        3.0 * self.forward_multiply_adds(senders) - self.of_inputs()
    }

    /// Multiply-adds whose input is observed or done, not computed.
    fn of_inputs(&self) -> f64 {
        let given = match self.actions {
            ActionSpace::Discrete(_) => 0,
            ActionSpace::Continuous(width) => width + 1,
        };
        (self.agents * (self.obs_dim + given) * self.embed_dim) as f64
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
        // Heads and relation terms change nothing per sample.
        check(|c| c.heads = 2, 0.0, 0.0);
        check(|c| c.relation = false, 0.0, 0.0);
        let continuous = |c: &mut PolicyConfig| c.actions = ActionSpace::Continuous(5);
        check(continuous, 2.0 * 6.0 * 2.0, 2.0 * 6.0 * 2.0);
    }
}
