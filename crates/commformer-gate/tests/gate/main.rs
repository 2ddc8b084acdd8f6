//! The learned gate as a whole, and what its decisions are like in the long run.

mod decisions;

use commformer_gate::{
    GateError, Per, TemporalGate, TemporalGateConfig, decision, quantile_threshold,
};
use tch::{Device, Kind, Tensor};

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

/// What a gate saves.
type State = Vec<(String, Tensor)>;

/// A small generator, so that tests need no other crate's and a seed names a case.
struct Noise(u64);

impl Noise {
    /// Uniform on (0, 1).
    fn uniform(&mut self) -> f32 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 41) as f32 + 0.5) / (1u32 << 23) as f32
    }

    fn normal(&mut self) -> f32 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
    }

    fn tensor(&mut self, shape: &[i64], mut draw: impl FnMut(&mut Self) -> f32) -> Tensor {
        let count = shape.iter().product::<i64>();
        let numbers: Vec<f32> = (0..count).map(|_| draw(self)).collect();
        Tensor::from_slice(&numbers).view(shape)
    }

    fn uniforms(&mut self, shape: &[i64]) -> Tensor {
        self.tensor(shape, Self::uniform)
    }

    fn normals(&mut self, shape: &[i64]) -> Tensor {
        self.tensor(shape, Self::normal)
    }
}

fn config(per: Per) -> TemporalGateConfig {
    TemporalGateConfig {
        per,
        ..TemporalGateConfig::new(3, 8)
    }
}

/// A gate whose weights are as large as a trained one's.
fn gate(per: Per, noise: &mut Noise) -> TemporalGate {
    let mut gate = TemporalGate::new(&config(per), Device::Cpu, &mut || noise.normal()).unwrap();
    let state: Vec<_> = gate
        .state()
        .into_iter()
        .map(|(name, tensor)| (name, noise.normals(&tensor.size()) * 0.5))
        .collect();
    gate.load_state(&state).unwrap();
    gate
}

fn numbers(x: &Tensor) -> Vec<f32> {
    Vec::try_from(x.detach().reshape([-1])).unwrap()
}

fn mean(x: &Tensor) -> f64 {
    x.mean(Kind::Float).double_value(&[])
}

fn all_finite(x: &Tensor) -> bool {
    numbers(x).iter().all(|x| x.is_finite())
}

#[test]
fn a_new_gate_is_open_with_the_configured_probability() {
    let mut noise = Noise(1);
    for (per, width) in [(Per::Receiver, 1), (Per::Edge, 3)] {
        let fresh = TemporalGate::new(&config(per), Device::Cpu, &mut || noise.normal()).unwrap();
        let found = fresh.forward(&noise.normals(&[200, 3, 8])).unwrap();
        assert_eq!(found.logits.size(), [200, 3, width]);
        assert_eq!(found.values.size(), [200, 3]);
        assert!((mean(&found.logits.sigmoid()) - 0.881).abs() < 0.01);
        assert!(found.values.abs().max().double_value(&[]) < 0.3);
        assert_eq!(fresh.threshold(), 0.0);
        assert_eq!(fresh.device(), Device::Cpu);
        assert_eq!(fresh.config(), &config(per));
    }
}

