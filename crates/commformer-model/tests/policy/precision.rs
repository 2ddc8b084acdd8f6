//! bfloat16 products: near the float32 policy, in its outputs and in the direction it learns.

use commformer_model::{
    ActionSpace, CommFormer, Evaluation, PolicyConfig, Precision, SelfEdge, graph,
};
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, OnObservations, distance, noisy_policy};

/// A policy of default size, once in each precision.
fn both(config: &PolicyConfig, noise: &mut Noise) -> [CommFormer; 2] {
    let policy = noisy_policy(config, noise);
    [Precision::Float32, Precision::Bfloat16].map(|precision| {
        let config = PolicyConfig {
            precision,
            ..config.clone()
        };
        let mut copy = CommFormer::new(&config, Device::Cpu, &mut || 0.0).unwrap();
        copy.load_state(&policy.state()).unwrap();
        copy
    })
}

fn configs() -> Vec<PolicyConfig> {
    let kinds = [
        (ActionSpace::Discrete(5), false),
        (ActionSpace::Discrete(5), true),
        (ActionSpace::Continuous(2), false),
    ];
    let config = |(actions, shared_head)| PolicyConfig {
        shared_head,
        heads: 2,
        ..PolicyConfig::new(5, 17, actions)
    };
    kinds.map(config).into()
}

#[test]
fn outputs_and_gradients_are_near_those_of_float32() {
    for config in configs() {
        let mut noise = Noise::new(11);
        let policies = both(&config, &mut noise);
        let obs = noise.normals(&[16, 5, 17]);
        let gumbel = noise.gumbels(&[1, 5, 5]);
        let drawn = match config.actions {
            ActionSpace::Discrete(actions) => noise.gumbels(&[16, 5, actions as i64]),
            ActionSpace::Continuous(width) => noise.normals(&[16, 5, width as i64]),
        };
        let mut actions = None;
        let found: Vec<(Evaluation, Vec<Tensor>)> = policies
            .iter()
            .map(|policy| {
                let logits = policy.edge_logits();
                let graph = graph::sample(logits, &gumbel, 1.0, 2, SelfEdge::Excluded).graph;
                let actions = actions.get_or_insert_with(|| {
                    policy
                        .act_on(&obs, None, &graph, Some(&drawn))
                        .unwrap()
                        .actions
                });
                let found = policy
                    .evaluate_on(&obs, actions, None, &graph, None)
                    .unwrap();
                let weights = Noise::new(12).normals(&[16, 5]);
                let loss = (&found.log_probs + &found.entropy + &found.values) * weights;
                loss.sum(Kind::Float).backward();
                let leaves = policy.parameters().into_iter();
                let mut grads: Vec<Tensor> = leaves.map(|(_, leaf)| leaf.grad()).collect();
                grads.push(policy.edge_logits().grad());
                (found, grads)
            })
            .collect();
        let [(exact, exact_grads), (rounded, grads)] = &found[..] else {
            unreachable!()
        };
        // A factor is off by up to 1 part in 256, and some dozen products follow each other: a
        // few parts in a hundred, and not nothing.
        for (name, rounded, exact) in [
            ("logits", &rounded.logits, &exact.logits),
            ("values", &rounded.values, &exact.values),
        ] {
            let size = f64::try_from(exact.abs().max()).unwrap();
            let error = distance(rounded, exact) / size;
            assert!(0.0 < error && error < 0.05, "{name}: {error}");
        }
        let flat = |grads: &[Tensor]| {
            let flat: Vec<Tensor> = grads.iter().map(|grad| grad.reshape([-1])).collect();
            Tensor::cat(&flat, 0).to_kind(Kind::Double)
        };
        let (grad, expected) = (flat(grads), flat(exact_grads));
        assert!(bool::try_from(grad.isfinite().all()).unwrap());
        assert!(cosine(&grad, &expected) > 0.99);
        for (grad, expected) in grads.iter().zip(exact_grads) {
            assert_eq!(grad.kind(), Kind::Float);
            assert!(cosine(&grad.reshape([-1]), &expected.reshape([-1])) > 0.95);
        }
    }
}

/// Acting and evaluating multiply matrices of other shapes, whose sums may be rounded otherwise: the
/// ratio that an update begins with is 1 to a few parts in a hundred, and on average far better.
#[test]
fn acting_and_evaluating_agree_as_far_as_bfloat16_does() {
    for config in configs() {
        let mut noise = Noise::new(13);
        let [_, policy] = both(&config, &mut noise);
        let obs = noise.normals(&[64, 5, 17]);
        let graph = graph::exact(policy.edge_logits(), 2, SelfEdge::Excluded).unsqueeze(0);
        let act = policy.act_on(&obs, None, &graph, None).unwrap();
        let found = policy
            .evaluate_on(&obs, &act.actions, None, &graph, None)
            .unwrap();
        let error = (&act.log_probs - &found.log_probs).abs();
        let mean = f64::try_from(error.mean(Kind::Double)).unwrap();
        let most = f64::try_from(error.max()).unwrap();
        assert!(mean < 0.005 && most < 0.1, "{mean} {most}");
    }
}

fn cosine(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    f64::try_from(a.dot(&b) / (a.norm() * b.norm())).unwrap()
}
