//! What training takes of memory besides the rollout's buffers ([`Buffer::bytes`](crate::Buffer::bytes)) and the
//! policy, in bytes, before there is a trainer. Sums are `f64`, which no size overflows.

use crate::{BilevelConfig, Estimator, PpoConfig, RolloutConfig, UpperData};
use commformer_env::Spec;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// How an iteration's samples are cut up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Samples {
    /// All of them: environments x steps.
    pub all: f64,
    /// Those of a minibatch.
    pub minibatch: f64,
    /// Those of a part, which one worker differentiates at once.
    pub part: f64,
    /// Whether a minibatch's samples are copied out of the rollout's memory. A range of it is not.
    gathered: bool,
}

impl Samples {
    /// Of `agents` agents each, whose graph is learned as `graph` says, if it is.
    pub fn new(
        rollout: &RolloutConfig,
        ppo: &PpoConfig,
        agents: usize,
        graph: Option<&BilevelConfig>,
    ) -> Self {
        let held_out = graph.is_some_and(|graph| graph.upper_data == UpperData::HeldOut);
        // A step of the graph through the network takes all samples.
        let through_network =
            graph.is_some_and(|graph| graph.estimator == Estimator::StraightThrough);
        let all = rollout.num_envs.saturating_mul(rollout.steps);
        let minibatch = all.div_ceil(ppo.minibatches.max(1));
        let part_of = |samples: usize| ppo.part_size(samples, agents).min(samples);
        let part = match through_network {
            true => part_of(minibatch).max(part_of(all)),
            false => part_of(minibatch),
        };
        Self {
            all: all as f64,
            minibatch: minibatch as f64,
            part: part as f64,
            gathered: ppo.minibatches > 1 || held_out,
        }
    }

    /// Parts of a minibatch.
    pub fn parts(&self) -> f64 {
        (self.minibatch / self.part.max(1.0)).ceil()
    }

    /// Bytes of what a rollout teaches: advantages and returns of all samples, the order in which they are
    /// taken, and what a minibatch's are copied to.
    pub fn bytes(&self, spec: &Spec) -> f64 {
        let [agents, obs_dim] = [spec.agents, spec.obs_dim].map(|size| size as f64);
        let of_a_sample = agents * OF_AN_AGENT + OF_A_SAMPLE;
        let copied = if self.gathered {
            self.minibatch
        } else {
            self.part // across the border of two shards
        };
        self.all * of_a_sample + copied * agents * NUMBER * (obs_dim + COPIED)
    }
}

/// Of a sample's agent: advantages, returns, who is active and rewards, once to be computed and once as
/// tensors; and values and what may come next, on the way there.
const OF_AN_AGENT: f64 = 12.0 * NUMBER;

/// Of a sample: its environment, how many are active in it, and its place in two orders.
const OF_A_SAMPLE: f64 = 4.0 * 8.0;

/// Numbers of an agent in a minibatch besides its observation.
const COPIED: f64 = 8.0;

/// Bytes of `groups` graphs of N agents, each of whom hears `senders`, and of what their gradient needs.
/// With `draws` it is that of the order in which senders were drawn, which keeps a copy of the logits for
/// each; else that of one graph for each worker.
pub fn graphs(agents: usize, groups: f64, senders: f64, draws: bool, workers: usize) -> f64 {
    let pairs = (agents as f64) * (agents as f64);
    let of_a_gradient = if draws {
        groups * NUMBER * (senders + 4.0)
    } else {
        workers as f64 * DRAWING
    };
    // The graphs themselves, as the rollout and as its messages are counted, and the sizes of messages.
    let kept = NUMBER * (2.0 * groups + 2.0);
    pairs * (kept + of_a_gradient.max(groups * DRAWING))
}

/// Bytes of a pair while graphs are drawn: noise, logits, a sort with its order, the hard and the soft graph.
const DRAWING: f64 = 40.0;

