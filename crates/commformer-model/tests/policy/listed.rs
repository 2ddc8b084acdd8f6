//! Lists of senders instead of a mask: the same numbers and gradients, and no more memory than N * k.

use commformer_model::{
    Act, ActionSpace, AttentionOver, CommFormer, Evaluation, Input, PolicyConfig, RelationOrder,
    SelfEdge, graph,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, complete, distance, noisy_policy, taken};
use crate::properties::{configs, property_seed};

/// One policy twice: over all agents under a mask, and over lists.
fn both(config: &PolicyConfig, noise: &mut Noise) -> [CommFormer; 2] {
    let policy = noisy_policy(config, noise);
    [AttentionOver::All, AttentionOver::Listed].map(|attention_over| {
        let config = PolicyConfig {
            attention_over,
            ..config.clone()
        };
        let mut copy = CommFormer::new(&config, Device::Cpu, &mut || 0.0).unwrap();
        copy.load_state(&policy.state()).unwrap();
        copy
    })
}

/// A straight-through gate, whose value is 0 or 1.
fn gate(kind: Gate, batch: i64, agents: i64, noise: &mut Noise) -> Option<Tensor> {
    let shape = match kind {
        Gate::None => return None,
        Gate::Receivers => vec![batch, agents],
        Gate::Edges => vec![batch, agents, agents],
    };
    Some(noise.coins(&shape, 0.6).set_requires_grad(true))
}

#[derive(Clone, Copy, Debug)]
enum Gate {
    None,
    Receivers,
    Edges,
}

/// What rows a graph has.
#[derive(Clone, Copy, Debug)]
enum Rows {
    /// k senders, the receiver perhaps among them, with a straight-through gradient.
    Sampled,
    /// Any number of senders from none to all, each with its own gradient.
    Ragged,
}

/// The same loss of one pass: every output with a weight of its own.
fn loss(found: &Evaluation, noise: &mut Noise) -> Tensor {
    let outputs = [&found.log_probs, &found.entropy, &found.values];
    let parts = outputs.map(|x| (x * noise.normals(&x.size())).sum(Kind::Float));
    &parts[0] + &parts[1] + &parts[2]
}