#[test]
fn a_small_gate_computes_what_was_worked_out_by_hand() {
    let config = TemporalGateConfig::new(2, 1);
    let mut gate = TemporalGate::new(&config, Device::Cpu, &mut || 0.0).unwrap();
    let state = [
        ("gate.hidden.weight", 2f32),
        ("gate.hidden.bias", -1.0),
        ("gate.out.weight", 3.0),
        ("gate.out.bias", 0.5),
        ("gate.value.hidden.weight", -1.0),
        ("gate.value.hidden.bias", 2.0),
        ("gate.value.out.weight", 10.0),
        ("gate.value.out.bias", -4.0),
        ("gate.threshold", 0.25),
    ]
    .map(|(name, number)| {
        let rank = if name.ends_with("weight") { 2 } else { 1 };
        let tensor = Tensor::from_slice(&[number]).view(&vec![1; rank][..]);
        (name.to_owned(), tensor)
    });
    gate.load_state(&state).unwrap();
    assert_eq!(gate.threshold(), 0.25);
    // Both hidden numbers are 1 for an embedding of 1: GELU(1) = 0.8413447, the normal
    // distribution up to 1. For 0 the gate's is GELU(-1) = -0.1586553, the value's
    // GELU(2) = 1.9544997.
    let embeddings = Tensor::from_slice(&[1f32, 0.0]).view([1, 2, 1]);
    let found = gate.forward(&embeddings).unwrap();
    let close = |x: &Tensor, expected: [f32; 2]| {
        for (x, expected) in numbers(x).into_iter().zip(expected) {
            assert!((x - expected).abs() < 1e-5, "{x}, expected {expected}");
        }
    };
    close(&found.logits, [3.024_034, 0.024_034]);
    close(&found.values, [4.413_447, 15.544_997]);
    let open = decision::execute(&found.logits, gate.threshold());
    assert_eq!(numbers(&open), [1.0, 0.0]);
}

#[test]
fn the_names_on_disk_are_fixed() {
    let gate = gate(Per::Edge, &mut Noise(2));
    let shapes: Vec<_> = gate
        .state()
        .iter()
        .map(|(name, tensor)| format!("{name} {:?}", tensor.size()))
        .collect();
    let expected = [
        "gate.hidden.weight [8, 8]",
        "gate.hidden.bias [8]",
        "gate.out.weight [3, 8]",
        "gate.out.bias [3]",
        "gate.value.hidden.weight [8, 8]",
        "gate.value.hidden.bias [8]",
        "gate.value.out.weight [1, 8]",
        "gate.value.out.bias [1]",
        "gate.threshold [1]",
    ];
    assert_eq!(shapes, expected);
    let parameters = gate.parameters();
    assert_eq!(parameters.len(), 8);
    for ((name, leaf), (saved, _)) in parameters.iter().zip(gate.state()) {
        assert_eq!(name, &saved);
        assert!(leaf.requires_grad() && leaf.is_leaf() && leaf.is_contiguous());
    }
}

#[test]
fn every_parameter_gets_a_gradient_and_the_threshold_none() {
    let mut noise = Noise(3);
    for per in [Per::Receiver, Per::Edge] {
        let gate = gate(per, &mut noise);
        let embeddings = noise.normals(&[5, 3, 8]).set_requires_grad(true);
        let found = gate.forward(&embeddings).unwrap();
        (found.logits.square().sum(None) + found.values.square().sum(None)).backward();
        for (name, leaf) in gate.parameters() {
            assert!(
                leaf.grad().abs().sum(None).double_value(&[]) > 0.0,
                "{name}"
            );
        }
        assert!(embeddings.grad().defined());
        let saved = gate.state();
        assert!(saved.iter().all(|(_, tensor)| !tensor.requires_grad()));
    }
}

#[test]
fn an_agent_decides_from_its_own_embedding_alone() {
    let mut noise = Noise(4);
    for per in [Per::Receiver, Per::Edge] {
        let gate = gate(per, &mut noise);
        let embeddings = noise.normals(&[2, 3, 8]).set_requires_grad(true);
        let found = gate.forward(&embeddings).unwrap();
        let one = found.logits.get(1).get(2).sum(None) + found.values.get(1).get(2);
        one.backward();
        let reached: Vec<f32> = numbers(&embeddings.grad().abs().sum_dim_intlist(-1, false, None));
        assert_eq!(reached[..5], [0.0; 5]);
        assert!(reached[5] > 0.0);
    }
}

