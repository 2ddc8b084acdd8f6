//! Adam against the same rule written out in plain arithmetic, and its state's round trip.

use commformer_torch::{Adam, AdamConfig, AdamState, TorchError};
use tch::{Device, Kind, Tensor};

const CONFIG: AdamConfig = AdamConfig {
    lr: 0.05,
    beta1: 0.9,
    beta2: 0.99,
    eps: 1e-5,
    weight_decay: 0.0,
};

/// Shapes for a scalar, a vector longer than a register, a matrix and a cube.
const SHAPES: [&[i64]; 4] = [&[], &[37], &[3, 5], &[2, 3, 4]];

/// Numbers without a pattern that hides mistakes, between -1 and 1.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7 + seed * 13 + 3) as f32 * 0.7).sin())
        .collect()
}

fn tensor(values: &[f32], shape: &[i64]) -> Tensor {
    Tensor::from_slice(values).reshape(shape)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

fn parameters() -> Vec<(String, Tensor)> {
    let named = SHAPES.iter().enumerate().map(|(i, shape)| {
        let count = shape.iter().product::<i64>() as usize;
        (format!("p{i}"), tensor(&numbers(count, i), shape))
    });
    named.collect()
}

fn gradients(step: usize) -> Vec<Tensor> {
    let each = SHAPES.iter().enumerate().map(|(i, shape)| {
        let count = shape.iter().product::<i64>() as usize;
        tensor(&numbers(count, 100 * step + i), shape)
    });
    each.collect()
}

/// One parameter and its moments, in f64.
struct ByHand {
    p: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
}

impl ByHand {
    fn new(p: &[f32]) -> Self {
        Self {
            p: p.iter().map(|&x| f64::from(x)).collect(),
            m: vec![0.0; p.len()],
            v: vec![0.0; p.len()],
        }
    }

    fn step(&mut self, t: i32, gradient: &[f32], c: &AdamConfig) {
        for (i, &g) in gradient.iter().enumerate() {
            let g = f64::from(g) + c.weight_decay * self.p[i];
            self.m[i] = c.beta1 * self.m[i] + (1.0 - c.beta1) * g;
            self.v[i] = c.beta2 * self.v[i] + (1.0 - c.beta2) * g * g;
            let m = self.m[i] / (1.0 - c.beta1.powi(t));
            let v = self.v[i] / (1.0 - c.beta2.powi(t));
            self.p[i] -= c.lr * m / (v.sqrt() + c.eps);
        }
    }
}

#[test]
fn steps_are_those_of_the_rule_written_out() {
    for weight_decay in [0.0, 0.1] {
        let mut config = AdamConfig {
            weight_decay,
            ..CONFIG
        };
        let named = parameters();
        let mut by_hand: Vec<_> = named.iter().map(|(_, p)| ByHand::new(&values(p))).collect();
        let mut adam = Adam::new(named, config).unwrap();
        for t in 1..=7 {
            if t == 5 {
                config.lr = 0.01;
                adam.set_lr(0.01).unwrap();
            }
            let gradients = gradients(t);
            adam.step(&gradients).unwrap();
            for (hand, gradient) in by_hand.iter_mut().zip(&gradients) {
                hand.step(t as i32, &values(gradient), &config);
            }
            for (parameter, hand) in adam.parameters().iter().zip(&by_hand) {
                for (found, expected) in values(parameter).iter().zip(&hand.p) {
                    let difference = (f64::from(*found) - expected).abs();
                    assert!(difference < 2e-6, "step {t}: {found} is not {expected}");
                }
            }
        }
        let state = adam.state().unwrap();
        assert_eq!(state.step, 7);
        for (moments, hand) in state.moments.iter().zip(&by_hand) {
            for (found, expected) in moments.exp_avg.iter().zip(&hand.m) {
                assert!((f64::from(*found) - expected).abs() < 1e-6);
            }
            for (found, expected) in moments.exp_avg_sq.iter().zip(&hand.v) {
                assert!((f64::from(*found) - expected).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn the_first_step_is_the_learning_rate() {
    // m / (1 - beta1) = g and sqrt(v / (1 - beta2)) = |g|, so that p moves by lr g / (|g| + eps).
    let p = Tensor::from_slice(&[1.0_f32, 1.0]);
    let config = AdamConfig {
        lr: 0.25,
        ..AdamConfig::default()
    };
    let mut adam = Adam::new(vec![("p".into(), p.shallow_clone())], config).unwrap();
    adam.step(&[Tensor::from_slice(&[2.0_f32, -0.5])]).unwrap();
    let moved = values(&p);
    assert!((moved[0] - 0.75).abs() < 1e-6, "{moved:?}");
    assert!((moved[1] - 1.25).abs() < 1e-6, "{moved:?}");
}

#[test]
fn a_saved_state_continues_bit_for_bit() {
    let mut straight = Adam::new(parameters(), CONFIG).unwrap();
    for t in 0..4 {
        straight.step(&gradients(t)).unwrap();
    }
    let text = serde_json::to_string(&straight.state().unwrap()).unwrap();
    let copies = straight
        .names()
        .iter()
        .cloned()
        .zip(straight.parameters().iter().map(Tensor::copy));
    let mut resumed = Adam::new(copies.collect(), CONFIG).unwrap();
    let mut state: AdamState = serde_json::from_str(&text).unwrap();
    state.moments.reverse();
    resumed.load_state(state).unwrap();
    assert_eq!(resumed.state().unwrap(), straight.state().unwrap());

    for t in 4..9 {
        straight.step(&gradients(t)).unwrap();
        resumed.step(&gradients(t)).unwrap();
    }
    let bits = |adam: &Adam| -> Vec<Vec<u32>> {
        let each = adam.parameters().iter().map(values);
        each.map(|p| p.iter().map(|x| x.to_bits()).collect())
            .collect()
    };
    assert_eq!(bits(&resumed), bits(&straight));
    assert_eq!(resumed.state().unwrap(), straight.state().unwrap());
}

#[test]
fn handles_on_the_same_memory_see_the_step_and_keep_their_gradients() {
    let leaf = Tensor::ones([3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let alias = leaf.detach();
    let mut adam = Adam::new(vec![("p".into(), leaf.shallow_clone())], CONFIG).unwrap();
    let loss = (&leaf * &leaf).sum(None);
    let gradients = Tensor::run_backward(&[&loss], &[&leaf], false, false);
    adam.step(&gradients).unwrap();
    assert!(values(&alias).iter().all(|x| (x - 0.95).abs() < 1e-5));
    assert_eq!(values(&alias), values(&leaf));
    assert!(leaf.requires_grad() && leaf.is_leaf());
}

#[test]
fn gradients_of_any_layout_mean_the_same() {
    let start = || vec![("p".into(), tensor(&numbers(15, 1), &[3, 5]))];
    let mut dense = Adam::new(start(), CONFIG).unwrap();
    let mut strided = Adam::new(start(), CONFIG).unwrap();
    let gradient = tensor(&numbers(15, 2), &[5, 3]);
    let transposed = gradient.tr();
    assert!(!transposed.is_contiguous());
    dense.step(&[transposed.contiguous()]).unwrap();
    strided.step(&[transposed]).unwrap();
    assert_eq!(
        values(&dense.parameters()[0]),
        values(&strided.parameters()[0])
    );
}

#[test]
fn a_misfit_is_told_by_name_and_changes_nothing() {
    let mut adam = Adam::new(parameters(), CONFIG).unwrap();
    adam.step(&gradients(0)).unwrap();
    let before = adam.state().unwrap();

    let mut short = gradients(1);
    short.pop();
    let mut shape = gradients(1);
    shape[2] = shape[2].tr();
    let mut kind = gradients(1);
    kind[1] = kind[1].to_kind(Kind::Double);
    let mut undefined = gradients(1);
    undefined[3] = Tensor::new();
    for (given, part) in [
        (
            short,
            "expected 4 gradients, one for each parameter, found 3",
        ),
        (
            shape,
            "gradient of \"p2\": expected shape [3, 5], found shape [5, 3]",
        ),
        (
            kind,
            "gradient of \"p1\": expected (Float, Cpu), found (Double, Cpu)",
        ),
        (undefined, "gradient of \"p3\": expected a tensor"),
    ] {
        let message = adam.step(&given).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }

    let mut missing = before.clone();
    missing.moments.remove(1);
    let mut unknown = before.clone();
    unknown.moments[2].name = "p9".into();
    unknown.moments.push(before.moments[2].clone());
    let mut twice = before.clone();
    twice.moments.push(before.moments[0].clone());
    let mut shape = before.clone();
    shape.moments[2].shape = vec![5, 3];
    let mut count = before.clone();
    count.moments[3].exp_avg_sq.pop();
    for (given, part) in [
        (missing, "\"p1\" is missing"),
        (
            unknown,
            "\"p9\" is in the optimiser's state, but is no parameter",
        ),
        (twice, "\"p0\" is in the optimiser's state twice"),
        (
            shape,
            "moments of \"p2\": expected shape [3, 5], found shape [5, 3]",
        ),
        (
            count,
            "moments of \"p3\": expected 24 values each, found 24 and 23",
        ),
    ] {
        let message = adam.load_state(given).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(adam.state().unwrap(), before);
}

#[test]
fn parameters_and_constants_that_cannot_be_are_refused() {
    let refused = |parameters, config| Adam::new(parameters, config).unwrap_err();
    let one = || vec![("p".to_owned(), tensor(&[1.0], &[1]))];
    assert!(matches!(refused(vec![], CONFIG), TorchError::Count { .. }));
    let mut twice = one();
    twice.extend(one());
    assert!(matches!(refused(twice, CONFIG), TorchError::Name { .. }));
    let strided = tensor(&numbers(6, 0), &[2, 3]).tr();
    for bad in [strided, Tensor::from_slice(&[1.0_f64]), Tensor::new()] {
        let error = refused(vec![("p".into(), bad)], CONFIG);
        assert!(matches!(error, TorchError::Mismatch { .. }), "{error}");
    }
    let wrong: [fn(&mut AdamConfig); 6] = [
        |c| c.lr = -1.0,
        |c| c.lr = f64::NAN,
        |c| c.beta1 = 1.0,
        |c| c.beta2 = -0.1,
        |c| c.eps = 0.0,
        |c| c.weight_decay = f64::INFINITY,
    ];
    for change in wrong {
        let mut config = CONFIG;
        change(&mut config);
        let error = refused(one(), config);
        assert!(matches!(error, TorchError::OutOfRange { .. }), "{error}");
    }
    let mut adam = Adam::new(one(), CONFIG).unwrap();
    assert!(adam.set_lr(f64::NAN).is_err());
    assert_eq!(adam.config().lr, CONFIG.lr);
}

#[test]
fn a_parameter_that_has_become_another_tensor_is_refused() {
    let weight = Tensor::zeros([4], (Kind::Float, Device::Cpu));
    let parameters = vec![("w".to_owned(), weight.shallow_clone())];
    let mut adam = Adam::new(parameters, CONFIG).unwrap();
    // Through any handle of it; the moments still have room for four numbers.
    let _ = weight.shallow_clone().resize_([1000]);
    let error = adam.step(&[weight.zeros_like()]).unwrap_err().to_string();
    let words = "parameter \"w\": expected a contiguous tensor of shape [4]";
    assert!(error.contains(words), "{error}");
}
