//! What decisions are like in the long run and for extreme logits, and those of an agent that runs alone.

use crate::{CPU, Noise, all_finite, mean, numbers};
use commformer_gate::alone::Gate;
use commformer_gate::{Execution, Per, TemporalGate, TemporalGateConfig, decision, fixed};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

#[test]
fn draws_are_open_as_often_as_the_logit_says() {
    let mut noise = Noise(13);
    for logit in [-3.0, -0.5, 0.0, 1.0, 2.0] {
        let logits = Tensor::full([40_000, 1, 1], logit, CPU);
        let open = decision::draw(&logits, &noise.uniforms(&[40_000, 1, 1]));
        let expected = 1.0 / (1.0 + (-logit).exp());
        // Four standard deviations of at most 0.0025.
        assert!((mean(&open) - expected).abs() < 0.01, "{logit}");
    }
}

#[test]
fn a_drawn_gradient_follows_the_log_probability() {
    // The score function's mean over draws of a reward [open] is d sigmoid(z) / dz = p (1 - p).
    let mut noise = Noise(14);
    let logits = Tensor::full([40_000], 1.0, CPU).set_requires_grad(true);
    let open = decision::draw(&logits, &noise.uniforms(&[40_000]));
    let log_prob = decision::log_prob(&logits, &open);
    (log_prob * &open).sum(None).backward();
    let p = 1.0 / (1.0 + (-1f64).exp());
    assert!((mean(&logits.grad()) - p * (1.0 - p)).abs() < 0.01);
}

