//! The receive gate as an input of its own: what it removes, that it agrees with the graph, and what
//! agents keep while theirs is closed.

use commformer_model::{
    ActionSpace, Closed, CommFormer, Input, PolicyConfig, PreviousAction, graph,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, complete, distance, noisy_policy, taken};
use crate::properties::{configs, gated_graph, property_seed};

/// Every number that a policy gives for an input: acting, then scoring `taken`.
fn outputs(policy: &CommFormer, input: &Input<'_>, taken: &Tensor) -> Vec<Tensor> {
    let act = policy.act(input, None).unwrap();
    let scored = policy.evaluate(input, taken, None).unwrap();
    let stale = act.stale.into_iter();
    let of_act = [act.actions.to_kind(Kind::Float), act.log_probs, act.values];
    let of_score = [
        scored.log_probs,
        scored.entropy,
        scored.values,
        scored.logits,
    ];
    of_act.into_iter().chain(of_score).chain(stale).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(property_seed()),
        ..ProptestConfig::default()
    })]

    /// An open gate gives the bits of no gate, in acting, cached decoding and scoring.
    #[test]
    fn an_open_gate_is_no_gate_bit_for_bit(config in configs(), k in 1..=7usize, seed: u64) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let n = config.agents as i64;
        let embedding = policy.embed(&noise.normals(&[3, n, config.obs_dim as i64])).unwrap();
        let graph = gated_graph(config.agents, k, 3, &mut noise);
        let taken = taken(&config, 3, &mut noise);
        let without = Input::new(&embedding, &graph);
        let expected = outputs(&policy, &without, &taken);
        for shape in [vec![3, n], vec![3, n, n]] {
            let open = Tensor::ones(shape, (Kind::Float, Device::Cpu));
            let with = Input { gate: Some(&open), ..without };
            prop_assert_eq!(&outputs(&policy, &with, &taken), &expected);
        }
    }

    /// A gate is an intersection with the graph: never an edge outside of it, and the same as the
    /// graph without the closed rows.
    #[test]
    fn a_gate_and_a_graph_compose(config in configs(), k in 1..=7usize, seed: u64) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let n = config.agents as i64;
        let embedding = policy.embed(&noise.normals(&[3, n, config.obs_dim as i64])).unwrap();
        let graph = gated_graph(config.agents, k, 3, &mut noise);
        let taken = taken(&config, 3, &mut noise);
        for shape in [vec![3, n], vec![3, n, n]] {
            let gate = noise.coins(&shape, 0.5);
            let rows = if gate.dim() == 2 { gate.unsqueeze(-1) } else { gate.shallow_clone() };
            let own = Tensor::eye(n, (Kind::Float, Device::Cpu));
            let expected = &graph * (rows * (1.0 - &own) + &own);
            let effective = graph::gated(&graph, &gate);
            prop_assert_eq!(&effective, &expected);
            prop_assert!(bool::try_from(effective.le_tensor(&graph).all()).unwrap());
            let with = Input { gate: Some(&gate), ..Input::new(&embedding, &graph) };
            let inside = Input::new(&embedding, &effective);
            prop_assert_eq!(outputs(&policy, &with, &taken), outputs(&policy, &inside, &taken));
        }
    }

    /// With the action before it withheld, an agent behind a closed gate acts by its own observation
    /// alone.
    #[test]
    fn a_closed_gate_is_silence(config in configs(), k in 1..=7usize, seed: u64) {
        let config = PolicyConfig {
            previous_action: PreviousAction::Heard,
            closed: Closed::Silence,
            ..config
        };
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let n = config.agents as i64;
        let obs = noise.normals(&[1, n, config.obs_dim as i64]);
        let graph = gated_graph(config.agents, k, 1, &mut noise);
        for agent in 0..n {
            let gate = noise.coins(&[1, n], 0.5);
            let _ = gate.select(1, agent).fill_(0.0);
            let others = noise.normals(&[1, n, config.obs_dim as i64]);
            others.narrow(1, agent, 1).copy_(&obs.narrow(1, agent, 1));
            let [before, after] = [&obs, &others].map(|obs| {
                let embedding = policy.embed(obs).unwrap();
                let input = Input { gate: Some(&gate), ..Input::new(&embedding, &graph) };
                let act = policy.act(&input, None).unwrap();
                [act.actions, act.log_probs, act.values].map(|x| x.select(1, agent))
            });
            prop_assert_eq!(before, after);
        }
    }
}

fn keeping() -> PolicyConfig {
    PolicyConfig {
        embed_dim: 8,
        heads: 2,
        blocks: 2,
        closed: Closed::Stale,
        ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
    }
}

