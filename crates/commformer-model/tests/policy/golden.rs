//! Every golden case: an independent implementation's outputs and gradients.
//!
//! The folder is the workspace's `tests/golden`, or the one that `COMMFORMER_GOLDEN_DIR` names; the
//! device is the CPU, or the one that `COMMFORMER_GOLDEN_DEVICE` names (`docs/experiments/gpu.sh`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig, SelfEdge, graph};
use commformer_train::{Evaluation, Loss, PpoConfig, Targets, loss};
use safetensors::SafeTensors;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, OnObservations, distance};

/// Largest absolute difference of an output.
const OUTPUT: f64 = 1e-4;
/// Largest difference of a gradient, by norm, as a share of the gradient's norm.
const GRADIENT: f64 = 1e-3;

struct Golden {
    case: Value,
    tensors: HashMap<String, Tensor>,
}

impl Golden {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let case = &metadata.metadata().as_ref().unwrap()["case"];
        Self {
            case: serde_json::from_str(case).unwrap(),
            tensors: Tensor::read_safetensors(path)
                .unwrap()
                .into_iter()
                .map(|(name, tensor)| (name, tensor.to_device(device())))
                .collect(),
        }
    }

    fn get(&self, name: &str) -> &Tensor {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("no tensor {name}"))
    }

    fn size(&self, key: &str) -> usize {
        self.case[key].as_u64().unwrap() as usize
    }

    fn number(&self, key: &str) -> f64 {
        self.case[key].as_f64().unwrap()
    }

    fn switch<T: serde::de::DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_value(self.case[key].clone()).unwrap()
    }

    fn config(&self) -> PolicyConfig {
        let actions = self.size("actions");
        let continuous = self.tensors.contains_key("param/decoder.log_std");
        PolicyConfig {
            embed_dim: self.size("embed_dim"),
            heads: self.size("heads"),
            blocks: self.size("blocks"),
            shared_head: self.switch("shared_head"),
            relation: self.switch("relation"),
            score_scale: self.switch("score_scale"),
            relation_order: self.switch("relation_order"),
            self_loop: self.switch("self_loop"),
            ..PolicyConfig::new(
                self.size("agents"),
                self.size("obs_dim"),
                if continuous {
                    ActionSpace::Continuous(actions)
                } else {
                    ActionSpace::Discrete(actions)
                },
            )
        }
    }

    fn policy(&self) -> CommFormer {
        let mut noise = Noise::new(1);
        let mut policy = CommFormer::new(&self.config(), device(), &mut || noise.normal()).unwrap();
        let parameter = |(name, tensor): (&String, &Tensor)| {
            Some((
                name.strip_prefix("param/")?.to_owned(),
                tensor.shallow_clone(),
            ))
        };
        let state: Vec<_> = self.tensors.iter().filter_map(parameter).collect();
        policy.load_state(&state).unwrap();
        policy
    }
}

fn device() -> Device {
    match std::env::var("COMMFORMER_GOLDEN_DEVICE") {
        Ok(name) => commformer_torch::cuda::device(&name).unwrap(),
        Err(_) => Device::Cpu,
    }
}

fn folder() -> PathBuf {
    match std::env::var_os("COMMFORMER_GOLDEN_DIR") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden"),
    }
}

/// All case files: those with parameters, and so not the numerics.
fn cases() -> Vec<(String, Golden)> {
    let mut cases: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "safetensors"))
        .map(|path| (path.display().to_string(), Golden::read(&path)))
        .filter(|(_, golden)| golden.tensors.keys().any(|name| name.starts_with("param/")))
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(
        !cases.is_empty(),
        "no golden case in {}",
        folder().display()
    );
    cases
}

/// The golden files keep a last dimension of 1 on everything per agent.
fn check(case: &str, golden: &Golden, name: &str, found: &Tensor) {
    let expected = golden.get(name);
    let found = if found.dim() < expected.dim() {
        found.unsqueeze(-1)
    } else {
        found.shallow_clone()
    };
    let difference = distance(&found, expected);
    assert!(
        difference < OUTPUT,
        "{case}: {name} differs by {difference}"
    );
}

/// The sampled graph (N, N), with its gradient.
fn sampled(golden: &Golden, policy: &CommFormer) -> Tensor {
    let noise = golden.get("in/edge_noise").unsqueeze(0);
    let k = golden.size("k");
    graph::sample(policy.edge_logits(), &noise, 1.0, k, SelfEdge::Counted).graph
}

fn available(golden: &Golden) -> Option<Tensor> {
    golden
        .tensors
        .get("in/available")
        .map(|available| available.gt(0.5))
}

#[test]
fn outputs() {
    for (case, golden) in cases() {
        let policy = golden.policy();
        let graph = sampled(&golden, &policy);
        assert_eq!(&graph.squeeze_dim(0), golden.get("out/adjacency"), "{case}");
        let gate = golden.get("in/receive_gate");
        for (prefix, graph, gate) in [
            ("out/", graph.shallow_clone(), None),
            ("out/gated_", graph.detach(), Some(gate)),
        ] {
            let (obs, actions) = (golden.get("in/obs"), golden.get("in/actions"));
            let (embedding, available) = (policy.embed(obs).unwrap(), available(&golden));
            let input = Input {
                available: available.as_ref(),
                gate,
                ..Input::new(&embedding, &graph)
            };
            let found = policy.evaluate(&input, actions, None).unwrap();
            let check = |name: &str, found: &Tensor| {
                check(&case, &golden, &format!("{prefix}{name}"), found);
            };
            check("values", &found.values);
            check("logits", &found.logits);
            check("log_probs", &found.log_probs);
            if prefix == "out/" {
                check("entropy", &found.entropy);
            }
            let act = policy.act(&input, None).unwrap();
            let greedy = golden.get(&format!("{prefix}greedy_actions"));
            if greedy.kind() == Kind::Int64 {
                assert_eq!(&act.actions, greedy, "{case}");
            } else {
                check("greedy_actions", &act.actions);
            }
            check("greedy_log_probs", &act.log_probs);
            check("values", &act.values);
        }
    }
}