#[test]
fn a_shuffled_batch_gives_shuffled_decisions() {
    let mut noise = Noise(5);
    for per in [Per::Receiver, Per::Edge] {
        let mut gate = gate(per, &mut noise);
        let embeddings = noise.normals(&[32, 3, 8]);
        let scores = numbers(&gate.logits(&embeddings).unwrap());
        let median = quantile_threshold(&scores, 0.5).unwrap();
        gate.set_threshold(median).unwrap();
        let decide = |embeddings: &Tensor| {
            decision::execute(&gate.logits(embeddings).unwrap(), gate.threshold())
        };
        let order: Vec<i64> = (0..32).map(|i| (i * 13 + 5) % 32).collect();
        let order = Tensor::from_slice(&order);
        let whole = decide(&embeddings);
        assert_eq!(mean(&whole), 0.5);
        let shuffled = decide(&embeddings.index_select(0, &order));
        assert_eq!(shuffled, whole.index_select(0, &order));
        for i in 0..32 {
            assert_eq!(decide(&embeddings.narrow(0, i, 1)), whole.narrow(0, i, 1));
        }
    }
}

#[test]
fn a_replica_shares_weights_and_threshold_but_not_gradients() {
    let mut noise = Noise(6);
    let mut gate = gate(Per::Receiver, &mut noise);
    // SAFETY: there is one thread.
    let mut replica = unsafe { gate.replica() }.unwrap();
    let embeddings = noise.normals(&[4, 3, 8]);
    let logits = |gate: &TemporalGate| gate.logits(&embeddings).unwrap();
    assert_eq!(logits(&gate), logits(&replica));

    logits(&replica).sum(None).backward();
    for ((name, mine), (_, other)) in gate.parameters().iter().zip(replica.parameters()) {
        assert!(!mine.grad().defined(), "{name}");
        assert_eq!(other.grad().defined(), !name.contains("value"), "{name}");
    }

    let before = logits(&replica);
    tch::no_grad(|| {
        for (_, mut leaf) in gate.parameters() {
            leaf += 0.25;
        }
    });
    assert_ne!(logits(&replica), before);
    assert_eq!(logits(&gate), logits(&replica));

    gate.set_threshold(1.5).unwrap();
    assert_eq!(replica.threshold(), 1.5);
    replica.set_threshold(-0.5).unwrap();
    assert_eq!(gate.threshold(), -0.5);

    // A saved copy stays as it was.
    let saved = gate.state();
    gate.set_threshold(2.0).unwrap();
    assert_eq!(saved.last().unwrap().1.double_value(&[0]), -0.5);
    replica.load_state(&saved).unwrap();
    assert_eq!(gate.threshold(), -0.5);
}

#[test]
fn a_replica_works_in_another_thread() {
    let mut noise = Noise(7);
    let gate = gate(Per::Edge, &mut noise);
    let embeddings = noise.normals(&[4, 3, 8]);
    // SAFETY: the weights do not change while the thread runs.
    let replica = unsafe { gate.replica() }.unwrap();
    let own = embeddings.shallow_clone();
    let found = std::thread::spawn(move || replica.logits(&own).unwrap().detach());
    assert_eq!(found.join().unwrap(), gate.logits(&embeddings).unwrap());
}

#[test]
fn a_saved_gate_comes_back() {
    let mut noise = Noise(8);
    for per in [Per::Receiver, Per::Edge] {
        let mut first = gate(per, &mut noise);
        first.set_threshold(0.75).unwrap();
        let mut second = gate(per, &mut noise);
        let mut saved = first.state();
        saved.reverse();
        second.load_state(&saved).unwrap();
        assert_eq!(second.threshold(), 0.75);
        for ((name, mine), (_, other)) in first.state().iter().zip(second.state()) {
            assert_eq!(mine, &other, "{name}");
        }
    }
}