/// Acts once and gives what is kept.
fn kept_after(
    policy: &CommFormer,
    embedding: &Tensor,
    gate: &Tensor,
    stale: Option<&Tensor>,
) -> Tensor {
    let graph = complete(3);
    let input = Input {
        gate: Some(gate),
        stale,
        ..Input::new(embedding, &graph)
    };
    policy.act(&input, None).unwrap().stale.unwrap()
}

#[test]
fn what_is_kept_ages_while_the_gate_is_closed() {
    let mut noise = Noise::new(1);
    let policy = noisy_policy(&keeping(), &mut noise);
    assert_eq!(policy.stale_width(), 2 * 8 + 1);
    let embedding = policy.embed(&noise.normals(&[1, 3, 5])).unwrap();
    let gate = |values: [f32; 3]| Tensor::from_slice(&values).unsqueeze(0);
    let ages = |stale: &Tensor| Vec::<f32>::try_from(stale.select(2, 16).get(0)).unwrap();

    let first = kept_after(&policy, &embedding, &gate([1.0, 0.0, 1.0]), None);
    assert_eq!(ages(&first), [1.0, 0.0, 1.0]);
    assert_eq!(
        first.get(0).get(1).abs().sum(Kind::Float).double_value(&[]),
        0.0
    );

    // Others' observations change; agent 0 does not receive and keeps what it had.
    let embedding = policy.embed(&noise.normals(&[1, 3, 5])).unwrap();
    let second = kept_after(&policy, &embedding, &gate([0.0, 0.0, 1.0]), Some(&first));
    assert_eq!(ages(&second), [2.0, 0.0, 1.0]);
    let digest = |stale: &Tensor, agent: i64| stale.get(0).get(agent).narrow(0, 0, 16);
    assert_eq!(digest(&second, 0), digest(&first, 0));
    assert!(distance(&digest(&second, 2), &digest(&first, 2)) > 0.0);
}

/// What was kept, and how long ago, changes what an agent with a closed gate does; one that receives
/// does not look at it.
#[test]
fn only_a_closed_gate_goes_by_what_is_kept() {
    let mut noise = Noise::new(2);
    let policy = noisy_policy(&keeping(), &mut noise);
    let embedding = policy.embed(&noise.normals(&[1, 3, 5])).unwrap();
    let graph = complete(3);
    let gate = Tensor::from_slice(&[0f32, 1.0, 0.0]).unsqueeze(0);
    let values = |stale: Option<&Tensor>| {
        let input = Input {
            gate: Some(&gate),
            stale,
            ..Input::new(&embedding, &graph)
        };
        policy.act(&input, None).unwrap().values
    };
    let fresh = noise.normals(&[1, 3, 17]);
    let _ = fresh.select(2, 16).fill_(1.0);
    let old = fresh.copy();
    let _ = old.select(2, 16).fill_(9.0);
    let never = fresh.copy();
    let _ = never.select(2, 16).fill_(0.0);
    let [fresh, old, never] = [&fresh, &old, &never].map(|stale| values(Some(stale)));
    let moved = |a: &Tensor, b: &Tensor, agent| distance(&a.select(1, agent), &b.select(1, agent));
    for agent in [0, 2] {
        assert!(moved(&fresh, &never, agent) > 1e-4, "agent {agent}");
        assert!(moved(&fresh, &old, agent) > 1e-5, "agent {agent}");
    }
    assert_eq!(never, values(None));
}

#[test]
fn wrong_gates_and_memories_are_named() {
    let mut noise = Noise::new(3);
    let silent = PolicyConfig {
        closed: Closed::Silence,
        ..keeping()
    };
    let [keeping, silent] = [keeping(), silent].map(|config| noisy_policy(&config, &mut noise));
    let embedding = keeping.embed(&noise.normals(&[2, 3, 5])).unwrap();
    let graph = complete(3);
    let message = |policy: &CommFormer, gate: &[i64], stale: Option<&[i64]>| {
        let gate = noise_free(gate);
        let stale = stale.map(noise_free);
        let input = Input {
            gate: Some(&gate),
            stale: stale.as_ref(),
            ..Input::new(&embedding, &graph)
        };
        policy.act(&input, None).unwrap_err().to_string()
    };
    assert!(message(&keeping, &[2, 2], None).contains("`gate` has shape [2, 2]"));
    assert!(message(&keeping, &[2, 3], Some(&[2, 3, 16])).contains("`stale` has shape"));
    assert!(message(&silent, &[2, 3], Some(&[2, 3, 17])).contains("pass None"));
}

fn noise_free(shape: &[i64]) -> Tensor {
    Tensor::zeros(shape, (Kind::Float, Device::Cpu))
}