fn close(found: &Act, expected: &Act) -> bool {
    let stale = match (&found.stale, &expected.stale) {
        (Some(found), Some(expected)) => distance(found, expected) < 1e-5,
        (found, expected) => found.is_none() && expected.is_none(),
    };
    stale && distance(&found.values, &expected.values) < 1e-5
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        rng_seed: RngSeed::Fixed(property_seed()),
        ..ProptestConfig::default()
    })]

    #[test]
    fn lists_give_the_numbers_and_gradients_of_the_mask(
        config in configs(),
        agents in 1..=20usize,
        k in 1..=6usize,
        shared: bool,
        rows in prop_oneof![Just(Rows::Sampled), Just(Rows::Ragged)],
        gates in prop_oneof![Just(Gate::None), Just(Gate::Receivers), Just(Gate::Edges)],
        seed: u64,
    ) {
        // A norm over the few numbers of these configurations would make much of rounding.
        let config = PolicyConfig { agents, embed_dim: 4 * config.embed_dim, ..config };
        let mut noise = Noise::new(seed);
        let policies = both(&config, &mut noise);
        let (batch, n) = (3, agents as i64);
        let graphs = if shared { 1 } else { batch };
        let gumbel = noise.gumbels(&[graphs, n, n]);
        let ragged = noise.coins(&[graphs, n, n], (k as f32 / n as f32).min(1.0));
        let obs = noise.normals(&[batch, n, config.obs_dim as i64]);
        let open = gate(gates, batch, n, &mut noise);
        let actions = taken(&config, batch, &mut noise);
        let stale = (policies[0].stale_width() > 0)
            .then(|| noise.normals(&[batch, n, policies[0].stale_width() as i64]).abs());
        let loss_seed = noise.uniform().to_bits().into();

        let results = policies.iter().map(|policy| {
            let edges = match rows {
                Rows::Sampled => {
                    let logits = policy.edge_logits();
                    graph::sample(logits, &gumbel, 1.0, k, SelfEdge::Counted).graph
                }
                Rows::Ragged => ragged.copy().set_requires_grad(true),
            };
            let gate = open.as_ref().map(|open| open.detach().copy().set_requires_grad(true));
            let embedding = policy.embed(&obs).unwrap();
            let input = Input {
                gate: gate.as_ref(),
                stale: stale.as_ref(),
                ..Input::new(&embedding, &edges)
            };
            let found = policy.evaluate(&input, &actions, None).unwrap();
            loss(&found, &mut Noise::new(loss_seed)).backward();
            let act = policy.act(&input, None).unwrap();
            let alone = policy.entropy_alone(&input).unwrap();
            let leaves = policy.parameters().into_iter();
            let mut grads: Vec<(String, Tensor)> =
                leaves.map(|(name, leaf)| (name, leaf.grad())).collect();
            match rows {
                Rows::Sampled => grads.push(("logits".to_owned(), policy.edge_logits().grad())),
                Rows::Ragged => grads.push(("graph".to_owned(), edges.grad())),
            }
            grads.extend(gate.map(|gate| ("gate".to_owned(), gate.grad())));
            (found, act, alone, grads)
        });
        let results: Vec<_> = results.collect();
        let [(dense, act, alone, grads), (listed, listed_act, listed_alone, listed_grads)] =
            &results[..] else { unreachable!() };

        // Of a continuous action far from the mean, the density is a large number, and only as
        // exact as large numbers are.
        let size = f64::try_from(dense.log_probs.abs().max()).unwrap().max(1.0);
        prop_assert!(distance(&listed.log_probs, &dense.log_probs) < 1e-5 * size);
        prop_assert!(distance(&listed.logits, &dense.logits) < 1e-5);
        prop_assert!(distance(&listed.entropy, &dense.entropy) < 1e-5);
        prop_assert!(distance(&listed.values, &dense.values) < 1e-5);
        prop_assert!(distance(listed_alone, alone) < 1e-5);
        prop_assert!(close(listed_act, act));
        // Relative by norm. What rounding leaves of a tensor's sum, where its terms cancel, is
        // small beside the whole gradient.
        let norm = |x: &Tensor| f64::try_from(x.norm()).unwrap();
        let defined = grads.iter().filter(|(_, grad)| grad.defined());
        let whole = defined.map(|(_, grad)| norm(grad).powi(2)).sum::<f64>().sqrt();
        for ((name, found), (_, expected)) in listed_grads.iter().zip(grads) {
            prop_assert_eq!(found.defined(), expected.defined(), "{}", name);
            if expected.defined() {
                let (error, size) = (norm(&(found - expected)), norm(expected));
                let allowed = 1e-4 * size + 2e-6 * whole;
                prop_assert!(error <= allowed, "{}: {} of {}, {}", name, error, size, whole);
            }
        }
    }
}

fn large(agents: usize, over: AttentionOver) -> PolicyConfig {
    PolicyConfig {
        shared_head: true,
        relation_order: RelationOrder::SenderReceiver,
        attention_over: over,
        ..PolicyConfig::new(agents, 5, ActionSpace::Discrete(3))
    }
}

/// Without being told to, a large sparse team takes the lists: the bits are theirs.
#[test]
fn a_large_sparse_team_is_listed_by_itself() {
    let mut noise = Noise::new(7);
    let policy = noisy_policy(&large(80, AttentionOver::Auto), &mut noise);
    let obs = noise.normals(&[2, 80, 5]);
    let embedding = policy.embed(&obs).unwrap();
    let values = |over, graph: &Tensor| {
        let mut same = CommFormer::new(&large(80, over), Device::Cpu, &mut || 0.0).unwrap();
        same.load_state(&policy.state()).unwrap();
        let input = Input::new(&embedding, graph);
        let actions = Tensor::zeros([2, 80], (Kind::Int64, Device::Cpu));
        same.evaluate(&input, &actions, None).unwrap().values
    };
    let gumbel = noise.gumbels(&[1, 80, 80]);
    let sparse = |k| {
        let logits = policy.edge_logits();
        graph::sample(logits, &gumbel, 1.0, k, SelfEdge::Counted).graph
    };
    let few = sparse(2);
    let listed = values(AttentionOver::Listed, &few);
    assert_eq!(values(AttentionOver::Auto, &few), listed);
    assert_ne!(values(AttentionOver::All, &few), listed);
    for many in [sparse(30), complete(80)] {
        let dense = values(AttentionOver::All, &many);
        assert_eq!(values(AttentionOver::Auto, &many), dense);
    }
}
