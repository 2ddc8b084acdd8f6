//! Saving, loading, and replicas.

use commformer_model::{ActionSpace, CommFormer, ModelError, PolicyConfig};
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, OnObservations, complete, noisy_policy};

type State = Vec<(String, Tensor)>;

fn config() -> PolicyConfig {
    PolicyConfig {
        embed_dim: 8,
        heads: 2,
        blocks: 2,
        ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
    }
}

#[test]
fn a_saved_policy_loads_to_the_same_numbers() {
    for (shared_head, actions) in [
        (false, ActionSpace::Discrete(4)),
        (true, ActionSpace::Discrete(4)),
        (false, ActionSpace::Continuous(2)),
    ] {
        let config = PolicyConfig {
            shared_head,
            actions,
            ..config()
        };
        let mut noise = Noise::new(1);
        let policy = noisy_policy(&config, &mut noise);
        let mut other = CommFormer::new(&config, Device::Cpu, &mut || noise.normal()).unwrap();
        other.load_state(&policy.state()).unwrap();
        assert_eq!(other.state(), policy.state());
        assert!(
            other
                .state()
                .iter()
                .all(|(_, tensor)| tensor.is_contiguous())
        );

        let obs = noise.normals(&[2, 3, 5]);
        let graph = complete(3);
        let [a, b] = [&policy, &other].map(|p| p.act_on(&obs, None, &graph, None).unwrap());
        assert_eq!(a.actions, b.actions);
        assert_eq!(a.log_probs, b.log_probs);
        assert_eq!(a.values, b.values);
    }
}

/// Nothing but the edge logits knows how many agents there are.
#[test]
fn weights_under_a_shared_head_serve_a_team_of_another_size() {
    let sized = |agents: usize, shared_head: bool| PolicyConfig {
        agents,
        shared_head,
        ..config()
    };
    let mut noise = Noise::new(4);
    let three = noisy_policy(&sized(3, true), &mut noise);
    for agents in [2, 5] {
        let config = sized(agents, true);
        let mut other = CommFormer::new(&config, Device::Cpu, &mut || noise.normal()).unwrap();
        other.load_state(&three.state()).unwrap();
        let both = agents.min(3) as i64;
        let corner = |of: &Tensor| of.narrow(0, 0, both).narrow(1, 0, both);
        assert_eq!(corner(other.edge_logits()), corner(three.edge_logits()));
        if agents == 5 {
            // A new agent is as it begins.
            let new = other.edge_logits().narrow(0, 3, 2);
            assert_eq!(new, new.ones_like());
        }
        // Whoever hears nobody else acts as in the team that was trained.
        let obs = noise.normals(&[1, 5, 5]);
        let alone = |policy: &CommFormer, agents: i64| {
            let nobody = Tensor::zeros([1, agents, agents], (Kind::Float, Device::Cpu));
            policy.act_on(&obs.narrow(1, 0, agents), None, &nobody, None)
        };
        let [a, b] = [(&three, 3), (&other, agents as i64)]
            .map(|(policy, agents)| alone(policy, agents).unwrap().values.narrow(1, 0, both));
        assert!(a.allclose(&b, 0.0, 1e-5, false), "{a} {b}");
    }
    let mut own = noisy_policy(&sized(4, false), &mut noise);
    let error = own.load_state(&noisy_policy(&sized(3, false), &mut noise).state());
    assert!(error.is_err());
    // Logits that are none are refused as every other tensor, though they would be made to fit.
    let mut other = noisy_policy(&sized(2, true), &mut noise);
    for wrong in [
        three.edge_logits().detach().to_kind(Kind::Int64),
        Tensor::new(),
    ] {
        let mut state = three.state();
        let logits = state
            .iter_mut()
            .find(|(name, _)| name == "graph.edge_logits");
        logits.unwrap().1 = wrong;
        let before = other.state();
        let error = other.load_state(&state).unwrap_err().to_string();
        assert!(error.contains("`graph.edge_logits` holds"), "{error}");
        assert_eq!(other.state(), before);
    }
}