#[test]
fn loss_and_gradients() {
    for (case, golden) in cases() {
        let policy = golden.policy();
        let graph = sampled(&golden, &policy);
        let input = |name: &str| golden.get(&format!("in/{name}")).squeeze_dim(-1);
        let active = input("active");
        let found = policy
            .evaluate_on(
                golden.get("in/obs"),
                golden.get("in/actions"),
                available(&golden).as_ref(),
                &graph,
                None,
            )
            .unwrap();
        let config = PpoConfig {
            clip: golden.number("clip"),
            huber_delta: golden.number("huber_delta"),
            entropy_coef: golden.number("entropy_coef"),
            value_coef: golden.number("value_coef"),
            ..PpoConfig::default()
        };
        let now = Evaluation {
            log_probs: found.log_probs,
            entropy: found.entropy,
            values: found.values,
            gate: None,
        };
        let then = Targets {
            log_probs: input("old_log_probs"),
            values: input("old_values"),
            advantages: input("advantages"),
            returns: input("returns"),
            valued: active.shallow_clone(),
            active: active.shallow_clone(),
            gate: None,
        };
        let total_active = active.sum(Kind::Float).double_value(&[]);
        let Loss { total: loss, terms } = loss(&config, None, &now, &then, total_active);
        for (name, found) in [
            ("policy_loss", &terms.get(0)),
            ("value_loss", &terms.get(1)),
            ("entropy_mean", &terms.get(2)),
            ("loss", &loss),
        ] {
            check(&case, &golden, &format!("out/{name}"), found);
        }

        loss.backward();
        let mut compared = 0;
        for (name, found) in gradients(&policy) {
            let expected = golden.get(&format!("grad/{name}"));
            let error = f64::try_from((&found - expected).norm()).unwrap();
            let norm = f64::try_from(expected.norm()).unwrap();
            // A key's bias moves all scores of a receiver alike, so its true gradient can be 0
            // and both sides hold rounding errors alone.
            assert!(
                error <= GRADIENT * norm + 1e-7,
                "{case}: gradient of {name} is off by {error} of {norm}"
            );
            compared += 1;
        }
        let expected = golden
            .tensors
            .keys()
            .filter(|name| name.starts_with("grad/"));
        assert_eq!(compared, expected.count(), "{case}");
    }
}

/// The gradients under their names on disk. They are written into another policy's leaves, whose
/// state then splits the packed ones.
fn gradients(policy: &CommFormer) -> Vec<(String, Tensor)> {
    let mut noise = Noise::new(2);
    let carrier = CommFormer::new(policy.config(), device(), &mut || noise.normal()).unwrap();
    tch::no_grad(|| {
        let leaves = carrier.parameters().into_iter().zip(policy.parameters());
        for ((_, mut into), (_, leaf)) in leaves {
            into.copy_(&leaf.grad());
        }
        let mut into = carrier.edge_logits().shallow_clone();
        into.copy_(&policy.edge_logits().grad());
    });
    let mut state = carrier.state();
    let relation = policy.config().relation;
    state.retain(|(name, _)| {
        relation || !(name.contains(".relation_") || name == "graph.edge_embedding")
    });
    state
}

fn numerics() -> Golden {
    Golden::read(&folder().join("numerics.safetensors"))
}

#[test]
fn k_hot_rows_and_their_gradient() {
    let golden = numerics();
    let logits = golden.get("khot/logits").set_requires_grad(true);
    let (k, tau) = (golden.size("k"), golden.number("tau"));
    let noise = golden.get("khot/gumbel").unsqueeze(0);
    let sample = graph::sample(&logits, &noise, tau, k, SelfEdge::Counted);
    let graph = sample.graph.squeeze_dim(0);
    assert_eq!(&graph, golden.get("khot/hard"));
    (graph * golden.get("khot/upstream"))
        .sum(Kind::Float)
        .backward();
    assert!(distance(&logits.grad(), golden.get("khot/logits_grad")) < 1e-5);
}

#[test]
fn plackett_luce_and_its_gradient() {
    let golden = numerics();
    let order = golden.get("pl/order");
    let receivers = Tensor::arange(order.size()[1], (Kind::Int64, device())).view([1, -1, 1]);
    let draws_itself = bool::try_from(order.eq_tensor(&receivers).any()).unwrap();
    let self_edge = if draws_itself {
        SelfEdge::Counted
    } else {
        SelfEdge::Excluded
    };
    let logits = golden.get("pl/logits").set_requires_grad(true);
    let log_prob = graph::plackett_luce(&logits, order, self_edge);
    assert!(distance(&log_prob, golden.get("pl/log_prob")) < 1e-5);
    (log_prob * golden.get("pl/upstream"))
        .sum(Kind::Float)
        .backward();
    assert!(distance(&logits.grad(), golden.get("pl/logits_grad")) < 1e-5);
}