#[test]
fn each_misfit_of_a_saved_gate_is_named_and_changes_nothing() {
    let mut noise = Noise(9);
    let mut gate = gate(Per::Receiver, &mut noise);
    let before = gate.state();
    let mut check = |change: &dyn Fn(&mut State), words: &[&str]| {
        let mut state: Vec<_> = before
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor + 1.0))
            .collect();
        change(&mut state);
        let error = gate.load_state(&state).unwrap_err();
        assert!(matches!(error, GateError::State(_)));
        for word in words {
            assert!(error.to_string().contains(word), "{error}");
        }
        for ((name, now), (_, then)) in gate.state().iter().zip(&before) {
            assert_eq!(now, then, "{name}");
        }
    };
    check(&|state| drop(state.pop()), &["lacks", "`gate.threshold`"]);
    check(
        &|state| state[0].0 = "gate.odd".into(),
        &["`gate.hidden.weight`"],
    );
    check(
        &|state| state.push(("gate.odd".into(), Tensor::zeros([1], CPU))),
        &["`gate.odd`", "does not know"],
    );
    check(
        &|state| state.push(("gate.out.bias".into(), Tensor::zeros([1], CPU))),
        &["`gate.out.bias` twice"],
    );
    check(
        &|state| state[2].1 = Tensor::zeros([3, 8], CPU),
        &["`gate.out.weight`", "[3, 8]", "[1, 8]"],
    );
    check(
        &|state| state[4].1 = Tensor::new(),
        &["holds nothing", "floating-point"],
    );
    for kind in [Kind::Int64, Kind::Bool] {
        check(
            &|state| state.last_mut().unwrap().1 = Tensor::ones([1], (kind, Device::Cpu)),
            &["`gate.threshold`", "floating-point"],
        );
    }
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let mut noise = Noise(10);
    let (receiver, edge) = (gate(Per::Receiver, &mut noise), gate(Per::Edge, &mut noise));
    let bad: [&[i64]; 5] = [&[3, 8], &[2, 3, 9], &[0, 3, 8], &[2, 0, 8], &[1, 2, 3, 8]];
    for gate in [&receiver, &edge] {
        for shape in bad {
            let error = gate.forward(&Tensor::zeros(shape, CPU)).unwrap_err();
            assert!(matches!(error, GateError::Shape { .. }), "{error}");
            let message = error.to_string();
            assert!(message.contains("`embeddings`") && message.contains(&format!("{shape:?}")));
        }
        let doubles = Tensor::zeros([2, 3, 8], (Kind::Double, Device::Cpu));
        let message = gate.values(&doubles).unwrap_err().to_string();
        assert!(message.contains("Double"), "{message}");
    }
    let larger = Tensor::zeros([2, 5, 8], CPU);
    assert_eq!(receiver.logits(&larger).unwrap().size(), [2, 5, 1]);
    let message = edge.logits(&larger).unwrap_err().to_string();
    assert!(message.contains("(B, 3, 8)"), "{message}");
}

#[test]
fn a_threshold_is_a_number() {
    let mut gate = gate(Per::Receiver, &mut Noise(11));
    gate.set_threshold(0.1).unwrap();
    assert!(gate.set_threshold(f64::NAN).is_err());
    assert_eq!(gate.threshold(), f64::from(0.1f32));
    gate.set_threshold(f64::INFINITY).unwrap();
    assert_eq!(gate.threshold(), f64::INFINITY);

    let mut saved = gate.state();
    let before = gate.state();
    for (_, tensor) in &mut saved {
        *tensor = tensor.zeros_like();
    }
    for nan in [
        Tensor::from_slice(&[f32::NAN]),
        Tensor::from_slice(&[f64::NAN]),
    ] {
        saved.last_mut().unwrap().1 = nan;
        let error = gate.load_state(&saved).unwrap_err();
        assert!(matches!(error, GateError::Input { .. }), "{error}");
        assert!(
            error.to_string().contains("`threshold`: found NaN"),
            "{error}"
        );
        assert_eq!(gate.state(), before);
    }
}

#[test]
fn a_threshold_of_a_quantile_survives_its_storage() {
    let mut noise = Noise(12);
    let mut gate = gate(Per::Receiver, &mut noise);
    let logits = gate.logits(&noise.normals(&[100, 3, 8])).unwrap();
    for open in [0, 1, 30, 299, 300] {
        let rate = f64::from(open) / 300.0;
        let threshold = quantile_threshold(&numbers(&logits), rate).unwrap();
        gate.set_threshold(threshold).unwrap();
        assert_eq!(gate.threshold(), threshold);
        let found = decision::execute(&logits, gate.threshold()).sum(None);
        assert_eq!(found.double_value(&[]), f64::from(open));
    }
}
