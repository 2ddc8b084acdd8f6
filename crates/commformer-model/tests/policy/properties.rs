//! Properties over random sizes, switches, graphs, gates and noise.

use commformer_model::{
    ActionSpace, Closed, Decoding, PolicyConfig, PreviousAction, Recurrence, RelationOrder,
    ScoreScale, SelfEdge, SelfLoop, graph,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, OnObservations, complete, distance, noisy_policy, taken};

pub fn configs() -> impl Strategy<Value = PolicyConfig> {
    let sizes = (1..=7usize, 1..=6usize, 1..=5usize, 1..=3usize, 1..=2usize);
    (sizes, any::<[bool; 12]>()).prop_map(|((agents, obs, actions, heads, blocks), flags)| {
        let [
            continuous,
            shared_head,
            relation,
            inverse,
            swapped,
            add,
            heard,
            stale,
            recurrent,
            parallel,
            narrow,
            few_bits,
        ] = flags;
        let actions = if continuous {
            ActionSpace::Continuous(actions)
        } else {
            ActionSpace::Discrete(actions)
        };
        PolicyConfig {
            embed_dim: 4 * heads,
            message: narrow.then_some(3),
            message_bits: (narrow && few_bits).then_some(3),
            heads,
            blocks,
            shared_head,
            relation,
            score_scale: if inverse {
                ScoreScale::Inverse
            } else {
                ScoreScale::InverseSqrt
            },
            relation_order: if swapped {
                RelationOrder::SenderReceiver
            } else {
                RelationOrder::ReceiverSender
            },
            self_loop: if add { SelfLoop::Add } else { SelfLoop::Keep },
            previous_action: if heard {
                PreviousAction::Heard
            } else {
                PreviousAction::Always
            },
            closed: if stale && !recurrent {
                Closed::Stale
            } else {
                Closed::Silence
            },
            recurrence: if recurrent {
                Recurrence::Gru
            } else {
                Recurrence::None
            },
            decoder: if parallel {
                Decoding::Parallel
            } else {
                Decoding::Autoregressive
            },
            ..PolicyConfig::new(agents, obs, actions)
        }
    })
}

/// A sampled graph for each of `batch` entries, gated, from edge logits that are noise.
pub fn gated_graph(agents: usize, k: usize, batch: i64, noise: &mut Noise) -> Tensor {
    let n = agents as i64;
    let logits = noise.normals(&[n, n]);
    let gumbel = noise.gumbels(&[batch, n, n]);
    let sample = graph::sample(&logits, &gumbel, 1.0, k, SelfEdge::Counted);
    graph::gated(&sample.graph, &noise.coins(&[batch, n], 0.7))
}