#[test]
fn a_saved_copy_is_no_alias() {
    let mut noise = Noise::new(2);
    let policy = noisy_policy(&config(), &mut noise);
    let state = policy.state();
    tch::no_grad(|| {
        for (_, mut tensor) in policy.state() {
            let _ = tensor.zero_();
        }
    });
    assert_eq!(policy.state(), state);
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_loaded() {
    let mut noise = Noise::new(3);
    let mut policy = noisy_policy(&config(), &mut noise);
    let before = policy.state();
    let other = noisy_policy(&config(), &mut noise).state();
    let name = "decoder.heads.1.out.weight";
    let at = other.iter().position(|(found, _)| found == name).unwrap();
    let mut check = |change: &dyn Fn(&mut State), expected: &[&str]| {
        let mut state: Vec<_> = other.iter().map(|(n, t)| (n.clone(), t.copy())).collect();
        change(&mut state);
        let message = policy.load_state(&state).unwrap_err().to_string();
        for part in expected {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(policy.state(), before);
    };
    check(&|state| drop(state.remove(at)), &[name, "lacks"]);
    check(
        &|state| state[at].1 = state[at].1.tr(),
        &[name, "[8, 4]", "[4, 8]"],
    );
    check(
        &|state| state.push(("decoder.extra".into(), Tensor::new())),
        &["decoder.extra"],
    );
    check(
        &|state| state.push((name.into(), state[at].1.copy())),
        &[name, "twice"],
    );
}

#[test]
fn bad_inputs_are_named() {
    let mut noise = Noise::new(4);
    let policy = noisy_policy(&config(), &mut noise);
    let graph = complete(3);
    let obs = noise.normals(&[2, 3, 5]);
    let shape = |error: ModelError| match error {
        ModelError::Shape { input, .. } | ModelError::Input { input, .. } => input,
        other => panic!("{other}"),
    };
    let narrow = obs.narrow(2, 0, 4);
    assert_eq!(shape(policy.encode_on(&narrow, &graph).unwrap_err()), "obs");
    let wide = complete(4);
    assert_eq!(shape(policy.encode_on(&obs, &wide).unwrap_err()), "graph");
    let actions = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let found = policy.evaluate_on(&obs, &actions, None, &graph, None);
    assert_eq!(shape(found.unwrap_err()), "actions");
    // Four actions: the last is 3.
    let actions = Tensor::full([2, 3], 4, (Kind::Int64, Device::Cpu));
    let found = policy.evaluate_on(&obs, &actions, None, &graph, None);
    assert_eq!(shape(found.unwrap_err()), "actions");
    let available = noise.coins(&[2, 3, 4], 0.5);
    let found = policy.act_on(&obs, Some(&available), &graph, None);
    assert_eq!(shape(found.unwrap_err()), "available");
    let found = policy.act_on(&obs, None, &graph, Some(&available.narrow(1, 0, 2)));
    assert_eq!(shape(found.unwrap_err()), "noise");
    let found = policy.act_on(&obs, None, &graph, Some(&available.to_kind(Kind::Double)));
    assert_eq!(shape(found.unwrap_err()), "noise");
}

#[test]
fn a_replica_shares_weights_but_not_gradients_across_threads() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let mut noise = Noise::new(5);
    let policy = noisy_policy(&config(), &mut noise);
    // SAFETY: the weights change when the thread has ended.
    let replica = assert_send(unsafe { policy.replica() }.unwrap());
    let obs = noise.normals(&[2, 3, 5]);
    let graph = complete(3);
    let (own_obs, own_graph) = (obs.copy(), graph.copy());
    let replica = std::thread::spawn(move || {
        let values = replica.values_on(&own_obs, &own_graph);
        values.sum(Kind::Float).backward();
        replica
    })
    .join()
    .unwrap();
    let grad_of = |policy: &CommFormer| {
        let leaves = policy.parameters();
        let (name, leaf) = leaves.into_iter().next().unwrap();
        (name, leaf.grad())
    };
    assert!(grad_of(&replica).1.defined());
    assert!(!grad_of(&policy).1.defined());
    assert_eq!(grad_of(&policy).0, grad_of(&replica).0);

    tch::no_grad(|| {
        for (_, mut leaf) in policy.parameters() {
            let _ = leaf.g_mul_scalar_(0.5);
        }
    });
    assert_eq!(replica.state(), policy.state());
    assert_eq!(
        replica.encode_on(&obs, &graph).unwrap().1,
        policy.encode_on(&obs, &graph).unwrap().1
    );
}

#[test]
fn edge_logits_are_apart_from_the_parameters() {
    let mut noise = Noise::new(6);
    let policy = CommFormer::new(&config(), Device::Cpu, &mut || noise.normal()).unwrap();
    let logits = policy.edge_logits();
    assert!(logits.is_leaf() && logits.requires_grad());
    assert_eq!(logits, &Tensor::ones([3, 3], (Kind::Float, Device::Cpu)));
    let names: Vec<_> = policy
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(!names.iter().any(|name| name == "graph.edge_logits"));
    assert!(names.iter().any(|name| name == "graph.edge_embedding"));
    // Packed or not, the leaves and the edge logits hold every number of the state once.
    let count =
        |tensors: Vec<(String, Tensor)>| tensors.iter().map(|(_, t)| t.numel()).sum::<usize>();
    assert_eq!(
        count(policy.parameters()) + logits.numel(),
        count(policy.state())
    );
}