/// Over long runs, and over many short episodes, the share of open steps is the rate.
#[test]
fn periodic_gates_keep_their_rate_whatever_the_episodes_length() {
    let mut noise = Noise(15);
    for rate in [0.1, 0.25, 0.3, 0.5, 0.77, 0.9] {
        for length in [1, 3, 1000] {
            let episodes = 20_000 / length.min(10);
            let shape = [episodes, 1, 1];
            let (mut phase, mut total) = (Tensor::zeros(shape, CPU), 0.0);
            let uniform = noise.uniforms(&shape);
            let mut each = Tensor::zeros(shape, CPU);
            for _ in 0..length {
                let (open, next) = fixed::periodic(&phase, &uniform, rate);
                total += mean(&open);
                each += open;
                phase = next;
            }
            let share = total / length as f64;
            assert!((share - rate).abs() < 0.012, "{rate} {length}: {share}");
            // Every single episode is within one step of its due.
            let due = rate * length as f64;
            let miss = (each - due).abs().max().double_value(&[]);
            assert!(miss < 1.01, "{rate} {length}: {miss}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scores_and_their_gradients_are_finite_for_extreme_logits(
        exponent in -6.0f32..6.0,
        negative: bool,
        seed: u64,
    ) {
        let size = 10f32.powf(exponent);
        let logit = if negative { -size } else { size };
        let mut noise = Noise(seed);
        let uniform = noise.uniforms(&[64]);
        let logits = Tensor::full([64], f64::from(logit), CPU).set_requires_grad(true);
        for open in [0.0, 1.0] {
            let open = Tensor::full([64], open, CPU);
            let log_prob = decision::log_prob(&logits, &open);
            let entropy = decision::entropy(&logits);
            let through = decision::straight_through(&logits, &uniform, 0.5);
            for x in [&log_prob, &entropy, &through] {
                prop_assert!(all_finite(x));
            }
            prop_assert!(numbers(&log_prob).iter().all(|&x| x <= 0.0));
            prop_assert!(numbers(&entropy).iter().all(|x| (0.0..=0.693_148).contains(x)));
            (log_prob + entropy + through).sum(None).backward();
            prop_assert!(all_finite(&logits.grad()));
        }
    }

    #[test]
    fn decisions_are_0_or_1_and_rates_lie_between(
        seed: u64,
        rate in 0.0f64..=1.0,
        threshold in -2.0f64..2.0,
        tau in 0.1f64..5.0,
    ) {
        let mut noise = Noise(seed);
        let logits = noise.normals(&[4, 3, 1]) * 2.0;
        let uniform = noise.uniforms(&[4, 3, 1]);
        let (periodic, phase) = fixed::periodic(&uniform.zeros_like(), &uniform, rate);
        prop_assert!(numbers(&phase).iter().all(|phase| (1.0..2.0).contains(phase)));
        let drawn = decision::draw(&logits, &uniform);
        let through = decision::straight_through(&logits, &uniform, tau);
        prop_assert_eq!(&drawn, &through);
        for open in [
            drawn,
            through,
            decision::execute(&logits, threshold),
            fixed::random(&uniform, rate),
            periodic,
        ] {
            prop_assert_eq!(open.size(), [4, 3, 1]);
            prop_assert!(numbers(&open).iter().all(|&x| x == 0.0 || x == 1.0));
            prop_assert!((0.0..=1.0).contains(&mean(&open)));
        }
    }
}

/// What one agent carries decides as the gate of the whole team does.
#[test]
fn a_gate_alone_decides_what_the_teams_gate_does() {
    for per in [Per::Receiver, Per::Edge] {
        let mut noise = Noise(11);
        let config = TemporalGateConfig {
            per,
            open_bias: 0.0,
            ..TemporalGateConfig::new(3, 8)
        };
        let mut gate = TemporalGate::new(&config, Device::Cpu, &mut || noise.normal()).unwrap();
        // Output layers begin small: enlarged, so that decisions differ.
        for (_, leaf) in gate.parameters() {
            let _ = tch::no_grad(|| leaf.shallow_clone().g_mul_scalar_(3.0));
        }
        gate.set_threshold(0.05).unwrap();
        let numbers = |x: &Tensor| Vec::<f32>::try_from(x.contiguous().view([-1])).unwrap();
        let parts = || {
            gate.state()
                .into_iter()
                .map(|(name, part)| (name, numbers(&part)))
        };
        let [mut alone, mut by_threshold] = [Execution::ErrorDiffusion, Execution::Threshold]
            .map(|execution| Gate::of_parts(&config, execution, parts()).unwrap());
        let mut residual = Tensor::zeros([config.decisions() as i64], (Kind::Float, Device::Cpu));
        let mut opened = [0, 0];
        for step in 0..40 {
            if step == 20 {
                alone.forget();
                let _ = residual.zero_();
            }
            let embeddings = noise.normals(&[1, 3, 8]) * 2.0;
            let logits = gate.logits(&embeddings).unwrap().detach();
            let own = logits.get(0).get(1);
            let embedding = numbers(&embeddings.get(0).get(1));
            for (found, expected) in alone.logits(&embedding).unwrap().iter().zip(numbers(&own)) {
                assert!((found - expected).abs() < 1e-5);
            }
            let flags = |open: &Tensor| Vec::<bool>::try_from(open.gt(0.5)).unwrap();
            let expected = flags(&decision::execute(&own, gate.threshold()));
            let found = by_threshold.decide(&embedding).unwrap();
            assert_eq!(found, expected);
            found
                .iter()
                .for_each(|open| opened[usize::from(*open)] += 1);
            let (open, after) = decision::error_diffusion(&own, gate.threshold(), &residual);
            assert_eq!(alone.decide(&embedding).unwrap(), flags(&open));
            residual = after;
        }
        assert!(opened[0] > 0 && opened[1] > 0);
        let error = Gate::of_parts(&config, Execution::default(), parts().skip(1))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`gate.hidden.weight` is missing"), "{error}");
        let twice = parts().chain(parts().take(1));
        let error = Gate::of_parts(&config, Execution::default(), twice)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`gate.hidden.weight` is there twice"),
            "{error}"
        );
        let error = alone.logits(&[0.0; 7]).unwrap_err().to_string();
        assert!(error.contains("[8]"), "{error}");
    }
}