pub fn property_seed() -> u64 {
    let seed = std::env::var("COMMFORMER_PROPERTY_SEED").ok();
    seed.and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        // Bounds on rounding are tight here; a case beyond them should be found when the code
        // changes, not on some other day. COMMFORMER_PROPERTY_SEED explores others.
        rng_seed: RngSeed::Fixed(property_seed()),
        ..ProptestConfig::default()
    })]

    #[test]
    fn acting_and_evaluating_agree(config in configs(), k in 1..=7usize, masked: bool, seed: u64) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let batch = 3;
        let (n, width) = (config.agents as i64, config.actions.width() as i64);
        let obs = noise.normals(&[batch, n, config.obs_dim as i64]);
        let graph = gated_graph(config.agents, k, batch, &mut noise);
        let shape = [batch, n, width];
        let discrete = matches!(config.actions, ActionSpace::Discrete(_));
        let available = (masked && discrete).then(|| {
            let available = noise.coins(&shape, 0.5).gt(0.5);
            let _ = available.narrow(2, 0, 1).fill_(1); // one action is always there
            available
        });
        let drawn = if discrete { noise.gumbels(&shape) } else { noise.normals(&shape) };
        for drawn in [None, Some(&drawn)] {
            let act = policy.act_on(&obs, available.as_ref(), &graph, drawn).unwrap();
            let found = policy
                .evaluate_on(&obs, &act.actions, available.as_ref(), &graph, None)
                .unwrap();
            // Rounding alone; a normal density divides that of its mean by the deviation, twice.
            let tolerance = if discrete { 1e-5 } else { 5e-4 };
            prop_assert!(distance(&act.log_probs, &found.log_probs) < tolerance);
            if drawn.is_none() && !discrete {
                // The greedy continuous action is the mean itself.
                prop_assert!(distance(&act.actions, &found.logits) < 1e-4);
            }
            prop_assert!(distance(&act.values, &found.values) < 1e-5);
            if let Some(available) = &available {
                let chosen = available.gather(-1, &act.actions.unsqueeze(-1), false);
                prop_assert!(bool::try_from(chosen.all()).unwrap());
            }
            prop_assert!(!act.log_probs.requires_grad());
        }
    }

    #[test]
    fn chunks_give_the_numbers_of_the_whole(config in configs(), k in 1..=7usize, seed: u64) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let n = config.agents as i64;
        let obs = noise.normals(&[5, n, config.obs_dim as i64]);
        let graph = gated_graph(config.agents, k, 5, &mut noise);
        let whole = policy.act_on(&obs, None, &graph, None).unwrap();
        for (start, length) in [(0, 2), (2, 3)] {
            let cut = |x: &Tensor| x.narrow(0, start, length);
            let part = policy.act_on(&cut(&obs), None, &cut(&graph), None).unwrap();
            prop_assert!(distance(&part.values, &cut(&whole.values)) < 1e-5);
            prop_assert!(distance(&part.log_probs, &cut(&whole.log_probs)) < 1e-5);
        }
    }

    #[test]
    fn k_hot_rows(agents in 1..=9usize, k in 1..=9usize, excluded: bool, seed: u64) {
        let mut noise = Noise::new(seed);
        let n = agents as i64;
        let self_edge = if excluded { SelfEdge::Excluded } else { SelfEdge::Counted };
        let k = k.min(self_edge.most_senders(agents));
        let logits = noise.normals(&[n, n]).set_requires_grad(true);
        let gumbel = noise.gumbels(&[4, n, n]);
        let sample = graph::sample(&logits, &gumbel, 0.7, k, self_edge);
        let exact = graph::exact(&logits, k, self_edge).unsqueeze(0);
        for graph in [&sample.graph, &exact] {
            let binary = graph.eq(0.0).logical_or(&graph.eq(1.0));
            prop_assert!(bool::try_from(binary.all()).unwrap());
            let count = graph.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
            prop_assert!(bool::try_from(count.eq(k as f64).all()).unwrap());
            if excluded {
                let own = graph.diagonal(0, -2, -1);
                prop_assert!(bool::try_from(own.eq(0.0).all()).unwrap());
            }
        }
        // The order names exactly the senders of the graph.
        let named = sample.graph.gather(-1, &sample.order, false);
        prop_assert!(bool::try_from(named.eq(1.0).all()).unwrap());

        let upstream = noise.normals(&[4, n, n]);
        (&sample.graph * upstream).sum(Kind::Float).backward();
        let rows = logits.grad().sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
        prop_assert!(distance(&rows, &rows.zeros_like()) < 1e-5);
    }

    #[test]
    fn all_orders_have_probability_one(seed: u64, excluded: bool) {
        // Three agents, two draws: every ordered pair of senders that a row may draw.
        let logits = Noise::new(seed).normals(&[3, 3]);
        let self_edge = if excluded { SelfEdge::Excluded } else { SelfEdge::Counted };
        let total = Tensor::zeros([3], (Kind::Double, Device::Cpu));
        for receiver in 0..3i64 {
            for (first, second) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                let barred = excluded && (first == receiver || second == receiver);
                if first == second || barred {
                    continue;
                }
                let order = Tensor::from_slice(&[first, second].repeat(3)).view([1, 3, 2]);
                let p = graph::plackett_luce(&logits, &order, self_edge).exp();
                let _ = total.get(receiver).g_add_(&p.get(0).get(receiver).to_kind(Kind::Double));
            }
        }
        prop_assert!(distance(&total, &total.ones_like()) < 1e-5);
    }

    #[test]
    fn an_agent_never_hears_one_that_is_not_its_sender(
        config in configs(), k in 1..=7usize, seed: u64,
    ) {
        // Rounded messages can hide a change.
        let config = PolicyConfig { blocks: 1, message_bits: None, ..config };
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let n = config.agents as i64;
        let obs = noise.normals(&[1, n, config.obs_dim as i64]);
        let graph = gated_graph(config.agents, k, 1, &mut noise);
        let (before, _) = policy.encode_on(&obs, &graph).unwrap();
        for sender in 0..n {
            let other = obs.copy();
            let changed = noise.normals(&[1, 1, config.obs_dim as i64]);
            other.narrow(1, sender, 1).copy_(&changed);
            let (after, _) = policy.encode_on(&other, &graph).unwrap();
            for receiver in (0..n).filter(|&receiver| receiver != sender) {
                let heard = graph.double_value(&[0, receiver, sender]) > 0.5;
                let change = distance(&before.select(1, receiver), &after.select(1, receiver));
                // Exactly 0: a weight of 0 times anything finite. An observation of one number is
                // normalised to 0, so a change of it tells nobody anything.
                prop_assert!(heard || change == 0.0, "{receiver} heard {sender}: {change}");
                prop_assert!(!heard || change > 0.0 || config.obs_dim < 3);
            }
        }
    }

    #[test]
    fn the_decoder_is_causal(config in configs(), seed: u64) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let n = config.agents as i64;
        let obs = noise.normals(&[1, n, config.obs_dim as i64]);
        let graph = complete(n);
        let [first, second] = [(); 2].map(|()| taken(&config, 1, &mut noise));
        let logits = |actions: &Tensor| {
            policy.evaluate_on(&obs, actions, None, &graph, None).unwrap().logits
        };
        let before = logits(&first);
        let chained = config.decoder == Decoding::Autoregressive;
        for agent in 0..n {
            let changed = first.copy();
            changed.narrow(1, agent, 1).copy_(&second.narrow(1, agent, 1));
            let after = logits(&changed);
            // The agents up to this one can not know its action.
            let upto = |x: &Tensor| x.narrow(1, 0, agent + 1);
            prop_assert!(distance(&upto(&before), &upto(&after)) == 0.0);
            // Few numbers, normalised, are little more than signs, and may hide a change.
            let visible = distance(&first, &changed) > 0.0 && config.embed_dim >= 8;
            if !chained {
                prop_assert!(distance(&before, &after) == 0.0);
            } else if visible && agent + 1 < n {
                let next = |x: &Tensor| x.select(1, agent + 1);
                prop_assert!(distance(&next(&before), &next(&after)) > 0.0);
            }
        }
    }
}
