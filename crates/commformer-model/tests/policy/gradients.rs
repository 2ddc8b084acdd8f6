//! Gradients that the golden cases do not reach, and memory.

use commformer_model::{ActionSpace, PolicyConfig, RelationOrder, SelfEdge, SelfLoop, graph};
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, OnObservations, complete, distance, noisy_policy};

fn config() -> PolicyConfig {
    PolicyConfig {
        embed_dim: 8,
        ..PolicyConfig::new(4, 5, ActionSpace::Discrete(3))
    }
}

#[test]
fn a_graph_without_a_gradient_gives_the_numbers_of_one_with() {
    for self_loop in [SelfLoop::Keep, SelfLoop::Add] {
        let mut noise = Noise::new(1);
        let policy = noisy_policy(
            &PolicyConfig {
                self_loop,
                ..config()
            },
            &mut noise,
        );
        let obs = noise.normals(&[2, 4, 5]);
        let gumbel = noise.gumbels(&[1, 4, 4]);
        let graph = graph::sample(policy.edge_logits(), &gumbel, 1.0, 2, SelfEdge::Counted).graph;
        let with = policy.values_on(&obs, &graph);
        let without = policy.values_on(&obs, &graph.detach());
        assert!(distance(&with, &without) < 1e-6);
    }
}

#[test]
fn every_parameter_gets_a_finite_gradient() {
    for actions in [ActionSpace::Discrete(3), ActionSpace::Continuous(2)] {
        for relation in [true, false] {
            let config = PolicyConfig {
                actions,
                relation,
                ..config()
            };
            let mut noise = Noise::new(2);
            let policy = noisy_policy(&config, &mut noise);
            let obs = noise.normals(&[3, 4, 5]);
            // Every action of agent 0 of the first entry is unavailable, as for a dead agent.
            let available = match actions {
                ActionSpace::Discrete(_) => {
                    let available = Tensor::ones([3, 4, 3], (Kind::Bool, Device::Cpu));
                    let _ = available.select(0, 0).select(0, 0).fill_(0);
                    Some(available)
                }
                ActionSpace::Continuous(_) => None,
            };
            let graph = complete(4);
            let act = policy
                .act_on(&obs, available.as_ref(), &graph, None)
                .unwrap();
            let found = policy
                .evaluate_on(&obs, &act.actions, available.as_ref(), &graph, None)
                .unwrap();
            let loss = found.log_probs.sum(Kind::Float)
                + found.entropy.sum(Kind::Float)
                + found.values.sum(Kind::Float);
            loss.backward();
            for (name, leaf) in policy.parameters() {
                let grad = leaf.grad();
                assert!(grad.defined(), "{name}");
                assert!(bool::try_from(grad.isfinite().all()).unwrap(), "{name}");
            }
        }
    }
}

#[test]
fn a_straight_through_gate_gets_a_gradient() {
    let mut noise = Noise::new(3);
    let policy = noisy_policy(&config(), &mut noise);
    let obs = noise.normals(&[2, 4, 5]);
    let gate = Tensor::ones([2, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let graph = graph::gated(&complete(4), &gate);
    let values = policy.values_on(&obs, &graph);
    values.sum(Kind::Float).backward();
    // The derivative in one gate, against a central difference. The attention multiplies the
    // weights by the gate after the softmax, so a soft gate is well defined near 1.
    let value = |gate: f64| {
        let soft = Tensor::ones([2, 4], (Kind::Float, Device::Cpu));
        let _ = soft.get(1).get(2).fill_(gate);
        let soft = soft.set_requires_grad(true); // keeps the product
        let graph = graph::gated(&complete(4), &soft);
        let values = policy.values_on(&obs, &graph);
        f64::try_from(values.sum(Kind::Double)).unwrap()
    };
    let step = 0.01;
    let expected = (value(1.0 + step) - value(1.0 - step)) / (2.0 * step);
    let found = gate.grad().double_value(&[1, 2]);
    assert!(
        (found - expected).abs() < 0.02 * expected.abs() + 1e-4,
        "{found} {expected}"
    );
}

#[test]
fn dropout_draws_noise_for_both_branches_of_each_encoder_block_only() {
    let config = PolicyConfig {
        dropout: 0.5,
        blocks: 2,
        ..config()
    };
    let mut noise = Noise::new(4);
    let policy = noisy_policy(&config, &mut noise);
    let obs = noise.normals(&[2, 4, 5]);
    let graph = complete(4);
    let actions = Tensor::zeros([2, 4], (Kind::Int64, Device::Cpu));
    let plain = policy
        .evaluate_on(&obs, &actions, None, &graph, None)
        .unwrap();

    let mut asked = Vec::new();
    let mut source = |shape: &[i64]| {
        asked.push(shape.to_vec());
        noise.tensor(shape, Noise::uniform)
    };
    let dropped = policy
        .evaluate_on(&obs, &actions, None, &graph, Some(&mut source))
        .unwrap();
    assert_eq!(asked, vec![vec![2, 4, 8]; 4]);
    assert!(distance(&plain.values, &dropped.values) > 0.0);
}

#[test]
fn a_shared_head_serves_any_number_of_agents() {
    let config = PolicyConfig {
        shared_head: true,
        ..config()
    };
    let mut noise = Noise::new(5);
    let policy = noisy_policy(&config, &mut noise);
    for agents in [1, 3, 9] {
        let obs = noise.normals(&[2, agents, 5]);
        let graph = complete(agents);
        let act = policy.act_on(&obs, None, &graph, None).unwrap();
        let found = policy
            .evaluate_on(&obs, &act.actions, None, &graph, None)
            .unwrap();
        assert!(distance(&act.log_probs, &found.log_probs) < 1e-5);
    }
}

/// Resident memory that the process reached at most, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// The tensor that must not exist would hold B N N E numbers: 1 GiB here, while a pass that keeps
/// to B N E and B N N needs a small part of it.
#[cfg(target_os = "linux")]
#[test]
fn no_tensor_over_pairs_and_widths() {
    let agents = 256;
    let config = PolicyConfig {
        embed_dim: 256,
        relation_order: RelationOrder::SenderReceiver,
        shared_head: true,
        ..PolicyConfig::new(agents, 5, ActionSpace::Discrete(3))
    };
    let (batch, n, width) = (16, agents as i64, 256);
    let forbidden = (batch * n * n * width * 4) as usize;
    assert_eq!(forbidden, 1 << 30);
    let mut noise = Noise::new(6);
    let policy = noisy_policy(&config, &mut noise);
    let obs = noise.normals(&[batch, n, 5]);
    let gumbel = noise.gumbels(&[batch, n, n]);
    let graph = graph::sample(policy.edge_logits(), &gumbel, 1.0, 9, SelfEdge::Counted).graph;
    let actions = Tensor::zeros([batch, n], (Kind::Int64, Device::Cpu));
    let found = policy
        .evaluate_on(&obs, &actions, None, &graph, None)
        .unwrap();
    (found.log_probs.sum(Kind::Float) + found.values.sum(Kind::Float)).backward();
    assert!(policy.edge_logits().grad().defined());
    assert!(
        peak_memory() < forbidden,
        "peak {} MiB",
        peak_memory() >> 20
    );
}