/// Bytes of weights, of both moments of each, of the gradients of all workers and all parts of a minibatch,
/// and of what checkpoints copy, where the weights alone take `weights`. What the gradients give back is
/// kept for the next ([`keep_memory`](commformer_torch::threads::keep_memory)), so the copies come on top.
pub fn learning(weights: f64, workers: f64, parts: f64) -> f64 {
    weights * (3.0 + workers + parts + CHECKPOINT)
}

/// What is there of weights and both moments besides, while a checkpoint is written: the state before the
/// iteration, that after it, and its bytes.
const CHECKPOINT: f64 = 9.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RolloutGraph;
    use commformer_env::ActionSpace;

    #[test]
    fn samples_are_cut_as_the_learner_cuts_them() {
        let rollout = RolloutConfig {
            num_envs: 80,
            steps: 50,
            shard: 0,
        };
        let straight_through = |upper_data| BilevelConfig {
            estimator: Estimator::StraightThrough,
            rollout: RolloutGraph::Sampled,
            lr: 1e-3,
            entropy_coef: 0.0,
            groups: 0,
            upper_every: 5,
            upper_data,
            held_out: 0.2,
            warmup: 0,
            post_stable: 1.0,
        };
        let check = |minibatches, graph: Option<BilevelConfig>, expected: [f64; 3], gathered| {
            let ppo = PpoConfig {
                minibatches,
                ..PpoConfig::default()
            };
            let samples = Samples::new(&rollout, &ppo, 3, graph.as_ref());
            let Samples {
                all,
                minibatch,
                part,
                ..
            } = samples;
            assert_eq!(
                ([all, minibatch, part], samples.gathered),
                (expected, gathered)
            );
        };
        check(4, None, [4000.0, 1000.0, 500.0], true);
        check(1, None, [4000.0, 4000.0, 1000.0], false);
        let held_out = straight_through(UpperData::HeldOut);
        check(1, Some(held_out), [4000.0, 4000.0, 1000.0], true);
        let same = straight_through(UpperData::Same);
        check(4, Some(same), [4000.0, 1000.0, 1000.0], true);
    }

    #[test]
    fn by_hand() {
        let spec = Spec {
            agents: 2,
            obs_dim: 10,
            actions: ActionSpace::Discrete(5),
            obs_version: 1,
            state_dim: 0,
            masks_actions: false,
            metrics: Vec::new(),
        };
        let rollout = RolloutConfig {
            num_envs: 4,
            steps: 5,
            shard: 0,
        };
        let ppo = PpoConfig {
            minibatches: 2,
            ..PpoConfig::default()
        };
        let samples = Samples::new(&rollout, &ppo, 2, None);
        // 20 samples of 2 x 48 + 32 bytes; 10 of them copied, 2 x 18 numbers each.
        assert_eq!(samples.bytes(&spec), 20.0 * 128.0 + 10.0 * 36.0 * 4.0);
        assert_eq!(samples.parts(), 2.0);
        // 4 pairs; of each 3 graphs twice and two sizes, and for each graph 9 numbers or 40 bytes.
        assert_eq!(graphs(2, 3.0, 5.0, true, 2), 4.0 * (32.0 + 3.0 * 40.0));
        assert_eq!(graphs(2, 3.0, 8.0, true, 2), 4.0 * (32.0 + 3.0 * 48.0));
        assert_eq!(graphs(2, 1.0, 8.0, false, 2), 4.0 * (16.0 + 80.0));
        assert_eq!(learning(100.0, 2.0, 4.0), 1800.0);
    }

    #[test]
    fn no_size_overflows() {
        let rollout = RolloutConfig {
            num_envs: usize::MAX,
            steps: usize::MAX,
            shard: 0,
        };
        let samples = Samples::new(&rollout, &PpoConfig::default(), usize::MAX, None);
        assert!(samples.parts() >= 1.0 && samples.all == usize::MAX as f64);
        assert!(graphs(usize::MAX, 1e19, 1e19, true, 2).is_finite());
    }
}
